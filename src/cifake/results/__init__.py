"""Probabilities -> scores -> record -> one table of all runs."""
