"""Files that occur more than once in the data set, byte for byte; create_metadata.py reports them. Standard library only."""

import hashlib
import itertools
from collections import Counter, defaultdict

from cifake import protocol
from cifake.data import metadata
from cifake.system.paths import Folders

COLUMNS = ("sha256", "label", "filepath")
PLACES = [f"{source} {split}" for source in protocol.SOURCES for split in protocol.SPLITS]  # in the order of sentences
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
    return metadata.csv_text(cells, COLUMNS)


def sentences(groups: dict[str, Group]) -> list[str]:
    """How many groups of equal files there are within and across splits and sources, with their classes."""
    by_places = defaultdict(list)
    for rows in groups.values():
        by_places[tuple(sorted({_place(row) for row in rows}))].append(rows)
    found = []
    for places, members in sorted(by_places.items(), key=lambda item: (len(item[0]), item[0])):
        names = " and ".join(PLACES[place] for place in places)
        classes = Counter(label for rows in members for label in {row.label for row in rows})
        listed = ", ".join(f"{label} {times:,}" for label, times in sorted(classes.items()))
        where = f"{'in' if len(places) > 1 else 'within'} {names} ({sum(map(len, members)):,} files, byte for byte the same)"
        found.append(f"{len(members):,} image(s) occur more than once {where}: {listed}")
    return found or ["No image occurs more than once."]


def _place(row: metadata.Row) -> int:
    """Number of the row's source and split in PLACES, from its path: images/train/FAKE/1000.jpg."""
    _, split, source, _ = row.filepath.split("/")
    return PLACES.index(f"{source} {split}")
