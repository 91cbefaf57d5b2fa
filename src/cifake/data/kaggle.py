"""CIFAKE from Kaggle into the images folder; download_data.py calls it. kagglehub downloads, resumes and unpacks."""

import logging
import os
import shutil
from pathlib import Path

import kagglehub

from cifake.data import metadata
from cifake.system.errors import StudyError
from cifake.system.paths import Folders, shown

log = logging.getLogger(__name__)

DATASET = "birdy654/cifake-real-and-ai-generated-synthetic-images"  # Bird & Lotfi, 2023
HANDLE = f"{DATASET}/versions/3"
ADDRESS = f"https://www.kaggle.com/datasets/{DATASET}"
IMAGES = {"train/REAL": 50_000, "train/FAKE": 50_000, "test/REAL": 10_000, "test/FAKE": 10_000}  # files in each folder


def download(folders: Folders, dry_run: bool = False) -> list[Path]:
    """Download the folders of CIFAKE that are missing or empty, and return them. What is there stays as it is.

    Raises StudyError if there are other images, or if the download fails.
    """
    images = folders.images
    there = {part: _files(images / part) for part in IMAGES}
    for part, number in there.items():
        if number not in (0, IMAGES[part]):
            raise StudyError(
                f"{shown(images / part)} holds {number:,} files where CIFAKE has {IMAGES[part]:,}, and stays as it is; move it away, or "
                "name another folder for CIFAKE with --images."
            )
    missing = [part for part, number in there.items() if number == 0]
    if not missing:
        log.info("%s: CIFAKE is complete", shown(images))
    elif dry_run:
        log.info("%s: would be downloaded from %s", ", ".join(shown(images / part) for part in missing), ADDRESS)
    else:
        _fetch(images, missing)
        return [images / part for part in missing]
    return []


def _files(folder: Path) -> int:
    """How many files a folder holds, but for what systems leave behind; 0 if there is no folder."""
    return sum(not metadata.LEFT_BY_SYSTEMS.fullmatch(path.name) for path in folder.glob("*"))


def _fetch(images: Path, missing: list[str]) -> None:
    """Download CIFAKE into a hidden folder, and move the missing folders to their places, each as a whole.

    The hidden folder is kagglehub's cache for once: after an interruption it goes on there. With output_dir it would begin again.
    """
    hidden = images / ".download"
    os.environ |= {"KAGGLEHUB_CACHE": str(hidden), "DISABLE_KAGGLE_CACHE": "true", "DISABLE_COLAB_CACHE": "true"}
    log.info("Downloading CIFAKE from %s, about 100 MB", ADDRESS)
    try:
        origin = Path(kagglehub.dataset_download(HANDLE))
        for part in missing:
            if _files(origin / part) != IMAGES[part]:
                raise ValueError(f"{part} has {_files(origin / part):,} files in place of {IMAGES[part]:,}")
        for part in missing:
            shutil.rmtree(images / part, ignore_errors=True)  # it holds nothing but what systems leave behind
            (images / part).parent.mkdir(exist_ok=True)
            shutil.move(origin / part, images / part)
    except Exception as problem:  # of requests, zipfile, the disk or kagglehub
        if not isinstance(problem, OSError):  # network and disk can be mended; anything else is damaged, and is downloaded again
            shutil.rmtree(hidden, ignore_errors=True)
        raise StudyError(
            f"CIFAKE could not be downloaded ({' '.join(str(problem).split()) or type(problem).__name__}); run the same command again, "
            f"place the four folders by hand (from {ADDRESS} into {shown(images)}), or try the study in miniature without them: bash "
            "run.sh --demo"
        ) from None
    shutil.rmtree(hidden, ignore_errors=True)
