"""The package that the scripts of the CIFAKE study share; src/README.md says which room does what."""

import sys
from pathlib import Path

from cifake.system import signals

# Before all other imports: they take a tenth of a second, and TensorFlow's some seconds. Whatever else imports the package,
# a test or a notebook, decides for itself what Ctrl-C does.
if Path(sys.argv[0]).resolve().parent == Path(__file__).resolve().parents[1]:
    signals.answer()
