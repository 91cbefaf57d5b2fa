"""Experiment 3: classifiers trained on so many REAL images, with and without augmentation and FAKE images.

worth_of_fake.py calls it. What needs TensorFlow is imported when there is something to train.
"""

import argparse
import dataclasses
import itertools
import time
from typing import TYPE_CHECKING

import numpy as np

from cifake import budgets, command, evaluation, experiment, grid, metadata, protocol, records, runs
from cifake.command import log
from cifake.files import checksum

if TYPE_CHECKING:
    import keras

Splits = dict[tuple[str, str], metadata.Split]  # by source and split


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What all runs of a classifier share, in memory."""

    device: str
    backbone: "keras.Model | None"  # the frozen part
    is_computed: bool  # whether the inputs are the backbone's features; else they are pixels
    inputs: (
        np.ndarray
    )  # [variants * rows, ...]: the REAL training rows, then the FAKE ones, then an augmented copy of all, and so on
    test_inputs: np.ndarray  # [n, ...] of the REAL test images
    weights: dict | None  # of VGG16
    seconds: float


def train_missing(chosen: argparse.Namespace) -> None:
    """Do the runs that the options ask for and that have no record yet, one after the other."""
    log.info("Experiment 3: reading the images")
    splits = {
        (source, split): metadata.read_split(chosen.folders, source, split)
        for source, split in (("REAL", "train"), ("FAKE", "train"), ("REAL", "test"))
    }
    real = splits["REAL", "train"]
    wanted = grid.runs_of(chosen, grid.sizes_of(real.rows, real.classes))
    grid.refuse_a_mixture(chosen.folders, wanted, splits)
    for architecture, members in itertools.groupby(wanted, lambda run: run.architecture):
        members = list(members)
        missing = [run for run in members if grid.why(run, grid.data_of(run, splits), chosen.fresh)]
        if len(missing) < len(members):
            kept = f"{len(members) - len(missing)} of {len(members)}"
            log.info("%s: %s runs are there already and are kept; --fresh does them again.", architecture, kept)
        if missing:
            _train_all(architecture, missing, splits, chosen)


def _train_all(architecture: str, missing: list[grid.Run], splits: Splits, chosen: argparse.Namespace) -> None:
    """Do the missing runs of one classifier."""
    command.when_stopped("Stopped; the same command goes on from there: whole runs and computed features are kept.")
    prepared = _prepare(architecture, splits, any(run.arm.augmented for run in missing), chosen)
    log.info("%s: %d run(s) of %s steps, on the %s", architecture, len(missing), f"{chosen.steps:,}", prepared.device)
    code, start = grid.code(), time.monotonic()
    for number, run in enumerate(missing, start=1):
        data, files = grid.data_of(run, splits), run.files
        try:
            with runs.alone(chosen.folders, run.name):
                runs.finish_interrupted(list(files.values()))
                if grid.why(run, data, chosen.fresh) is None:
                    log.info("%s: done by another process", run.name)
                    continue
                record = _train_and_test(run, prepared, splits, data, code)
        except runs.BusyError as busy:
            log.info("Left out: %s", busy)
            continue
        left = (time.monotonic() - start) / number * (len(missing) - number)
        log.info(
            "%s: accuracy %.3f on %s REAL test images (the weights of step %s; run %d of %d%s)",
            run.name,
            record["scores"]["accuracy"],
            f"{record['test']['images']:,}",
            f"{record['training']['best_step']:,}",
            number,
            len(missing),
            f", about {command.spoken(left)} left" if number < len(missing) else "",
        )


def _prepare(architecture: str, splits: Splits, augmented: bool, chosen: argparse.Namespace) -> Prepared:
    """From the bytes of the images to the inputs of the training and of the test, once for all runs of a classifier.

    A backbone that takes minutes (VGG16's) is computed beforehand, on each image and, where any run is `augmented`, on its copies.
    """
    from cifake import devices

    start = time.monotonic()
    device = devices.prepare(chosen.verbose)
    from cifake import architectures, augmentation, features, images

    backbone = computing = experiment.backbone_of(architecture, chosen)
    if chosen.precision != "float32":  # for the training's features, not for those that are tested
        with architectures.precision(chosen.precision):
            computing = experiment.backbone_of(architecture, chosen)
    is_computed = backbone is not None and bool(backbone.weights)
    variants = 1 + protocol.COPIES if is_computed and augmented else 1
    rows = sum(len(splits[source, "train"].rows) for source in protocol.SOURCES)
    shape = computing.output_shape[1:] if is_computed else protocol.IMAGE_SHAPE
    inputs = np.empty((variants, rows, *shape), np.float32 if is_computed else np.uint8)

    def pixels_of(part: metadata.Split) -> np.ndarray:
        pixels, _ = images.decode(part.contents, part.filepaths, f"{part.source}, {part.split}")
        return pixels

    first = 0
    for source in protocol.SOURCES:
        part = splits[source, "train"]
        pixels, place = pixels_of(part), slice(first, first + len(part.rows))
        for variant in range(variants):
            label, fingerprint = f"{source} {architecture}, train", part.fingerprint
            if variant:
                label += f", augmented copy {variant} of {protocol.COPIES}"
                fingerprint += f" copy {variant}, shift {protocol.SHIFT}, rotation {protocol.ROTATION}"
            if is_computed:
                log.info("%s: computing the features, where they are not kept from before", label)
            inputs[variant, place] = features.of_images(
                computing if is_computed else None,
                pixels,
                fingerprint,
                chosen.folders.unfinished,
                label,
                _copying(augmentation.copies, variant) if variant else None,
            )
        first = place.stop
    test = splits["REAL", "test"]
    test_inputs = pixels_of(test)
    weights = None
    if is_computed:
        test_inputs = features.of_images(
            backbone, test_inputs, test.fingerprint, chosen.folders.unfinished, f"REAL {architecture}, test"
        )
        weights = experiment.weights_of(chosen.weights, features.weights_checksum(backbone))
    inputs = inputs.reshape(variants * rows, *shape)
    return Prepared(device, backbone, is_computed, inputs, test_inputs, weights, round(time.monotonic() - start, 1))


def _copying(copies, variant: int):
    """For features.of_images: the images of a part -> their augmented copies of this number."""
    return lambda pixels, first: copies(pixels, variant, first)


def budgets_of(run: grid.Run, splits: Splits) -> dict[str, budgets.Budget]:
    """The images that a run may learn from, by source.

    Beside REAL images, all FAKE ones are for training, since the REAL ones are there to validate on; alone, a fifth of them validates.
    """
    drawn = {}
    if run.arm.real:
        drawn["REAL"] = budgets.draw(np.array(splits["REAL", "train"].numbers), run.size, run.seed, "REAL")
    if run.arm.fake:
        numbers = np.array(splits["FAKE", "train"].numbers)
        everything = budgets.Budget(np.arange(len(numbers)), np.arange(0))
        drawn["FAKE"] = everything if run.arm.real else budgets.draw(numbers, len(numbers), run.seed, "FAKE")
    return drawn


def rows_of(drawn: dict[str, budgets.Budget], first: dict[str, int], run: grid.Run) -> tuple[np.ndarray, np.ndarray]:
    """The rows of each batch, int64 [steps, images], and those for validation, int64 [n], where each source begins at row `first`."""
    training = [first[source] + budget.training for source, budget in drawn.items()]
    validation = [first[source] + budget.validation for source, budget in drawn.items()]
    return budgets.batches(training, run.settings["steps"], run.seed), np.concatenate(validation)


def _train_and_test(run: grid.Run, prepared: Prepared, splits: Splits, data: dict[str, dict], code: dict) -> dict:
    """All of one run, from the inputs in memory to its files in their places; gives its record."""
    from cifake import architectures, augmentation, devices, features, images, training

    start = time.monotonic()
    settings, classes = run.settings, splits["REAL", "test"].classes
    numbers = np.concatenate([np.array(splits[source, "train"].numbers) for source in protocol.SOURCES])
    drawn = budgets_of(run, splits)
    batches, validation = rows_of(drawn, {"REAL": 0, "FAKE": len(splits["REAL", "train"].rows)}, run)

    def classifier() -> "keras.Model":
        """With new weights: on features the head alone, on pixels the whole."""
        if prepared.is_computed:
            return architectures.head(run.architecture, prepared.inputs.shape[1:], len(classes))
        shape = prepared.backbone.output_shape[1:] if prepared.backbone else protocol.IMAGE_SHAPE
        head = architectures.head(run.architecture, shape, len(classes))
        return architectures.Classifier(prepared.backbone, head).whole(run.architecture)

    # Augmented are features by picking a copy of each image, pixels by changing them as they come.
    change = None
    if run.arm.augmented and prepared.is_computed:
        batches = batches + len(numbers) * budgets.variants(settings["steps"], run.seed)
    elif run.arm.augmented:
        augment = augmentation.augmenter()

        def change(inputs, batch):
            return augment(inputs, [run.seed, batch])

    # The training. The seed is set right before the classifier is built, as in experiment 1.
    devices.seed(run.seed)
    with architectures.precision(settings["precision"]):
        trainee = classifier()
    of_inputs = np.tile(numbers, len(prepared.inputs) // len(numbers))
    history, best = training.train_by_steps(
        trainee,
        images.picked_batches(prepared.inputs, of_inputs, batches.ravel(), protocol.BATCH_SIZE, change),
        images.picked_batches(prepared.inputs, of_inputs, validation, training.VALIDATION_BATCH),
        steps=settings["steps"],
        interval=settings["validate_every"],
        name=run.name,
    )

    # The test, in float32 always.
    tested = classifier()
    tested.set_weights(trainee.get_weights())
    probabilities = features.compute(tested, prepared.test_inputs)
    test = splits["REAL", "test"]
    test_numbers = np.array(test.numbers)
    record = {
        "architecture": run.architecture,
        "arm": run.arm.name,
        "classes": list(classes),
        "settings": settings,
        "data": data,
        "budget": {
            source: {
                "training": len(budget.training),
                "validation": len(budget.validation),
                "sha256": budget.fingerprint,
            }
            for source, budget in drawn.items()
        },
        "training": {
            "steps": settings["steps"],
            "best_step": (best + 1) * settings["validate_every"],
            "best_validation_accuracy": history["val_accuracy"][best],
            "history": history,
        },
        **({"weights": prepared.weights} if prepared.weights else {}),
        "test": {"source": test.source, "images": len(test.rows)},
        "scores": evaluation.scores(test_numbers, probabilities.argmax(1), classes),
    }
    by_image = evaluation.predictions(test.filepaths, test_numbers, probabilities, classes)
    with runs.stage(list(run.files.values())) as make:
        kept = make(run.files["predictions"], lambda path: evaluation.write_predictions(by_image, path))
        record |= {"predictions": {"sha256": checksum(kept)}, "code": code, **devices.description(prepared.device)}
        record["seconds"] = {"preparing": prepared.seconds, "run": round(time.monotonic() - start, 1)}
        make(run.files["record"], lambda path: records.write(record, path))
    return record
