"""E1, E2, E3: which runs there are, and the one way to do a run."""
