"""What a trained classifier takes your own pictures for: the three most likely classes of each.

    python src/predict.py models/FAKE_LeNet.keras photo.jpg
    python src/predict.py models/FAKE_LeNet.keras photo.jpg other.png --csv

Takes JPEGs and PNGs of any size; they are brought to 32x32 pixels, as the classifiers saw their images. The class names come
from the model's record, FAKE_LeNet_record.json, which is looked for beside the model and in the E1_results/ beside its folder:
take both files along and this works anywhere. Prints a table, or CSV with --csv, and writes no file. It takes some seconds.
"""

import argparse
import csv
import io
from pathlib import Path

from cifake import command, metadata, options, records
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import checksum
from cifake.folders import shown

SHOWN = 3  # classes for each picture


def main() -> None:
    """Read the model's record and the pictures, and only then start TensorFlow."""
    chosen = choose()
    record = record_of(chosen.model)
    absent = [picture for picture in chosen.pictures if not picture.is_file()]
    if absent:
        raise StudyError(f"There is no file {absent[0]}; check its name.")
    contents = [picture.read_bytes() for picture in chosen.pictures]
    if chosen.dry_run:
        log.info("%s: would look at %d picture(s)", records.name_of(record), len(contents))
        return
    lines = predict(chosen, record, contents)
    if chosen.csv:
        log.info("%s", csv_text(lines))
    else:
        log.info("What %s takes them for, and how likely:\n\n%s", records.name_of(record), table(lines))


def choose() -> argparse.Namespace:
    """Read the options: those that all scripts share, and this script's own."""
    parser = options.parser(__doc__)
    parser.add_argument("model", type=Path, metavar="MODEL", help="a saved classifier, such as models/FAKE_LeNet.keras")
    parser.add_argument("pictures", type=Path, nargs="+", metavar="IMAGE", help="JPEG or PNG files")
    parser.add_argument("--csv", action="store_true", help="print CSV: image, rank, class, probability")
    return parser.parse_args()


def record_of(model: Path) -> dict:
    """The record that was written with a model. Raises StudyError where there is none, or it belongs to another model."""
    if not model.is_file():
        raise StudyError(f"There is no file {shown(model)}; name a saved classifier, such as models/FAKE_LeNet.keras.")
    name = f"{model.stem}_record.json"
    places = [model.parent / name, model.resolve().parent.parent / "E1_results" / name]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise StudyError(
            f"There is no record with the names of the classes: copy {name} from the E1_results/ that {model.name} was trained into "
            f"beside {shown(model)}."
        )
    record = records.read(path)
    if checksum(model) != record["model"]["sha256"]:
        raise StudyError(
            f"{shown(path)} is the record of another {model.name} than {shown(model)}; copy the two that were made together."
        )
    return record


def predict(
    chosen: argparse.Namespace, record: dict, contents: list[bytes]
) -> list[tuple[str, list[tuple[str, float]]]]:
    """For each picture its name, and its most likely classes with their probabilities, the likeliest first.

    Raises StudyError that lists the pictures which cannot be decoded.
    """
    from cifake import devices

    devices.prepare(chosen.verbose)
    import numpy as np

    from cifake import architectures, features, images

    pixels, faults = [], []
    for picture, content in zip(chosen.pictures, contents, strict=True):
        try:
            pixels.append(images.decode_any(content))
        except Exception:  # Pillow raises many kinds of exceptions on damaged bytes
            faults.append(str(picture))
    if faults:
        named = faults[0] if len(faults) == 1 else f"{len(faults)} files"
        raise StudyError(
            f"{named}: damaged, or no JPEG or PNG; save anew or leave out."
            + (metadata.listed(faults) if len(faults) > 1 else "")
        )
    whole = architectures.load(chosen.model).whole("classifier")
    probabilities = features.compute(whole, np.stack(pixels))
    classes = record["classes"]
    return [
        (str(picture), [(classes[number], float(row[number])) for number in np.argsort(-row, kind="stable")[:SHOWN]])
        for picture, row in zip(chosen.pictures, probabilities, strict=True)
    ]


def table(lines: list[tuple[str, list[tuple[str, float]]]]) -> str:
    """A line for each picture, in columns."""
    cells = [["image", *("1st", "2nd", "3rd")[: len(lines[0][1])]]]
    longest = max(len(name) for _, likely in lines for name, _ in likely)
    cells += [[picture, *(f"{name:<{longest}} {share:6.1%}" for name, share in likely)] for picture, likely in lines]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    return "\n".join(
        "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def csv_text(lines: list[tuple[str, list[tuple[str, float]]]]) -> str:
    """A line for each picture and class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "rank", "class", "probability"))
    for picture, likely in lines:
        for rank, (name, share) in enumerate(likely, start=1):
            writer.writerow((picture, rank, name, f"{share:.6f}"))
    return text.getvalue().rstrip("\n")


if __name__ == "__main__":
    command.run(main)
