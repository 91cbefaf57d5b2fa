"""TensorFlow made ready: quiet, on the GPU if there is one; and what a record says of program, machine and libraries.

Whatever imports TensorFlow imports this module first (experiments/__init__.py does).
"""

import functools
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from cifake.system.paths import REPOSITORY


@contextmanager
def _quietly() -> Iterator[None]:
    """Hold back what native code writes to the error output, unless an exception follows or --verbose asks for it.

    TensorFlow 2.21 greets with six lines from before its log is set up, which TF_CPP_MIN_LOG_LEVEL does not reach.
    """
    with tempfile.TemporaryFile() as held_back:
        errors = os.dup(2)
        if "--verbose" not in sys.argv:
            os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(errors, held_back.read())
            raise
        finally:
            os.dup2(errors, 2)
            os.close(errors)


with _quietly():
    import tensorflow as tf

LIBRARIES = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "matplotlib", "pillow")  # that numbers depend on
# The same of a processor, as Linux names what it can do, on x86-64 and on ARM.
INSTRUCTIONS = ("fma", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "sve")
# How the variables begin that TensorFlow and the libraries below it compute by. Not TF_ alone: Terraform keeps passwords in its own.
VARIABLES = (
    *(f"TF_{word}" for word in ("CONV2D_", "CUDNN_", "DETERMINISTIC_", "DISABLE_", "ENABLE_", "NUM_", "SET_", "USE_", "XLA_")),
    *("XLA_", "ONEDNN_", "DNNL_", "OMP_", "OPENBLAS_", "MKL_", "CUBLAS_", "NVIDIA_TF32"),
)


def prepare(verbose: bool = False) -> str:
    """Have a GPU add in a fixed order, and name the device that will do the work."""
    if not verbose:
        tf.get_logger().setLevel("ERROR")  # its warnings are advice on speed
    program()  # before the training: a file that is edited during it has no part in it
    with _quietly():
        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)  # take memory only as it is needed
        tf.constant(0)  # the rest of the greeting comes with the first tensor
    if not gpus:
        return f"CPU ({cores()} {'core' if cores() == 1 else 'cores'})"
    # Without it the order of a GPU's additions, and so the last digits, change from run to run.
    tf.config.experimental.enable_op_determinism()
    return f"GPU ({tf.config.experimental.get_device_details(gpus[0]).get('device_name', gpus[0].name)})"


def cores() -> int:
    """Number of processor cores that this process may use, as TensorFlow does: taskset or a cluster may grant only some.

    Another number of cores adds in another order, and the last digits of a training differ.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has no affinity


def instructions() -> set[str]:
    """What the processor can do, as Linux names it, among other words."""
    path = Path("/proc/cpuinfo")
    return set(path.read_text(encoding="utf-8").split()) if path.exists() else set()  # macOS has no such file


@functools.cache
def program() -> str:
    """The version of the study's code: the last commit that changed it, with -dirty if it was changed since; "unknown" without git.

    The commit of src/ and requirements.txt, not HEAD: committing results must not make two runs of one program look different.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # they may name another repository

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", REPOSITORY, *words], env=others, capture_output=True, text=True, check=True).stdout.strip()

    code = ("--", "src", "requirements.txt")
    try:
        # A prefix if this folder is part of somebody else's repository. A shallow clone does not have the commit that is looked for.
        if git("rev-parse", "--show-prefix", "--is-shallow-repository") == "false" and (commit := git("log", "-1", "--format=%h", *code)):
            return commit + ("-dirty" if git("status", "--porcelain", *code) else "")
    except (OSError, subprocess.CalledProcessError):  # no git, no repository, or one of another owner
        pass
    return "unknown"


def description(device: str) -> dict:
    """What a record says of the machine and the software, for people: the last digits differ from one of these to the next."""
    abilities = instructions()
    asked = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return {
        "device": device,
        "arithmetic": {
            "machine": platform.machine(),
            "instructions": [name for name in INSTRUCTIONS if name in abilities],
            "threads": (asked.isdecimal() and int(asked)) or cores(),
            "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)},
        },
        "program": program(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Releases of Python and of the libraries that a result depends on."""
    return {"python": platform.python_version(), **{library: version(library) for library in LIBRARIES}}
