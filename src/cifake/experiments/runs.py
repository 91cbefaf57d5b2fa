"""One way to do a run, which all experiments share: is it done already, prepare, train, test, and commit its files together.

An experiment lists its runs and gives two functions: one prepares what they share, one trains. What needs TensorFlow is imported
only when there is something to do.
"""

import argparse
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cifake import protocol
from cifake.data import metadata
from cifake.models.architectures import ARCHITECTURES
from cifake.results import records
from cifake.system import files, locks, options, signals
from cifake.system.errors import StudyError
from cifake.system.paths import Folders, shown
from cifake.system.progress import duration

if TYPE_CHECKING:
    import keras
    import numpy as np

log = logging.getLogger(__name__)

SAY_EVERY = 10.0  # seconds between two lines on the time left
Data = dict[str, dict]  # by part of the images: their number and fingerprint
Make = Callable[[Path, files.Write], Path]  # as files.stage gives it


@dataclass(frozen=True)
class Run:
    """One training, or one test in experiment 2."""

    experiment: str
    architecture: str
    title: str  # as sentences name it
    settings: dict[str, Any]  # all that its numbers depend on beside the images
    data: Data  # the images that it is trained and tested on
    files: dict[str, Path]  # by kind, the record last
    model: dict | None = None  # in experiment 2: what the record says of the saved model
    needs_predictions: bool = False  # whether it is done again if its predictions are missing or damaged


@dataclass(frozen=True)
class Prepared:
    """What all runs of a classifier share, in memory."""

    device: str
    test: metadata.Split
    test_pixels: "np.ndarray"  # uint8 [n, 32, 32, 3]
    inputs: Any  # of the trainings
    seconds: dict[str, float]  # by phase
    trained_on: "np.ndarray | None" = None  # bool [n]: which test images are, byte for byte, among the training images


@dataclass(frozen=True)
class Trained:
    """What a training gives."""

    facts: dict  # for the record: what was trained on what, and how
    answer: Callable[[Make], tuple["np.ndarray", dict]]  # probabilities [n, classes] for the test images, and further facts
    extra: Callable[[dict], dict[str, files.Write]] | None = None  # from the record: makers of further files, by kind
    seconds: float = 0.0


def settings_of(architecture: str, chosen: argparse.Namespace, seed: int) -> dict:
    """What a classifier's numbers depend on beside the images, in experiment 1."""
    settings = {
        "seed": seed,
        "precision": chosen.precision,
        "epochs_at_most": chosen.epochs,
        "patience": protocol.PATIENCE,
        "batch_size": protocol.BATCH_SIZE,
        "validation_share": protocol.VALIDATION_SHARE,
        "optimiser": "SGD",
        "learning_rate": protocol.LEARNING_RATE,
        "decay_rate": protocol.DECAY_RATE,
        "decay_steps": protocol.DECAY_STEPS,
    }
    if ARCHITECTURES[architecture].is_pretrained:
        settings["weights"] = weights_setting(chosen)
    return settings


def weights_setting(chosen: argparse.Namespace) -> str:
    """--weights as a setting: imagenet, or what tells random weights or a file from others.

    A file of the published weights counts as imagenet: some machines have them from a file, others from Keras.
    """
    if chosen.weights == options.RANDOM:
        return f"random, seed {chosen.seed}"  # one frozen backbone for all of --seeds
    if chosen.weights == options.IMAGENET or _is_imagenet(Path(chosen.weights)):
        return options.IMAGENET
    return f"sha256 {files.checksum(Path(chosen.weights))}"


def _is_imagenet(path: Path) -> bool:
    """Whether a file holds the weights that Keras downloads, in the format of that download, whatever else its bytes are."""
    try:
        import h5py

        with h5py.File(path) as file:
            layers = [file[name] for name in file.attrs["layer_names"]]
            values = [layer[name][()] for layer in layers for name in layer.attrs["weight_names"]]
    except Exception:  # not a file, another format, or no h5py yet; it has many of its own for damaged bytes
        return False
    return files.checksum_of_arrays(values) == protocol.IMAGENET_CHECKSUM


def data_of(parts: dict[str, metadata.Split]) -> Data:
    """Number and fingerprint of images by the name of their part, as a record has them."""
    return {name: {"images": len(part.rows), "sha256": part.fingerprint} for name, part in parts.items()}


def why(run: Run, fresh: bool, data: Data | None = None) -> str | None:
    """Why a run has to be done, in words; None if its record, and its saved model if it has one, are what is asked for.

    `data`: the images to compare with, instead of the run's own.
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
    if record["data"] != (run.data if data is None else data):
        return "done before on other images"
    if run.model and record["model"] != run.model:
        return "the classifier was trained again since"
    predictions = run.files["predictions"]
    if run.needs_predictions and not (predictions.exists() and files.checksum(predictions) == record["predictions"]["sha256"]):
        return "its predictions are missing or damaged"
    model = run.files.get("model")
    if model and not model.exists():
        return f"its record is there, its model {shown(model)} is not"
    if model and files.checksum(model) != record["model"]["sha256"]:
        return f"{shown(model)} is not the model of its record"
    return None


def why_by_record(run: Run, fresh: bool) -> str | None:
    """why() for --dry-run: the images are not read, so a change in them goes unseen."""
    data = {}
    with suppress(OSError, StudyError):
        data = records.read(run.files["record"], run.experiment)["data"]
    return why(run, fresh, data)


def finish_interrupted(folders: Folders, runs: Iterable[tuple[str, dict[str, Path]]]) -> None:
    """Rename the results that killed processes left half renamed: of each run, its title and files."""
    for title, by_kind in runs:
        if files.is_half_in_place(list(by_kind.values())):
            with locks.alone(folders, title):
                files.finish_interrupted(list(by_kind.values()))


def do(
    wanted: list[Run], prepare: Callable[[], Prepared], train: Callable[[Run, Prepared], Trained], chosen: argparse.Namespace
) -> list[Path]:
    """Do the runs that are not done yet, one after the other; gives the files written.

    A run that another process is doing is left to it if there are more, and in experiment 3; else BusyError is raised.
    """
    folders, prepared, written, said = chosen.folders, None, [], 0.0
    start = time.monotonic()
    missing = []
    for run in wanted:
        if why(run, chosen.fresh):
            missing.append(run)
        else:
            folders.checkpoint(run.title).unlink(missing_ok=True)  # left by a start that was killed at its very end
    if kept := len(wanted) - len(missing):
        what = wanted[0].title if len(wanted) == 1 else f"{kept} of {len(wanted)} runs"
        log.info("%s: done already with these settings; --fresh does it again.", what)
    for number, run in enumerate(missing, start=1):
        signals.when_stopped(f"Stopped before {run.title} was complete; the same command continues there.")
        try:
            with locks.alone(folders, run.title):
                files.finish_interrupted(list(run.files.values()))
                reason = why(run, chosen.fresh)
                if reason is None:
                    folders.checkpoint(run.title).unlink(missing_ok=True)
                    log.info("%s: done by another process", run.title)
                    continue
                log.info("%s%s", run.title, "" if reason == "not done yet" else f": {reason}; replacing that (--output DIR keeps it)")
                prepared = prepared or prepare()
                record = _commit(run, prepared, train(run, prepared))
                folders.checkpoint(run.title).unlink(missing_ok=True)
        except locks.BusyError as busy:
            if len(wanted) == 1 and run.experiment != "E3":  # of E3, a share may hold one run of a classifier and more of others
                raise
            log.info("Left out: %s", busy)
            continue
        written += run.files.values()
        scores, test = record["scores"], record["test"]
        result = f"{scores['accuracy']:.3f}, macro F1 {scores['macro_f1']:.3f} on {test['images']:,} {test['source']} test images"
        log.info("  accuracy %s", result)
        now, left = time.monotonic(), (time.monotonic() - start) / number * (len(missing) - number)
        if number < len(missing) and (number < 3 or now - said > SAY_EVERY):
            log.info("  run %d of %d, about %s left", number, len(missing), duration(left))
            said = now
    return written


def _commit(run: Run, prepared: Prepared, trained: Trained) -> dict:
    """Test a classifier and put all files of its run in place, the record last; gives the record."""
    import numpy as np

    from cifake.pages import figures
    from cifake.results import scores
    from cifake.system import devices

    test, seconds = prepared.test, prepared.seconds | {"training": round(trained.seconds, 1)}
    with files.stage(list(run.files.values())) as make:
        with timed(seconds, "testing"):
            probabilities, facts = trained.answer(make)
        numbers, predicted = np.array(test.numbers), probabilities.argmax(1)
        record = {"architecture": run.architecture, **trained.facts, **facts}
        record["test"] = {"source": test.source, "images": len(test.rows)}
        record["scores"] = scores.scores(numbers, predicted, test.classes)
        if prepared.trained_on is not None:
            record["leak"] = scores.leak(numbers, predicted, test.classes, prepared.trained_on)
        by_image = scores.predictions(test.filepaths, numbers, probabilities, test.classes)
        made = make(run.files["predictions"], lambda path: scores.write_predictions(by_image, path))
        record["predictions"] = {"sha256": files.checksum(made), "correct": scores.packed(numbers == predicted)}
        if "metrics" in run.files:
            report = f"{scores.report(numbers, predicted, test.classes)}\n{records.sentences(record)}"
            make(run.files["metrics"], lambda path: path.write_text(report, encoding="utf-8"))
            gallery = figures.mistakes(record, by_image, prepared.test_pixels)
            make(run.files["mistakes"], lambda path: figures.save(gallery, path))
        for kind, write in trained.extra(record).items() if trained.extra else ():
            make(run.files[kind], write)
        record |= {**devices.description(prepared.device), "seconds": seconds}
        make(run.files["record"], lambda path: records.write(record, path))
    return record


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Note how long a phase of a run takes."""
    start = time.monotonic()
    yield
    seconds[phase] = round(time.monotonic() - start, 1)


def backbone_of(architecture: str, chosen: argparse.Namespace) -> "keras.Model | None":
    """The frozen part; with --weights random, the same for the same seed."""
    from cifake.models import architectures
    from cifake.system import devices

    devices.seed(chosen.seed)
    return architectures.backbone(architecture, chosen.weights)


def weights_of(backbone: "keras.Model", chosen: argparse.Namespace) -> dict:
    """Where a backbone's weights came from, by their values if they are the published ones."""
    from cifake.models import features

    checksum = features.weights_checksum(backbone)
    if chosen.weights == options.RANDOM:
        origin = "random weights"
    elif chosen.weights == options.IMAGENET or checksum == protocol.IMAGENET_CHECKSUM:
        origin = "ImageNet weights"
    else:
        origin = f"weights of {Path(chosen.weights).name}"
    return {"origin": origin, "sha256": checksum}
