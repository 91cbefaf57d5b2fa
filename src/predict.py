"""Classify your own pictures: what is on them, by the classifiers that come with the study or by one that you trained.

    env/bin/python src/predict.py photo.jpg
    env/bin/python src/predict.py models/FAKE_LeNet.keras photo.jpg
    env/bin/python src/predict.py models/FAKE_LeNet.keras *.png --csv
    env/bin/python src/predict.py models/FAKE_LeNet.keras *.jpg --explain why.png

Without a model, three LeNets of models/ready/ answer: the class by the one that learned from photographs and by the one that learned
from generated images, and REAL or FAKE. With a model, it gives the three likeliest classes of each picture.

Takes JPEGs and PNGs of any size and scales them to 32x32 pixels, the size that the classifiers learned from. They know the classes they
were trained on and no others, so they take an astronaut for a horse or the like. The class names come from the model's record,
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

from cifake.system import command, options, progress
from cifake.system.errors import StudyError
from cifake.system.files import checksum, write_whole
from cifake.system.paths import ENDINGS, READY, REPOSITORY, printable, shown

log = logging.getLogger(__name__)

SHOWN = 3  # classes for each picture
EXPLAINED, COLUMNS = 60, 6  # pictures of --explain at most, half a second each, and how many of them stand in a line
PICTURES = (".jpg", ".jpeg", ".png")
ANSWERS = {"REAL_LeNet": "learned from photographs", "FAKE_LeNet": "from generated images", "REAL_or_FAKE_LeNet": "REAL or FAKE"}
WARNING = (
    "The classifiers know ten classes and no others. REAL or FAKE tells CIFAKE's photographs from images of one generator, Stable "
    "Diffusion 1.4, at 32x32 pixels: of any other picture its answer means nothing. models/ready/README.md says what they can do."
)
Likely = list[tuple[str, float]]  # the most likely classes of a picture, with their probabilities


def main() -> None:
    """Check all that is named, and only then start TensorFlow."""
    chosen = options.parse(__doc__, "dry_run verbose", extend=add_arguments)
    from cifake.data import decoding, metadata  # after the options, because the libraries take seconds
    from cifake.results import records

    if chosen.model and chosen.model.lower().endswith(PICTURES):
        chosen.model, chosen.pictures = None, [chosen.model, *chosen.pictures]
    if models := [name for name in chosen.pictures if name.endswith(".keras")]:
        raise StudyError(f"{printable(models[0])} is a model, not a picture; name one model, before the pictures.")
    if chosen.explain and not chosen.model:
        raise StudyError("--explain is about one model; name it before the pictures, such as models/ready/FAKE_LeNet.keras.")
    paths = [chosen.model] if chosen.model else [str(REPOSITORY / READY / f"{name}.keras") for name in ANSWERS]
    classifiers = {path: record_of(path) for path in paths}
    contents = [existing(picture).read_bytes() for picture in chosen.pictures]
    if chosen.explain is not None:
        refuse_to_replace(chosen.explain)
    if chosen.dry_run:
        log.info("%s: would look at %d picture(s)", ", ".join(map(records.name_of, classifiers.values())), len(contents))
        return

    names, pixels, faults = [], [], []
    for picture, content in zip(chosen.pictures, contents, strict=True):
        try:
            pixels.append(decoding.decode_image(content)[0])
            names.append(picture)
        except ValueError as problem:
            faults.append(f"{picture}: {problem}")
    if pixels:
        answers = {records.name_of(record): likely_of(chosen, path, record, pixels) for path, record in classifiers.items()}
        if chosen.csv:
            # A name that is no UTF-8 is written as the bytes that it is.
            sys.stdout.buffer.write(csv_text(names, answers, bool(chosen.model)).encode("utf-8", "surrogateescape"))
        elif chosen.model:
            ((name, likely),) = answers.items()
            log.info(
                "What %s, which knows %d classes, takes them for:\n\n%s",
                name,
                len(classifiers[chosen.model]["classes"]),
                table(names, likely),
            )
        else:
            best = [[likely[0] for likely in of_picture] for of_picture in zip(*answers.values(), strict=True)]
            log.info("%s\n", table(names, best, list(ANSWERS.values())))
        if not chosen.model:
            print(progress.fitted(WARNING, sys.stderr), file=sys.stderr)  # not into the CSV
    if faults:
        raise StudyError(f"{len(faults)} picture(s) cannot be decoded; save them again or leave them out:{metadata.listed(faults)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    words = "a saved classifier, such as models/FAKE_LeNet.keras (default: the three of models/ready/)"
    parser.add_argument("model", nargs="?", metavar="MODEL", help=words)
    parser.add_argument("pictures", nargs="+", metavar="IMAGE", help="JPEG or PNG files")
    words = "print CSV in UTF-8: image, rank, class, probability; without a model also which classifier"
    parser.add_argument("--csv", action="store_true", help=words)
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


def likely_of(chosen: argparse.Namespace, model: str, record: dict, pixels: list) -> list[Likely]:
    """The likely classes of each picture, uint8 [32, 32, 3], the likeliest first; with --explain, the figure is drawn too."""
    from cifake.system import devices  # before the others, because it quiets TensorFlow

    devices.prepare(chosen.verbose)
    import numpy as np

    from cifake.models import architectures, features

    classes, classifier, images = record["classes"], architectures.load(Path(model)), np.stack(pixels)
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


def table(names: list[str], likely: list[Likely], titles: list[str] | None = None) -> str:
    """A line for each picture, in columns: its likeliest classes, or the likeliest by each classifier in `titles`."""
    from tabulate import tabulate

    longest = max(len(name) for answers in likely for name, _ in answers)
    rows = [
        [printable(picture), *(f"{name:<{longest}} {share:6.1%}" for name, share in of)] for picture, of in zip(names, likely, strict=True)
    ]
    return tabulate(rows, ["image", *(titles or ["1st", "2nd", "3rd"])][: len(rows[0])], tablefmt="plain", disable_numparse=True)


def csv_text(names: list[str], answers: dict[str, list[Likely]], is_one: bool) -> str:
    """A line for each picture and class, and for each classifier if it is not the one that the user named."""
    text = io.StringIO()
    rows = [
        (picture, classifier, rank, name, f"{share:.6f}")
        for classifier, likely in answers.items()
        for picture, of_picture in zip(names, likely, strict=True)
        for rank, (name, share) in enumerate(of_picture, start=1)
    ]
    rows = [("image", "classifier", "rank", "class", "probability"), *rows]
    csv.writer(text, lineterminator="\n").writerows((row[0], *row[2:]) if is_one else row for row in rows)
    return text.getvalue()


if __name__ == "__main__":
    command.run(main)
