"""Ctrl-C and SIGTERM: a sentence, the exit code, and the end, at once. `cifake/__init__.py` calls it before all other imports."""

import os
import signal
import sys

# A standard stream that is closed (>&-) becomes /dev/null. Otherwise the next file that is opened would take its number, and what
# TensorFlow says would go into that file.
while (_spare := os.open(os.devnull, os.O_RDWR)) <= 2:
    pass
os.close(_spare)
sys.stdout, sys.stderr = (stream or open(os.devnull, "w", encoding="utf-8") for stream in (sys.stdout, sys.stderr))  # noqa: PTH123, SIM115

_when_stopped = "Stopped; the same command starts this step again."
_errors = os.dup(2)  # stays open while devices.without_chatter holds back what goes to 2 itself


def when_stopped(sentence: str) -> None:
    """Set what a script says if Ctrl-C or SIGTERM ends it from now on."""
    global _when_stopped
    _when_stopped = sentence


def answer() -> None:
    """From now on, Ctrl-C and SIGTERM end this process with a sentence."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def done() -> None:
    """Ignore both from now on: while Python shuts down it would restore their default, death without a word."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, _frame: object) -> None:
    """End at once, without unwinding: TensorFlow's import and its threads would answer an exception with tracebacks.

    Nothing is lost, because every file of the study is written whole or not at all. A draft that is left behind is removed
    by the next start that writes the same file.
    """
    for act in (sys.stdout.flush, lambda: os.write(_errors, f"\n{_when_stopped}\n".encode())):
        try:
            act()
        except (OSError, RuntimeError):  # lost drive, closed pipe, or a signal in the middle of a flush
            continue
    os._exit(128 + number)
