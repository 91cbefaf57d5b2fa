"""Experiment 3: what is a generated image worth? Train on few and many REAL images, with augmentation, FAKE images, or both.

    python src/worth_of_fake.py
    python src/worth_of_fake.py --models LeNet --seeds 129 130 131
    python src/worth_of_fake.py --shard 2/8

Takes 100, 300, 1,000, 3,000, 10,000 and 40,000 REAL images, as far as there are so many, and FAKE images alone; each with VGG16 over
five seeds and LeNet over three (with --models NN: NN over three), all for as many steps. Needs the metadata (src/create_metadata.py).
Writes a record for each run to E3_results/, and figure, table and exchange rate of what is there to E3_visualisations/. Stopped, it goes
on after its last whole run.
The shares of --shard can be done by as many machines: put the files of their E3_results/ into one folder and start it once more.
"""

from pathlib import Path

from cifake import command, grid, options
from cifake.command import log
from cifake.files import write_text
from cifake.folders import Folders


def main() -> None:
    """Do the runs that are missing, then draw what is there."""
    chosen = options.parse(__doc__)
    if chosen.dry_run:
        grid.announce(chosen)
        return
    from cifake import mixing

    mixing.train_missing(chosen)
    command.wrote(draw(chosen.folders))


def draw(folders: Folders) -> list[Path]:
    """Figure, table and exchange rate, from all records that are there."""
    from cifake import figures, tables, worth

    members = grid.all_of(folders)
    groups = {architecture: worth.accuracies(found) for architecture, found in members.items()}
    place = folders.e3_visualisations
    written = [place / "accuracy.png", place / "accuracy_table.txt", place / "worth_table.txt"]
    figures.by_budget(groups, written[0])
    accuracy, exchange = tables.markdown(tables.by_budget(groups)), tables.markdown(tables.exchange(groups))
    lines = [line for architecture in groups for line in worth.sentences(folders, architecture, members[architecture])]
    write_text(written[1], accuracy)
    write_text(written[2], "\n".join([exchange, worth.LEGEND, *lines, ""]))
    log.info("\nAccuracy on the REAL test images, by number of REAL images:\n\n%s", accuracy)
    log.info("%s\n%s\n", exchange, "\n".join([worth.LEGEND, *lines]))
    return written


if __name__ == "__main__":
    command.run(main)
