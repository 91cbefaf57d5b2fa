"""Write the study's metadata: for FAKE and REAL, train and test, a CSV with each image's name, class, label and path.

    env/bin/python src/create_metadata.py

Reads the file names in images/{train,test}/{FAKE,REAL}/ and writes images/metadata/{FAKE,REAL}/{train,test}.csv. On CIFAKE the
four CSVs are byte for byte those of the original study. It also reads the images, says how many of them occur more than once,
and lists these in images/metadata/duplicates.csv. It takes a few seconds, on a slow disk a minute.
"""

import itertools
import logging

from cifake import protocol
from cifake.system import command, options
from cifake.system.files import write_changed_text
from cifake.system.paths import shown

log = logging.getLogger(__name__)


def main() -> None:
    """List the four folders, check all names, read all files, and only then write the CSVs."""
    chosen = options.parse(__doc__, "images output dry_run")
    from cifake.data import duplicates, metadata  # after the options, because pandas takes half a second

    folders = chosen.folders
    classes = metadata.class_names(folders)
    tables = {place: metadata.rows_of(folders, *place, classes) for place in itertools.product(protocol.SOURCES, protocol.SPLITS)}
    if passed_over := sum(len(list(folders.split(*place).iterdir())) - len(rows) for place, rows in tables.items()):
        log.info("Passed over %s file(s) that systems leave behind, such as .DS_Store and Thumbs.db.", f"{passed_over:,}")
    if chosen.dry_run:
        for place, rows in tables.items():
            path = folders.metadata(*place)
            state = "is there" if path.exists() else "would be written"
            log.info("%s: %s images; %s", shown(path), f"{len(rows):,}", state)
        return
    log.info("Reading all images to find those that occur more than once")
    repeated = duplicates.find(folders, itertools.chain.from_iterable(tables.values()))
    log.info("%s", "\n".join(duplicates.sentences(repeated)))
    written = []
    for place, rows in tables.items():
        path = folders.metadata(*place)
        is_new = write_changed_text(path, metadata.csv_text(rows))
        log.info("%s: %s images%s", shown(path), f"{len(rows):,}", "" if is_new else ", unchanged")
        written += [path] * is_new
    if write_changed_text(folders.duplicates, repeated.to_csv(index=False, lineterminator="\n")):
        written.append(folders.duplicates)
    command.wrote(written)


if __name__ == "__main__":
    command.run(main)
