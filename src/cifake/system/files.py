"""Writing files: one whole or not at all, and all files of a run together; checksums. Standard library only."""

import glob
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

Write = Callable[[Path], object]  # makes a file at the path that it is given

LEFT_BEHIND = 3600  # seconds: a draft that is older was left by a start that was killed; writing takes minutes at most


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_of_arrays(arrays: Iterable) -> str:
    """SHA-256 of the shapes and float32 values of NumPy arrays, in hexadecimal digits."""
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


@contextmanager
def together(paths: list[Path]) -> Iterator[Callable[[Path, Write], Path]]:
    """Make all files of a run beside their places, and put them there when all are complete.

    The last of `paths` is the record, which vouches for the others: the old one goes before the first file is put in place, the new one
    comes last, so that a run which was interrupted in between has none. Gives a function that makes one of the files and returns where
    it waits. If the block fails, the earlier files stay as they are.
    """

    def make(path: Path, write: Write) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f".{glob.escape(path.stem)}.*.draft{glob.escape(path.suffix)}"):
            if time.time() - old.stat().st_mtime > LEFT_BEHIND:
                old.unlink(missing_ok=True)
        write(_draft(path))
        flush(_draft(path))
        return _draft(path)

    try:
        yield make
        if len(paths) > 1:
            paths[-1].unlink(missing_ok=True)
        for path in paths:
            _draft(path).replace(path)
        for folder in {path.parent for path in paths}:
            flush(folder)
    finally:
        for path in paths:
            _draft(path).unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a draft beside a folder that is missing or empty, to fill, and rename it when the block is done; gone if the block fails."""
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)  # left by a start that was killed
    try:
        yield draft
        draft.replace(folder)  # replaces an empty folder, and nothing else
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    flush(folder.parent)


def _draft(path: Path) -> Path:
    """Where a file waits until it is complete. Two starts at once, on one machine or two, have names of their own.

    The suffix stays, because Keras and matplotlib choose a format by it.
    """
    return path.with_name(f".{path.stem}.{os.uname().nodename}-{os.getpid()}.draft{path.suffix}")


def write_whole(path: Path, write: Write) -> None:
    """Have `write` make a file, and rename it when it is complete: readers see the old file or the new one."""
    with together([path]) as make:
        make(path, write)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole: UTF-8, LF line ends."""
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))


def write_changed_text(path: Path, text: str) -> bool:
    """The same, but a file that holds this text already is left alone; False then."""
    if path.exists() and path.read_bytes() == text.encode("utf-8"):
        return False
    write_text(path, text)
    return True
