"""How a script runs and ends: its log, its exit code, and one sentence instead of a traceback for what the user can fix.

Exit codes: 0 done, 2 something to fix, 130 Ctrl-C, 143 SIGTERM; 1 is left to errors of the program itself.
"""

import errno
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cifake.system import progress
from cifake.system.errors import StudyError
from cifake.system.paths import shown

log = logging.getLogger(__name__)


class _Lines(logging.Formatter):
    """The log's messages as they are, or broken to the terminal's width."""

    def format(self, record: logging.LogRecord) -> str:
        return progress.fitted(super().format(record), sys.stdout)


def run(main: Callable[[], None]) -> None:
    """Run a script's main function and end the process with the right exit code."""
    sys.stdout.reconfigure(errors="backslashreplace")  # a character that the terminal lacks must not lose the whole line
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.raiseExceptions = False  # if the log's reader is gone, print no traceback for each line
    script = Path(sys.argv[0]).name
    try:
        _main_or_stop(main)
        return
    except StudyError as problem:
        message = str(problem)
    except BrokenPipeError:  # the reader of the output is gone, as with | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except OSError as problem:
        message = _sentence(problem)
    except ModuleNotFoundError as problem:
        advice = f"make env/ with: bash setup.sh, and use it: env/bin/python src/{script}"
        message = f"The library {problem.name} is not installed for {sys.executable}; {advice}"
    except UnicodeDecodeError as problem:
        if not any("matplotlib" in frame.filename for frame in traceback.extract_tb(problem.__traceback__)):
            raise
        message = "A matplotlibrc in this folder, or a style in matplotlib's own (MPLCONFIGDIR), is not UTF-8 text; move or correct it."
    except RuntimeError as problem:
        if "home directory" not in str(problem):  # pathlib's words for a ~ that it cannot replace
            raise
        message = "There is no home folder to put in place of ~; set the environment variable HOME, or write the path out."
    except MemoryError:
        message = "The memory is full; close other programs and run the same command again."
    sys.stdout.flush()
    print(progress.fitted(f"{script}: {message}", sys.stderr), file=sys.stderr, flush=True)
    sys.exit(2)


def _main_or_stop(main: Callable[[], None]) -> None:
    """Ctrl-C and SIGTERM, as a cluster sends it, end a script at once, with one line: nothing is lost, because files are written whole."""

    def terminate(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    signal.signal(signal.SIGTERM, terminate)
    try:
        main()
        sys.stdout.flush()
    except BaseException as problem:
        # While a library is imported, an interrupt may come as the cause of an ImportError.
        stop = next((one for one in (problem, problem.__cause__, problem.__context__) if isinstance(one, KeyboardInterrupt)), None)
        if stop is None:
            raise
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        with suppress(OSError):  # the terminal, or what reads the output, may be gone
            sys.stdout.flush()
            print("\nStopped; the same command continues after the last whole epoch or run.", file=sys.stderr, flush=True)
        os._exit(128 + (stop.args[0] if stop.args else signal.SIGINT))  # TensorFlow's threads would end with messages of their own


_REMEDIES = {
    errno.ENOSPC: "free some space, or name a folder on another disk with --output",
    errno.EDQUOT: "free some of your quota, or name a folder on another disk with --output",
    errno.EROFS: "name a folder that can be written to with --output",
    errno.EACCES: "allow it, or name another folder with --images or --output",
    errno.EPERM: "allow it, or name another folder with --images or --output",
    errno.EIO: "check the disk or the connection to it",
    errno.ESTALE: "check the connection to the drive",
    errno.ENOENT: "check the folder, and whether another program has moved it",
}


def _sentence(problem: OSError) -> str:
    """What to say about a file that could not be read or written."""
    name = problem.filename
    where = f"{shown(Path(os.fsdecode(name)))}: " if isinstance(name, str | bytes | Path) else ""
    remedy = _REMEDIES.get(problem.errno, "put that right")
    return f"{where}{problem.strerror or problem}; {remedy}, and run the same command again. Earlier results are as they were."


def wrote(paths: list[Path]) -> None:
    """Name the files that a script wrote, as each script does at its end: by folder, to keep it short."""
    by_folder: dict[Path, list[str]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, []).append(path.name)
    for folder, names in by_folder.items():
        log.info("Wrote %s: %s", f"{shown(folder)}/", f"{len(names)} files" if len(names) > 3 else ", ".join(names))
