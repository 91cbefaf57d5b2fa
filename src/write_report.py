"""Put the study on one page: answer, figures, tables, how sure they are, and the exact settings.

    env/bin/python src/write_report.py

Reads the records and the figures of all experiments and writes E2_visualisations/report.html, a single file to send, print or
open in any browser. Draw the figures first (src/visualise.py, src/final_evaluate.py). Experiments 3 and 4 are on the page if
src/worth_of_fake.py and src/real_or_fake.py have been run. It takes ten seconds.
"""

import logging

from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.files import write_text
from cifake.system.paths import shown

log = logging.getLogger(__name__)


def main() -> None:
    """One page from all that is there."""
    chosen = options.parse(__doc__, "best seeds images output dry_run")
    folders = chosen.folders
    if chosen.dry_run:
        log.info("%s: would be written from what is trained before", shown(folders.report))
        return
    if not folders.records("E1"):
        if folders.records("E3"):
            log.info("No report: it is about experiments 1 and 2 first of all, which %s does.", options.with_folders("bash run.sh"))
            return
        raise StudyError(
            f"{shown(folders.results('E1'))} holds no record; train a classifier first, with: {options.with_folders('bash run-NN.sh')}"
        )
    from cifake.pages import contents, report
    from cifake.pages.study import Study
    from cifake.results import table

    study = Study(folders, table.on_the_same_images(table.load(folders)), chosen.seeds, chosen.best)
    if outdated := contents.outdated(study):
        log.info(
            "The figures of %s show other records than those that are there now; %s (E3: run-E3.sh) draws them.",
            ", ".join(outdated),
            options.with_folders("bash run.sh"),
        )
    write_text(folders.report, report.page(study))
    command.wrote([folders.report])


if __name__ == "__main__":
    command.run(main)
