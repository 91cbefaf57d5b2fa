"""Draw experiment 1: histories and confusion matrices by architecture, and a table of all classifiers.

    python src/visualise.py

Works with the classifiers that have been trained so far and says which are missing. Reads E1_results/ and writes
NN_histories.png, NN_confusions.png, the same for LeNet and VGG16, all_metrics_table.txt, and leak_table.txt (the scores without
test images that were trained on) to E1_visualisations/; where there are replicates (--seeds), seeds_metrics_table.txt too. It
takes some seconds.
"""

from cifake import command, experiment, options, protocol, records
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import write_text
from cifake.folders import shown


def main() -> None:
    """Two figures for each architecture that has a record, and the tables."""
    chosen = options.parse(__doc__)
    folders = chosen.folders
    if not chosen.dry_run:
        experiment.finish_interrupted(folders)
    there, missing = records.all_of(folders)
    groups = records.over_seeds(folders, seeds=chosen.seeds)
    if missing:
        log.info("Not trained yet%s: %s", " without --seeds" if groups else "", ", ".join(missing))
    if strangers := records.left_out(folders):
        log.info(
            "Replicates of other settings or images than the plain run are not shown beside it: %s",
            ", ".join(strangers),
        )
    if chosen.dry_run:
        log.info(
            "%s: would be drawn from %d record(s) and whatever is trained before",
            shown(folders.e1_visualisations),
            len(there) + sum(map(len, groups.values())),
        )
        return
    if not there and not groups:
        raise StudyError(f"{shown(folders.e1_results)} holds no record; train a classifier first, with: bash run-NN.sh")
    from cifake import figures, histories, tables

    place, written = folders.e1_visualisations, []

    def write_table(name: str, table: str) -> None:
        written.append(place / name)
        write_text(written[-1], table)
        log.info("\n%s", table)

    for architecture in protocol.ARCHITECTURES:
        members = [there[source, architecture] for source in protocol.SOURCES if (source, architecture) in there]
        if members:
            written += [place / f"{architecture}_histories.png", place / f"{architecture}_confusions.png"]
            figures.histories([(record, histories.read(folders, record)) for record in members], written[-2])
            figures.confusions(members, written[-1])
    if there:
        write_table("all_metrics_table.txt", tables.markdown(tables.metrics(there.values())))
        write_table("leak_table.txt", tables.markdown(tables.leak(there.values())))
    if groups:
        write_table("seeds_metrics_table.txt", tables.markdown(tables.over_seeds(groups.values())))
    command.wrote(written)


if __name__ == "__main__":
    command.run(main)
