"""Array -> features -> head -> probabilities."""
