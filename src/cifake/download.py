"""Fetching CIFAKE and putting it into the images folder: each of its four folders whole or not at all.

download_data.py calls it with kagglehub's download; the tests with one of their own. Standard library only.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cifake import metadata, protocol
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import AlreadyHeldError, flush, held
from cifake.folders import Folders, shown

HANDLE = "birdy654/cifake-real-and-ai-generated-synthetic-images"  # on Kaggle; Bird & Lotfi, 2023
ADDRESS = f"https://www.kaggle.com/datasets/{HANDLE}"


@dataclass(frozen=True)
class Expected:
    """What one of the four folders has to hold: the numbers in its names, each once in each class."""

    numbers: range
    digits: int  # numbers are filled up with zeros to so many digits
    sha256: str  # of the folder's CSV as create_metadata.py writes it

    @property
    def names(self) -> list[str]:
        """All file names, in the order of the CSV."""
        endings = [f" ({number})" if number > 1 else "" for number in range(1, len(protocol.CIFAKE_CLASSES) + 1)]
        names = [f"{number:0{self.digits}d}{ending}.jpg" for number in self.numbers for ending in endings]
        return sorted(names, key=str.encode)


# Source of the checksums: images/metadata/ of the original study, MinaAlmasi/CIFAKE-image-classifiers (2023).
CIFAKE = {
    ("REAL", "train"): Expected(range(5000), 4, "e27eaedfe208bd3b9dd774f9a336f19533bee0b96482814f0b139da772d26730"),
    ("FAKE", "train"): Expected(
        range(1000, 6000), 4, "bc4714b5c8d7d93c3cef18bf128055358b4a1e2bca1340d0aa87079f4d8e206e"
    ),
    ("REAL", "test"): Expected(range(1000), 4, "435fe05dfea81f7b7d7b7daf05f222d7b796b25821bd720879ee00e8f227e910"),
    ("FAKE", "test"): Expected(range(1000), 1, "76bac8a8cfc11fa013609528aa836fe61b57c5a7c7b34991f0d82b8839bd6ed1"),
}

Place = tuple[str, str]  # source and split: one of the four folders
Fetch = Callable[
    [bool], Path
]  # downloads unless it is in the cache, even then where told so; gives the folder with train/ and test/
Progress = Callable[[Iterable[str], str], Iterator[str]]  # names, what for -> the names, with a progress bar


def bring(
    folders: Folders, expected: dict[Place, Expected], fetch: Fetch, progress: Progress, dry_run: bool
) -> list[Path]:
    """Have all four folders whole in the images folder; what is there already stays. Gives those that were put there.

    Raises StudyError where the images folder holds other images, or where the download fails or lacks files.
    """
    missing = _missing(folders, expected)
    if not missing:
        log.info("%s: CIFAKE is all there, %s", shown(folders.images), _counted(expected))
        return []
    folder_names = ", ".join(shown(folders.split(*place)) for place in missing)
    if dry_run:
        log.info("%s: not there or not complete; would be downloaded from %s, some 100 MB", folder_names, ADDRESS)
        return []
    hidden = folders.images / ".download"
    try:
        with held(hidden / "lock"):
            try:
                origin = _bring_missing(folders, {place: expected[place] for place in missing}, fetch, progress, hidden)
            finally:
                if [entry.name for entry in hidden.iterdir()] == ["lock"]:
                    shutil.rmtree(hidden)
    except AlreadyHeldError as other:
        raise StudyError(
            f"CIFAKE is being downloaded to {shown(folders.images)} by {other.holder}; wait for it, or end it."
        ) from None
    left = _missing(folders, expected)
    if left:
        raise StudyError(
            f"{shown(folders.split(*left[0]))} was changed while CIFAKE was put there; run the same command again."
        )
    log.info("Checked: %s, their names, and the checksums of the published metadata", _counted(expected))
    log.info("kagglehub keeps a copy in %s, which may be deleted", shown(origin))
    return [folders.split(*place) for place in missing]


def _bring_missing(
    folders: Folders, missing: dict[Place, Expected], fetch: Fetch, progress: Progress, hidden: Path
) -> Path:
    """Download, then put each missing folder in its place by way of a hidden folder; gives the download's own folder."""
    log.info("Downloading CIFAKE from %s, some 100 MB", ADDRESS)
    origin = _download(folders, missing, fetch)
    for place in missing:
        _check_present(folders, place, origin)
    # All are gathered before the first is put in place, so that the moment in which only some are there is short.
    for place, folder in missing.items():
        _gather(folders, place, folder, origin, hidden, progress)
    for place in missing:
        _put(folders, place, hidden)
    for split in protocol.SPLITS:
        shutil.rmtree(hidden / split, ignore_errors=True)
    return origin


def is_whole(names: list[str], place: Place, expected: Expected) -> bool:
    """Whether file names are all those of a folder, by the checksum of the CSV that they make."""
    if len(names) != len(expected.numbers) * len(protocol.CIFAKE_CLASSES) or not set(names) <= set(expected.names):
        return False
    rows = metadata.make_rows(sorted(names, key=str.encode), *place, protocol.CIFAKE_CLASSES)
    return hashlib.sha256(metadata.csv_text(rows).encode()).hexdigest() == expected.sha256


def _counted(expected: dict[Place, Expected]) -> str:
    """The numbers of images, in words."""
    of_split = dict.fromkeys(protocol.SPLITS, 0)
    for (_, split), folder in expected.items():
        of_split[split] += len(folder.names)
    return (
        f"{len(expected)} folders, "
        + " and ".join(f"{number:,} {split}" for split, number in of_split.items())
        + " images"
    )


def _files(folder: Path) -> dict[str, int]:
    """The files of a folder, name -> bytes, without those that systems leave behind; none where there is no folder."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        return {
            entry.name: entry.stat().st_size for entry in entries if not metadata.LEFT_BY_SYSTEMS.fullmatch(entry.name)
        }


def _missing(folders: Folders, expected: dict[Place, Expected]) -> list[Place]:
    """The folders that are not there or not complete; an empty file counts as none.

    Raises StudyError where the images folder holds images that are not CIFAKE's.
    """
    missing, strangers = [], []
    if metadata.class_names(folders) != protocol.CIFAKE_CLASSES:
        strangers.append(folders.class_list)
    for place, folder in expected.items():
        files = _files(folders.split(*place))
        strangers += [folders.split(*place) / name for name in sorted(files.keys() - set(folder.names))]
        if not is_whole([name for name, size in files.items() if size], place, folder):
            missing.append(place)
    if strangers:
        raise _others(folders, strangers)
    return missing


def _others(folders: Folders, strangers: list[Path]) -> StudyError:
    """What to say where images are in the way."""
    return StudyError(
        f"{shown(folders.images)} holds {len(strangers):,} file(s) that are not CIFAKE's, such as {shown(strangers[0])}; they are left as "
        "they are. Name another folder for CIFAKE with --images, or move them away."
    )


def _download(folders: Folders, expected: dict[Place, Expected], fetch: Fetch) -> Path:
    """The folder of a complete download; where files are missing from what was kept of an earlier one, it is fetched again."""
    for again in (False, True):
        try:
            origin = Path(fetch(again))
        except StudyError:
            raise
        except Exception as problem:  # requests, urllib3, zipfile, Kaggle and others: each has its own
            if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            reason = next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
            raise _three_ways(folders, reason) from None
        lacking = [
            f"{split}/{source}"
            for (source, split), folder in expected.items()
            if not is_whole(
                [name for name, size in _files(origin / split / source).items() if size], (source, split), folder
            )
        ]
        if not lacking:
            return origin
        if not again:
            log.info("The copy in %s is not complete (%s); downloading it again", shown(origin), ", ".join(lacking))
    raise _three_ways(folders, f"what came is not the published data set: see {', '.join(lacking)} in {shown(origin)}")


def _three_ways(folders: Folders, reason: str) -> StudyError:
    """What to say where there is no download."""
    places = ", ".join(shown(folders.split(source, split)) for source in protocol.SOURCES for split in protocol.SPLITS)
    return StudyError(
        f"CIFAKE could not be downloaded ({reason}); run the same command again when there is a network, or place the files by hand "
        f"(from {ADDRESS} into {places}), or see the study in miniature without them: bash run.sh --demo"
    )


def _check_present(folders: Folders, place: Place, origin: Path) -> None:
    """Files that are to be replaced must be those of the download, whole or cut short; one's own may have the same names."""
    source, split = place
    folder = folders.split(source, split)
    strangers = [
        folder / name
        for name in sorted(_files(folder))
        if not (origin / split / source / name).read_bytes().startswith((folder / name).read_bytes())
    ]
    if strangers:
        raise _others(folders, strangers)


def _gather(folders: Folders, place: Place, expected: Expected, origin: Path, hidden: Path, progress: Progress) -> None:
    """Copy a folder's files to a hidden folder; what an interrupted start gathered there is kept."""
    source, split = place
    draft = hidden / split / source
    draft.mkdir(parents=True, exist_ok=True)
    there = _files(draft)
    for name in there.keys() - set(expected.names):
        (draft / name).unlink()
    for name in progress(expected.names, shown(folders.split(*place))):
        kept = origin / split / source / name
        if there.get(name) != kept.stat().st_size:
            _copy(kept, draft / name)
    flush(draft)


def _put(folders: Folders, place: Place, hidden: Path) -> None:
    """Rename a hidden folder that is complete; an incomplete one in its place goes."""
    source, split = place
    draft, target, replaced = (
        hidden / split / source,
        folders.split(source, split),
        hidden / f"{split}_{source}_replaced",
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    if replaced.exists():  # of a start that was interrupted
        shutil.rmtree(replaced)
    if target.exists():
        target.rename(replaced)
    draft.rename(target)
    flush(target.parent)
    if replaced.exists():
        shutil.rmtree(replaced)


def _copy(kept: Path, path: Path) -> None:
    """Copy a file, as a second name of the same bytes where the disk can do that: 120,000 files take 0.5 GB."""
    path.unlink(missing_ok=True)
    try:
        path.hardlink_to(kept)
    except OSError:  # another disk, or one without such links
        shutil.copyfile(kept, path)
