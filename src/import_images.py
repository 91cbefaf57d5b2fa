"""Import your own images in place of CIFAKE's FAKE ones (or REAL): from a folder with a folder for each class, or from arrays.

    env/bin/python src/import_images.py my_generator/ --like images --output images_mine
    env/bin/python src/import_images.py samples.npz --like images --output images_mine
    env/bin/python src/import_images.py images.npy labels.npy --like images --output images_mine
    env/bin/python src/import_images.py cifar-10-batches-bin/ --source REAL --output photographs

Then: bash run-E3.sh --part own --images images_mine (docs/own-images.md). Takes all formats that Pillow reads, or arrays of images: uint8
[n, height, width, 3], or floats in [0, 1] or [-1, 1], with labels from 0. Each image is cut to the square in its middle, scaled to 32x32
pixels and saved as a JPEG with CIFAKE's settings, so that these do not tell your images from CIFAKE's. Start from PNGs if you can: what
a JPEG has lost stays lost.

If the input says which images are for testing (folders train and test, x_train and x_test, test_batch), these are. If not, one in six of
each class is. --like names an images folder with the same classes. All that is not imported is linked from there: the REAL images, and
with --split train the FAKE test images. Links take no space; if you change an image in one folder, it changes in both. 60,000 images of
64x64 take about a minute.
"""

import argparse
import logging
from pathlib import Path

from cifake import protocol
from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.paths import REPOSITORY, shown

log = logging.getLogger(__name__)


def main() -> None:
    """Check all labels, and only then write the new folder, whole or not at all."""
    chosen = options.parse(__doc__, "output seed dry_run verbose", extend=add_arguments)
    output = chosen.folders.output
    if output == REPOSITORY or (output.exists() and (not output.is_dir() or any(output.iterdir()))):
        raise StudyError(f"{shown(output)} is there and not empty; name a new folder, such as --output images_mine.")
    if chosen.like and not chosen.like.is_dir():
        raise StudyError(f"There is no folder {shown(chosen.like)}; name an images folder with --like.")
    from cifake.data import importing

    items = importing.find(chosen.inputs)
    classes = importing.class_names(items, chosen.inputs, chosen.like)
    planned = importing.plan(items, classes, chosen.source, chosen.split, chosen.seed)
    linked = importing.links(chosen.like, classes, planned)
    log.info("%d classes: %s", len(classes), ", ".join(classes))
    counts = {part: sum(name.startswith(part) for name in [*planned, *linked]) for part in importing.PARTS}
    for part, count in counts.items():
        origin = f"linked from {shown(chosen.like)}" if any(name.startswith(part) for name in linked) else "imported"
        log.info("%s: %s images %s", part, f"{count:,}", origin)
    if len(planned) < importing.FEW:
        log.info("Scores may say nothing: trainings on fewer than %s images have few steps.", f"{importing.FEW:,}")
    if chosen.dry_run:
        return
    importing.write(output, classes, planned, linked, chosen.stretch)
    command.wrote([output])
    if all(counts.values()):
        log.info("Next: bash run-E3.sh --part own --images %s", shown(output))
    else:
        log.info("The study needs all four: import the others with --like %s into another folder", shown(output))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, words in (("--output", "the new folder (required)"), ("--seed", "of the order of the images, and of which are for testing")):
        parser._option_string_actions[name].help = words
    words = "a folder with a folder for each class; .npz; a pair of .npy; CIFAR-10's .bin"
    parser.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help=words)
    parser.add_argument("--like", type=Path, metavar="DIR", help="take class names, and what is not imported, from this images folder")
    words = "what the images count as (default: %(default)s)"
    parser.add_argument("--source", type=str.upper, choices=protocol.SOURCES, default="FAKE", help=words)
    words = "import this part alone, from an input without parts all images"
    parser.add_argument("--split", type=str.lower, choices=protocol.SPLITS, help=words)
    parser.add_argument("--stretch", action="store_true", help="scale oblong images to a square, in place of cutting them")


if __name__ == "__main__":
    command.run(main)
