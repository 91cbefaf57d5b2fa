"""The package that the scripts of the CIFAKE study share; src/README.md says which file does what."""

import sys
from pathlib import Path

from cifake import signals

# Before all other imports, since these take a tenth of a second and TensorFlow's some seconds. Where something else imports
# the package, such as a test or a notebook, it is for that to say what Ctrl-C does.
if Path(sys.argv[0]).resolve().parent == Path(__file__).resolve().parents[1]:
    signals.answer()
