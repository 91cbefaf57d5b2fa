"""CIFAKE from Kaggle into the images folder, each of its four folders whole or not at all; download_data.py calls it.

kagglehub downloads, resumes, unpacks and caches. Standard library only, until something has to be downloaded.
"""

import functools
import logging
import os
import shutil
from pathlib import Path

from cifake import protocol
from cifake.data import metadata
from cifake.system.errors import StudyError
from cifake.system.files import flush
from cifake.system.paths import Folders, shown

log = logging.getLogger(__name__)

DATASET = "birdy654/cifake-real-and-ai-generated-synthetic-images"  # Bird & Lotfi, 2023
HANDLE = f"{DATASET}/versions/3"  # if no version is named, kagglehub asks the server even though its cache is complete
ADDRESS = f"https://www.kaggle.com/datasets/{DATASET}"


def _names(numbers: range, digits: int) -> set[str]:
    """The file names of a folder: each number, zero-padded, once for each class."""
    endings = ["", *(f" ({number})" for number in range(2, len(protocol.CIFAKE_CLASSES) + 1))]
    return {f"{number:0{digits}d}{ending}.jpg" for number in numbers for ending in endings}


@functools.cache
def file_names() -> dict[str, set[str]]:
    """CIFAKE's folders and all file names in each; not made for --help."""
    return {
        "train/REAL": _names(range(5000), 4),
        "train/FAKE": _names(range(1000, 6000), 4),
        "test/REAL": _names(range(1000), 4),
        "test/FAKE": _names(range(1000), 1),
    }


def bring(folders: Folders, dry_run: bool = False) -> list[Path]:
    """Download the folders of CIFAKE that are missing or empty in the images folder, and return them.

    Raises StudyError if the images folder holds anything else, or if the download fails.
    """
    images = folders.images
    if dry_run:
        missing = _missing(folders)
        where = ", ".join(shown(images / part) for part in missing)
        log.info("%s", f"{where}: would be downloaded from {ADDRESS}" if missing else f"{shown(images)}: CIFAKE is complete")
        return []
    missing = _missing(folders)
    if missing:
        origin = _download(images)
        _put(images, missing, origin)
        log.info("kagglehub keeps a copy in %s, which may be deleted", shown(origin))
    log.info("%s: CIFAKE is complete", shown(images))
    return [images / part for part in missing]


def _names_in(folder: Path) -> set[str]:
    """What is in a folder, but for what systems leave behind; nothing if there is no folder."""
    return {path.name for path in folder.glob("*") if not metadata.LEFT_BY_SYSTEMS.fullmatch(path.name)}


def _missing(folders: Folders) -> list[str]:
    """CIFAKE's folders that are missing or empty. Raises StudyError if one holds anything but all of its files, or if there is a
    list of other classes: these images are the user's own, or a copy by hand that was cut short.
    """
    faults = [] if metadata.class_names(folders) == protocol.CIFAKE_CLASSES else [shown(folders.class_list)]
    missing = []
    for part, names in file_names().items():
        folder = folders.images / part
        there = _names_in(folder)
        if not there:
            missing.append(part)
        elif there != names:
            faults.append(f"{shown(folder)} ({len(there & names):,} of CIFAKE's {len(names):,} files and {len(there - names):,} others)")
    if faults:
        raise StudyError(
            f"{shown(folders.images)} holds something else than CIFAKE, which stays as it is: {', '.join(faults)}. Move that away, or "
            "name another folder for CIFAKE with --images."
        )
    return missing


def _download(images: Path) -> Path:
    """The folder in which kagglehub keeps CIFAKE, downloaded if it is not there. Raises StudyError with the cause and the remedies."""
    for name in {"KAGGLEHUB_CACHE", "KAGGLE_CONFIG_DIR"} & os.environ.keys():
        os.environ[name] = str(Path(os.environ[name]).expanduser())  # kagglehub would make a folder called ~
    import kagglehub
    import requests

    log.info("Downloading CIFAKE from %s: about 100 MB, unless kagglehub has a copy", ADDRESS)
    logging.getLogger("kagglehub").setLevel(logging.INFO if log.isEnabledFor(logging.DEBUG) else logging.ERROR)
    try:
        origin = Path(kagglehub.dataset_download(HANDLE))
        if all(_names_in(origin / part) == names for part, names in file_names().items()):
            return origin
        cause = f"{shown(origin)} is not the published data set; delete that folder"
    except Exception as problem:  # of requests, zipfile, the disk or kagglehub
        log.debug("kagglehub: %s", problem)
        cache = Path(kagglehub.config.get_cache_folder())
        status = getattr(getattr(problem, "response", None), "status_code", None)
        if status in (401, 403):
            cause = "Kaggle refused it; renew or delete your credentials in ~/.kaggle or KAGGLE_API_TOKEN"
        elif status:
            cause = f"Kaggle answers with error {status}; wait a few minutes, or look for it in a browser,"
        elif isinstance(problem, requests.RequestException | ConnectionError | TimeoutError):
            cause = "Kaggle cannot be reached; check the network connection"
        elif isinstance(problem, OSError):
            cause = f"{shown(cache)}: {problem.strerror or problem}; allow writing and free 1 GB, or set KAGGLEHUB_CACHE to another folder,"
        else:
            for archive in (cache / "datasets" / DATASET).glob("*.archive"):
                archive.unlink()  # or kagglehub would unpack it again
            cause = "what arrived, or ~/.kaggle/kaggle.json, is damaged; check both, and whether your network asks you to sign in first,"
    raise StudyError(
        f"CIFAKE could not be downloaded: {cause} and run the same command again, or place the four folders by hand (from {ADDRESS} into "
        f"{shown(images)}), or try the study in miniature without them: bash run.sh --demo"
    )


def _put(images: Path, missing: list[str], origin: Path) -> None:
    """Put downloaded folders in place of the missing ones, by way of a hidden folder."""
    hidden = images / ".download"
    shutil.rmtree(hidden, ignore_errors=True)  # left by a start that was killed
    try:
        # All are copied before the first is put in place, so only some are there for a moment at most.
        for part in missing:
            (hidden / part).mkdir(parents=True)
            for name in file_names()[part]:  # copytree would go on with the other 50,000 when the disk is full
                shutil.copyfile(origin / part / name, hidden / part / name)
        for part in missing:
            target = images / part
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                shutil.rmtree(target)  # it is empty, but for what systems leave behind
            shutil.move(hidden / part, target)  # a rename, unless images/train is a link to another disk
            flush(target.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
