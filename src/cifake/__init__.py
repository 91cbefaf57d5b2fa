"""The package that the scripts of the CIFAKE study share; src/README.md says which file does what."""
