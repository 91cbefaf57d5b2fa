"""Runs the study's scripts for the tests, each in a forked child; something may go wrong at its n-th operation on files: death, a
full disk, a lost drive.

The fixture `start` in conftest.py starts it as a process of its own and tells it on its input what to run. It imports the libraries
once, since the import alone would take most of each run's time, and does nothing else with them: a child of a process in which
TensorFlow has started its threads would hang.
"""

import builtins
import errno
import importlib
import io
import json
import os
import runpy
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

# Together they import all libraries that the scripts use.
MODULES = (
    *("data.augmentation", "data.decoding", "models.features", "models.training", "pages.page", "pages.report"),
    *("experiments.e1", "experiments.e2", "experiments.e3"),
)
# What fails, from the n-th operation on: a full disk takes no more bytes, names or folders; a lost drive answers nothing.
FAULTS = {
    "full disk": (errno.ENOSPC, ("open", "write", "mkdir", "fsync")),
    "lost drive": (errno.EIO, ("open", "write", "mkdir", "fsync", "rename", "unlink", "truncate", "read")),
    "failed rename": (errno.EIO, ("rename",)),
}


def disturb(below: str, kind: str | None, number: int | str, note: Callable[[str], None]) -> None:
    """Patch all that Python writes files with: note each operation below a folder, and have a fault begin at the n-th.

    `kind` is None, "death", or one of FAULTS. Death may be given the operation itself in place of its number.
    """
    count = 0
    replace, fsync, unlink, mkdir, open_file = os.replace, os.fsync, os.unlink, os.mkdir, io.open

    def meet(name: str, path: object, changes: bool = True) -> None:
        """An operation is about to happen: count it where it changes something, and die or raise where it is its turn."""
        nonlocal count
        if not isinstance(path, str | Path) or not Path(path).absolute().is_relative_to(below):
            return
        operation = f"{name} {Path(path).absolute().relative_to(below)}"
        if changes:
            count += 1
            note(f"{operation}\n")
        if kind == "death" and changes and number in (count, operation):
            os.kill(os.getpid(), signal.SIGKILL)
        if kind in FAULTS and count >= number and name in FAULTS[kind][1]:
            code = FAULTS[kind][0]
            of_a_name = () if name in ("write", "fsync", "truncate") else (str(path),)  # as the system's own errors are
            raise OSError(code, os.strerror(code), *of_a_name)

    class Raw(io.FileIO):
        def write(self, data):
            meet("write", self.name)
            return super().write(data)

        def truncate(self, size=None):
            meet("truncate", self.name)
            return super().truncate(size)

    def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if isinstance(file, int) or not set(mode) & set("wax+"):
            meet("read", file, changes=False)
            return open_file(file, mode, buffering, encoding, errors, newline, closefd, opener)
        meet("open", file)
        raw = Raw(os.fspath(file), mode.replace("t", ""), opener=opener)
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline)

    def path_of(descriptor: int) -> Path:
        return Path(f"/proc/self/fd/{descriptor}").readlink()

    builtins.open = io.open = opened
    os.fsync = lambda descriptor: (meet("fsync", path_of(descriptor)), fsync(descriptor))[1]
    os.replace = lambda source, target, **more: (meet("rename", target), replace(source, target, **more))[1]
    os.unlink = lambda path, **more: (meet("unlink", path, Path(path).exists()), unlink(path, **more))[1]
    os.mkdir = lambda path, *more, **others: (meet("mkdir", path, not Path(path).exists()), mkdir(path, *more, **others))[1]


def run_script(words: list[str]) -> int:
    """Run a script as the interpreter would; gives its exit code."""
    sys.argv = words
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def run_scripts(scripts: list[list[str]]) -> int:
    """Run one script in this process, or several side by side, each in a child; gives the highest exit code."""
    if len(scripts) == 1:
        return run_script(scripts[0])
    children = []
    for words in scripts:
        children.append(os.fork())
        if children[-1] == 0:
            end(run_script(words))
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


def end(code: int) -> None:
    """End this process without the interpreter's own end, which belongs to the server that it was forked from."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def answer(request: dict) -> dict:
    """Run one request in a child: {"scripts", "below", "kind", "number", "seconds", "cwd", "environment"} -> what it did."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as journal:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            disturb(request["below"], request["kind"], request["number"], lambda line: os.write(journal.fileno(), line.encode()))
            os.chdir(request["cwd"])
            os.environ.pop("VGG16_WEIGHTS", None)
            os.environ.update(request["environment"])
            end(run_scripts(request["scripts"]))
        timer = None
        if request["seconds"] is not None:
            timer = threading.Timer(request["seconds"], os.kill, (child, signal.SIGKILL))
            timer.start()
        _, status = os.waitpid(child, 0)
        if timer:
            timer.cancel()
        texts = []
        for file in (output, errors, journal):
            file.seek(0)
            texts.append(file.read().decode())
        return {"code": os.waitstatus_to_exitcode(status), "stdout": texts[0], "stderr": texts[1], "operations": texts[2].splitlines()}


def serve() -> None:
    """Answer requests, a line of JSON each, until the input ends."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    for module in MODULES:
        importlib.import_module(f"cifake.{module}")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    serve()
