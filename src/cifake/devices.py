"""TensorFlow made ready: quiet, seeded, on the GPU where there is one. Everything that needs TensorFlow comes after this."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_chatter(verbose: bool = False) -> Iterator[None]:
    """Hold back what native code writes to the error output; where an exception follows, show it after all.

    TensorFlow 2.21 greets with lines from before its log is set up, which TF_CPP_MIN_LOG_LEVEL does not reach.
    """
    if verbose:
        yield
        return
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
    with without_chatter(verbose):
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.constant(0)  # the rest of the greeting comes with the first tensor
    if not verbose:
        tf.get_logger().setLevel("ERROR")  # its warnings are advice on speed
    if not gpus:
        number = cores()
        return f"CPU ({number} {'core' if number == 1 else 'cores'})"
    # Without it the order of a GPU's additions, and so the last digits, change from run to run.
    tf.config.experimental.enable_op_determinism()
    return f"GPU ({tf.config.experimental.get_device_details(gpus[0]).get('device_name', gpus[0].name)})"


def cores() -> int:
    """How many processor cores this process may use, which is what TensorFlow uses: taskset or a cluster may give it some of all.

    With another number of them sums are taken in another order, and the last digits of a training differ.
    """
    if hasattr(os, "sched_getaffinity"):  # Linux has it, macOS and Windows do not
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """The releases of Python and the libraries that a result depends on."""
    from importlib.metadata import version
    from platform import python_version

    libraries = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "matplotlib", "pillow")
    return {"python": python_version(), **{library: version(library) for library in libraries}}


def description(device: str) -> dict:
    """What a record says of the machine and the software, for people."""
    return {"device": device, "versions": versions(), "memory_peak_megabytes": round(memory_peak() / 1e6)}


def seed(number: int) -> None:
    """Set every random generator that a classifier's initial weights come from."""
    import keras

    keras.utils.set_random_seed(number)


def memory_peak() -> int:
    """The most memory that this process has held, in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
