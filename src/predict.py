"""Classify your own pictures with a trained classifier: the three most likely classes of each.

    env/bin/python src/predict.py models/FAKE_LeNet.keras photo.jpg
    env/bin/python src/predict.py models/FAKE_LeNet.keras *.png --csv
    env/bin/python src/predict.py models/REAL_or_FAKE_LeNet.keras photo.jpg
    env/bin/python src/predict.py models/FAKE_LeNet.keras *.jpg --explain why.png

Takes JPEGs and PNGs of any size and scales them to 32x32 pixels, the size that the classifiers learned from. It knows the classes it
was trained on and no others, so it takes an astronaut for a horse or the like. The class names come from the model's record,
FAKE_LeNet_record.json, beside the model or in the E1_results/ or E4_results/ beside its folder: take both files along and this works
anywhere. Prints a table, or CSV with --csv. Writes no file but that of --explain: each picture as the classifier sees it, and the same
with the places bright that speak for the first of its classes (Grad-CAM, for LeNet and VGG16). It takes some seconds.
"""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from cifake.data import metadata
from cifake.results import records
from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.files import checksum, write_whole
from cifake.system.paths import ENDINGS, Folders, shown

if TYPE_CHECKING:
    import numpy as np

    from cifake.models.architectures import Classifier

log = logging.getLogger(__name__)

SHOWN = 3  # classes for each picture
COLUMNS = 6  # pictures in a line of --explain
Likely = tuple[str, list[tuple[str, float]]]  # a picture, and its most likely classes with their probabilities


def main() -> None:
    """Read the model's record and the pictures, and only then start TensorFlow."""
    chosen = options.parse(__doc__, "dry_run verbose", extend=add_arguments)
    record = record_of(chosen.model)
    if chosen.explain and chosen.explain.suffix.lower() != ".png":
        raise StudyError(f"--explain {chosen.explain}: name a PNG file, such as explained.png.")
    absent = [picture for picture in chosen.pictures if not picture.is_file()]
    if absent:
        raise StudyError(f"There is no file {absent[0]}; check its name.")
    contents = [picture.read_bytes() for picture in chosen.pictures]
    if chosen.dry_run:
        log.info("%s: would look at %d picture(s)", records.name_of(record), len(contents))
        return
    lines, faults = predict(chosen, record, contents)
    if lines and chosen.csv:
        log.info("%s", csv_text(lines))
    elif lines:
        number = len(record["classes"])
        log.info("What %s, which knows %d classes, takes them for:\n\n%s", records.name_of(record), number, table(lines))
    if faults:
        named = faults[0] if len(faults) == 1 else f"{len(faults)} files"
        listed = metadata.listed(faults) if len(faults) > 1 else ""
        raise StudyError(f"{named}: damaged, or not a JPEG or PNG; save again or leave out.{listed}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This script's own arguments."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a saved classifier, such as models/FAKE_LeNet.keras")
    parser.add_argument("pictures", type=Path, nargs="+", metavar="IMAGE", help="JPEG or PNG files")
    parser.add_argument("--csv", action="store_true", help="print CSV: image, rank, class, probability")
    words = "draw into this file what speaks for the first class of each picture"
    parser.add_argument("--explain", type=Path, metavar="PNG", help=words)


def record_of(model: Path) -> dict:
    """The record that was written with a model. Raises StudyError if there is none, or it belongs to another model."""
    if model.suffix.lower() in (".jpg", ".jpeg", ".png"):
        raise StudyError(f"{shown(model)} is a picture; name the model first, then the pictures.")
    if not model.is_file():
        raise StudyError(f"There is no file {shown(model)}; models are not in git, so train one first, for example with: bash run-LeNet.sh")
    name, study = f"{model.stem}_{ENDINGS['record']}", Folders(output=model.resolve().parent.parent)
    places = [model.parent / name, study.results("E1") / name, study.results("E4") / name]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise StudyError(
            f"There is no record with the names of the classes: copy {name} from the E1_results/ or E4_results/ that {model.name} was "
            f"trained into beside {shown(model)}."
        )
    record = records.read(path)
    if checksum(model) != record["model"]["sha256"]:
        raise StudyError(f"{shown(path)} belongs to another {model.name} than {shown(model)}; copy the two that were made together.")
    return record


def predict(chosen: argparse.Namespace, record: dict, contents: list[bytes]) -> tuple[list[Likely], list[str]]:
    """The likely classes of each picture, the likeliest first, and the names of the pictures that cannot be decoded."""
    from cifake.system import devices

    devices.prepare(chosen.verbose)
    import numpy as np

    from cifake.data import decoding
    from cifake.models import architectures, features

    names, pixels, faults = [], [], []
    for picture, content in zip(map(str, chosen.pictures), contents, strict=True):
        try:
            pixels.append(decoding.decode_any(content)[0])
            names.append(picture)
        except Exception:  # Pillow raises many kinds of exceptions on damaged bytes
            faults.append(picture)
    if not pixels:
        return [], faults
    classifier, classes, images = architectures.load(chosen.model), record["classes"], np.stack(pixels)
    probabilities = features.compute(classifier.whole("classifier"), images)
    if chosen.explain:
        explain(chosen.explain, classifier, images, probabilities, classes)
    likely = [[(classes[number], float(row[number])) for number in np.argsort(-row, kind="stable")[:SHOWN]] for row in probabilities]
    return list(zip(names, likely, strict=True)), faults


def explain(path: Path, classifier: "Classifier", images: "np.ndarray", probabilities: "np.ndarray", classes: list[str]) -> None:
    """Draw each picture, six a line, and what speaks for its likeliest class."""
    from cifake.models import gradcam
    from cifake.pages import e4, style

    likeliest = probabilities.argmax(1)
    heat = gradcam.heat_maps(classifier, images, likeliest)
    words = [f"{classes[number]} {row[number]:.0%}" for number, row in zip(likeliest, probabilities, strict=True)]
    full, rest = divmod(len(images), COLUMNS)
    figure = e4.looks_at(images, heat, words, [COLUMNS] * full + [rest] * bool(rest), "What speaks for the class above the picture")
    write_whole(path.resolve(), lambda draft: style.save(figure, draft))


def table(lines: list[Likely]) -> str:
    """A line for each picture, in columns."""
    from tabulate import tabulate

    longest = max(len(name) for _, likely in lines for name, _ in likely)
    rows = [[picture, *(f"{name:<{longest}} {share:6.1%}" for name, share in likely)] for picture, likely in lines]
    return tabulate(rows, ["image", "1st", "2nd", "3rd"][: len(rows[0])], tablefmt="plain", disable_numparse=True)


def csv_text(lines: list[Likely]) -> str:
    """A line for each picture and class."""
    rows = [(picture, rank, name, f"{share:.6f}") for picture, likely in lines for rank, (name, share) in enumerate(likely, start=1)]
    return metadata.csv_text(rows, ("image", "rank", "class", "probability")).rstrip("\n")


if __name__ == "__main__":
    command.run(main)
