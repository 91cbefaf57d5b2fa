"""Writing a file whole or not at all, checksums, and the lock that keeps two runs apart; standard library only."""

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cifake import signals

if TYPE_CHECKING:
    import numpy as np

try:
    import fcntl
except ImportError:  # Windows without WSL2, which TensorFlow does not support either
    fcntl = None


_being_written: set[Path] = set()  # by this process, and not under their own names yet


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_of_arrays(arrays: Iterable["np.ndarray"]) -> str:
    """The SHA-256 of shapes and float32 values, in hexadecimal digits."""
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


def write_flushed(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make the file `path` and put it on the disk; where that fails, nothing of it stays.

    It counts as being written until `finished` is told of it: Ctrl-C removes it until then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _being_written.add(path)
    try:
        write(path)
        flush(path)
    except BaseException:
        finished(path)
        path.unlink(missing_ok=True)
        raise


def finished(path: Path) -> None:
    """Let a file stay that write_flushed has made."""
    _being_written.discard(path)


def remove_what_is_being_written() -> None:
    """For a process that is about to end."""
    for path in list(_being_written):
        path.unlink(missing_ok=True)


signals.before_stopping(remove_what_is_being_written)


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file, and give it its name when it is complete: readers see the old file or the new one."""
    remove_dead_drafts(path)
    # The suffix stays, because Keras and matplotlib choose a format by it; machine and process keep two runs apart.
    draft = path.with_name(f"{_drafts_of(path)}{os.getpid()}.draft{path.suffix}")
    write_flushed(draft, write)
    try:
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        finished(draft)
    flush(path.parent)


def _drafts_of(path: Path) -> str:
    """How the names of this machine's drafts of a file begin."""
    return f".{path.stem}.{os.uname().nodename}-"


def remove_dead_drafts(path: Path) -> None:
    """Remove what processes of this machine that were killed have left of a file."""
    for draft in path.parent.glob(f"{glob.escape(_drafts_of(path))}*.draft{glob.escape(path.suffix)}"):
        process = draft.name.removeprefix(_drafts_of(path)).removesuffix(f".draft{path.suffix}")
        if process.isdecimal() and not _is_alive(int(process)):
            draft.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file whole: UTF-8, LF line ends."""
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))


def write_changed_text(path: Path, text: str) -> bool:
    """The same, but where the file holds just that text already it is left alone; gives False then."""
    if path.exists() and path.read_bytes() == text.encode("utf-8"):
        return False
    write_text(path, text)
    return True


class AlreadyHeldError(Exception):
    """Another living process holds the lock; `holder` is what it wrote there about itself."""

    def __init__(self, holder: str):
        super().__init__(holder)
        self.holder = holder


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the block lasts. The system frees it when the process ends, however it ends.

    Raises AlreadyHeldError where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise AlreadyHeldError(file.read().strip() or "another process") from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
