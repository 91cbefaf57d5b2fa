"""One run's life: is it done already, may it start, and putting all its files in place, or none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cifake import records
from cifake.errors import StudyError
from cifake.files import (
    AlreadyHeldError,
    checksum,
    finished,
    flush,
    held,
    remove_dead_drafts,
    write_flushed,
    write_whole,
)
from cifake.folders import Folders, shown


def stem(name: str) -> str:
    """A run's name as a part of file names: FAKE_LeNet_seed_130."""
    return name.replace(",", "").replace(" ", "_")


def staged(path: Path) -> Path:
    """Where a result file waits until all of them are complete: beside its place, so that renaming is one act."""
    return path.with_name(f".{path.stem}.staged{path.suffix}")


@contextmanager
def stage(paths: list[Path]) -> Iterator[Callable[[Path, Callable[[Path], None]], Path]]:
    """Make all files of a run, then put them in place, the last of `paths` last: it is the record, and vouches for the others.

    Gives a function that has a file made and says where it waits. Where the block fails, the earlier files stay as they are
    and nothing of the new ones remains.
    """

    def make(path: Path, write: Callable[[Path], None]) -> Path:
        if path != paths[-1]:
            write_flushed(staged(path), write)
        else:  # a stage is complete when its record is there, so that must never be there in part, nor without the others
            for other in paths:
                finished(staged(other))
            write_whole(staged(path), write)
        return staged(path)

    try:
        yield make
    except BaseException:
        for path in reversed(paths):  # the record first: without it the others are never put in place
            finished(staged(path))
            staged(path).unlink(missing_ok=True)
        raise
    _put_in_place(paths)


def is_half_in_place(paths: list[Path]) -> bool:
    """Whether an interruption has left a complete stage of which files may be in place already: its last file is there."""
    return staged(paths[-1]).exists()


def finish_interrupted(paths: list[Path]) -> None:
    """After an interruption: put a complete stage in place, and remove an incomplete one."""
    if is_half_in_place(paths):
        _put_in_place([path for path in paths if staged(path).exists()])
    for path in paths:
        staged(path).unlink(missing_ok=True)
        remove_dead_drafts(staged(path))


def _put_in_place(paths: list[Path]) -> None:
    """Rename staged files to their names, in order. Raises StudyError where that fails half-way; they wait for the next start then."""
    try:
        for path in paths:
            staged(path).replace(path)
        for folder in {path.parent for path in paths}:
            flush(folder)
    except OSError as problem:
        raise StudyError(
            f"{shown(paths[-1].parent)}: the new results are complete, but not all could be put in place ({problem.strerror}); check the "
            "disk or the connection to it, and run the same command again: it goes on there."
        ) from None


class BusyError(StudyError):
    """Another process is at the run that this one wants to begin."""


@contextmanager
def alone(folders: Folders, name: str) -> Iterator[None]:
    """Keep other processes from the same run for as long as the block lasts. Raises BusyError where one is at it."""
    lock = folders.unfinished / f"{stem(name)}.lock"
    try:
        with held(lock):
            yield
    except AlreadyHeldError as other:
        raise BusyError(
            f"{name} is being worked on by {other.holder} in {shown(folders.output)}; wait for it, end it, or name another folder with "
            "--output."
        ) from None


def difference(path: Path, model: Path | None, settings: dict, data: dict) -> str | None:
    """Why a classifier has to be trained, in words; None where its record and its saved model are just what is asked for.

    Experiment 3 saves no models and compares none.
    """
    if not path.exists():
        return "not trained yet"
    try:
        record = records.read(path, records.KEYS if model else records.E3_KEYS)
    except StudyError:
        return "its record is damaged"
    if record["settings"] != settings:
        kept = record["settings"]
        changed = [name for name in settings.keys() | kept.keys() if settings.get(name) != kept.get(name)]
        return f"trained before with other settings ({', '.join(sorted(changed))})"
    if record["data"] != data:
        return "trained before on other images"
    if model is None:
        return None
    if not model.exists():
        return f"its record is there, its model {shown(model)} is not"
    if checksum(model) != record["model"]["sha256"]:
        return f"{shown(model)} is not the model of its record"
    return None
