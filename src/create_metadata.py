"""Write the study's metadata: for FAKE and REAL, train and test, a CSV with each image's name, class, label and path.

    python src/create_metadata.py

Reads the file names in images/{train,test}/{FAKE,REAL}/ and writes images/metadata/{FAKE,REAL}/{train,test}.csv. It takes a
few seconds. On CIFAKE the four CSVs are byte for byte those of the original study.
"""

from cifake import command, metadata, options, protocol
from cifake.folders import shown


def main() -> None:
    """List the four folders, check all names, and only then write the four CSVs."""
    chosen = options.parse(__doc__)
    folders = chosen.folders
    classes = metadata.class_names(folders)
    tables, passed_over = {}, 0
    for source in protocol.SOURCES:
        for split in protocol.SPLITS:
            names, of_systems = metadata.list_images(folders, source, split)
            tables[source, split] = metadata.make_rows(names, source, split, classes)
            passed_over += of_systems
    if passed_over:
        command.log.info(
            "Passed over %s file(s) that systems leave behind, such as .DS_Store and Thumbs.db.", f"{passed_over:,}"
        )
    written = []
    for (source, split), rows in tables.items():
        path = folders.metadata(source, split)
        if chosen.dry_run:
            command.log.info(
                "%s: %s images; %s", shown(path), f"{len(rows):,}", "is there" if path.exists() else "would be written"
            )
        else:
            is_new = metadata.write_csv(path, rows)
            command.log.info("%s: %s images%s", shown(path), f"{len(rows):,}", "" if is_new else ", as it was")
            written += [path] * is_new
    if written:
        command.wrote(written)


if __name__ == "__main__":
    command.run(main)
