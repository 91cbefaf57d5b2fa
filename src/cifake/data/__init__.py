"""Files -> one uint8 array [n, 32, 32, 3] -> batches."""
