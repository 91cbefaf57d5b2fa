"""E1 to E4: which runs there are, and the one way to do a run."""
