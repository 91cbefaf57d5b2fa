"""Writing files: one whole or not at all, and all files of a run together; checksums. Standard library only."""

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cifake.system.errors import StudyError
from cifake.system.paths import shown

if TYPE_CHECKING:
    import numpy as np

Write = Callable[[Path], object]  # makes a file at the path that it is given


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_of_arrays(arrays: Iterable["np.ndarray"]) -> str:
    """SHA-256 of shapes and float32 values, in hexadecimal digits."""
    digest = hashlib.sha256()
    for values in arrays:
        digest.update(f"{values.shape}".encode() + values.astype("<f4").tobytes())
    return digest.hexdigest()


def flush(path: Path) -> None:
    """Have the operating system put a file's bytes, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, write: Write) -> None:
    """Have `write` make a file, and rename it when it is complete: readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_dead_drafts(path)
    # The suffix stays, because Keras and matplotlib choose a format by it; machine and process keep two runs apart.
    draft = path.with_name(f"{_drafts_of(path)}{os.getpid()}.draft{path.suffix}")
    try:
        write(draft)
        flush(draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    flush(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole: UTF-8, LF line ends."""
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))


def write_changed_text(path: Path, text: str) -> bool:
    """The same, but a file that holds this text already is left alone; False then."""
    if path.exists() and path.read_bytes() == text.encode("utf-8"):
        return False
    write_text(path, text)
    return True


def _drafts_of(path: Path) -> str:
    """How the names of this machine's drafts of a file begin."""
    return f".{path.stem}.{os.uname().nodename}-"


def remove_dead_drafts(path: Path) -> None:
    """Remove what stopped processes of this machine left of a file."""
    for draft in path.parent.glob(f"{glob.escape(_drafts_of(path))}*.draft{glob.escape(path.suffix)}"):
        process = draft.name.removeprefix(_drafts_of(path)).removesuffix(f".draft{path.suffix}")
        if process.isdecimal() and not _is_alive(int(process)):
            draft.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Whether a process with this number exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's
    return True


# ------------------------------------------------------------------------------------------------- all files of a run together


def staged(path: Path) -> Path:
    """Where a result file waits until all of them are complete: beside its target, so that a rename is enough."""
    return path.with_name(f".{path.stem}.staged{path.suffix}")


@contextmanager
def stage(paths: list[Path]) -> Iterator[Callable[[Path, Write], Path]]:
    """Make all files of a run, then rename them to their names, the last of `paths` last: the record, which vouches for the others.

    Gives a function that makes one of the files and returns where it waits. If the block fails, the earlier files stay as they
    are and nothing of the new ones remains.
    """

    def make(path: Path, write: Write) -> Path:
        write_whole(staged(path), write)  # a stage counts as complete once its record is there
        return staged(path)

    try:
        yield make
    except BaseException:
        for path in reversed(paths):  # the record first: without it the others are never renamed
            staged(path).unlink(missing_ok=True)
        raise
    _put_in_place(paths)


def is_half_in_place(paths: list[Path]) -> bool:
    """Whether an interruption left a complete stage, some files of which may be renamed already."""
    return staged(paths[-1]).exists()


def finish_interrupted(paths: list[Path]) -> None:
    """After an interruption: rename the files of a complete stage, and remove an incomplete one."""
    if is_half_in_place(paths):
        _put_in_place([path for path in paths if staged(path).exists()])
    for path in paths:
        staged(path).unlink(missing_ok=True)
        remove_dead_drafts(staged(path))


def _put_in_place(paths: list[Path]) -> None:
    """Rename staged files in order. Raises StudyError if that fails half-way; they then wait for the next start."""
    try:
        for path in paths:
            staged(path).replace(path)
        for folder in {path.parent for path in paths}:
            flush(folder)
    except OSError as problem:
        raise StudyError(
            f"{shown(paths[-1].parent)}: the new results are complete, but not all could be put in place ({problem.strerror}); check "
            "the disk or the connection to it, and run the same command again: it continues there."
        ) from None
