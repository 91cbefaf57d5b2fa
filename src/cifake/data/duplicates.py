"""Files that occur more than once in the data set, byte for byte; create_metadata.py reports them."""

import hashlib
from collections.abc import Iterable

import pandas as pd

from cifake import protocol
from cifake.data import metadata
from cifake.system.paths import Folders

COLUMNS = ["sha256", "label", "filepath"]
PLACES = [f"{source} {split}" for source in protocol.SOURCES for split in protocol.SPLITS]  # in the order of sentences


def find(folders: Folders, rows: Iterable[metadata.Row]) -> pd.DataFrame:
    """The images whose files have the same content, a row each, with COLUMNS: those of the same content follow one another.

    Raises StudyError if files cannot be read.
    """
    read = metadata.read_files(folders, rows)
    table = pd.DataFrame(((hashlib.sha256(content).hexdigest(), row.label, row.filepath) for row, content in read), columns=COLUMNS)
    return table[table.duplicated("sha256", keep=False)].sort_values("sha256", kind="stable")


def sentences(table: pd.DataFrame) -> list[str]:
    """How many contents occur more than once within and across splits and sources, and of which classes they are."""
    if table.empty:
        return ["No image occurs more than once."]
    parts = table["filepath"].str.split("/", expand=True)  # images, train, FAKE, 1000.jpg
    table = table.assign(place=(parts[2] + " " + parts[1]).map(PLACES.index))
    places = table.groupby("sha256")["place"].agg(lambda group: tuple(sorted(set(group))))
    found = []
    for where, files in sorted(table.groupby(table["sha256"].map(places)), key=lambda item: (len(item[0]), item[0])):
        names, labels = " and ".join(PLACES[place] for place in where), files.drop_duplicates(["sha256", "label"])["label"]
        listed = ", ".join(f"{label} {times:,}" for label, times in labels.value_counts().sort_index().items())
        start = f"{files['sha256'].nunique():,} image(s) occur more than once {'in' if len(where) > 1 else 'within'} {names}"
        found.append(f"{start} ({len(files):,} files, byte for byte the same): {listed}")
    return found
