"""How a script runs and ends: its log, its exit code, and one sentence instead of a traceback for what the user can fix.

Exit codes: 0 done, 2 something to fix, 130 Ctrl-C, 143 SIGTERM; 1 is left to errors of the program itself.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cifake.system import options, progress
from cifake.system.errors import StudyError
from cifake.system.paths import shown

log = logging.getLogger(__name__)


class _Lines(logging.Formatter):
    """The log's messages as they are, or broken to the terminal's width."""

    def format(self, record: logging.LogRecord) -> str:
        return progress.fitted(super().format(record), sys.stdout)


def _stop(number: int, _frame: object) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # a second one must not interrupt the way out
    raise KeyboardInterrupt(number)


def run(main: Callable[[], None]) -> None:
    """Run a script's main function and end the process with the right exit code."""
    sys.stdout.reconfigure(errors="backslashreplace")  # a character that the terminal lacks must not lose the whole line
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.raiseExceptions = False  # if the log's reader is gone, print no traceback for each line
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    script = Path(sys.argv[0]).name
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the output is gone, as with | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except BaseException as problem:
        message, code = _explained(problem, script)
        with suppress(OSError):  # the terminal may be gone
            sys.stdout.flush()
            print(progress.fitted(f"{script}: {message}", sys.stderr), file=sys.stderr, flush=True)
        os._exit(code)  # TensorFlow's threads would add messages of their own; files are written whole, so nothing is lost


def _explained(problem: BaseException, script: str) -> tuple[str, int]:
    """What to tell the user, and the exit code; raises the problem if it is the program's own."""
    # While a library is imported, an interrupt may come as the cause of an ImportError.
    causes = (problem, problem.__cause__, problem.__context__)
    if stopped := next((cause for cause in causes if isinstance(cause, KeyboardInterrupt)), None):
        return "stopped; the same command continues after the last whole epoch or run.", 128 + (stopped.args or (signal.SIGINT,))[0]
    match problem:
        case StudyError():
            return str(problem), 2
        case OSError():
            file = problem.filename
            where = shown(Path(os.fsdecode(file))) if isinstance(file, str | bytes) else f"A file below {shown(options.output_folder())}"
            return f"{where}: {problem.strerror or problem}; put that right and run the same command again. Earlier results stay.", 2
        case ModuleNotFoundError():
            advice = f"make env/ with bash setup.sh and use env/bin/python src/{script}, or install requirements.txt for that Python."
            return f"The library {problem.name} is not installed for {sys.executable}; {advice}", 2
        case MemoryError():
            return "The memory is full; close other programs and run the same command again.", 2
    raise problem


def wrote(paths: list[Path]) -> None:
    """Name the files that a script wrote, as each script does at its end: by folder, to keep it short."""
    by_folder: dict[Path, list[str]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, []).append(path.name)
    for folder, names in by_folder.items():
        log.info("Wrote %s: %s", f"{shown(folder)}/", f"{len(names)} files" if len(names) > 3 else ", ".join(names))
