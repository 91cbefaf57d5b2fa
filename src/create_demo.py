"""Make the demo's images: scikit-learn's handwritten digits as REAL, digits rendered from matplotlib's faces as FAKE.

    python src/create_demo.py
    python src/create_demo.py --output elsewhere

Writes demo/images/, or images/ in the folder that --output names: 1,437 training and 360 test images of each source, 32x32 RGB
JPEGs in CIFAKE's layout, and classes.txt. It takes about 10 seconds and needs no network. All other steps then take
--images demo/images --output demo; bash run.sh --demo does all that.
"""

import hashlib
import shutil
from pathlib import Path

from cifake import command, metadata, options, protocol, runs
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import flush
from cifake.folders import REPOSITORY, Folders, shown

MARKER = "demo.txt"  # tells a folder that this script made, and vouches for its files
MARKER_TEXT = """\
Made by src/create_demo.py; may be deleted at any time.
REAL: handwritten digits of scikit-learn's load_digits (E. Alpaydin and C. Kaynak, 1998, UCI, CC BY 4.0).
FAKE: digits rendered from the text faces that matplotlib ships.
SHA-256 of names and contents: {}
"""


def main() -> None:
    """Make the folder, whole or not at all, unless it is there."""
    chosen = options.parse(__doc__)
    folders = demo_folders(chosen.folders)
    if is_complete(folders):
        log.info("%s: the demo's images are all there", shown(folders.images))
        return
    if chosen.dry_run:
        log.info("%s: the demo's images would be made", shown(folders.images))
        return
    with runs.alone(folders, "The demo data"):
        if is_complete(folders):  # another process was quicker
            return
        write(folders.images)
    command.wrote([folders.images])


def demo_folders(chosen: Folders) -> Folders:
    """Where the demo goes: never to images/ of the repository, which is CIFAKE's place."""
    repository = Folders()
    output = REPOSITORY / "demo" if chosen.output == repository.output else chosen.output
    return Folders(output / "images" if chosen.images == repository.images else chosen.images, output)


def is_complete(folders: Folders) -> bool:
    """Whether the demo's images are there and as they were made; False where the folder is missing or empty.

    Raises StudyError where it holds anything else, which is not to be overwritten.
    """
    folder = folders.images
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    marker = folder / MARKER
    if not marker.is_file():
        raise StudyError(
            f"{shown(folder)} holds something that the demo did not make; it is left as it is. Name another folder with --output, "
            "or move it away."
        )
    if marker.read_text(encoding="utf-8", errors="replace") != MARKER_TEXT.format(fingerprint(present(folders))):
        raise StudyError(
            f"{shown(folder)} was made by the demo and changed since; delete {shown(folder)} and run the same command again, or "
            "name another folder with --output."
        )
    return True


def present(folders: Folders) -> dict[str, bytes]:
    """The class list and the images that are in the folder: file name below it -> content."""
    places = [folders.split(source, split) for source in protocol.SOURCES for split in protocol.SPLITS]
    files = [folders.class_list, *(file for place in places if place.is_dir() for file in place.iterdir())]
    return {
        file.relative_to(folders.images).as_posix(): file.read_bytes()
        for file in files
        if file.is_file() and not metadata.LEFT_BY_SYSTEMS.fullmatch(file.name)
    }


def fingerprint(contents: dict[str, bytes]) -> str:
    """SHA-256 over names and contents, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name}:{len(contents[name])}:".encode() + contents[name])
    return digest.hexdigest()


def write(folder: Path) -> None:
    """Make all files in a folder beside, then rename it."""
    log.info("%s: drawing the demo's images, about 10 seconds", shown(folder))
    from cifake import digits

    contents = digits.files()
    contents[MARKER] = MARKER_TEXT.format(fingerprint(contents)).encode()
    draft = folder.with_name(f".{folder.name}.draft")
    if draft.exists():  # of a start that was interrupted
        shutil.rmtree(draft)
    try:
        for name, content in contents.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(
                content
            )  # not flushed one by one: the marker vouches for the contents after a power cut, too
        draft.replace(folder)  # takes the place of an empty folder, and of nothing else
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    flush(folder.parent)
    log.info(
        "%s: %s images of ten digits, as many handwritten (REAL) as rendered (FAKE)",
        shown(folder),
        f"{len(contents) - 2:,}",
    )


if __name__ == "__main__":
    command.run(main)
