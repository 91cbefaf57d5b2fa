"""Experiment 3: classifiers trained on a number of REAL images, with and without augmentation and FAKE images.

worth_of_fake.py calls it.
"""

import argparse
import dataclasses
import itertools
import logging
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cifake import protocol
from cifake.data import metadata
from cifake.data.arms import ARMS, Arm
from cifake.experiments.runs import Prepared, Run, Trained, backbone_of, data_of, do, settings_of, weights_of, why, why_by_record
from cifake.models.architectures import ARCHITECTURES
from cifake.results import records
from cifake.results.table import RUN_OF_E3
from cifake.system import options
from cifake.system.errors import StudyError
from cifake.system.files import checksum_of_arrays
from cifake.system.paths import shown
from cifake.system.progress import duration

if TYPE_CHECKING:
    import keras
    import numpy as np

    from cifake.data import budgets

log = logging.getLogger(__name__)

Splits = dict[tuple[str, str], metadata.Split]  # by source and split
PARTS = (("REAL", "train"), ("FAKE", "train"), ("REAL", "test"))  # of the images, that the experiment uses
MODELS = ("VGG16", "LeNet")  # if --models names no others; the quicker one first
FEATURES_A_SECOND = 350  # images through VGG16's convolutions on two cores, for --dry-run


@dataclass(frozen=True)
class RunOfE3(Run):
    """A run, with what experiment 3 varies."""

    arm: Arm = ARMS[0]
    size: int = 0  # REAL images; 0 if there are none
    seed: int = 0


@dataclass(frozen=True)
class Inputs:
    """What the trainings of a classifier take, in memory."""

    backbone: "keras.Model | None"
    weights: dict | None  # of a pretrained backbone
    values: "np.ndarray"  # [variants * rows, ...]: REAL training rows, then FAKE ones, then an augmented copy of all, and so on
    numbers: "np.ndarray"  # [rows]: classes from 0
    test: "np.ndarray"  # [n, ...] of the REAL test images

    @property
    def are_features(self) -> bool:
        """Whether the inputs are features of a pretrained backbone, computed beforehand; else they are pixels."""
        return self.weights is not None


def train_missing(chosen: argparse.Namespace) -> list[Path]:
    """Do the runs that the options ask for and that have no record yet; gives the files written."""
    log.info("Experiment 3: reading the images")
    splits = {part: metadata.read_split(chosen.folders, *part) for part in PARTS}
    real, written = splits["REAL", "train"], []
    wanted = runs_of(chosen, sizes_of(real.rows, real.classes), splits)
    refuse_a_mixture(wanted, splits, chosen)
    for architecture, members in itertools.groupby(wanted, lambda run: run.architecture):
        members = list(members)
        augmented = any(run.arm.augmented for run in members if why(run, chosen.fresh))
        prepare = partial(_prepare, architecture, splits, augmented, chosen)
        written += do(members, prepare, partial(_train, splits=splits), chosen)
    return written


def runs_of(chosen: argparse.Namespace, sizes: list[int], splits: Splits | None = None) -> list[RunOfE3]:
    """The runs that the options ask for, in the order in which they are done: early ones show the whole picture for one seed."""
    cells = [(arm, 0) for arm in ARMS if not arm.has_budget]
    cells += [(arm, size) for size in sizes for arm in ARMS if arm.has_budget]
    wanted = []
    for architecture in chosen.models or MODELS:
        shared = settings_of(architecture, chosen, chosen.seed)
        # Of machines that share the grid, some may have the weights from a file, others from Keras.
        if "weights" in shared and _is_imagenet(Path(chosen.weights)):
            shared["weights"] = options.IMAGENET
        for seed, (arm, size) in itertools.product(chosen.seeds or ARCHITECTURES[architecture].e3_seeds, cells):
            budget = f"{size:,} REAL images" if size else "alone"
            wanted.append(
                RunOfE3(
                    "E3",
                    architecture,
                    f"{architecture}, {arm.name}, {budget}, seed {seed}",
                    _settings(architecture, arm, size, seed, shared, chosen.steps),
                    _data(arm, splits) if splits else {},
                    chosen.folders.e3_run(architecture, arm.name, size, seed),
                    arm=arm,
                    size=size,
                    seed=seed,
                )
            )
    number, shards = chosen.shard
    return wanted[number - 1 :: shards]


def _settings(architecture: str, arm: Arm, size: int, seed: int, shared: dict, steps: int) -> dict:
    """All that a run's numbers depend on beside the images; `shared` are the settings that it has in experiment 1."""
    settings = {name: value for name, value in shared.items() if name not in ("epochs_at_most", "patience")}
    settings |= {"seed": seed, "arm": arm.name, "real_images": size, "steps": steps}
    settings["validate_every"] = min(steps, protocol.VALIDATE_EVERY)
    if arm.augmented:
        settings |= {"flip": "horizontal", "shift": protocol.SHIFT, "rotation": protocol.ROTATION}
        settings |= {"copies": protocol.COPIES} if ARCHITECTURES[architecture].is_pretrained else {}
    return settings


def _data(arm: Arm, splits: Splits) -> dict[str, dict]:
    """The images that a run takes from, and is tested on."""
    parts = {f"{source} train": splits[source, "train"] for source in arm.sources}
    return data_of(parts | {"REAL test": splits["REAL", "test"]})


def _is_imagenet(path: Path) -> bool:
    """Whether a file holds the weights that Keras downloads, in the format of that download, whatever else its bytes are."""
    try:
        import h5py

        with h5py.File(path) as file:
            layers = [file[name] for name in file.attrs["layer_names"]]
            values = [layer[name][()] for layer in layers for name in layer.attrs["weight_names"]]
    except Exception:  # not a file, another format, or no h5py yet; it has many of its own for damaged bytes
        return False
    return checksum_of_arrays(values) == protocol.IMAGENET_CHECKSUM


def why_not(size: int, images: list[int]) -> str | None:
    """Why no balanced budget of `size` can be drawn from this many images of each class, in words; None if it can be."""
    needed, least = -(-size // len(images)), round(1 / protocol.VALIDATION_SHARE)
    if needed > min(images):
        return f"it takes {needed:,} images of each class, and one class has {min(images):,}"
    if size // len(images) < least:
        return f"it gives some of the {len(images)} classes fewer than {least} images, and so none for validation"
    return None


def sizes_of(rows: tuple[metadata.Row, ...], classes: tuple[str, ...]) -> list[int]:
    """The budgets that can be drawn from the REAL training images; the others are named. Raises StudyError if there is none."""
    images = Counter(row.label for row in rows)
    reasons = {size: why_not(size, [images[label] for label in classes]) for size in protocol.BUDGETS}
    for size, reason in reasons.items():
        if reason:
            log.info("A budget of %s REAL images is left out: %s.", f"{size:,}", reason)
    sizes = [size for size, reason in reasons.items() if reason is None]
    if not sizes:
        raise StudyError(
            f"The REAL training images are too few for experiment 3, whose smallest budget is {min(protocol.BUDGETS):,} images; add "
            "images of each class."
        )
    return sizes


def announce(chosen: argparse.Namespace) -> None:
    """--dry-run: how many runs are there and missing, and how long they take. Images are not read, so a change in them goes unseen."""
    rows, classes = {}, metadata.class_names(chosen.folders)
    for source in protocol.SOURCES:
        is_there = chosen.folders.split(source, "train").is_dir()
        rows[source] = tuple(metadata.rows_of(chosen.folders, source, "train", classes)) if is_there else ()
    sizes = sizes_of(rows["REAL"], classes) if rows["REAL"] else list(protocol.BUDGETS)
    wanted = runs_of(chosen, sizes)
    refuse_a_mixture(wanted, None, chosen)
    copies = (1 + protocol.COPIES) * (sum(map(len, rows.values())) or 100_000)
    for architecture, members in itertools.groupby(wanted, lambda run: run.architecture):
        members = list(members)
        missing = sum(why_by_record(run, chosen.fresh) is not None for run in members)
        seconds = missing * ARCHITECTURES[architecture].e3_seconds * chosen.steps / protocol.STEPS
        seconds += copies / FEATURES_A_SECOND if ARCHITECTURES[architecture].is_pretrained and missing else 0
        took = f", in about {duration(seconds)} on two cores" if missing else ""
        there = len(members) - missing
        log.info("%s: of %d runs %d are there and %d would be done%s", architecture, len(members), there, missing, took)


def refuse_a_mixture(wanted: list[RunOfE3], splits: Splits | None, chosen: argparse.Namespace) -> None:
    """Raise StudyError if records of other settings, or other images, would be left beside the runs that are asked for.

    The user learns it before hours of training, and not after. Without `splits` the images are not compared.
    """
    done = {run.files["record"] for run in wanted}
    of_architecture = {run.architecture: run for run in wanted}
    for path in chosen.folders.records("E3"):
        run = of_architecture.get(path.parents[1].name)
        if path in done or run is None:
            continue
        record = records.read(path, "E3")
        there, here = _alike(record["settings"]), _alike(run.settings)
        other = [name for name in there | here if there.get(name) != here.get(name)]
        if splits and any(splits[tuple(part.split())].fingerprint != known["sha256"] for part, known in record["data"].items()):
            other.append("images")
        if other:
            raise StudyError(
                f"{shown(path)} is a run with other settings ({', '.join(other)}), and this start would leave it beside its own; name "
                f"another folder with --output, or move {shown(path.parents[1])} away."
            )


def _alike(settings: dict) -> dict:
    """The settings in which all runs of a classifier have to agree."""
    return {name: value for name, value in settings.items() if name not in RUN_OF_E3}


def _prepare(architecture: str, splits: Splits, augmented: bool, chosen: argparse.Namespace) -> Prepared:
    """From the bytes of the images to the inputs of the training and of the test, once for all runs of a classifier.

    The features of a pretrained backbone are computed beforehand, for each image and, if any run is `augmented`, for its copies.
    """
    from cifake.system import devices

    start = time.monotonic()
    device = devices.prepare(chosen.verbose)
    import numpy as np

    from cifake.data import augmentation, decoding
    from cifake.models import architectures, features

    backbone = computing = backbone_of(architecture, chosen)
    if chosen.precision != "float32":  # for the training's features, not for those that are tested
        with architectures.precision(chosen.precision):
            computing = backbone_of(architecture, chosen)
    is_computed = ARCHITECTURES[architecture].is_pretrained
    variants = 1 + protocol.COPIES if is_computed and augmented else 1
    rows = sum(len(splits[source, "train"].rows) for source in protocol.SOURCES)
    shape = computing.output_shape[1:] if is_computed else protocol.IMAGE_SHAPE
    values = np.empty((variants, rows, *shape), np.float32 if is_computed else np.uint8)

    def pixels_of(part: metadata.Split) -> np.ndarray:
        pixels, _ = decoding.decode(part.contents, part.filepaths, f"{part.source}, {part.split}")
        return pixels

    first = 0
    for source in protocol.SOURCES:
        part = splits[source, "train"]
        pixels, place = pixels_of(part), slice(first, first + len(part.rows))
        for variant in range(variants):
            label, fingerprint, change = f"{source} {architecture}, train", part.fingerprint, None
            if variant:
                label += f", augmented copy {variant} of {protocol.COPIES}"
                fingerprint += f" copy {variant}, shift {protocol.SHIFT}, rotation {protocol.ROTATION}"
                change = partial(augmentation.copies, number=variant)
            if is_computed:
                log.info("  %s: features", label)
            network = computing if is_computed else None
            values[variant, place] = features.of_images(network, pixels, fingerprint, chosen.folders, label, change)
        first = place.stop
    test = splits["REAL", "test"]
    test_pixels = test_inputs = pixels_of(test)
    weights = None
    if is_computed:
        label = f"REAL {architecture}, test"
        test_inputs = features.of_images(backbone, test_pixels, test.fingerprint, chosen.folders, label)
        weights = weights_of(backbone, chosen)
    numbers = np.concatenate([np.array(splits[source, "train"].numbers) for source in protocol.SOURCES])
    inputs = Inputs(backbone, weights, values.reshape(variants * rows, *shape), numbers, test_inputs)
    seconds = {"preparing": round(time.monotonic() - start, 1)}
    return Prepared(device, dataclasses.replace(test, contents=()), test_pixels, inputs, seconds)


def budgets_of(run: RunOfE3, splits: Splits) -> "dict[str, budgets.Budget]":
    """The images that a run may learn from, by source.

    On top of REAL images, all FAKE ones are for training, because the REAL ones are there to validate on; alone, a fifth of them
    validates.
    """
    import numpy as np

    from cifake.data import budgets

    drawn = {}
    if "REAL" in run.arm.sources:
        drawn["REAL"] = budgets.draw(np.array(splits["REAL", "train"].numbers), run.size, run.seed, "REAL")
    if "FAKE" in run.arm.sources:
        numbers = np.array(splits["FAKE", "train"].numbers)
        everything = budgets.Budget(np.arange(len(numbers)), np.arange(0))
        is_added = "REAL" in drawn
        drawn["FAKE"] = everything if is_added else budgets.draw(numbers, len(numbers), run.seed, "FAKE")
    return drawn


def rows_of(drawn: "dict[str, budgets.Budget]", first: dict[str, int], run: RunOfE3) -> "tuple[np.ndarray, np.ndarray]":
    """The rows of each batch, int64 [steps, images], and those for validation, int64 [n]; each source begins at row `first`."""
    import numpy as np

    from cifake.data import budgets

    training = [first[source] + budget.training for source, budget in drawn.items()]
    validation = [first[source] + budget.validation for source, budget in drawn.items()]
    return budgets.batches(training, run.settings["steps"], run.seed), np.concatenate(validation)


def _train(run: RunOfE3, prepared: Prepared, splits: Splits) -> Trained:
    """Train one classifier and have it answer the test."""
    import numpy as np

    from cifake.data import augmentation, batches, budgets
    from cifake.models import architectures, features, training
    from cifake.system import devices

    start = time.monotonic()
    inputs, settings, classes = prepared.inputs, run.settings, prepared.test.classes
    drawn = budgets_of(run, splits)
    rows, validation = rows_of(drawn, {"REAL": 0, "FAKE": len(splits["REAL", "train"].rows)}, run)

    def classifier() -> "keras.Model":
        """With new weights: on features the head alone, on pixels the whole."""
        if inputs.are_features:
            return architectures.head(run.architecture, inputs.values.shape[1:], len(classes))
        shape = inputs.backbone.output_shape[1:] if inputs.backbone else protocol.IMAGE_SHAPE
        head = architectures.head(run.architecture, shape, len(classes))
        return architectures.Classifier(inputs.backbone, head).whole(run.architecture)

    # Features are augmented by picking a copy of each image, pixels by changing them as they come.
    change = None
    if run.arm.augmented and inputs.are_features:
        rows = rows + len(inputs.numbers) * budgets.variants(settings["steps"], run.seed)
    elif run.arm.augmented:
        augment = augmentation.augmenter()

        def change(values, batch):
            return augment(values, [run.seed, batch])

    # The training. The seed is set right before the classifier is built, as in experiment 1.
    devices.seed(run.seed)
    with architectures.precision(settings["precision"]):
        trainee = classifier()
    numbers = np.tile(inputs.numbers, len(inputs.values) // len(inputs.numbers))
    history, best = training.train_by_steps(
        trainee,
        batches.picked(inputs.values, numbers, rows.ravel(), protocol.BATCH_SIZE, change),
        batches.picked(inputs.values, numbers, validation, training.VALIDATION_BATCH),
        steps=settings["steps"],
        interval=settings["validate_every"],
        name=run.title,
    )

    def answer(_make):
        """In float32 always."""
        tested = classifier()
        tested.set_weights(trainee.get_weights())
        return features.compute(tested, inputs.test), {}

    facts = {
        "arm": run.arm.name,
        "classes": list(classes),
        "settings": settings,
        "data": run.data,
        "budget": {
            source: {"training": len(budget.training), "validation": len(budget.validation), "sha256": budget.fingerprint}
            for source, budget in drawn.items()
        },
        "training": {
            "steps": settings["steps"],
            "best_step": (best + 1) * settings["validate_every"],
            "best_validation_accuracy": history["val_accuracy"][best],
            "history": history,
        },
        **({"weights": inputs.weights} if inputs.weights else {}),
    }
    return Trained(facts, answer, seconds=time.monotonic() - start)
