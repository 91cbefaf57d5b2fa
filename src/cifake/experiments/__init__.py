"""E1 to E4: which runs there are, and the one way to do a run."""

from cifake.system import devices  # noqa: F401 (before TensorFlow, which it imports without its greeting)
