"""The package that the scripts of the CIFAKE study share; src/README.md says which room does what."""

import os

# Keras, TensorFlow and matplotlib read their settings while they are imported, and every import of theirs by the study comes after this
# one. /dev/null in place of a folder or file of settings: nothing is read there, and Keras can write none of its own.
_home = os.environ.get("KERAS_HOME", os.devnull)  # /dev/null if a test or a benchmark of the study started this process
KERAS_HOME = "~/.keras" if _home == os.devnull else _home  # where Keras keeps the weights that it downloads
for _name in list(os.environ):
    if _name.startswith("KERAS_") or _name in ("TF_USE_LEGACY_KERAS", "MPLBACKEND"):
        del os.environ[_name]
os.environ |= {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull, "MATPLOTLIBRC": os.devnull}
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on this machine's processor; --verbose shows them
