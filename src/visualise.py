"""Draw experiment 1: learning curves, confusion matrices, and tables of all classifiers.

    env/bin/python src/visualise.py

Works with the classifiers that have been trained so far and says which are missing. Reads E1_results/ and writes figures, tables
and runs.csv, a row for each run, to E1_visualisations/. It takes some seconds.
"""

import logging
from functools import partial

from cifake import protocol
from cifake.models.architectures import OF_EXPERIMENT_1
from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.files import write_whole
from cifake.system.paths import shown

log = logging.getLogger(__name__)


def main() -> None:
    chosen = options.parse(__doc__, "seeds images output dry_run")
    folders = chosen.folders
    if chosen.dry_run:
        log.info(
            "%s: would be drawn from the %d records that are there and from what is trained before",
            shown(folders.visualisations("E1")),
            len(folders.records("E1")),
        )
        return
    if not folders.records("E1"):
        raise StudyError(
            f"{shown(folders.results('E1'))} holds no record; train a classifier first, with: {options.with_folders('bash run-NN.sh')}"
        )
    from cifake.pages import e1 as pages_of_e1
    from cifake.pages import page, style
    from cifake.pages.study import Study
    from cifake.results import table

    study = Study(folders, table.load(folders, "E1"), chosen.seeds)
    trained = set(zip(study.plain["trained_on"], study.plain["architecture"], strict=True))
    missing = [f"{source} {name}" for name in OF_EXPERIMENT_1 for source in protocol.SOURCES if (source, name) not in trained]
    if missing:
        log.info("Not trained yet%s: %s", "" if study.runs["is_plain"].all() else " without --seeds", ", ".join(missing))
    written = page.draw(study, "E1", pages_of_e1.PAGES)
    if examples := pages_of_e1.examples(folders):
        written.append(folders.visualisations("E1") / pages_of_e1.EXAMPLES)
        write_whole(written[-1], partial(style.save, examples))
    command.wrote(written)


if __name__ == "__main__":
    command.run(main)
