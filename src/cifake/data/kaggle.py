"""CIFAKE from Kaggle into the images folder, each of its four folders whole or not at all; download_data.py calls it.

kagglehub downloads, resumes, unpacks and caches. Standard library only, until something has to be downloaded.
"""

import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from cifake import protocol
from cifake.data import metadata
from cifake.system.errors import StudyError
from cifake.system.files import flush
from cifake.system.locks import held
from cifake.system.paths import Folders, shown

log = logging.getLogger(__name__)

DATASET = "birdy654/cifake-real-and-ai-generated-synthetic-images"  # Bird & Lotfi, 2023
HANDLE = f"{DATASET}/versions/3"  # if no version is named, kagglehub asks the server even though its cache is complete
ADDRESS = f"https://www.kaggle.com/datasets/{DATASET}"
ANSWERS = {  # HTTP status -> cause and remedy
    **dict.fromkeys((401, 403), "Kaggle refused it; renew or delete your credentials in ~/.kaggle or KAGGLE_API_TOKEN"),
    404: "Kaggle no longer has it; look for it in a browser",
    429: "Kaggle has had too many requests from your network; wait a few minutes",
}


def _names(numbers: range, digits: int) -> set[str]:
    """The file names of a folder: each number, zero-padded, once for each class."""
    endings = ["", *(f" ({number})" for number in range(2, len(protocol.CIFAKE_CLASSES) + 1))]
    return {f"{number:0{digits}d}{ending}.jpg" for number in numbers for ending in endings}


CIFAKE = {
    "train/REAL": _names(range(5000), 4),
    "train/FAKE": _names(range(1000, 6000), 4),
    "test/REAL": _names(range(1000), 4),
    "test/FAKE": _names(range(1000), 1),
}


def bring(folders: Folders, dry_run: bool = False) -> list[Path]:
    """Download the folders of CIFAKE that are missing or incomplete in the images folder, and return them.

    Raises StudyError if the images folder holds other images, or if the download fails.
    """
    images, complete = folders.images, f"{shown(folders.images)}: CIFAKE is complete"
    if dry_run:
        _refuse_others(folders, CIFAKE)
        where = ", ".join(shown(images / part) for part in _incomplete(images))
        log.info("%s", f"{where}: missing or incomplete; would be downloaded from {ADDRESS}" if where else complete)
        return []
    name, hidden = "The download of CIFAKE", images / ".download"
    with held(folders.lock(name), name, f"download it by hand from {ADDRESS}"):
        shutil.rmtree(hidden, ignore_errors=True)  # left by a start that was killed
        _refuse_others(folders, CIFAKE)
        missing = _incomplete(images)
        if missing:
            origin = _download(images, missing)
            _refuse_others(folders, missing, origin)
            _put(images, missing, origin, hidden)
            log.info("kagglehub keeps a copy in %s, which may be deleted", shown(origin))
    log.info("%s", complete)
    return [images / part for part in missing]


def _files(folder: Path) -> dict[str, int]:
    """Names and sizes of a folder's files, without those that systems leave behind; none if there is no folder."""
    entries = os.scandir(folder) if folder.exists() else ()
    return {entry.name: entry.stat().st_size for entry in entries if not metadata.LEFT_BY_SYSTEMS.fullmatch(entry.name)}


def _incomplete(root: Path) -> list[str]:
    """Those of the four folders below `root` that are missing or lack files; an empty file counts as none."""
    return [part for part, names in CIFAKE.items() if {name for name, size in _files(root / part).items() if size} != names]


def _refuse_others(folders: Folders, parts: Iterable[str], origin: Path | None = None) -> None:
    """Raise StudyError if files are not CIFAKE's: by their names or, given the download, by their contents.

    A file that was cut short is CIFAKE's. The user's own may have the same names.
    """
    others = [] if metadata.class_names(folders) == protocol.CIFAKE_CLASSES else [folders.class_list]
    for part in parts:
        for path in (folders.images / part / name for name in sorted(_files(folders.images / part))):
            if path.name not in CIFAKE[part] or (origin and not (origin / part / path.name).read_bytes().startswith(path.read_bytes())):
                others.append(path)
    if others:
        raise StudyError(
            f"{shown(folders.images)} holds {len(others):,} file(s) that are not CIFAKE's, such as {shown(others[0])}; they stay as they "
            "are. Name another folder for CIFAKE with --images, or move them away."
        )


def _download(images: Path, missing: list[str]) -> Path:
    """The folder of the download; if kagglehub's cache lacks files, it is downloaded again, once."""
    log.info("Downloading CIFAKE from %s: about 100 MB, unless kagglehub has a copy", ADDRESS)
    try:
        for again in (False, True):
            origin = _fetch(again)
            lacking = ", ".join(part for part in _incomplete(origin) if part in missing)
            if not lacking:
                return origin
            log.info("%s is incomplete: %s", shown(origin), lacking)
        raise StudyError(f"what Kaggle sent is not the published data set; look at {lacking} in {shown(origin)}")
    except StudyError as problem:
        places = ", ".join(shown(images / part) for part in CIFAKE)
        raise StudyError(
            f"CIFAKE could not be downloaded: {problem} and run the same command again, or place the files by hand (from {ADDRESS} into "
            f"{places}), or try the study in miniature without them: bash run.sh --demo"
        ) from None


def _fetch(again: bool) -> Path:
    """The folder in which kagglehub keeps CIFAKE, downloaded if it is not there or if `again`.

    Raises StudyError with the cause and the remedy.
    """
    try:
        for name in {"KAGGLEHUB_CACHE", "KAGGLE_CONFIG_DIR"} & os.environ.keys():
            os.environ[name] = str(Path(os.environ[name]).expanduser())  # kagglehub would make a folder called ~
        import kagglehub
        import requests
    except RuntimeError:  # kagglehub looks up the home folder while it is imported
        raise StudyError("kagglehub finds no home folder; set the environment variable HOME") from None
    logging.getLogger("kagglehub").setLevel(logging.INFO if log.isEnabledFor(logging.DEBUG) else logging.ERROR)
    try:
        kagglehub.config.get_kaggle_credentials()
    except (OSError, TypeError, ValueError) as problem:
        log.debug("kagglehub: %s", problem)
        folder = os.environ.get("KAGGLE_CONFIG_DIR", "~/.kaggle")
        raise StudyError(f"your credentials in {folder}/kaggle.json cannot be read; correct or delete them") from None
    try:
        return Path(kagglehub.dataset_download(HANDLE, force_download=again))
    except Exception as problem:  # of requests, zipfile, the disk or kagglehub
        log.debug("kagglehub: %s", problem)
        cache = Path(kagglehub.config.get_cache_folder())
        status = getattr(getattr(problem, "response", None), "status_code", None)
        if status:
            cause = ANSWERS.get(status, f"Kaggle has a problem of its own (error {status}); wait a few minutes")
        elif isinstance(problem, requests.RequestException | ConnectionError | TimeoutError):
            cause = "Kaggle cannot be reached; check the network connection"
        elif isinstance(problem, OSError):
            cause = f"{shown(cache)}: {problem.strerror or problem}; allow writing and free 1 GB, or set KAGGLEHUB_CACHE to another folder,"
        else:
            for archive in (cache / "datasets" / DATASET).glob("*.archive"):
                archive.unlink()  # or kagglehub would unpack it again
            cause = "what arrived is damaged; check that your network does not ask you to sign in first"
        raise StudyError(cause) from None


def _put(images: Path, missing: list[str], origin: Path, hidden: Path) -> None:
    """Put downloaded folders in place of the missing and incomplete ones, by way of a hidden folder."""
    try:
        for part in missing:
            (hidden / part).mkdir(parents=True)
            for name in CIFAKE[part]:
                _link(origin / part / name, hidden / part / name)
        # All are gathered before the first is put in place, so only some are there for a moment at most.
        for part in missing:
            target = images / part
            if target.exists():
                shutil.rmtree(target)
            target.parent.mkdir(exist_ok=True)
            shutil.move(hidden / part, target)  # a rename, unless images/train is a link to another disk
            flush(target.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _link(kept: Path, path: Path) -> None:
    """Give a file a second name, because 120,000 copies take 0.5 GB; copy it if the disk has no such links."""
    try:
        path.hardlink_to(kept)
    except OSError:
        shutil.copyfile(kept, path)
