"""Make the demo's images: scikit-learn's handwritten digits as REAL, digits rendered from matplotlib's faces as FAKE.

    env/bin/python src/create_demo.py
    env/bin/python src/create_demo.py --output elsewhere

Writes demo/images/, or images/ in the folder that --output names: 1,437 training and 360 test images of each source, 32x32 RGB
JPEGs in CIFAKE's layout, and classes.txt. It takes about 10 seconds and needs no network. All other steps then take
--images demo/images --output demo; bash run.sh --demo does all that.
"""

import logging
from pathlib import Path

from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.files import whole_folder
from cifake.system.paths import REPOSITORY, Folders, shown

log = logging.getLogger(__name__)

MARKER = "demo.txt"  # says that this script made the folder; it is there only once the folder is complete
MARKER_TEXT = b"""\
Made by src/create_demo.py; may be deleted at any time.
REAL: handwritten digits of scikit-learn's load_digits (E. Alpaydin and C. Kaynak, 1998, UCI, CC BY 4.0).
FAKE: digits rendered from the text faces that matplotlib ships.
"""


def main() -> None:
    """Make the folder, whole or not at all, unless it is there."""
    chosen = options.parse(__doc__, "images output dry_run")
    folders = demo_folders(chosen.folders)
    if is_complete(folders.images):
        log.info("%s: the demo's images are there", shown(folders.images))
    elif chosen.dry_run:
        log.info("%s: the demo's images would be made", shown(folders.images))
    else:
        write(folders.images)
        command.wrote([folders.images])


def demo_folders(chosen: Folders) -> Folders:
    """Where the demo goes: never to images/ of the repository, which is CIFAKE's place."""
    output = REPOSITORY / "demo" if chosen.output == REPOSITORY else chosen.output
    return Folders(output / "images" if chosen.images == Folders().images else chosen.images, output)


def is_complete(folder: Path) -> bool:
    """Whether the demo's images are there; False if the folder is missing or empty. Raises StudyError if it holds anything else."""
    if (folder / MARKER).is_file():
        return True
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        advice = "it stays as it is. Name another folder with --output, or move it away."
        raise StudyError(f"{shown(folder)} holds something that the demo did not make; {advice}")
    return False


def write(folder: Path) -> None:
    from cifake.data import digits  # after the options, because its libraries take seconds

    log.info("%s: drawing 3,594 images of digits, about 10 s", shown(folder))
    with whole_folder(folder) as draft:
        for name, content in (digits.files() | {MARKER: MARKER_TEXT}).items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_bytes(content)


if __name__ == "__main__":
    command.run(main)
