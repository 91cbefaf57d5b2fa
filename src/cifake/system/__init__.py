"""The machine: paths, whole-file writes, commit of a run's files, locks, signals, devices, options, command."""
