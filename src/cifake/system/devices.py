"""TensorFlow made ready: quiet, seeded, on the GPU if there is one. Everything that needs TensorFlow comes after this."""

import functools
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from platform import python_version

from cifake.system.paths import REPOSITORY

LIBRARIES = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "matplotlib", "pillow")  # that numbers depend on


@contextmanager
def without_chatter() -> Iterator[None]:
    """Hold back what native code writes to the error output; show it after all if an exception follows.

    TensorFlow 2.21 greets with lines from before its log is set up, which TF_CPP_MIN_LOG_LEVEL does not reach.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held_back:
        terminal = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except Exception:
            held_back.seek(0)
            os.write(terminal, held_back.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def prepare(verbose: bool = False) -> str:
    """Import TensorFlow, take GPU memory only as it is needed, and name the device that will do the work."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "3")
    with nullcontext() if verbose else without_chatter():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.constant(0)  # the rest of the greeting comes with the first tensor
    program()
    if not verbose:
        tf.get_logger().setLevel("ERROR")  # its warnings are advice on speed
    if not gpus:
        number = cores()
        return f"CPU ({number} {'core' if number == 1 else 'cores'})"
    # Without it the order of a GPU's additions, and so the last digits, change from run to run.
    tf.config.experimental.enable_op_determinism()
    return f"GPU ({tf.config.experimental.get_device_details(gpus[0]).get('device_name', gpus[0].name)})"


def cores() -> int:
    """Number of processor cores that this process may use, as TensorFlow does: taskset or a cluster may grant only some.

    Another number of cores adds in another order, and the last digits of a training differ.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has no affinity


def seed(number: int) -> None:
    """Seed every random generator that a classifier's initial weights come from."""
    import keras

    keras.utils.set_random_seed(number)


@functools.cache  # a file that is edited during a training has no part in it
def program() -> str:
    """The version of the study's code: the last commit that changed it, with -dirty if it was changed since; or the release.

    The commit of src/ and requirements.txt, not HEAD: committing results must not make two runs of one program look different.
    """
    code = ("--", "src", "requirements.txt")
    try:
        commit, changes = (
            subprocess.run(["git", "-C", REPOSITORY, *words, *code], capture_output=True, text=True, check=True).stdout
            for words in (("log", "-1", "--format=%h"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or a copy without .git
        commit = changes = ""
    if not commit.strip():
        return f"release {tomllib.loads((REPOSITORY / 'pyproject.toml').read_text(encoding='utf-8'))['project']['version']}"
    return commit.strip() + ("-dirty" if changes.strip() else "")


def versions() -> dict[str, str]:
    """Releases of Python and of the libraries that a result depends on."""
    return {"python": python_version(), **{library: version(library) for library in LIBRARIES}}


def description(device: str) -> dict:
    """What a record says of the machine and the software, for people."""
    return {"device": device, "program": program(), "versions": versions(), "memory_peak_megabytes": round(memory_peak() / 1e6)}


def memory_peak() -> int:
    """The most memory that this process has held, in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
