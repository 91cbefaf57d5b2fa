"""Check the image files: how they are encoded, and which test images are near-duplicates of training images.

    env/bin/python src/check_data.py

Reads all images and the metadata (src/create_metadata.py). Writes to E4_results/: data.json, near_duplicates.csv (the pairs) and
near_duplicates.png (pairs at several distances, to look at). Adds the accuracy of experiment 1's classifiers without the
near-duplicates, from their records. It takes two to three minutes on two cores; docs/data.md says what it finds in CIFAKE.
"""

import itertools
import logging

from cifake import protocol
from cifake.system import command, options
from cifake.system.paths import shown

log = logging.getLogger(__name__)


def main() -> None:
    chosen = options.parse(__doc__, "images output fresh dry_run")
    if chosen.dry_run:
        log.info("The files of %s would be checked", shown(chosen.folders.images))
        return
    import pandas as pd

    from cifake.data import decoding, facts, metadata
    from cifake.results import copies, records
    from cifake.system import files

    folders = chosen.folders
    log.info("Reading the images")
    splits = {part: metadata.read_split(folders, *part) for part in itertools.product(protocol.SOURCES, protocol.SPLITS)}
    settings = {name.lower(): getattr(facts, name) for name in ("SIDE", "CANDIDATES", "BLUR", "SHIFT", "COPY")}
    data = {" ".join(part): {"images": len(split.rows), "sha256": split.fingerprint} for part, split in splits.items()}
    table, picture = (folders.results("E4") / f"near_duplicates.{kind}" for kind in ("csv", "png"))
    record = folders.finding("data")["record"]
    if not chosen.fresh and all(path.exists() for path in (record, table, picture)):
        there = records.read(record, "E4")
        if (there["settings"], there["data"]) == (settings, data):
            log.info("Facts about the files: done already for these images; --fresh does it again.")
            return
    headers = {" ".join(part): facts.headers(split.contents) for part, split in splits.items()}
    for name, kinds in headers.items():
        log.info("%s: %d kind(s) of JPEG header; the most frequent: %s", name, len(kinds), kinds[0])
    by_size = facts.accuracy_by_size(*([splits[source, split].contents for source in protocol.SOURCES] for split in protocol.SPLITS))
    log.info("The size of a file alone tells REAL from FAKE in %.3f of the test images", by_size["any_rule"])
    near, tables, looked_at = {}, [], {}
    for source in protocol.SOURCES:
        train, test = splits[source, "train"], splits[source, "test"]
        pixels, others = (decoding.decode(part.contents, part.filepaths, f"{source}, {part.split}")[0] for part in (test, train))
        places, distances = facts.nearest(pixels, others, source)
        tables.append(pairs := facts.pairs(test, train, places, distances))
        looked_at[source] = (pixels, others[places], distances)
        near[source] = {
            "pairs": len(pairs),
            "of_the_same_class": int((pairs["test_label"] == pairs["training_label"]).sum()),
            "by_class": pairs["test_label"].value_counts().sort_index().to_dict(),
            "within_distance": {str(most): int((distances <= most).sum()) for most in facts.BANDS},
        }
        log.info("%s: %s of %s test images are near-duplicates of training images", source, f"{len(pairs):,}", f"{len(test.rows):,}")
    pairs = pd.concat(tables)
    accuracies = copies.of_experiment_1(set(pairs["test_image"]), splits, folders)
    for name, row in accuracies.items():
        log.info("%s: accuracy %.4f, without near-duplicates %.4f", name, row["accuracy"], row["without"])

    found = {"headers": headers, "accuracy_by_file_size": by_size, "near_duplicates": near, "accuracies": accuracies}
    files.write_text(table, pairs.to_csv(index=False, lineterminator="\n"))
    files.write_whole(picture, facts.sheet(looked_at).save)
    files.write_whole(record, lambda path: records.write({"settings": settings, "data": data, "found": found}, path))
    command.wrote([record, table, picture])


if __name__ == "__main__":
    command.run(main)
