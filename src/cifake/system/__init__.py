"""The machine: paths, whole-file writes, commit of a run's files, devices, options, command."""
