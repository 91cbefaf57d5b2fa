"""Draw experiment 1: histories by architecture, and one table of all classifiers.

    python src/visualise.py

Works with the classifiers that have been trained so far and says which are missing. Reads E1_results/ and writes
NN_histories.png, LeNet_histories.png, VGG16_histories.png and all_metrics_table.txt to E1_visualisations/, in some seconds.
"""

from cifake import command, options, protocol, records
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import write_text
from cifake.folders import shown


def main() -> None:
    """A figure for each architecture that has a record, and the table."""
    chosen = options.parse(__doc__)
    folders = chosen.folders
    there, missing = records.all_e1(folders)
    if missing:
        log.info("Not trained yet: %s", ", ".join(missing))
    if chosen.dry_run:
        log.info(
            "%s: would be drawn from %d record(s) and whatever is trained before",
            shown(folders.e1_visualisations),
            len(there),
        )
        return
    if not there:
        raise StudyError(f"{shown(folders.e1_results)} holds no record; train a classifier first, with: bash run-NN.sh")
    from cifake import figures, histories, tables

    written = []
    for architecture in protocol.ARCHITECTURES:
        members = [there[source, architecture] for source in protocol.SOURCES if (source, architecture) in there]
        if members:
            written.append(folders.e1_visualisations / f"{architecture}_histories.png")
            figures.histories([(record, histories.read(folders, record)) for record in members], written[-1])
    written.append(folders.e1_visualisations / "all_metrics_table.txt")
    write_text(written[-1], tables.metrics(list(there.values())))
    log.info("\n%s", written[-1].read_text(encoding="utf-8"))
    command.wrote(written)


if __name__ == "__main__":
    command.run(main)
