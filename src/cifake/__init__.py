"""The package that the scripts of the CIFAKE study share; src/README.md says which room does what."""

import os
import sys
import warnings
from pathlib import Path

from cifake.system import signals

# Keras and matplotlib read their settings while they are imported, TensorFlow imports Keras, and every import of theirs by the study comes
# after this one. /dev/null in place of a folder or file of settings: nothing is read there, and Keras can write none of its own.
_home = os.environ.get("KERAS_HOME", os.devnull)  # /dev/null if a test or a benchmark of the study started this process
KERAS_HOME = "~/.keras" if _home == os.devnull else _home  # where Keras keeps the weights that it downloads
for _name in list(os.environ):
    if _name.startswith("KERAS_") or _name in ("TF_USE_LEGACY_KERAS", "MPLBACKEND"):
        del os.environ[_name]
os.environ |= {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull, "MATPLOTLIBRC": os.devnull}

# Before all other imports: they take a tenth of a second, and TensorFlow's some seconds. Whatever else imports the package,
# a test or a notebook, decides for itself what Ctrl-C does.
if Path(sys.argv[0]).resolve().parent == Path(__file__).resolve().parents[1]:
    signals.answer()
    if os.environ.get("PYTHONWARNINGS"):
        warnings.simplefilter("default")  # PYTHONWARNINGS=error would turn a library's advice into an exception
