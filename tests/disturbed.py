"""Runs the study's scripts and has something go wrong at their n-th operation on files: death, a full disk, a lost drive.

tests/test_interruptions.py and tests/test_disks.py start it as a process of its own and tell it on its input what to run. It
imports the libraries once and forks a child for each run, since the import alone would take most of each run's time.
"""

import builtins
import errno
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

# What fails, from the n-th operation on: a full disk takes no more bytes, names or folders; a lost drive answers nothing.
FAULTS = {
    "full disk": (errno.ENOSPC, ("open", "write", "mkdir", "fsync")),
    "lost drive": (errno.EIO, ("open", "write", "mkdir", "fsync", "rename", "unlink", "truncate", "read")),
    "failed rename": (errno.EIO, ("rename",)),
}


def disturb(below: str, kind: str | None, number: int, note: Callable[[str], None]) -> None:
    """Patch all that Python writes files with: note each operation below a folder, and have a fault begin at the n-th.

    `kind` is None, "death", or one of FAULTS.
    """
    count = 0
    replace, fsync, unlink, mkdir, open_file = os.replace, os.fsync, os.unlink, os.mkdir, io.open

    def meet(name: str, path: object, changes: bool = True) -> None:
        """An operation is about to happen: count it where it changes something, and die or raise where it is its turn."""
        nonlocal count
        if not isinstance(path, str | Path) or not Path(path).absolute().is_relative_to(below):
            return
        if changes:
            count += 1
            note(f"{name} {Path(path).absolute().relative_to(below)}\n")
        if kind == "death" and changes and count == number:
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
    os.mkdir = lambda path, *more, **others: (
        meet("mkdir", path, not Path(path).exists()),
        mkdir(path, *more, **others),
    )[1]


def run_script(words: list[str]) -> int:
    """Run a script as the interpreter would; gives its exit code."""
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def answer(request: dict) -> dict:
    """Run one request in a child: {"words", "below", "kind", "number", "seconds"} -> {"code", "stdout", "stderr", "operations"}."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as journal:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            disturb(
                request["below"],
                request["kind"],
                request["number"],
                lambda line: os.write(journal.fileno(), line.encode()),
            )
            code = run_script(request["words"])
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
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
        return {
            "code": os.waitstatus_to_exitcode(status),
            "stdout": texts[0],
            "stderr": texts[1],
            "operations": texts[2].splitlines(),
        }


def serve() -> None:
    """Answer requests, a line of JSON each, until the input ends."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    for module in ("experiment", "crossing", "features", "figures", "histories", "mixing", "testing", "training"):
        __import__(f"cifake.{module}")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    serve()
