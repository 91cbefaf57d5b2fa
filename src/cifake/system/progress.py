"""What a user sees: lines that fit the terminal, progress bars, durations in words. Standard library only, but for the bars."""

import shutil
import textwrap
from typing import TextIO


def bar(total: int, label: str | None, unit: str):
    """tqdm's progress bar in a terminal, nothing elsewhere; it is removed when it is full."""
    from tqdm import tqdm  # here, because --help and mistakes in options need the standard library alone

    shape = "{l_bar}{bar}| {n_fmt} of {total_fmt} {unit}, {remaining} left"  # fits 80 columns with 40 of label
    return tqdm(desc=label, total=total, unit=unit, bar_format=shape, disable=None, leave=False, dynamic_ncols=True)


def fitted(text: str, stream: TextIO) -> str:
    """Text with its lines broken at spaces where the terminal ends; as it is if the stream is no terminal."""
    if not stream.isatty():
        return text
    wrapper = textwrap.TextWrapper(
        max(20, shutil.get_terminal_size().columns - 1), subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrapper.fill(line) for line in text.splitlines())


def duration(seconds: float) -> str:
    """45 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
