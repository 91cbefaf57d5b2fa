"""Experiment 4: what sets FAKE images apart from REAL ones? Classifiers that tell them apart, and why half of the accuracy is lost.

    env/bin/python src/real_or_fake.py
    env/bin/python src/real_or_fake.py --models LeNet --seeds 129

Trains NN, LeNet and VGG16 with five seeds to tell REAL from FAKE, and LeNet with three seeds on changed images: FAKE with REAL's colours
or spectrum or with labels by a REAL classifier, and REAL or FAKE with colours or spectrum matched. Measures what FAKE classifiers lose on
REAL: coverage, decisions, features, last layers, calibration. Needs the metadata (src/create_metadata.py) and, for some of it, the
classifiers of experiment 1, of as many seeds as are in models/. Writes to E4_results/ and E4_visualisations/. It takes some two and a half
hours on two cores; if stopped, it continues after its last whole epoch. Published: 92.98 % accuracy (Bird & Lotfi, 2023).
"""

import logging

from cifake.models.architectures import OF_EXPERIMENT_1
from cifake.system import command, options

log = logging.getLogger(__name__)


def main() -> None:
    uses = "models epochs seed seeds weights precision images output fresh dry_run verbose"
    chosen = options.parse(__doc__, uses, models=OF_EXPERIMENT_1)
    from cifake.experiments import e4
    from cifake.pages import e4 as pages_of_e4
    from cifake.pages import page
    from cifake.pages.study import Study
    from cifake.results import table

    if chosen.dry_run:
        e4.announce(chosen)
        return
    e4.run_missing(chosen)
    study = Study(chosen.folders, table.load(chosen.folders))
    command.wrote(page.draw(study, "E4", pages_of_e4.PAGES))


if __name__ == "__main__":
    command.run(main)
