"""Put the study on one page: answer, figures, tables, how sure they are, and the exact settings.

    env/bin/python src/write_report.py

Reads the records of all experiments and writes E2_visualisations/report.html, a single file to send, print or open in any browser.
Experiments 3 and 4 are on the page if src/worth_of_fake.py and src/real_or_fake.py have been run. For CIFAKE's results in this
repository, it also renews the tables of README.md and docs/ that are made from them. It takes twenty seconds.
"""

import logging

from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.files import write_text
from cifake.system.paths import REPOSITORY, shown

log = logging.getLogger(__name__)


def main() -> None:
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
    from cifake.pages import readme, report
    from cifake.pages.study import Study
    from cifake.results import table

    study = Study(folders, table.load(folders), chosen.seeds, chosen.best)
    write_text(folders.report, report.page(study))
    is_committed = folders.output == REPOSITORY and study.is_cifake and not chosen.seeds
    command.wrote([folders.report, *(readme.renew(study) if is_committed else [])])


if __name__ == "__main__":
    command.run(main)
