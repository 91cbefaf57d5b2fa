"""Download CIFAKE from Kaggle and put it into images/; no account is needed.

    python src/download_data.py
    python src/download_data.py --images elsewhere

Writes images/{train,test}/{FAKE,REAL}/, 120,000 JPEGs: some 100 MB to download, 0.5 GB on the disk, some minutes. The images
are checked against the study's published metadata. A download that was interrupted goes on where it was; images that are
there already, CIFAKE's or others, stay as they are.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from cifake import command, download, options
from cifake.errors import StudyError


def main() -> None:
    """Bring what is missing."""
    chosen = options.parse(__doc__)
    command.when_stopped("Stopped; the same command goes on from there.")
    written = download.bring(chosen.folders, download.CIFAKE, from_kaggle, with_bar, chosen.dry_run)
    if written:
        command.wrote(written)


def from_kaggle(again: bool) -> Path:
    """Where kagglehub keeps the data set, downloaded if it is not there or if it is wanted again."""
    try:
        import kagglehub
    except ImportError:
        raise StudyError(
            "kagglehub, which downloads CIFAKE, is not installed; run: python -m pip install -r requirements.txt"
        ) from None
    return Path(kagglehub.dataset_download(download.HANDLE, force_download=again))


def with_bar(names: Iterable[str], what: str) -> Iterator[str]:
    """The names, with a progress bar where there is a terminal."""
    from tqdm import tqdm

    yield from tqdm(names, desc=what, unit=" images", disable=None, leave=False)


if __name__ == "__main__":
    command.run(main)
