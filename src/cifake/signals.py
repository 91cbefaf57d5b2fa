"""Ctrl-C and SIGTERM: a sentence, the exit code, and the end, at once. `cifake/__init__.py` calls it before all other imports."""

import os
import signal
import sys
from collections.abc import Callable

_when_stopped = "Stopped; the same command starts this step again."
_errors = os.dup(2)  # stays open while devices.without_chatter holds back what comes to 2 itself
_tidying: list[Callable[[], None]] = []


def when_stopped(sentence: str) -> None:
    """Set what a script says when Ctrl-C or SIGTERM ends it from now on."""
    global _when_stopped
    _when_stopped = sentence


def before_stopping(tidy: Callable[[], None]) -> None:
    """Have a function called before Ctrl-C or SIGTERM ends a script."""
    _tidying.append(tidy)


def answer() -> None:
    """Have Ctrl-C and SIGTERM end this process in good order from now on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def done() -> None:
    """Have them do nothing any more: as Python ends it would give them back their own effect, a death without a word."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, _frame: object) -> None:
    """End at once, without unwinding: TensorFlow's import and its threads would answer an exception with tracebacks.

    Nothing is lost by it, since every file of the study is written whole or not at all.
    """
    for act in (*_tidying, sys.stdout.flush, lambda: os.write(_errors, f"\n{_when_stopped}\n".encode())):
        try:
            act()
        except (OSError, RuntimeError):  # a lost drive, a reader that has gone, a signal in the midst of a flush
            continue
    os._exit(128 + number)
