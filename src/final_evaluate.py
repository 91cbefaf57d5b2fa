"""Experiment 2: test every classifier on the other source; the best FAKE ones on REAL images stand for the experiment.

    env/bin/python src/final_evaluate.py
    env/bin/python src/final_evaluate.py --best 3
    env/bin/python src/final_evaluate.py --seeds 129 130 131 132 133

The best are the two FAKE classifiers with the highest macro F1 on the FAKE test images. Writes reports and records to E2_results/,
figures, tables and runs.csv to E2_visualisations/. It takes about a minute on two cores. The original study's macro F1 on REAL:
FAKE LeNet 0.35, FAKE VGG16 0.41.
"""

import logging

from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.paths import shown

log = logging.getLogger(__name__)


def main() -> None:
    chosen = options.parse(__doc__, "models best seeds images output fresh dry_run verbose")
    folders = chosen.folders
    if chosen.dry_run:
        log.info("Experiment 2: would test what is trained by then, %d record(s) so far", len(folders.records("E1")))
        return
    from cifake.experiments import e2
    from cifake.pages import e2 as pages_of_e2
    from cifake.pages import page
    from cifake.pages.study import Study
    from cifake.results import table

    trained = table.load(folders, "E1")
    if chosen.seeds:
        trained = trained[trained["seed"].isin(chosen.seeds)]
    if chosen.models:
        trained = trained[trained["architecture"].isin(chosen.models)]
    if trained.empty:
        what = "no replicate with these seeds" if chosen.seeds else "no record of these classifiers" if chosen.models else "no record"
        raise StudyError(
            f"{shown(folders.results('E1'))} has {what}; train a classifier first, with: {options.with_folders('bash run-LeNet.sh')}"
        )
    if folders.records("E2") and not folders.images.joinpath("test").exists():
        log.info("There are no images in %s: drawn from the records that are there, without a test", shown(folders.images))
        written = []
    else:
        written = e2.evaluate(trained, table.best(trained, chosen.best), chosen)
    study = Study(folders, table.load(folders, "E1", "E2"), chosen.seeds, chosen.best)
    log.info("%s", "\n".join(pages_of_e2.answers(study)))
    if study.best_on_fake:
        log.info("The best FAKE classifiers, by macro F1 on FAKE: %s", ", ".join(study.best_on_fake))
    command.wrote(written + page.draw(study, "E2", pages_of_e2.PAGES))


if __name__ == "__main__":
    command.run(main)
