"""Experiment 4: what sets FAKE images apart from REAL ones, and why a classifier trained on FAKE loses half of its accuracy on REAL.

real_or_fake.py calls it. Classifiers are trained by experiment 1's protocol: to tell REAL from FAKE, and on FAKE images brought to
REAL's colours or spectrum. All else is measured: on the images, on their features, on the classifiers of experiment 1.
"""

import argparse
import hashlib
import itertools
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from cifake import protocol
from cifake.data import appearance, decoding, metadata
from cifake.experiments import e1
from cifake.experiments.runs import Prepared, Run, Seconds, backbone_of, data_of, do, model_fault, weights_setting, why
from cifake.models import architectures, features, gradcam
from cifake.models.architectures import ARCHITECTURES, OF_EXPERIMENT_1, Classifier
from cifake.pages import e1 as pages_of_e1
from cifake.pages import e4 as pages_of_e4
from cifake.pages import style
from cifake.results import coverage, detection, records, scores
from cifake.system import devices, files
from cifake.system.errors import StudyError
from cifake.system.options import with_folders

log = logging.getLogger(__name__)

Splits = dict[tuple[str, str], metadata.Split]  # by source and split
Pixels = dict[tuple[str, str], np.ndarray]  # uint8 [n, 32, 32, 3], likewise
Group = tuple[list[Run], Callable, Callable]  # runs, and the functions that prepare and do them
Found = tuple[dict, Figure | None]  # by a measurement: what its JSON says, and its picture
CHANGED_SEEDS = 3  # trainings on each kind of changed FAKE images
CHANGED = "LeNet"  # what is trained on them
CHANGES = {  # what is done to FAKE images before a classifier learns from them
    "FAKE with REAL colours": appearance.with_colours_of,
    "FAKE with REAL spectrum": appearance.with_spectrum_of,
}
DETECTION = {"block": detection.BLOCK, "floor": detection.FLOOR, "seed": protocol.SEED}  # settings of the baseline without a network
SHOWN = 6  # images of a row of Grad-CAM
SHEET = 60  # images on the sheet of FAKE images that are taken for another class


def run_missing(chosen: argparse.Namespace) -> None:
    """Do what the options ask for and what is not there yet."""
    log.info("Experiment 4: reading the images")
    splits = _read_all(chosen)
    models = chosen.models or OF_EXPERIMENT_1
    # In this order: what lacks a classifier of experiment 1 says so before the trainings, which take an hour; and the last measurements
    # are about classifiers that the trainings make.
    _measure_before_training(models, splits, chosen)
    for runs, prepare, act in _trainings(models, splits, chosen):
        do(runs, prepare, act, chosen)
    _measure_after_training(models, splits, chosen)


def _read_all(chosen: argparse.Namespace) -> Splits:
    return {part: metadata.read_split(chosen.folders, *part) for part in itertools.product(protocol.SOURCES, protocol.SPLITS)}


def announce(chosen: argparse.Namespace) -> None:
    """--dry-run: which trainings are missing. Images are not read, so a change in them goes unseen."""
    models = chosen.models or OF_EXPERIMENT_1
    reasons = [why(run, chosen.fresh) for members, *_ in _trainings(models, {}, chosen) for run in members]
    missing = sum(reason is not None for reason in reasons)
    log.info("Experiment 4: of %d trainings %d are there and %d would be done", len(reasons), len(reasons) - missing, missing)
    names = itertools.product(protocol.SOURCES, models)
    if absent := [" ".join(name) for name in names if not chosen.folders.classifier("E1", *name)["model"].exists()]:
        log.info(
            "Labels, Grad-CAM and coverage need these classifiers, if they are not done yet: %s; train them with: %s",
            ", ".join(absent),
            with_folders("bash run.sh"),
        )


# --------------------------------------------------------------------------------------------------------------- the trainings


def _trainings(models: list[str], splits: Splits, chosen: argparse.Namespace) -> Iterator[Group]:
    """The trainings; those of a group share their inputs. `splits` is empty if the images have not been read."""
    seeds = chosen.seeds or protocol.SEEDS
    both = {split: joined(*(splits[source, split] for source in protocol.SOURCES)) for split in protocol.SPLITS} if splits else {}
    data = data_of({f"{source} {split}": part for (source, split), part in splits.items()})
    for architecture in models:
        settings = e1.settings_of(architecture, chosen)
        members = [e1.run_of("E4", protocol.REAL_OR_FAKE, architecture, settings | {"seed": seed}, data, chosen) for seed in seeds]
        prepare = partial(e1.prepare, architecture, f"{protocol.REAL_OR_FAKE} {architecture}", chosen, both, {})
        yield members, prepare, partial(_tell_apart, chosen)
    data = {part: data[part] for part in ("FAKE train", "REAL train", "REAL test") if part in data}
    for name in CHANGES if CHANGED in models else ():
        settings = e1.settings_of(CHANGED, chosen) | {"statistics_of": protocol.STATISTICS_OF}
        members = [e1.run_of("E4", name, CHANGED, settings | {"seed": seed}, data, chosen) for seed in seeds[:CHANGED_SEEDS]]
        yield members, partial(_prepare_changed, name, splits, chosen), partial(e1.train, name, chosen)


def joined(real: metadata.Split, fake: metadata.Split) -> metadata.Split:
    """Both sources as one split of two classes, interleaved, so that its validation share has the same part of each."""
    members = [
        (place / len(part.rows), number, row._replace(number=number, label=part.source), content)
        for number, part in enumerate((real, fake), start=1)
        for place, (row, content) in enumerate(zip(part.rows, part.contents, strict=True))
    ]
    _, _, rows, contents = zip(*sorted(members, key=lambda member: member[:2]), strict=True)
    fingerprint = hashlib.sha256(f"{real.fingerprint} {fake.fingerprint}".encode()).hexdigest()
    return metadata.Split(protocol.REAL_OR_FAKE, real.split, protocol.SOURCES, rows, contents, fingerprint)


def _tell_apart(chosen: argparse.Namespace, run: Run, prepared: Prepared, make: Callable, seconds: Seconds) -> tuple[np.ndarray, dict]:
    """Train a classifier to tell REAL from FAKE; its record also has the area under the ROC curve and the accuracy by object class."""
    probabilities, facts = e1.train(protocol.REAL_OR_FAKE, chosen, run, prepared, make, seconds)
    test, objects = prepared.test, metadata.class_names(chosen.folders)
    labels, shown_in = test.labels, np.array([metadata.class_number(row.filename) - 1 for row in test.rows])
    is_right = probabilities.argmax(1) == labels
    facts["auc"] = float(roc_auc_score(labels, probabilities[:, 1]))
    facts["by_object"] = {  # the share that is right, of the images of each source
        name: {source: float(is_right[(shown_in == place) & (labels == label)].mean()) for label, source in enumerate(protocol.SOURCES)}
        for place, name in enumerate(objects)
    }
    return probabilities, facts


def _prepare_changed(name: str, splits: Splits, chosen: argparse.Namespace) -> Prepared:
    """FAKE training images brought to the statistics of some REAL ones, the first after the validation share; tested on REAL."""
    real = splits["REAL", "train"]
    first = metadata.validation_rows(len(real.rows))
    some = slice(first, first + protocol.STATISTICS_OF)
    others, _ = decoding.decode(real.contents[some], real.filepaths[some], "REAL, train")
    parts = {"train": splits["FAKE", "train"], "test": splits["REAL", "test"]}
    return e1.prepare(CHANGED, f"{name} {CHANGED}", chosen, parts, {}, partial(CHANGES[name], others))


# ----------------------------------------------------------------------------------------------------------- the measurements


def _measure(
    name: str,
    settings: dict,
    parts: tuple[tuple[str, str], ...],
    measure: Callable[[Pixels], Found],
    splits: Splits,
    chosen: argparse.Namespace,
    picture: bool = True,
) -> None:
    """Measure something on some parts of the images, unless that is done; write what was found, and its picture."""
    paths = chosen.folders.finding(name, picture=picture)
    data = data_of({f"{source} {split}": splits[source, split] for source, split in parts})
    if not (chosen.fresh or _is_stale(paths, settings, data)):
        log.info("%s: done already with these settings; --fresh does it again.", name)
        return
    log.info("%s", name)
    devices.prepare(chosen.verbose)
    pixels = {part: decoding.decode(splits[part].contents, splits[part].filepaths, ", ".join(part))[0] for part in parts}
    found, figure = measure(pixels)
    with files.together(list(paths.values())) as make:
        if figure:
            make(paths["picture"], lambda path: style.save(figure, path))
        record = {"settings": settings, "data": data, "found": found, "program": devices.program()}
        make(paths["record"], lambda path: records.write(record, path))


def _is_stale(paths: dict[str, Path], settings: dict, data: dict) -> bool:
    """Whether a measurement is missing, damaged, or one with other settings or images."""
    try:
        record = records.read(paths["record"], "E4")
    except (StudyError, FileNotFoundError):
        return True
    return (record["settings"], record["data"]) != (settings, data) or not all(path.exists() for path in paths.values())


def _measure_before_training(models: list[str], splits: Splits, chosen: argparse.Namespace) -> None:
    """What is measured on the classifiers of experiment 1, on features, and on the images alone."""
    fake, real = ("FAKE", "test"), ("REAL", "test")
    paths = {key: chosen.folders.classifier("E1", *key)["record"] for key in itertools.product(protocol.SOURCES, OF_EXPERIMENT_1)}
    trained = {key: records.read(path) for key, path in paths.items() if path.exists()}
    if absent := [" ".join(key) for key in itertools.product(protocol.SOURCES, models) if key not in trained]:
        command = with_folders("bash run.sh")
        log.info("Left out, because experiment 1 has not trained %s: labels, Grad-CAM of it; %s trains all.", ", ".join(absent), command)
    if on_real := [record for (source, _), record in trained.items() if source == "REAL"]:  # whichever --models names
        best = max(on_real, key=lambda record: record["scores"]["accuracy"])
        settings = _settings(best) | {"sure": protocol.SURE}
        _measure("labels", settings, (real, fake), partial(_labels, best, splits, chosen), splits, chosen)
    for (source, name), record in trained.items():
        if source == "FAKE" and name in models and ARCHITECTURES[name].has_convolutions:
            measure = partial(_looks_at_mistakes, record, splits, chosen)
            _measure(f"Grad-CAM FAKE {name}", _settings(record), (real,), measure, splits, chosen)
    for name in [name for name in models if ARCHITECTURES[name].is_pretrained][:1]:
        _measure_coverage(name, splits, chosen)
    _measure("appearance", {}, (("REAL", "train"), ("FAKE", "train")), partial(_appearance, splits), splits, chosen, picture=False)
    _measure_detection(splits, chosen)


def measure_images(architecture: str, chosen: argparse.Namespace) -> None:
    """What needs no training: how FAKE test images cover the REAL ones in a backbone's features, and how easily they are told apart."""
    splits = _read_all(chosen)
    if [_is_cifake("FAKE", split, splits) for split in protocol.SPLITS] == [False, True]:
        log.info("Left out: coverage, and how easily they are told apart. The FAKE test images are CIFAKE's, not of your generator.")
        return
    _measure_coverage(architecture, splits, chosen)
    _measure_detection(splits, chosen)


def _is_cifake(source: str, split: str, splits: Splits) -> bool:
    return splits[source, split].fingerprint == protocol.CIFAKE_FINGERPRINTS[source, split]


def _measure_coverage(architecture: str, splits: Splits, chosen: argparse.Namespace) -> None:
    settings = {"weights": weights_setting(chosen), "neighbours": protocol.NEIGHBOURS, "images_of_each_class": protocol.COMPARED}
    parts = (("REAL", "train"), ("FAKE", "test"), ("REAL", "test"))
    _measure("coverage", settings, parts, partial(_covers, architecture, splits, chosen), splits, chosen, picture=False)


def _measure_detection(splits: Splits, chosen: argparse.Namespace) -> None:
    _measure("detection", DETECTION, tuple(splits), lambda pixels: (detection.measure(pixels), None), splits, chosen, picture=False)


def _measure_after_training(models: list[str], splits: Splits, chosen: argparse.Namespace) -> None:
    """What is measured on the classifiers that tell REAL from FAKE."""
    for name in models:
        path = chosen.folders.classifier("E4", protocol.REAL_OR_FAKE, name)["record"]
        if ARCHITECTURES[name].has_convolutions and path.exists():  # it may have been trained with other seeds alone
            record = records.read(path, "E4")
            title, parts = f"Grad-CAM {protocol.REAL_OR_FAKE} {name}", (("REAL", "test"), ("FAKE", "test"))
            _measure(title, _settings(record), parts, partial(_looks_at_both, record, splits, chosen), splits, chosen)


def _settings(record: dict) -> dict:
    return {"classifier": records.name_of(record), "predictions": record["predictions"]["sha256"]}


def _loaded(record: dict, chosen: argparse.Namespace) -> Classifier:
    """The classifier of a record. Raises StudyError if it is not there."""
    path = chosen.folders.output / record["model"]["file"]
    if fault := model_fault(path, record):
        command = with_folders(f"bash run-{record['architecture']}.sh")
        raise StudyError(f"{records.name_of(record)} is needed for experiment 4: {fault}; train it with: {command}")
    return architectures.load(path)


def _answers(record: dict, classifier: Classifier, pixels: np.ndarray, split: metadata.Split, chosen: argparse.Namespace) -> pd.DataFrame:
    """A classifier's answers to a split image by image, a row each as in predictions.csv."""
    if record["classes"] != list(split.classes):
        command = with_folders("bash run.sh")
        raise StudyError(f"{records.name_of(record)} knows other classes than the images have now; train it again: {command}")
    probabilities = features.probabilities(classifier, pixels, split.fingerprint, chosen.folders, records.name_of(record))
    return scores.predictions(split.filepaths, split.labels, probabilities, split.classes)


def _labels(record: dict, splits: Splits, chosen: argparse.Namespace, pixels: Pixels) -> Found:
    """How many images a REAL classifier takes for another class, of REAL and of FAKE, and a sheet of the surest FAKE ones."""
    classifier, found = _loaded(record, chosen), {}
    for part, images in pixels.items():
        answers = _answers(record, classifier, images, splits[part], chosen)
        wrong = answers["label"] != answers["predicted"]
        is_sure = answers["probability_of_predicted"] >= protocol.SURE
        by_class = wrong.groupby(answers["label"], sort=False).mean()
        found[part[0]] = {
            "images": len(answers),
            "another_class": float(wrong.mean()),
            "another_class_and_sure": float((wrong & is_sure).mean()),
            "by_class": {label: float(by_class[label]) for label in record["classes"]},
        }
    # The loop's last images are FAKE.
    return found, pages_of_e1.mistakes(record | {"test": {"source": "FAKE"}}, answers, images, number=SHEET, columns=10)


def _looks_at_mistakes(record: dict, splits: Splits, chosen: argparse.Namespace, pixels: Pixels) -> Found:
    """Grad-CAM for the surest mistakes of a FAKE classifier on the two classes of REAL images on which it makes most of them."""
    (part, images), classes, classifier = next(iter(pixels.items())), record["classes"], _loaded(record, chosen)
    answers = _answers(record, classifier, images, splits[part], chosen)
    wrong = answers[answers["label"] != answers["predicted"]].sort_values("probability_of_predicted", ascending=False, kind="stable")
    most = [wrong[wrong["label"] == name].head(SHOWN) for name in wrong["label"].value_counts().index[:2]]
    lines = [[(row.Index, classes.index(row.predicted), f"{row.label} as\n{row.predicted}") for row in rows.itertuples()] for rows in most]
    title = f"{records.name_of(record)} on REAL images: what speaks for the class that it takes them for"
    return _gallery(classifier, images, lines, title)


def _looks_at_both(record: dict, splits: Splits, chosen: argparse.Namespace, pixels: Pixels) -> Found:
    """Grad-CAM for the first test image of some classes of both sources, for what a classifier takes them for: REAL or FAKE."""
    classifier, lines, offset = _loaded(record, chosen), [], 0
    for part, images in pixels.items():
        labels = [row.label for row in splits[part].rows]
        places = [labels.index(label) for label in splits[part].classes[:SHOWN]]
        taken_for = features.compute(classifier.whole("classifier"), images[places]).argmax(1)
        words = [f"{part[0]} {labels[place]}\ntaken for {protocol.SOURCES[label]}" for place, label in zip(places, taken_for, strict=True)]
        lines.append([(offset + place, label, said) for place, label, said in zip(places, taken_for, words, strict=True)])
        offset += len(images)
    title = f"{record['architecture']}: what speaks for the source that it takes the image for"
    return _gallery(classifier, np.concatenate(list(pixels.values())), lines, title)


def _gallery(classifier: Classifier, images: np.ndarray, lines: list[list[tuple[int, int, str]]], title: str) -> Found:
    """A figure of Grad-CAM: lines of (row of the image, class that is looked for, words)."""
    cells = [cell for line in lines for cell in line]
    places, labels = [place for place, *_ in cells], np.array([label for _, label, _ in cells])
    heat = gradcam.heat_maps(classifier, images[places], labels)
    figure = pages_of_e4.looks_at(images[places], heat, [words for *_, words in cells], [len(line) for line in lines], title)
    return {"images": [{"image": int(place), "class": int(label)} for place, label, _ in cells]}, figure


def _covers(architecture: str, splits: Splits, chosen: argparse.Namespace, pixels: Pixels) -> Found:
    """How FAKE test images cover the REAL ones in a pretrained backbone's features, by class; as many REAL training ones as a yardstick."""
    backbone, found = backbone_of(architecture, chosen), {}

    def of_class(part: tuple[str, str], label: int, most: int = protocol.COMPARED) -> np.ndarray:
        """Features of the first images of a class; of the training images, those after the validation share."""
        labels = splits[part].labels
        first = metadata.validation_rows(len(labels)) if part[1] == "train" else 0
        places = first + np.flatnonzero(labels[first:] == label)[:most]
        return features.compute(backbone, pixels[part][places], f"{part[0]}, {part[1]}")

    for label, name in enumerate(splits["REAL", "test"].classes):
        real = of_class(("REAL", "test"), label)
        fake = of_class(("FAKE", "test"), label)
        others = {"FAKE": fake, "REAL": of_class(("REAL", "train"), label, len(fake))}
        neighbours = min(protocol.NEIGHBOURS, *(len(values) - 1 for values in (real, *others.values())))
        if neighbours == 0:
            raise StudyError(f"Experiment 4's coverage needs two images of each class in each part; add images of {name}.")
        found[name] = {source: coverage.measures(real, values, neighbours) for source, values in others.items()}
    return found, None


def _appearance(splits: Splits, pixels: Pixels) -> Found:
    """Colours of both sources, and the power spectrum of each class of both."""
    found = {}
    for part, images in pixels.items():
        labels = splits[part].labels
        found[part[0]] = {
            "colours": appearance.colours(images).tolist(),
            "power": {name: appearance.power(images[labels == label]).tolist() for label, name in enumerate(splits[part].classes)},
        }
    return found, None
