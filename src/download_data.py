"""Download CIFAKE from Kaggle into images/; no account is needed.

    env/bin/python src/download_data.py
    env/bin/python src/download_data.py --images elsewhere

Writes images/{train,test}/{FAKE,REAL}/, 120,000 JPEGs: about 100 MB to download, 0.5 GB on the disk and as much in
kagglehub's cache, a few minutes. Stopped halfway, the same command continues. Images that are there already, CIFAKE's or others, stay
as they are.
"""

import logging

from cifake.data import kaggle
from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.paths import Folders, shown


def main() -> None:
    """Bring what is missing."""
    chosen = options.parse(__doc__, "images output dry_run verbose")
    if chosen.verbose:
        logging.getLogger("cifake").setLevel(logging.DEBUG)
    folders = chosen.folders
    if folders.images != Folders().images and not folders.images.is_dir():
        raise StudyError(f"There is no folder {shown(folders.images)}; correct --images, or make that folder first.")
    command.wrote(kaggle.bring(folders, chosen.dry_run))


if __name__ == "__main__":
    command.run(main)
