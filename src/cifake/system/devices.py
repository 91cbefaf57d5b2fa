"""TensorFlow made ready: quiet, seeded, on the GPU if there is one. Everything that needs TensorFlow comes after this."""

import functools
import logging
import os
import platform
import resource
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path

from cifake.system.paths import REPOSITORY

log = logging.getLogger(__name__)

LIBRARIES = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "matplotlib", "pillow")  # that numbers depend on
# The same of a processor, as Linux names what it can do, on x86-64 and on ARM.
INSTRUCTIONS = ("fma", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "sve")
# How the variables begin that TensorFlow and the libraries below it compute by. Not TF_ alone: Terraform keeps passwords in its own.
VARIABLES = (
    *(f"TF_{word}" for word in ("CONV2D_", "CUDNN_", "DETERMINISTIC_", "DISABLE_", "ENABLE_", "NUM_", "SET_", "USE_", "XLA_")),
    *("XLA_", "ONEDNN_", "DNNL_", "OMP_", "OPENBLAS_", "MKL_", "CUBLAS_", "NVIDIA_TF32"),
)


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
    return {"python": platform.python_version(), **{library: version(library) for library in LIBRARIES}}


def description(device: str) -> dict:
    """What a record says of the machine and the software, for people."""
    peak, unit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 1 if sys.platform == "darwin" else 1024  # bytes
    return {
        "device": device,
        "arithmetic": arithmetic(device),
        "program": program(),
        "versions": versions(),
        "memory_peak_megabytes": round(peak * unit / 1e6),
    }


def arithmetic(device: str) -> dict:
    """What the last digits depend on beside the software: they differ from one of these machines to the next."""
    from tensorflow.python.util import _pywrap_util_port  # public TensorFlow does not tell

    cpuinfo = Path("/proc/cpuinfo")
    abilities = cpuinfo.read_text(encoding="utf-8").split() if cpuinfo.exists() else []  # macOS has no such file
    asked = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return {
        "machine": platform.machine(),
        "instructions": [name for name in INSTRUCTIONS if name in abilities],
        "threads": (asked.isdecimal() and int(asked)) or cores(),
        "cpu_quota": cpu_quota(),
        "onednn": _pywrap_util_port.IsMklEnabled(),
        "op_determinism": device.startswith("GPU"),
        "variables": variables(),
    }


def variables() -> dict[str, str]:
    """The environment variables that TensorFlow computes by, with their values."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}


@functools.cache  # once is enough
def name_variables() -> None:
    """Say which environment variables the numbers may depend on."""
    if changed := variables():
        log.info("TensorFlow obeys %s, which can change the numbers; the records name it.", ", ".join(changed))


def cpu_quota(path: Path = Path("/sys/fs/cgroup/cpu.max")) -> float | None:
    """How many cores' time a container may use, None without a limit. TensorFlow starts a thread for each core all the same."""
    try:
        quota, period = path.read_text(encoding="utf-8").split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # no such file, or "max"
        return None
