"""From a file's name to its class and label: the study's naming rule, its CSVs, and the files that they list.

create_metadata.py writes the CSVs; every training and evaluation reads them. Standard library only.
"""

import csv
import hashlib
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cifake import protocol
from cifake.errors import StudyError
from cifake.files import write_changed_text
from cifake.folders import Folders, shown

COLUMNS = ("filename", "class", "label", "filepath")
NAMING_RULE = re.compile(r"\d+(?: \(([1-9]\d*)\))?\.(?:jpe?g|png)", re.IGNORECASE | re.ASCII)
LEFT_BY_SYSTEMS = re.compile(
    r"\..*|thumbs\.db|desktop\.ini|__macosx", re.IGNORECASE
)  # .DS_Store and ._1000.jpg among them
NAMED_AT_MOST = 10  # of a long list of faulty files, so many are named


@dataclass(frozen=True)
class Row:
    """One line of a CSV: an image and its class."""

    filename: str
    number: int  # of the class, from 1
    label: str  # the name of the class
    filepath: str  # images/train/FAKE/1000 (10).jpg; "images" stands for the images folder


@dataclass(frozen=True)
class Split:
    """The images of FAKE or REAL, train or test, as files; `classes` names them all, in order."""

    source: str
    split: str
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    contents: tuple[bytes, ...]  # of the files, row by row
    fingerprint: str  # SHA-256 of labels and contents, row by row: what a classifier was trained or tested on

    @property
    def numbers(self) -> list[int]:
        """The class of each row as the classifiers count them, from 0."""
        return [row.number - 1 for row in self.rows]

    @property
    def filepaths(self) -> list[str]:
        """The path of each row, as the CSV has it."""
        return [row.filepath for row in self.rows]


def listed(faults: list[str]) -> str:
    """A list of faults for a message: the first ten, one a line, and how many more."""
    more = len(faults) - NAMED_AT_MOST
    return "".join(f"\n  {fault}" for fault in faults[:NAMED_AT_MOST]) + (f"\n  and {more:,} more" if more > 0 else "")


def class_names(folders: Folders) -> tuple[str, ...]:
    """The names of classes 1, 2, ...: those in images/classes.txt, one a line; without that file CIFAKE's ten."""
    path = folders.class_list
    if not path.exists():
        return protocol.CIFAKE_CLASSES
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except UnicodeDecodeError:
        raise StudyError(f"{shown(path)} is not a UTF-8 text file; write one class name a line.") from None
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if len(names) < 2 or repeated:
        wrong = f"names {repeated[0]} twice" if repeated else f"names {len(names)} class{'es' * (len(names) != 1)}"
        raise StudyError(f"{shown(path)} {wrong}; it needs at least two different class names, one a line.")
    return names


def class_number(filename: str) -> int | None:
    """The class of an image by the study's rule: the number in its name's parentheses, 1 where there is none.

    None where the name breaks the rule.
    """
    match = NAMING_RULE.fullmatch(filename)
    return match and int(match.group(1) or 1)


def list_images(folders: Folders, source: str, split: str) -> tuple[list[str], int]:
    """The names of a folder's images, sorted by their bytes as the published CSVs are, and how many files of systems it has.

    Raises StudyError where there is no such folder, no image in it, or a name that breaks the rule.
    """
    folder = folders.split(source, split)
    if not folder.is_dir():
        raise StudyError(
            f"There is no folder {shown(folder)}; get CIFAKE with: python src/download_data.py, or name another folder "
            "with --images."
        )
    names = sorted((entry.name for entry in folder.iterdir()), key=lambda name: name.encode("utf-8", "surrogateescape"))
    images = [name for name in names if not LEFT_BY_SYSTEMS.fullmatch(name)]
    if not images:
        raise StudyError(
            f"{shown(folder)} holds no image; get CIFAKE with: python src/download_data.py (images/README.md has other ways)."
        )
    strangers = [name for name in images if class_number(name) is None or not (folder / name).is_file()]
    if strangers:
        raise StudyError(
            f"{shown(folder)} holds {len(strangers):,} file(s) that break the naming rule (1000.jpg for class 1, '1000 (2).jpg' for "
            f"class 2, and so on; .jpg, .jpeg or .png); rename them or move them elsewhere:{listed(strangers)}"
        )
    return images, len(names) - len(images)


def make_rows(names: list[str], source: str, split: str, classes: tuple[str, ...]) -> list[Row]:
    """The CSV's rows for images whose names keep the rule. Raises StudyError for a class number beyond the classes."""
    beyond = [name for name in names if class_number(name) > len(classes)]
    if beyond:
        raise StudyError(
            f"{split}/{source} holds {len(beyond):,} image(s) whose class number is beyond the {len(classes)} classes; rename them, or "
            f"name all classes in classes.txt in the images folder, one a line:{listed(beyond)}"
        )
    return [
        Row(name, number, classes[number - 1], f"images/{split}/{source}/{name}")
        for name in names
        for number in [class_number(name)]
    ]


def csv_text(rows: list[Row]) -> str:
    """The rows as a CSV file's text, LF line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((row.filename, row.number, row.label, row.filepath) for row in rows)
    return text.getvalue()


def file_of(folders: Folders, row: Row) -> Path:
    """Where the image of a row is."""
    return folders.images.joinpath(*PurePosixPath(row.filepath).parts[1:])


def write_csv(path: Path, rows: list[Row]) -> bool:
    """Write a CSV; False where the file holds just that already and is left alone."""
    return write_changed_text(path, csv_text(rows))


def read_csv(path: Path, classes: tuple[str, ...]) -> list[Row]:
    """The rows of a CSV. Raises StudyError, naming the line, for one that create_metadata.py would not have written."""
    remedy = "make it anew with: python src/create_metadata.py"
    if not path.exists():
        raise StudyError(f"There is no {shown(path)}; {remedy}")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = list(csv.reader(file, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{shown(path)} is not a CSV file ({error}); {remedy}") from None
    if not table or tuple(table[0]) != COLUMNS:
        raise StudyError(f"{shown(path)} does not begin with the columns {','.join(COLUMNS)}; {remedy}")
    name = shown(path)  # once: it asks the disk
    return [_parsed(cells, classes, f"Line {line} of {name}", remedy) for line, cells in enumerate(table[1:], start=2)]


def _parsed(cells: list[str], classes: tuple[str, ...], where: str, remedy: str) -> Row:
    """One line of a CSV, checked."""
    if len(cells) != len(COLUMNS):
        raise StudyError(f"{where} has {len(cells)} cell(s) and not {len(COLUMNS)}; {remedy}")
    filename, number, label, filepath = cells
    if label not in classes:
        raise StudyError(
            f"{where} has the label '{label}', which is none of the classes {', '.join(classes)}; {remedy}"
        )
    if number != str(classes.index(label) + 1):
        raise StudyError(f"{where} gives '{label}' the class {number} and not {classes.index(label) + 1}; {remedy}")
    path = PurePosixPath(filepath)
    if path.parts[:1] != ("images",) or ".." in path.parts or "\\" in filepath or "\0" in filepath:
        raise StudyError(f"{where} has the path '{filepath}', which leads outside the images folder; {remedy}")
    if path.name != filename:
        raise StudyError(f"{where} has the path '{filepath}', which is not that of the file '{filename}'; {remedy}")
    return Row(filename, int(number), label, filepath)


def read_split(folders: Folders, source: str, split: str) -> Split:
    """Read a CSV and all files that it lists, and check that it still fits its folder.

    Raises StudyError with all faults of a kind together.
    """
    classes = class_names(folders)
    path = folders.metadata(source, split)
    rows = read_csv(path, classes)
    _check_classes(rows, classes, path, split)
    present, _ = list_images(folders, source, split)
    _check_fit(rows, {f"images/{split}/{source}/{name}" for name in present}, path, folders.split(source, split))
    contents = _read_files(folders, rows)
    digest = hashlib.sha256()
    for row, content in zip(rows, contents, strict=True):
        digest.update(f"{row.number}:{len(content)}:".encode() + content)
    return Split(source, split, classes, tuple(rows), contents, digest.hexdigest())


def validation_rows(rows: int) -> int:
    """How many of the training rows, the first ones, are for validation."""
    return int(rows * protocol.VALIDATION_SHARE)


def _check_classes(rows: list[Row], classes: tuple[str, ...], path: Path, split: str) -> None:
    """Every class needs images in each part that a classifier learns from or is tested on."""
    parts = {f"the {split} images": rows}
    if split == "train":
        first = validation_rows(len(rows))
        parts = {
            "the validation share (the first fifth of the rows)": rows[:first],
            "the training rows after it": rows[first:],
        }
    for part, members in parts.items():
        absent = [name for name in classes if name not in {row.label for row in members}]
        if absent:
            raise StudyError(
                f"{shown(path)} has no image of {', '.join(absent)} in {part}; add images of each class and run again."
            )


def _check_fit(rows: list[Row], present: set[str], path: Path, folder: Path) -> None:
    """The CSV must list just the images that are there, each once."""
    in_csv = Counter(row.filepath for row in rows)
    faults = {
        "lists file(s) that are not there": sorted(in_csv.keys() - present),
        "does not list file(s) that are there": sorted(present - in_csv.keys()),
        "lists file(s) more than once": sorted(name for name, times in in_csv.items() if times > 1),
    }
    for fault, names in faults.items():
        if names:
            raise StudyError(
                f"{shown(path)} no longer fits {shown(folder)}: it {fault}, {len(names):,} in all; put the files right, or make the CSV "
                f"anew with: python src/create_metadata.py{listed(names)}"
            )


def _read_files(folders: Folders, rows: list[Row]) -> tuple[bytes, ...]:
    """The bytes of all files. Raises StudyError that lists those which cannot be read."""
    contents, faults = [], []
    for row in rows:
        try:
            contents.append(file_of(folders, row).read_bytes())
        except OSError as error:
            faults.append(f"{row.filepath}: {error.strerror}")
    if faults:
        raise StudyError(
            f"{len(faults):,} image(s) cannot be read; make them readable or copy them anew:{listed(faults)}"
        )
    return tuple(contents)
