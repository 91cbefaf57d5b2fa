"""Experiment 3: what is a generated image worth? Train on few and many REAL images, with augmentation, FAKE images, or both.

    env/bin/python src/worth_of_fake.py
    env/bin/python src/worth_of_fake.py --models LeNet --seeds 129 130 131
    env/bin/python src/worth_of_fake.py --shard 2/8
    env/bin/python src/worth_of_fake.py --part own --images images_mine

Trains NN, LeNet and VGG16 with five seeds, AllConv with three, on 100 to 40,000 REAL images, as far as there are that many, on FAKE
images, on images drawn from a Gaussian of the REAL ones, and on mixtures; the more images, the more steps. Needs the metadata
(src/create_metadata.py). Writes a record for each run to E3_results/, and figure, tables and runs.csv to E3_visualisations/. All of it
takes about 100 hours on two cores, a third of that where bfloat16 is fast; --dry-run says how long the missing runs take in float32.
Stopped, it continues after its last whole run. With --shard, several machines can share the runs: put the files of their E3_results/ into
one folder and start it once more.

--part own is the short answer for your own generated images (docs/own-images.md): VGG16 or the --models that you name, three seeds, a few
of the conditions, at most 10,000 photographs. It writes to results_images_mine beside images_mine, or to --output, and draws worth.html.
"""

import argparse
import logging

from cifake import protocol
from cifake.models.architectures import ARCHITECTURES
from cifake.system import command, options
from cifake.system.files import write_text
from cifake.system.paths import Folders

log = logging.getLogger(__name__)


def main() -> None:
    uses = "models seeds part steps no_flip shard weights precision images output fresh dry_run verbose"
    chosen = options.parse(__doc__, uses, models=list(ARCHITECTURES), precision=None)
    from cifake.experiments import e3

    if chosen.dry_run:
        e3.announce(chosen)
        return
    e3.train_missing(chosen)
    if chosen.part == protocol.OWN:
        answer_for_own(chosen)
        return
    from cifake.pages import e3 as pages_of_e3
    from cifake.pages import page
    from cifake.pages.study import Study
    from cifake.results import table

    runs = table.load(chosen.folders, "E3")
    if runs.empty:  # others are doing all that this start was to do
        log.info("Nothing to draw: no run is there yet.")
        return
    study = Study(chosen.folders, runs)
    for line in pages_of_e3.answers(study):
        log.info("%s", line)
    command.wrote(page.draw(study, "E3", pages_of_e3.PAGES))


def answer_for_own(chosen: argparse.Namespace) -> None:
    """Measure the images, and put all on one page."""
    from cifake.experiments import e4
    from cifake.pages import own, page
    from cifake.pages.study import Study
    from cifake.results import table

    e4.measure_images(next(name for name, entry in ARCHITECTURES.items() if entry.is_pretrained), chosen)
    study, committed = (Study(folders, table.load(folders, "E3")) for folders in (chosen.folders, Folders()))
    for line in own.answers(study):
        log.info("%s", line)
    write_text(chosen.folders.worth, own.page(study, committed))
    command.wrote([*page.draw(study, "E3", ()), chosen.folders.worth])


if __name__ == "__main__":
    command.run(main)
