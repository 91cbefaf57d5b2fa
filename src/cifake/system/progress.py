"""What a waiting user sees: progress bars with the time left, and durations in words. Standard library only, but for the bars."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def bar(**words) -> "tqdm":
    """tqdm's progress bar in a terminal, nothing elsewhere; it is removed when it is full."""
    from tqdm import tqdm

    return tqdm(**{"disable": None, "leave": False, "dynamic_ncols": True} | words)


def around_log_lines() -> AbstractContextManager:
    """While a bar is shown, log lines go above it."""
    from tqdm.contrib.logging import logging_redirect_tqdm

    return logging_redirect_tqdm()


def duration(seconds: float) -> str:
    """45 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
