"""Classify your own pictures with a trained classifier: the three most likely classes of each.

    env/bin/python src/predict.py models/FAKE_LeNet.keras photo.jpg
    env/bin/python src/predict.py models/FAKE_LeNet.keras *.png --csv
    env/bin/python src/predict.py models/REAL_or_FAKE_LeNet.keras photo.jpg
    env/bin/python src/predict.py models/FAKE_LeNet.keras *.jpg --explain why.png

Takes JPEGs and PNGs of any size and scales them to 32x32 pixels, the size that the classifiers learned from. It knows the classes it
was trained on and no others, so it takes an astronaut for a horse or the like. The class names come from the model's record,
FAKE_LeNet_record.json, beside the model or in the E1_results/ or E4_results/ beside models/: take both files along and this works
anywhere. Prints a table, or CSV with --csv. Writes no file but that of --explain: each of the first 60 pictures as the classifier sees
it, and the same with the places bright that speak for its likeliest class (Grad-CAM, for LeNet and VGG16). It takes some seconds.
"""

import argparse
import csv
import io
import logging
import stat
import sys
from pathlib import Path

from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.files import checksum, write_whole
from cifake.system.paths import ENDINGS, printable, shown

log = logging.getLogger(__name__)

SHOWN = 3  # classes for each picture
EXPLAINED, COLUMNS = 60, 6  # pictures of --explain at most, half a second each, and how many of them stand in a line
Likely = list[tuple[str, float]]  # the most likely classes of a picture, with their probabilities


def main() -> None:
    """Check all that is named, and only then start TensorFlow."""
    chosen = options.parse(__doc__, "dry_run verbose", extend=add_arguments)
    from cifake.data import decoding, metadata  # after the options, because the libraries take seconds
    from cifake.results import records

    record = record_of(chosen.model)
    contents = [existing(picture).read_bytes() for picture in chosen.pictures]
    if chosen.explain is not None:
        refuse_to_replace(chosen.explain)
    if chosen.dry_run:
        log.info("%s: would look at %d picture(s)", records.name_of(record), len(contents))
        return

    names, pixels, faults = [], [], []
    for picture, content in zip(chosen.pictures, contents, strict=True):
        try:
            pixels.append(decoding.decode_image(content)[0])
            names.append(picture)
        except ValueError as problem:
            faults.append(f"{picture}: {problem}")
    if pixels:
        classes = record["classes"]
        lines = list(zip(names, likely_of(chosen, classes, pixels), strict=True))
        if chosen.csv:
            sys.stdout.buffer.write(csv_text(lines).encode("utf-8", "surrogateescape"))  # a name that is no UTF-8 as the bytes that it is
        else:
            log.info("What %s, which knows %d classes, takes them for:\n\n%s", records.name_of(record), len(classes), table(lines))
    if faults:
        raise StudyError(f"{len(faults)} picture(s) cannot be decoded; save them again or leave them out:{metadata.listed(faults)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a saved classifier, such as models/FAKE_LeNet.keras")
    parser.add_argument("pictures", nargs="+", metavar="IMAGE", help="JPEG or PNG files")
    parser.add_argument("--csv", action="store_true", help="print CSV in UTF-8: image, rank, class, probability")
    words = f"draw into this new file what speaks for the likeliest class of the first {EXPLAINED} pictures"
    parser.add_argument("--explain", metavar="PNG", help=words)


def existing(name: str, advice: str = "check its name") -> Path:
    """The path of a file. Raises StudyError that says what is there in its place."""
    try:
        mode = Path(name).stat().st_mode
    except FileNotFoundError:
        raise StudyError(f"There is no file {printable(name)}; {advice}.") from None
    except OSError as problem:
        raise StudyError(f"{printable(name)} cannot be read: {problem.strerror}.") from None
    if not stat.S_ISREG(mode):
        raise StudyError(f"{printable(name)} is a {'folder' if stat.S_ISDIR(mode) else 'pipe or device'}; name a file.")
    return Path(name)


def refuse_to_replace(name: str) -> None:
    """--explain draws into a new file, so that no picture of the user's is lost."""
    path = Path(name)
    if path.suffix.lower() != ".png":
        raise StudyError(f"--explain {printable(name)}: name a PNG file, such as explained.png.")
    if path.exists() or path.is_symlink():
        raise StudyError(f"--explain {printable(name)}: this file is there already; name another one, or delete it first.")


def record_of(name: str) -> dict:
    """The record that was written with a model. Raises StudyError if there is none, or it belongs to another model."""
    from cifake.results import records

    if name.lower().endswith((".jpg", ".jpeg", ".png")):
        raise StudyError(f"{printable(name)} is a picture; name the model first, then the pictures.")
    model = existing(name, "models are not in git, so train one first, for example with: bash run-LeNet.sh").resolve()
    # Results are kept as models are: models/replicates/seed-130/ beside E1_results/replicates/seed-130/.
    models = next((folder for folder in model.parents if folder.name == "models"), model.parent)
    below, file = model.parent.relative_to(models), f"{model.stem}_{ENDINGS['record']}"
    places = [model.parent, *(models.parent / f"{experiment}_results" / below for experiment in ("E1", "E4"))]
    path = next((place / file for place in places if (place / file).is_file()), None)
    if path is None:
        raise StudyError(
            f"There is no record with the names of the classes: copy {file} from the E1_results/ or E4_results/ that {model.name} was "
            f"trained into beside {shown(model)}."
        )
    record = records.read(path)
    if checksum(model) != record["model"]["sha256"]:
        raise StudyError(f"{shown(path)} belongs to another {model.name} than {shown(model)}; copy the two that were made together.")
    return record


def likely_of(chosen: argparse.Namespace, classes: list[str], pixels: list) -> list[Likely]:
    """The likely classes of each picture, uint8 [32, 32, 3], the likeliest first; with --explain, the figure is drawn too."""
    from cifake.system import devices  # before the others, because it quiets TensorFlow

    devices.prepare(chosen.verbose)
    import numpy as np

    from cifake.models import architectures, features

    classifier, images = architectures.load(Path(chosen.model)), np.stack(pixels)
    probabilities = features.compute(classifier.whole("classifier"), images)
    likely = [[(classes[place], float(row[place])) for place in np.argsort(-row, kind="stable")[:SHOWN]] for row in probabilities]
    if chosen.explain:
        from cifake.models import gradcam
        from cifake.pages import e4, style

        drawn, path = images[:EXPLAINED], Path(chosen.explain)
        if len(drawn) < len(images):
            print(f"{shown(path)} shows the first {len(drawn)} of {len(images)} pictures.", file=sys.stderr)  # not into the CSV
        heat = gradcam.heat_maps(classifier, drawn, probabilities.argmax(1)[:EXPLAINED])
        words = [f"{name} {share:.0%}" for [(name, share), *_] in likely[:EXPLAINED]]
        full, rest = divmod(len(drawn), COLUMNS)
        title = "What speaks for the class above the picture"
        figure = e4.looks_at(drawn, heat, words, [COLUMNS] * full + [rest] * bool(rest), title)
        write_whole(path, lambda draft: style.save(figure, draft))
    return likely


def table(lines: list[tuple[str, Likely]]) -> str:
    """A line for each picture, in columns."""
    from tabulate import tabulate

    longest = max(len(name) for _, likely in lines for name, _ in likely)
    rows = [[printable(picture), *(f"{name:<{longest}} {share:6.1%}" for name, share in likely)] for picture, likely in lines]
    return tabulate(rows, ["image", "1st", "2nd", "3rd"][: len(rows[0])], tablefmt="plain", disable_numparse=True)


def csv_text(lines: list[tuple[str, Likely]]) -> str:
    """A line for each picture and class."""
    text = io.StringIO()
    rows = [(picture, rank, name, f"{share:.6f}") for picture, likely in lines for rank, (name, share) in enumerate(likely, start=1)]
    csv.writer(text, lineterminator="\n").writerows([("image", "rank", "class", "probability"), *rows])
    return text.getvalue()


if __name__ == "__main__":
    command.run(main)
