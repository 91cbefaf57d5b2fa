"""From a file's name to its class and label: the study's naming rule, its CSVs, and the files that they list.

create_metadata.py writes the CSVs; every training and evaluation needs them.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from cifake import protocol
from cifake.system.errors import StudyError
from cifake.system.options import with_folders
from cifake.system.paths import Folders, printable, shown

COLUMNS = ("filename", "class", "label", "filepath")
NAMING_RULE = re.compile(r"\d+(?: \(([1-9]\d*)\))?\.(?:jpe?g|png)", re.IGNORECASE | re.ASCII)
# .DS_Store and ._1000.jpg among them
LEFT_BY_SYSTEMS = re.compile(r"\..*|thumbs\.db|desktop\.ini|__macosx", re.IGNORECASE)
LONGEST_CLASS_NAME = 40  # characters; longer ones break tables and figures
NAMED_AT_MOST = 10  # files of a long list of faulty ones


class Row(NamedTuple):
    """One line of a CSV: an image and its class."""

    filename: str
    number: int  # of the class, from 1
    label: str  # name of the class
    filepath: str  # images/train/FAKE/1000 (10).jpg; "images" stands for the images folder


@dataclass(frozen=True)
class Split:
    """The images of FAKE or REAL, train or test, as files; `classes` are the names of all classes, in order."""

    source: str
    split: str
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    contents: tuple[bytes, ...]  # of the files, row by row
    fingerprint: str  # SHA-256 of labels and contents, row by row: what a classifier was trained or tested on

    @property
    def labels(self) -> np.ndarray:
        """The class of each row as the classifiers count them, from 0; int64 [n]."""
        return np.array([row.number - 1 for row in self.rows])

    @property
    def filepaths(self) -> list[str]:
        """The path of each row, as in the CSV."""
        return [row.filepath for row in self.rows]


def listed(faults: Sequence[str]) -> str:
    """Faults for a message: the first ten, one a line, and how many more there are."""
    more = len(faults) - NAMED_AT_MOST
    return "".join(f"\n  {printable(fault)}" for fault in faults[:NAMED_AT_MOST]) + (f"\n  and {more:,} more" if more > 0 else "")


def class_names(folders: Folders) -> tuple[str, ...]:
    """The names of classes 1, 2, ...: the lines of images/classes.txt, or CIFAKE's ten if there is no such file."""
    path = folders.class_list
    if not path.exists():
        return protocol.CIFAKE_CLASSES
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise StudyError(f"{shown(path)} is not a UTF-8 text file; write one class name a line.") from None
    names = tuple(line.strip() for line in lines if line.strip())
    for name in names:
        # A | or an unusual line break (Unicode has several) would tear the tables that have a column for each class.
        if len(name) > LONGEST_CLASS_NAME or "|" in name or len(name.splitlines()) > 1:
            limits = f"use at most {LONGEST_CLASS_NAME} characters, without | and line breaks"
            raise StudyError(f"{shown(path)} has the class name {name[:60]!r}; {limits}.")
    repeated = [name for name in names if names.count(name) > 1]
    if len(names) < 2 or repeated:
        wrong = f"names {repeated[0]} twice" if repeated else f"names {len(names)} class{'es' * (len(names) != 1)}"
        raise StudyError(f"{shown(path)} {wrong}; it needs at least two different class names, one a line.")
    return names


def class_number(filename: str) -> int | None:
    """The class of an image: the number in parentheses in its name, 1 if there is none; None if the name breaks the rule."""
    match = NAMING_RULE.fullmatch(filename)
    return match and int(match.group(1) or 1)


def rows_of(folders: Folders, source: str, split: str, classes: tuple[str, ...]) -> list[Row]:
    """The CSV's rows for the images that are in a folder now, sorted by the bytes of their names as in the published CSVs.

    Raises StudyError if there is no image, a name that breaks the rule, or a class number beyond the classes.
    """
    folder = folders.split(source, split)
    entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name)) if folder.is_dir() else []
    images = {entry: class_number(entry.name) for entry in entries if not LEFT_BY_SYSTEMS.fullmatch(entry.name)}
    if not images:
        raise StudyError(
            f"There is no folder {shown(folder)} with images in it; name another folder with --images, or download CIFAKE with: "
            "env/bin/python src/download_data.py"
        )
    strangers = [entry.name for entry, number in images.items() if number is None or not entry.is_file()]
    if strangers:
        raise StudyError(
            f"{shown(folder)} holds {len(strangers):,} file(s) that break the naming rule (1000.jpg for class 1, '1000 (2).jpg' for "
            f"class 2, and so on; .jpg, .jpeg or .png); rename them or move them elsewhere:{listed(strangers)}"
        )
    beyond = [entry.name for entry, number in images.items() if number > len(classes)]
    if beyond:
        raise StudyError(
            f"{split}/{source} holds {len(beyond):,} image(s) whose class number is beyond the {len(classes)} classes; rename them, or "
            f"name all classes in classes.txt in the images folder, one a line:{listed(beyond)}"
        )
    return [Row(entry.name, number, classes[number - 1], f"images/{split}/{source}/{entry.name}") for entry, number in images.items()]


def csv_text(rows: Iterable[Row]) -> str:
    """The rows as the text of a CSV file, LF line ends."""
    return pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n")


def read_split(folders: Folders, source: str, split: str) -> Split:
    """Read all files of a folder. Raises StudyError if its CSV does not list them, a class is missing or a file cannot be read."""
    classes, path = class_names(folders), folders.metadata(source, split)
    rows = rows_of(folders, source, split, classes)
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != csv_text(rows):
        raise StudyError(
            f"{shown(path)} is missing, or does not list the images that are in {shown(folders.split(source, split))} now; make it with: "
            f"{with_folders('env/bin/python src/create_metadata.py')}"
        )
    _check_classes(rows, classes, folders, path)
    contents, digest = [], hashlib.sha256()
    for row, content in read_files(folders, rows):
        contents.append(content)
        digest.update(f"{row.number}:{len(content)}:".encode() + content)
    return Split(source, split, classes, tuple(rows), tuple(contents), digest.hexdigest())


def validation_rows(rows: int) -> int:
    """How many of the training rows are for validation: the first ones."""
    return int(rows * protocol.VALIDATION_SHARE)


def _check_classes(rows: list[Row], classes: tuple[str, ...], folders: Folders, path: Path) -> None:
    """Every class needs images in each part that a classifier learns from or is tested on."""
    first, parts = validation_rows(len(rows)), {"the test images": rows}
    if path.stem == "train":
        parts = {"the validation share (the first fifth of the rows)": rows[:first], "the training rows after it": rows[first:]}
    for part, members in parts.items():
        labels = {row.label for row in members}
        if absent := [name for name in classes if name not in labels]:
            hint = "" if folders.class_list.exists() else f", or name your own classes in {shown(folders.class_list)}, one a line,"
            raise StudyError(f"{shown(path)} has no image of {', '.join(absent)} in {part}; add images of each class{hint} and run again.")


def read_files(folders: Folders, rows: Iterable[Row]) -> Iterator[tuple[Row, bytes]]:
    """Each row with the bytes of its file. After the last one, raises StudyError that lists those which cannot be read."""
    faults = []
    for row in rows:
        try:
            content = folders.images.joinpath(*PurePosixPath(row.filepath).parts[1:]).read_bytes()
        except OSError as error:
            faults.append(f"{row.filepath}: {error.strerror}")
            continue
        yield row, content
    if faults:
        raise StudyError(f"{len(faults):,} image(s) cannot be read; make them readable or copy them again:{listed(faults)}")
