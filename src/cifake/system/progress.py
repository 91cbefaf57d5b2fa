"""What a waiting user sees: progress bars, and durations in words. Standard library only, but for the bars."""

from contextlib import AbstractContextManager


def bar(**words) -> AbstractContextManager:
    """tqdm's progress bar in a terminal, nothing elsewhere; it is removed when it is full."""
    from tqdm import tqdm

    return tqdm(disable=None, leave=False, dynamic_ncols=True, **words)


def duration(seconds: float) -> str:
    """45 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
