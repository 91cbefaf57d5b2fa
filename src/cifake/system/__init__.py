"""The machine: paths, whole-file writes, commit of a run's files, devices, progress, options, command."""
