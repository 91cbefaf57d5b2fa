"""One way to do a run, which all experiments share: is it done already, prepare, train, test, and commit its files together.

An experiment lists its runs and gives two functions: one prepares what they share, one trains and answers the test.
"""

import argparse
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from cifake import protocol
from cifake.data import metadata
from cifake.data.arms import Arm
from cifake.models import architectures
from cifake.pages import e1, style
from cifake.results import records, scores
from cifake.system import devices, files, options
from cifake.system.errors import StudyError
from cifake.system.paths import shown
from cifake.system.progress import duration

log = logging.getLogger(__name__)

Seconds = dict[str, float]  # by phase of a run


@dataclass(frozen=True)
class Run:
    """One training, or one test in experiment 2."""

    experiment: str
    architecture: str
    title: str  # as sentences name it
    settings: dict[str, Any]  # all that its numbers depend on beside the images
    data: dict[str, dict]  # number and fingerprint of the images by part; empty if they have not been read
    files: dict[str, Path]  # by kind, the record last
    of_e1: dict | None = None  # in experiment 2: the record of the training
    arm: Arm | None = None  # in experiment 3


@dataclass(frozen=True)
class Prepared:
    """What all runs of a classifier share, in memory."""

    inputs: Any  # of the trainings
    seconds: Seconds
    test: metadata.Split  # what is tested
    test_pixels: np.ndarray | None = None  # uint8 [n, 32, 32, 3], if its mistakes are drawn
    trained_on: np.ndarray | None = None  # bool [n]: which test images are, byte for byte, among the training images


# Of a run; a function of files.together; what to note the seconds of training and testing in -> probabilities [n, classes] for the test
# images, and what the record says of the training.
Train = Callable[[Run, Prepared, Callable, Seconds], tuple[np.ndarray, dict]]


def weights_setting(chosen: argparse.Namespace) -> str:
    """--weights as a setting: imagenet, or what tells random weights or a file from others.

    A file of the published weights counts as imagenet: some machines have them from a file, others from Keras.
    """
    weights = options.weights(chosen)
    if weights == options.RANDOM:
        return f"random, seed {protocol.SEED}"  # one frozen backbone for all seeds
    if weights == options.IMAGENET or _is_imagenet(Path(weights)):
        return options.IMAGENET
    return f"sha256 {files.checksum(Path(weights))}"


def _is_imagenet(path: Path) -> bool:
    """Whether a file holds the weights that Keras downloads, in the format of that download, whatever else its bytes are."""
    try:
        with h5py.File(path) as file:
            layers = [file[name] for name in file.attrs["layer_names"]]
            values = [layer[name][()] for layer in layers for name in layer.attrs["weight_names"]]
    except Exception:  # not a file, or another format; h5py has many of its own for damaged bytes
        return False
    return files.checksum_of_arrays(values) == protocol.IMAGENET_CHECKSUM


def data_of(parts: dict[str, metadata.Split]) -> dict[str, dict]:
    """Number and fingerprint of images by the name of their part, as a record has them."""
    return {name: {"images": len(part.rows), "sha256": part.fingerprint} for name, part in parts.items()}


def why(run: Run, fresh: bool) -> str | None:
    """Why a run has to be done, in words; None if its record, and its saved model if it has one, are what is asked for.

    For --dry-run the images are not read, so a change in them goes unseen. The model's checksum also tells whether two starts with
    other settings, at once in one folder, have mixed their files.
    """
    if fresh:
        return "--fresh"
    if not run.files["record"].exists():
        return "not done yet"
    try:
        record = records.read(run.files["record"], run.experiment)
    except StudyError:
        return "its record is damaged"
    if record["settings"] != run.settings:
        kept = record["settings"]
        changed = [name for name in run.settings.keys() | kept.keys() if run.settings.get(name) != kept.get(name)]
        return f"done before with other settings ({', '.join(sorted(changed))})"
    if run.data and record["data"] != run.data:
        return "done before on other images"
    if run.of_e1:
        predictions = run.files["predictions"]
        if record["model"] != run.of_e1["model"]:
            return "the classifier was trained again since"
        if not (predictions.exists() and files.checksum(predictions) == record["predictions"]["sha256"]):
            return "its predictions are missing or damaged"
    return model_fault(run.files["model"], record) if "model" in run.files else None


def model_fault(path: Path, record: dict) -> str | None:
    """What is wrong with the saved model of a record; None if it is there and the right one."""
    if not path.exists():
        return f"{shown(path)} is missing (models are not in git)"
    return None if files.checksum(path) == record["model"]["sha256"] else f"{shown(path)} is not the model of its record"


def do(wanted: list[Run], prepare: Callable[[], Prepared], train: Train, chosen: argparse.Namespace) -> list[Path]:
    """Do the runs that are not done yet, one after the other; gives the files written."""
    missing = [(run, reason) for run in wanted if (reason := why(run, chosen.fresh))]
    if kept := len(wanted) - len(missing):
        names = ", ".join(dict.fromkeys(run.architecture for run in wanted))
        what = wanted[0].title if len(wanted) == 1 else f"{names}, {kept} of {len(wanted)} runs"
        log.info("%s: done already with these settings; --fresh does it again.", what)
    written, prepared = [], None
    for number, (run, reason) in enumerate(missing, start=1):
        log.info("%s%s", run.title, "" if reason == "not done yet" else f": {reason}; replacing its results (--output DIR keeps them)")
        if prepared is None:
            device, prepared = devices.prepare(chosen.verbose), prepare()
            start = time.monotonic()
        written += _do_one(run, device, prepared, train)
        for path in chosen.folders.checkpoints(run.title):
            path.unlink(missing_ok=True)
        if number < len(missing):
            left = (time.monotonic() - start) / number * (len(missing) - number)
            log.info("  run %d of %d, about %s left", number, len(missing), duration(left))
    return written


def _do_one(run: Run, device: str, prepared: Prepared, train: Train) -> Iterable[Path]:
    seconds = dict(prepared.seconds)
    with files.together(list(run.files.values())) as make:
        probabilities, facts = train(run, prepared, make, seconds)
        record = {"architecture": run.architecture, **facts}
        record |= _tested(run, prepared, probabilities, record, make)
        record |= {**devices.description(device), "seconds": seconds}
        make(run.files["record"], lambda path: records.write(record, path))
    return run.files.values()


def _tested(run: Run, prepared: Prepared, probabilities: np.ndarray, record: dict, make: Callable) -> dict:
    """From the probabilities to what the record says of the test; the files that show it are made."""
    test = prepared.test
    y_true, y_pred = test.labels, probabilities.argmax(1)
    found = {"test": {"source": test.source, "images": len(test.rows)}}
    if "predictions" in run.files:
        found["scores"] = scores.scores(y_true, y_pred, test.classes)
        by_image = scores.predictions(test.filepaths, y_true, probabilities, test.classes)
        made = make(run.files["predictions"], lambda path: scores.write_predictions(by_image, path))
        found["predictions"] = {"sha256": files.checksum(made), "correct": scores.packed(y_true == y_pred)}
    else:  # one of the many runs of experiment 3, whose intervals are those over seeds
        found["scores"] = scores.without_intervals(y_true, y_pred, test.classes)
    if prepared.trained_on is not None:
        found["leak"] = scores.leak(y_true, y_pred, test.classes, prepared.trained_on)
    if "metrics" in run.files:
        report = f"{scores.report(y_true, y_pred, test.classes)}\n{records.sentences(record | found)}"
        make(run.files["metrics"], lambda path: path.write_text(report, encoding="utf-8"))
        gallery = e1.mistakes(record | found, by_image, prepared.test_pixels)
        make(run.files["mistakes"], lambda path: style.save(gallery, path))
    accuracy, macro_f1 = found["scores"]["accuracy"], found["scores"]["macro_f1"]
    log.info("  accuracy %.3f, macro F1 %.3f on %s %s %s images", accuracy, macro_f1, f"{len(test.rows):,}", test.source, test.split)
    if run.experiment == "E1" and (warning := records.too_short(record | found)):
        log.info("  %s", warning.strip())
    return found


@contextmanager
def timed(seconds: Seconds, phase: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[phase] = round(time.monotonic() - start, 1)


def backbone_of(architecture: str, chosen: argparse.Namespace, scaling: str = architectures.UNIT) -> keras.Model | None:
    """The frozen part; with --weights random, the same for all seeds."""
    keras.utils.set_random_seed(protocol.SEED)
    is_pretrained = architectures.ARCHITECTURES[architecture].is_pretrained
    return architectures.backbone(architecture, options.weights(chosen) if is_pretrained else options.RANDOM, scaling)


def weights_of(backbone: keras.Model, chosen: argparse.Namespace) -> dict:
    """Where a backbone's weights came from, by their values if they are the published ones."""
    checksum, weights = files.checksum_of_arrays(backbone.get_weights()), options.weights(chosen)
    if weights == options.RANDOM:
        origin = "random weights"
    elif weights == options.IMAGENET or checksum == protocol.IMAGENET_CHECKSUM:
        origin = "ImageNet weights"
    else:
        origin = f"weights of {Path(weights).name}"
    return {"origin": origin, "sha256": checksum}
