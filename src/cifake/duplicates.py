"""Files that occur more than once in the data set, byte for byte; create_metadata.py reports them. Standard library only."""

import csv
import hashlib
import io
from collections import Counter, defaultdict

from cifake import metadata, protocol
from cifake.errors import StudyError
from cifake.folders import Folders

COLUMNS = ("sha256", "label", "filepath")
Group = list[metadata.Row]  # of the same content


def find(folders: Folders, tables: dict[tuple[str, str], list[metadata.Row]]) -> dict[str, Group]:
    """The rows whose files have the same content, by its SHA-256; `tables` holds the rows by source and split.

    Raises StudyError where files cannot be read.
    """
    groups, faults = defaultdict(list), []
    for rows in tables.values():
        for row in rows:
            try:
                groups[hashlib.sha256(metadata.file_of(folders, row).read_bytes()).hexdigest()].append(row)
            except OSError as error:
                faults.append(f"{row.filepath}: {error.strerror}")
    if faults:
        raise StudyError(
            f"{len(faults):,} image(s) cannot be read; make them readable or copy them anew:{metadata.listed(faults)}"
        )
    return {digest: rows for digest, rows in groups.items() if len(rows) > 1}


def csv_text(groups: dict[str, Group]) -> str:
    """The groups as a CSV file's text, a file a line, LF line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for digest, rows in groups.items():
        writer.writerows((digest, row.label, row.filepath) for row in rows)
    return text.getvalue()


def sentences(groups: dict[str, Group]) -> list[str]:
    """How many groups of equal files there are within and across splits and sources, with their classes."""
    by_place = defaultdict(list)
    for rows in groups.values():
        by_place[frozenset(_place(row) for row in rows)].append(rows)
    if not by_place:
        return ["No image occurs more than once."]
    found = []
    for places in sorted(by_place, key=lambda places: (len(places), sorted(map(_order, places)))):
        members = by_place[places]
        names = [f"{source} {split}" for source, split in sorted(places, key=_order)]
        where = f"within {names[0]}" if len(names) == 1 else f"in {' and '.join(names)}"
        classes = Counter(label for rows in members for label in {row.label for row in rows})
        files = sum(map(len, members))
        found.append(
            f"{len(members):,} image(s) occur more than once {where} ({files:,} files, byte for byte the same): {_listed(classes)}"
        )
    return found


def _place(row: metadata.Row) -> tuple[str, str]:
    """Source and split, from the row's path: images/train/FAKE/1000.jpg."""
    _, split, source, _ = row.filepath.split("/", 3)
    return source, split


def _order(place: tuple[str, str]) -> tuple[int, int]:
    return protocol.SOURCES.index(place[0]), protocol.SPLITS.index(place[1])


def _listed(classes: Counter[str]) -> str:
    return ", ".join(f"{label} {times:,}" for label, times in sorted(classes.items()))
