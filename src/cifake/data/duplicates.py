"""Files that occur more than once in the data set, byte for byte; create_metadata.py reports them. Standard library only."""

import hashlib
import itertools
from collections import Counter, defaultdict

from cifake import protocol
from cifake.data import metadata
from cifake.system.paths import Folders

COLUMNS = ("sha256", "label", "filepath")
PLACES = [(source, split) for source in protocol.SOURCES for split in protocol.SPLITS]  # the order in sentences
Group = list[metadata.Row]  # of the same content


def find(folders: Folders, tables: dict[tuple[str, str], list[metadata.Row]]) -> dict[str, Group]:
    """Rows whose files have the same content, by its SHA-256; `tables` holds the rows by source and split.

    Raises StudyError if files cannot be read.
    """
    groups = defaultdict(list)
    for row, content in metadata.read_files(folders, itertools.chain.from_iterable(tables.values())):
        groups[hashlib.sha256(content).hexdigest()].append(row)
    return {digest: rows for digest, rows in groups.items() if len(rows) > 1}


def csv_text(groups: dict[str, Group]) -> str:
    """The groups as the text of a CSV file, one file a line, LF line ends."""
    cells = ((digest, row.label, row.filepath) for digest, rows in groups.items() for row in rows)
    return metadata.table_text(COLUMNS, cells)


def sentences(groups: dict[str, Group]) -> list[str]:
    """How many groups of equal files there are within and across splits and sources, with their classes."""
    by_places = defaultdict(list)
    for rows in groups.values():
        by_places[tuple(sorted({PLACES.index(_place(row)) for row in rows}))].append(rows)
    found = []
    for places, members in sorted(by_places.items(), key=lambda item: (len(item[0]), item[0])):
        names = " and ".join(" ".join(PLACES[place]) for place in places)
        classes = Counter(label for rows in members for label in {row.label for row in rows})
        listed = ", ".join(f"{label} {times:,}" for label, times in sorted(classes.items()))
        found.append(
            f"{len(members):,} image(s) occur more than once {'in' if len(places) > 1 else 'within'} {names} "
            f"({sum(map(len, members)):,} files, byte for byte the same): {listed}"
        )
    return found or ["No image occurs more than once."]


def _place(row: metadata.Row) -> tuple[str, str]:
    """Source and split, from the row's path: images/train/FAKE/1000.jpg."""
    _, split, source, _ = row.filepath.split("/", 3)
    return source, split
