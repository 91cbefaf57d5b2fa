"""One process for each run: a lock file that the operating system frees when its holder ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cifake.system.errors import StudyError
from cifake.system.paths import Folders


class BusyError(StudyError):
    """Another process is already doing this."""


@contextmanager
def alone(folders: Folders, name: str) -> Iterator[None]:
    """Keep other processes from the run with this name during the block. Raises BusyError if one is doing it."""
    path = folders.lock(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise BusyError(f"{name} is being worked on by {holder}; wait for it, end it, or name another folder with --output.") from None
        except OSError as problem:
            problem.filename = str(path.parent)  # flock does not name it
            raise
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        os.fsync(file.fileno())  # on a network drive, so that other machines read it
        yield
