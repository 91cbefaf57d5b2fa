"""Put the study on one page: question, method, figures, tables, how sure they are, and the exact settings.

    python src/write_report.py

Reads the records and the figures of all experiments and writes E2_visualisations/report.html, which needs no other file: send it,
print it, or open it in any browser. Draw the figures first (src/visualise.py, src/final_evaluate.py, and src/worth_of_fake.py
for experiment 3, which is on the page where it has been run). It takes ten seconds.
"""

from cifake import command, grid, options, records
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import write_text
from cifake.folders import shown


def main() -> None:
    """One page from all that is there."""
    chosen = options.parse(__doc__)
    folders = chosen.folders
    if chosen.dry_run:
        log.info("%s: would be written from whatever is trained before", shown(folders.report))
        return
    if not records.all_of(folders)[0] and not records.over_seeds(folders, seeds=chosen.seeds):
        if grid.all_of(folders):
            log.info("No report: it is about experiments 1 and 2 first of all, which bash run.sh does.")
            return
        raise StudyError(f"{shown(folders.e1_results)} holds no record; train a classifier first, with: bash run-NN.sh")
    from cifake import report

    write_text(folders.report, report.page(folders, chosen.seeds))
    command.wrote([folders.report])


if __name__ == "__main__":
    command.run(main)
