"""Table of runs -> figures, tables, sentences, the report."""
