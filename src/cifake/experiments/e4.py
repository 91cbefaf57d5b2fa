"""Experiment 4: what sets FAKE images apart from REAL ones, and why a classifier trained on FAKE loses half of its accuracy on REAL.

real_or_fake.py calls it. Classifiers are trained by experiment 1's protocol: to tell REAL from FAKE, and on FAKE images brought to
REAL's colours or spectrum. All else is measured: on the images, on their features, on the classifiers of experiment 1.
"""

import argparse
import hashlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from cifake import protocol
from cifake.data import appearance, budgets, decoding, metadata
from cifake.experiments import e1, e4_transfer, measurements
from cifake.experiments.measurements import Found, Measurement, Pixels, Splits, loaded, settings_of
from cifake.experiments.runs import Prepared, Run, Seconds, backbone_of, data_of, do, weights_setting, why
from cifake.models import features, gradcam
from cifake.models.architectures import ARCHITECTURES, OF_EXPERIMENT_1, Classifier
from cifake.pages import e1 as pages_of_e1
from cifake.pages import e4 as pages_of_e4
from cifake.results import coverage, detection, records, scores
from cifake.system.errors import StudyError
from cifake.system.options import with_folders

log = logging.getLogger(__name__)

Group = tuple[list[Run], Callable, Callable]  # runs, and the functions that prepare and do them
CHANGED_SEEDS = 3  # trainings on each kind of changed FAKE images
CHANGED = "LeNet"  # what is trained on them
# What is done to FAKE images before a classifier learns from them, or tells them from REAL ones.
MATCHED = {"colours": appearance.with_colours_of, "spectrum": appearance.with_spectrum_of}
TAUGHT = {"FAKE with REAL labels": False, "FAKE with soft REAL labels": True}  # labels that a REAL classifier gives: probabilities?
DETECTION = {"block": detection.BLOCK, "floor": detection.FLOOR, "seed": protocol.SEED}  # settings of the baseline without a network
SHOWN = 6  # images of a row of Grad-CAM
BY_EYE = 200  # FAKE training images of which a reader says what is on them, in labels_by_eye.csv
SHEET = 60  # images on the sheet of FAKE images that are taken for another class


def run_missing(chosen: argparse.Namespace) -> None:
    """Do what the options ask for and what is not there yet."""
    log.info("Experiment 4: reading the images")
    splits = _read_all(chosen)
    models = chosen.models or OF_EXPERIMENT_1
    # In this order: what lacks a classifier of experiment 1 says so before the trainings, which take an hour; and the last measurements
    # are about classifiers that the trainings make.
    for wanted in _before_training(models, splits, chosen):
        measurements.do(wanted, splits, chosen)
    for runs, prepare, act in _trainings(models, splits, chosen):
        do(runs, prepare, act, chosen)
    for wanted in _after_training(models, splits, chosen):
        measurements.do(wanted, splits, chosen)


def _read_all(chosen: argparse.Namespace) -> Splits:
    return {part: metadata.read_split(chosen.folders, *part) for part in itertools.product(protocol.SOURCES, protocol.SPLITS)}


def announce(chosen: argparse.Namespace) -> None:
    """--dry-run: which trainings and measurements are missing. Images are not read, so a change in them goes unseen."""
    models = chosen.models or OF_EXPERIMENT_1
    reasons = [why(run, chosen.fresh) for members, *_ in _trainings(models, {}, chosen) for run in members]
    missing = sum(reason is not None for reason in reasons)
    log.info("Experiment 4: of %d trainings %d are there and %d would be done", len(reasons), len(reasons) - missing, missing)
    wanted = [*_before_training(models, {}, chosen), *_after_training(models, {}, chosen)]
    missing = [one for one in wanted if chosen.fresh or measurements.is_stale(one.files(chosen.folders), one.settings, {})]
    log.info("Of %d measurements %d are there and %d would be done", len(wanted), len(wanted) - len(missing), len(missing))
    names = itertools.product(protocol.SOURCES, models)
    if absent := [" ".join(name) for name in names if not chosen.folders.classifier("E1", *name)["model"].exists()]:
        log.info(
            "Measurements on classifiers of experiment 1 need these, if they are not done yet: %s; train them with: %s",
            ", ".join(absent),
            with_folders("bash run.sh"),
        )


# --------------------------------------------------------------------------------------------------------------- the trainings


def _trainings(models: list[str], splits: Splits, chosen: argparse.Namespace) -> Iterator[Group]:
    """The trainings; those of a group share their inputs. `splits` is empty if the images have not been read."""
    seeds = chosen.seeds or protocol.SEEDS
    few = seeds[:CHANGED_SEEDS]
    both = {split: joined(*(splits[source, split] for source in protocol.SOURCES)) for split in protocol.SPLITS} if splits else {}
    fake = {"train": splits["FAKE", "train"], "test": splits["REAL", "test"]} if splits else {}  # trained on FAKE, tested on REAL
    data = data_of({f"{source} {split}": part for (source, split), part in splits.items()})

    def group(
        name: str, architecture: str, seeds: Sequence[int], own: dict, parts: dict, act: Callable, change: e1.Change | None = None
    ) -> Group:
        settings = e1.settings_of(architecture, chosen) | own
        used = data if parts is both else {part: known for part, known in data.items() if part != "FAKE test"}
        members = [e1.run_of("E4", name, architecture, settings | {"seed": seed}, used, chosen) for seed in seeds]
        prepare = partial(e1.prepare, architecture, f"{name} {architecture}", chosen, parts, {}, change)
        return members, prepare, partial(act, name, chosen)

    # First those that need a classifier of experiment 1, and say so if it is missing.
    teacher = chosen.folders.classifier("E1", "REAL", CHANGED)["record"]
    for name, is_soft in TAUGHT.items() if CHANGED in models and teacher.exists() else ():
        record = records.read(teacher)
        own = {"labels_of": settings_of(record), "soft_labels": is_soft}
        yield group(name, CHANGED, few, own, fake, e1.train, partial(_taught, record, is_soft, chosen))
    for architecture in models:
        yield group(protocol.REAL_OR_FAKE, architecture, seeds, {}, both, _tell_apart)
    for what, change in MATCHED.items() if CHANGED in models else ():
        own = {"statistics_of": protocol.STATISTICS_OF}
        yield group(f"FAKE with REAL {what}", CHANGED, few, own, fake, e1.train, partial(_like_real, change, splits))
        name = f"{protocol.REAL_OR_FAKE}, {what} matched"
        yield group(name, CHANGED, few, {"matched": what}, both, _tell_apart, partial(_matched, both, change))


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


def _tell_apart(
    name: str, chosen: argparse.Namespace, run: Run, prepared: Prepared, make: Callable, seconds: Seconds
) -> tuple[np.ndarray, dict]:
    """Train a classifier to tell REAL from FAKE; its record also has the area under the ROC curve and the accuracy by object class."""
    probabilities, facts = e1.train(name, chosen, run, prepared, make, seconds)
    test, objects = prepared.test, metadata.class_names(chosen.folders)
    labels, shown_in = test.labels, np.array([metadata.class_number(row.filename) - 1 for row in test.rows])
    is_right = probabilities.argmax(1) == labels
    facts["auc"] = float(roc_auc_score(labels, probabilities[:, 1]))
    facts["by_object"] = {  # the share that is right, of the images of each source
        name: {source: float(is_right[(shown_in == place) & (labels == label)].mean()) for label, source in enumerate(protocol.SOURCES)}
        for place, name in enumerate(objects)
    }
    return probabilities, facts


def _like_real(change: Callable, splits: Splits, pixels: dict[str, np.ndarray], labels: np.ndarray) -> e1.Changed:
    """FAKE training images brought to the statistics of some REAL ones, the first after the validation share; tested on REAL."""
    real = splits["REAL", "train"]
    first = metadata.validation_rows(len(real.rows))
    some = slice(first, first + protocol.STATISTICS_OF)
    others, _ = decoding.decode(real.contents[some], real.filepaths[some], "REAL, train")
    return pixels | {"train": change(others, pixels["train"])}, labels


def _match(change: Callable, pixels: Pixels) -> Pixels:
    """FAKE images of both splits brought to the statistics of the REAL training images by one change; then all are saved as JPEG again.

    REAL ones too, so that how often an image was compressed tells nothing.
    """
    fake = np.concatenate([pixels["FAKE", split] for split in protocol.SPLITS])
    changed = np.split(change(pixels["REAL", "train"], fake), [len(pixels["FAKE", protocol.SPLITS[0]])])
    pixels = pixels | {("FAKE", split): part for split, part in zip(protocol.SPLITS, changed, strict=True)}
    return {part: appearance.saved_again(images) for part, images in pixels.items()}


def _matched(both: dict[str, metadata.Split], change: Callable, pixels: dict[str, np.ndarray], labels: np.ndarray) -> e1.Changed:
    """The same for the images of both sources in one array, as joined() has them."""
    rows = {(source, split): both[split].labels == label for label, source in enumerate(protocol.SOURCES) for split in protocol.SPLITS}
    matched = _match(change, {(source, split): pixels[split][here] for (source, split), here in rows.items()})
    pixels = {split: images.copy() for split, images in pixels.items()}
    for (source, split), here in rows.items():
        pixels[split][here] = matched[source, split]
    return pixels, labels


def _taught(record: dict, is_soft: bool, chosen: argparse.Namespace, pixels: dict[str, np.ndarray], _labels: np.ndarray) -> e1.Changed:
    """FAKE training images with the labels that a REAL classifier gives them: its answers, or its probabilities."""
    probabilities = features.compute(loaded(record, chosen).whole("teacher"), pixels["train"])
    return pixels, probabilities if is_soft else probabilities.argmax(1)


# ----------------------------------------------------------------------------------------------------------- the measurements


def _before_training(models: list[str], splits: Splits, chosen: argparse.Namespace) -> Iterator[Measurement]:
    """What is measured on the classifiers of experiment 1, on features, and on the images alone."""
    fake, real, parts = ("FAKE", "test"), ("REAL", "test"), tuple(itertools.product(protocol.SOURCES, protocol.SPLITS))
    paths = {key: chosen.folders.classifier("E1", *key)["record"] for key in itertools.product(protocol.SOURCES, OF_EXPERIMENT_1)}
    trained = {key: records.read(path) for key, path in paths.items() if path.exists()}
    if absent := [" ".join(key) for key in itertools.product(protocol.SOURCES, models) if key not in trained]:
        command = with_folders("bash run.sh")
        log.info("Left out, because experiment 1 has not trained %s: what is measured on it; %s trains all.", ", ".join(absent), command)
    if on_real := [record for (source, _), record in trained.items() if source == "REAL"]:  # whichever --models names
        best = max(on_real, key=lambda record: record["scores"]["accuracy"])
        settings = settings_of(best) | {"sure": protocol.SURE}
        yield Measurement("labels", settings, (real, fake), partial(_labels, best, splits, chosen), picture=True)
    for (source, name), record in trained.items():
        if source == "FAKE" and name in models and ARCHITECTURES[name].has_convolutions:
            measure = partial(_looks_at_mistakes, record, splits, chosen)
            yield Measurement(f"Grad-CAM FAKE {name}", settings_of(record), (real,), measure, picture=True)
    yield from e4_transfer.measurements(models, splits, chosen)
    for name in [name for name in models if ARCHITECTURES[name].is_pretrained][:1]:
        yield _coverage(name, splits, chosen)
    yield Measurement("appearance", {}, (("REAL", "train"), ("FAKE", "train")), partial(_appearance, splits))
    yield Measurement(
        "labels by eye", {"seed": protocol.SEED, "images": BY_EYE}, (("FAKE", "train"),), partial(_sheet, splits), picture=True
    )
    yield _detection(parts)
    for what, change in (MATCHED | {"nothing": lambda _real, fake: fake}).items():  # the last shows what saving again does
        settings = DETECTION | {"matched": what, "saved_again": list(protocol.SOURCES)}
        yield Measurement(f"detection, {what} matched", settings, parts, partial(_detected, change))


def measure_images(architecture: str, chosen: argparse.Namespace) -> None:
    """What needs no training: how FAKE images cover the REAL ones in a backbone's features, and how easily they are told apart."""
    splits = _read_all(chosen)
    measurements.do(_coverage(architecture, splits, chosen), splits, chosen)
    if [_is_cifake("FAKE", split, splits) for split in protocol.SPLITS] == [False, True]:
        log.info("Left out: how easily they are told apart. The FAKE test images are CIFAKE's, not of your generator.")
        return
    measurements.do(_detection(tuple(splits)), splits, chosen)


def _is_cifake(source: str, split: str, splits: Splits) -> bool:
    return splits[source, split].fingerprint == protocol.CIFAKE_FINGERPRINTS[source, split]


def _coverage(architecture: str, splits: Splits, chosen: argparse.Namespace) -> Measurement:
    settings = {"weights": weights_setting(chosen), "neighbours": protocol.NEIGHBOURS, "images_of_each_class": protocol.COMPARED}
    parts = (("REAL", "train"), ("FAKE", "train"), ("REAL", "test"))
    return Measurement("coverage", settings, parts, partial(_covers, architecture, splits, chosen))


def _detection(parts: tuple[tuple[str, str], ...]) -> Measurement:
    return Measurement("detection", DETECTION, parts, lambda pixels: (detection.measure(pixels), None))


def _after_training(models: list[str], splits: Splits, chosen: argparse.Namespace) -> Iterator[Measurement]:
    """What is measured on the classifiers that tell REAL from FAKE."""
    for name in models:
        path = chosen.folders.classifier("E4", protocol.REAL_OR_FAKE, name)["record"]
        if ARCHITECTURES[name].has_convolutions and path.exists():  # it may have been trained with other seeds alone
            record = records.read(path, "E4")
            title, measure = f"Grad-CAM {protocol.REAL_OR_FAKE} {name}", partial(_looks_at_both, record, splits, chosen)
            yield Measurement(title, settings_of(record), (("REAL", "test"), ("FAKE", "test")), measure, picture=True)


def _answers(record: dict, classifier: Classifier, pixels: np.ndarray, split: metadata.Split, chosen: argparse.Namespace) -> pd.DataFrame:
    """A classifier's answers to a split image by image, a row each as in predictions.csv."""
    if record["classes"] != list(split.classes):
        command = with_folders("bash run.sh")
        raise StudyError(f"{records.name_of(record)} knows other classes than the images have now; train it again: {command}")
    probabilities = features.probabilities(classifier, pixels, split.fingerprint, chosen.folders, records.name_of(record))
    return scores.predictions(split.filepaths, split.labels, probabilities, split.classes)


def _labels(record: dict, splits: Splits, chosen: argparse.Namespace, pixels: Pixels) -> Found:
    """How many images a REAL classifier takes for another class, of REAL and of FAKE, and a sheet of the surest FAKE ones."""
    classifier, found = loaded(record, chosen), {}
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


def _sheet(splits: Splits, pixels: Pixels) -> Found:
    """FAKE training images to look at, as many of each class, a seeded draw; labels_by_eye.csv says what a reader saw."""
    ((part, images),) = pixels.items()
    rows = budgets.draw(splits[part].labels, BY_EYE, protocol.SEED, "FAKE")
    words = [f"{number}\n{splits[part].rows[row].label}" for number, row in enumerate(rows, start=1)]
    return {"images": [splits[part].filepaths[row] for row in rows]}, pages_of_e4.sheet(images[rows], words)


def _detected(change: Callable, pixels: Pixels) -> Found:
    """REAL or FAKE without a network, after FAKE images were brought to the statistics of REAL ones."""
    return detection.measure(_match(change, pixels)), None


def _looks_at_mistakes(record: dict, splits: Splits, chosen: argparse.Namespace, pixels: Pixels) -> Found:
    """Grad-CAM for the surest mistakes of a FAKE classifier on the two classes of REAL images on which it makes most of them."""
    (part, images), classes, classifier = next(iter(pixels.items())), record["classes"], loaded(record, chosen)
    answers = _answers(record, classifier, images, splits[part], chosen)
    wrong = answers[answers["label"] != answers["predicted"]].sort_values("probability_of_predicted", ascending=False, kind="stable")
    most = [wrong[wrong["label"] == name].head(SHOWN) for name in wrong["label"].value_counts().index[:2]]
    lines = [[(row.Index, classes.index(row.predicted), f"{row.label} as\n{row.predicted}") for row in rows.itertuples()] for rows in most]
    title = f"{records.name_of(record)} on REAL images: what speaks for the class that it takes them for"
    return _gallery(classifier, images, lines, title)


def _looks_at_both(record: dict, splits: Splits, chosen: argparse.Namespace, pixels: Pixels) -> Found:
    """Grad-CAM for the first test image of some classes of both sources, for what a classifier takes them for: REAL or FAKE."""
    classifier, lines, offset = loaded(record, chosen), [], 0
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
    """How FAKE training images cover REAL test images in a backbone's features, by class; as many REAL training ones as a yardstick."""
    backbone, found = backbone_of(architecture, chosen), {}

    def of_class(part: tuple[str, str], label: int, most: int = protocol.COMPARED) -> np.ndarray:
        """Features of the first images of a class; of the training images, those after the validation share."""
        labels = splits[part].labels
        first = metadata.validation_rows(len(labels)) if part[1] == "train" else 0
        places = first + np.flatnonzero(labels[first:] == label)[:most]
        return features.compute(backbone, pixels[part][places], f"{', '.join(part)}, {architecture}")

    for label, name in enumerate(splits["REAL", "test"].classes):
        real = of_class(("REAL", "test"), label)
        fake = of_class(("FAKE", "train"), label)
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
