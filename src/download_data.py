"""Download CIFAKE from Kaggle into images/; no account is needed.

    env/bin/python src/download_data.py
    env/bin/python src/download_data.py --images elsewhere

Writes images/{train,test}/{FAKE,REAL}/, 120,000 JPEGs: about 100 MB to download, 0.5 GB on the disk, a few minutes. Stopped halfway,
the same command continues. Images that are there already, CIFAKE's or others, stay as they are.
"""

from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.paths import Folders, shown


def main() -> None:
    chosen = options.parse(__doc__, "images output dry_run")
    from cifake.data import kaggle  # after the options, because its libraries take a second

    images = chosen.folders.images
    if images != Folders().images and not images.is_dir():
        raise StudyError(f"There is no folder {shown(images)}; correct --images, or make that folder first.")
    command.wrote(kaggle.download(chosen.folders, chosen.dry_run))


if __name__ == "__main__":
    command.run(main)
