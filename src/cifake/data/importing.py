"""Images as people have them -> an images folder as the study has it: 32x32 JPEGs like CIFAKE's, named by class.

import_images.py calls find, class_names, plan, links, write.
"""

import difflib
import glob
import io
import logging
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from cifake import protocol
from cifake.data import decoding, metadata
from cifake.system import progress
from cifake.system.errors import StudyError
from cifake.system.files import whole_folder
from cifake.system.paths import CLASS_LIST, Folders, shown

log = logging.getLogger(__name__)

PARTS = [f"{split}/{source}" for split in protocol.SPLITS for source in protocol.SOURCES]
NOT_CLASSES = {"train", "val", "valid", "validation", "test"}  # folders of class folders; what is not for testing is for training
TEST_SHARE = 6  # if the input does not say which images are for testing, one in six of each class is, as in CIFAKE
FEWEST = 10  # images of a class
FEW = 2_400  # images: with 2,000 of them for training, experiment 1's 20 epochs are 500 steps
FIRST, DIGITS = {"train/FAKE": 1000}, {"test/FAKE": 1}  # number in the first file's name in CIFAKE, and its digits; elsewhere 0000
FOR_TESTING = re.compile(r"(?<![a-z])test(?![a-z])")  # as a word, in the name of a file or array
BATCH_RECORD = 1 + 3 * 32 * 32  # bytes of an image in CIFAR-10's binary batches: label, red, green, blue


class Item(NamedTuple):
    """An image that has not been read yet."""

    origin: str  # file, or array and row, for messages
    label: str | int  # name of the class, or its number from 0
    is_test: bool
    read: Callable[[], bytes | np.ndarray]  # a file's bytes, or pixels: uint8 [height, width, 3]


def find(inputs: Sequence[Path]) -> list[Item]:
    """The images in the folders of a folder, or in NumPy's files or CIFAR's batches, in the order of their names."""
    is_folder = len(inputs) == 1 and inputs[0].is_dir()
    files = sorted(inputs[0].glob("*.bin")) if is_folder else inputs
    if wrong := [path for path in files if path.suffix.lower() not in (".npz", ".npy", ".bin") or not path.is_file()]:
        known = "one folder with a folder for each class, or .npz, .npy or .bin files"
        raise StudyError(f"{shown(wrong[0])} is {'no input' if wrong[0].exists() else 'not there'}; name {known}.")
    items = list(_in_arrays(files) if files else _in_folders(inputs[0]))
    if not items:
        raise StudyError(f"{shown(inputs[0])} holds no images; put those of each class into a folder with the name of the class.")
    return items


def _in_folders(folder: Path) -> Iterator[Item]:
    """All images, labelled by the folder that they are in, at any depth; files that are no images by their names are passed over."""
    formats = Image.registered_extensions()
    names = sorted(glob.glob("*/**/*.*", root_dir=folder, recursive=True))  # noqa: PTH207, Path.glob follows no links to folders
    places = [Path(name).parts for name in names if formats.get(Path(name).suffix.lower()) in Image.OPEN]
    depth = 1 if {parts[0].casefold() for parts in places} <= NOT_CLASSES else 0
    for parts in places:
        if len(parts) > depth + 1:
            path = folder.joinpath(*parts)
            yield Item(str(path), parts[depth], depth == 1 and parts[0].casefold() == "test", path.read_bytes)


def _in_arrays(files: Sequence[Path]) -> Iterator[Item]:
    """Arrays of images, each with the labels that come in the same place by name; x_test or test_batch are for testing."""
    arrays = [(f"{path.name} {key}".strip(), values) for path in files for key, values in _load(path).items()]
    named = sorted(((not FOR_TESTING.search(name.casefold()), name, values) for name, values in arrays), key=lambda one: one[:2])
    images, labels = ([one for one in named if (one[-1].ndim > 2) == is_image] for is_image in (True, False))
    if [values.shape[:1] for *_, values in images] != [values.shape[:1] for *_, values in labels]:
        found = metadata.listed([f"{name}: {values.dtype} {list(values.shape)}" for _, name, values in named])
        raise StudyError(f"Each array of images [n, height, width, 3] needs an array of n labels; there are:{found}")
    for (is_train, name, pixels), (_, name_of_labels, values) in zip(images, labels, strict=True):
        if values.dtype.kind not in "iuU" or values.size != len(values):
            found = f"{name_of_labels} is {values.dtype} {list(values.shape)}"
            raise StudyError(f"{found}; labels are a whole number from 0, or the name of a class, for each image.")
        levels = _levels(name, pixels)
        for row, label in enumerate(values.ravel().tolist()):
            yield Item(f"{name} [{row}]", label, not is_train, partial(levels, row))


def _load(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name. Nothing is unpickled: a pickle can run any program."""
    try:
        if path.suffix.lower() == ".bin":
            records = np.fromfile(path, np.uint8).reshape(-1, BATCH_RECORD)
            return {"images": np.moveaxis(records[:, 1:].reshape(-1, 3, 32, 32), 1, -1), "labels": records[:, 0]}
        loaded = np.load(path, mmap_mode="r")
        return {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except Exception:  # NumPy, zipfile and zlib raise many kinds on damaged files
        kind = "batch of CIFAR-10's binary version" if path.suffix.lower() == ".bin" else "file of NumPy's with plain arrays"
        raise StudyError(f"{shown(path)} is damaged, or no {kind}; save it again.") from None


def _levels(name: str, images: np.ndarray) -> Callable[[int], np.ndarray]:
    """A function that gives the pixels of one row as uint8 [height, width, 3]. Raises StudyError for an array of another kind."""
    found = f"{images.dtype} {list(images.shape)}"
    if images.ndim == 4 and images.shape[3] == 3 and images.size:
        low, high = images.min(), images.max()
        if images.dtype == np.uint8 and high > 1:
            return images.__getitem__
        if images.dtype.kind == "f" and low >= -1 and high <= 1:  # false if one is no number
            offset = 1 if low < 0 else 0
            log.info("%s holds floats in [%d, 1]: converted to levels from 0 to 255", name, -offset)
            return lambda row: np.rint((images[row].astype(np.float64) + offset) * (255 / (1 + offset))).astype(np.uint8)
        found += f" from {low} to {high}"
    raise StudyError(f"{name} is {found}; images are uint8 [n, height, width, 3] from 0 to 255, or floats in [0, 1] or [-1, 1].")


def class_names(items: list[Item], inputs: Sequence[Path], like: Path | None) -> tuple[str, ...]:
    """The classes of the images folder `like`, or of a classes.txt in the input folder or beside the arrays, or else the names of the
    class folders. CIFAKE's ten, in their order, if it is these or labels are numbers.
    """
    folders = Folders(like or (inputs[0] if inputs[0].is_dir() else inputs[0].parent))
    names = {item.label for item in items if isinstance(item.label, str)}
    is_named = names and {name.casefold() for name in names} != set(protocol.CIFAKE_CLASSES)
    return tuple(sorted(names)) if is_named and not like and not folders.class_list.exists() else metadata.class_names(folders)


def plan(items: list[Item], classes: tuple[str, ...], source: str, split: str | None, seed: int) -> dict[str, Item]:
    """Which image becomes which file: train/FAKE/1000 (2).jpg -> the image. Raises StudyError for wrong labels and too few images.

    The order within a class follows from the seed, so that the first fifth of the files, the validation images, is a sample of all.
    Numbers of a class with fewer images are spread over those of the largest, so that this fifth has its share of each class.
    """
    chance, by_part = np.random.default_rng(seed), defaultdict(lambda: [[] for _ in classes])
    has_parts = len({item.is_test for item in items}) == 2
    for number, members in enumerate(_by_class(items, classes)):
        for place, row in enumerate(chance.permutation(len(members))):
            part = protocol.SPLITS[members[row].is_test if has_parts else place < len(members) // TEST_SHARE]
            if split in (None, part) or not has_parts:
                by_part[f"{split or part}/{source}"][number].append(members[row])
    names = {}
    for part, by_class in by_part.items():
        first, most = FIRST.get(part, 0), max(map(len, by_class))
        digits = DIGITS.get(part, max(4, len(str(first + most - 1))))
        for number, members in enumerate(by_class, start=1):
            for place, item in enumerate(members):
                image = first + place * most // len(members)
                names[f"{part}/{image:0{digits}d}{f' ({number})' if number > 1 else ''}.jpg"] = item
    for number, name in enumerate(classes):
        counts = [len(by_class[number]) for by_class in by_part.values()]
        if sum(counts) < FEWEST or 0 in counts:
            found = " and ".join(f"{count} for {part}" for count, part in zip(counts, by_part, strict=True))
            raise StudyError(
                f"The images of {name} are too few: {found}; give at least {FEWEST} of each class, some for each part. The smallest set "
                f"that makes sense has {FEW:,} images, here {-(-FEW // len(classes)):,} of each class."
            )
    return names


def _by_class(items: list[Item], classes: tuple[str, ...]) -> list[list[Item]]:
    """The images of each class. Capitals do not count."""
    labels = {name.casefold(): label for label, name in enumerate(classes)}
    names = {item.label.casefold() for item in items if isinstance(item.label, str)}
    if not names:
        log.info("Labels are numbers: 0 is %s, %d is %s", classes[0], len(classes) - 1, classes[-1])
    if unknown := sorted(names - labels.keys()):
        nearest = {name: difflib.get_close_matches(name, labels, n=1) for name in unknown}
        hints = [name + "".join(f", did you mean {classes[labels[near]]}?" for near in nearest[name]) for name in unknown]
        raise StudyError(
            f"{len(unknown):,} name(s) are none of the classes {', '.join(classes)}; rename them, or move away what is no class:"
            f"{metadata.listed(hints)}"
        )
    by_class = defaultdict(list)
    for item in items:
        by_class[labels[item.label.casefold()] if isinstance(item.label, str) else item.label].append(item)
    if min(by_class) < 0 or max(by_class) >= len(classes):
        raise StudyError(
            f"The labels run from {min(by_class)} to {max(by_class)}, but the {len(classes)} classes from 0 to {len(classes) - 1}; count "
            f"from 0, or name all classes in {CLASS_LIST} beside the arrays, one a line."
        )
    return [by_class[label] for label in range(len(classes))]


def links(like: Path | None, classes: tuple[str, ...], planned: Collection[str]) -> dict[str, Path]:
    """The parts of which nothing is imported, from the images folder `like`: train/REAL/0000.jpg -> its file there.

    Raises StudyError if none of these parts is there, or one holds other files than images.
    """
    found, lacking = {}, [part for part in PARTS if not any(name.startswith(part) for name in planned)]
    for split, source in (part.split("/") for part in lacking if like):
        folder = Folders(like).split(source, split)
        if folder.is_dir() and any(folder.iterdir()):
            rows = metadata.rows_of(Folders(like), source, split, classes)
            found |= {f"{split}/{source}/{row.filename}": folder / row.filename for row in rows}
    if like and not found:
        advice = "download CIFAKE with: env/bin/python src/download_data.py, or name another folder with --like"
        raise StudyError(f"{shown(like)} holds no images in {', '.join(lacking)}; {advice}.")
    return found


def write(output: Path, classes: tuple[str, ...], planned: dict[str, Item], linked: dict[str, Path], stretch: bool) -> None:
    """Make all files of the folder, or none. Raises StudyError that lists unreadable images."""
    faults = []
    with whole_folder(output) as draft:
        for folder in {(draft / name).parent for name in planned | linked}:
            folder.mkdir(parents=True)
        if classes != protocol.CIFAKE_CLASSES:
            (draft / CLASS_LIST).write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
            metadata.class_names(Folders(draft))  # refuses names that are too long for tables, and fewer than two
        with progress.bar(len(planned), "Importing", "images") as bar:
            for name, item in planned.items():
                try:
                    content = jpeg(item.read(), stretch)
                except (ValueError, OSError) as problem:
                    faults.append(f"{item.origin}: {getattr(problem, 'strerror', None) or problem}")
                else:
                    (draft / name).write_bytes(content)
                bar.update()
        if faults:
            raise StudyError(f"{len(faults):,} image(s) cannot be read; mend or remove them:{metadata.listed(sorted(faults))}")
        for name, original in linked.items():
            try:  # hard links, which Windows' drives know too and which outlive their originals
                os.link(os.path.realpath(original), draft / name)
            except OSError:  # another disk, or one without links
                shutil.copyfile(original, draft / name)


def jpeg(image: bytes | np.ndarray, stretch: bool = False) -> bytes:
    """A file's bytes, or pixels uint8 [height, width, 3] -> a 32x32 JPEG with CIFAKE's settings of the square in the middle, or with
    `stretch` of all. One that has these settings already stays as it is, because what is compressed twice could be told apart.

    Raises ValueError that says in a few words why a file cannot be decoded.
    """
    if isinstance(image, np.ndarray):
        return encode(np.asarray(decoding.scaled(Image.fromarray(image), cut=not stretch)))
    pixels, _ = decoding.decode_image(image, formats=None, cut=not stretch)
    return image if image.startswith(HEADER) else encode(pixels)


def encode(pixels: np.ndarray) -> bytes:
    """Pixels as a JPEG with CIFAKE's settings, without the comments and profiles that a picture may have."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=75, subsampling="4:2:0")
    return file.getvalue()


# Tables, size and sampling: what comes before the data of the scan. It is equal in all of CIFAKE's files.
HEADER = re.match(rb".*?\xff\xda\x00\x0c.{10}", encode(np.zeros(protocol.IMAGE_SHAPE, np.uint8)), re.DOTALL)[0]
