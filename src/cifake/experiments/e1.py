"""Experiment 1: each classifier trained on FAKE and on REAL, tested on the same source. The classify scripts call it."""

import argparse
import hashlib
import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np

from cifake import protocol
from cifake.data import batches, decoding, metadata
from cifake.experiments.runs import Prepared, Run, Seconds, backbone_of, data_of, do, timed, weights_of, weights_setting, why
from cifake.models import architectures, features, training
from cifake.models.architectures import ARCHITECTURES
from cifake.pages import e1 as pages
from cifake.pages import style
from cifake.results import histories
from cifake.system import files

log = logging.getLogger(__name__)

# Pixels by split, uint8 [n, 32, 32, 3] each, and labels of the training images: classes from 0, int64 [n], or probabilities, float32
# [n, classes].
Changed = tuple[dict[str, np.ndarray], np.ndarray]
Change = Callable[[dict[str, np.ndarray], np.ndarray], Changed]


def classify(architecture: str, chosen: argparse.Namespace) -> list[Path]:
    """Train and test a classifier on one source, once for each seed; gives the files written."""
    settings = settings_of(architecture, chosen)  # before the images: it names weights that are missing
    if chosen.dry_run:
        for run in _runs(architecture, settings, {}, chosen):
            reason = why(run, chosen.fresh)
            log.info("%s: %s", run.title, f"would be trained ({reason})" if reason else "done already with these settings")
        return []
    log.info("%s %s: reading the images", chosen.data, architecture)
    seconds = {}
    with timed(seconds, "reading"):
        splits = {split: metadata.read_split(chosen.folders, chosen.data, split) for split in protocol.SPLITS}
    preparing = partial(prepare, architecture, f"{chosen.data} {architecture}", chosen, splits, seconds)
    return do(_runs(architecture, settings, data_of(splits), chosen), preparing, partial(train, chosen.data, chosen), chosen)


def title_of(source: str, architecture: str, seed: int | None, experiment: str = "E1") -> str:
    """FAKE LeNet; FAKE LeNet, seed 130 for a replicate; FAKE LeNet on REAL in experiment 2."""
    tested_on = f" on {protocol.OTHER[source]}" if experiment == "E2" else ""
    return f"{source} {architecture}" + ("" if seed is None else f", seed {seed}") + tested_on


def run_of(experiment: str, source: str, architecture: str, settings: dict, data: dict, chosen: argparse.Namespace) -> Run:
    """A training: the study's own seed is the plain one, every other has a place of its own."""
    place = None if settings["seed"] == protocol.SEED else settings["seed"]
    title, where = title_of(source, architecture, place), chosen.folders.classifier(experiment, source, architecture, place)
    return Run(experiment, architecture, title, settings, data, where)


def _runs(architecture: str, settings: dict, data: dict[str, dict], chosen: argparse.Namespace) -> list[Run]:
    return [run_of("E1", chosen.data, architecture, settings | {"seed": seed}, data, chosen) for seed in chosen.seeds or [protocol.SEED]]


def settings_of(architecture: str, chosen: argparse.Namespace) -> dict:
    """All that a training depends on beside the images, by the study's protocol and the options."""
    settings = {
        "seed": protocol.SEED,
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


def prepare(
    architecture: str,
    name: str,
    chosen: argparse.Namespace,
    splits: dict[str, metadata.Split],
    seconds: Seconds,
    change: Change | None = None,
) -> Prepared:
    """From the bytes of the images, `splits` train and test, to the inputs of the training, once for all seeds.

    `change` is what is done to the images beforehand; only classifiers without a pretrained backbone can have it.
    """
    training_files = set(splits["train"].contents)
    trained_on = np.array([content in training_files for content in splits["test"].contents])

    # The images, once.
    with timed(seconds, "decoding"):
        pixels = {}
        for split, part in splits.items():
            pixels[split], converted = decoding.decode(part.contents, part.filepaths, f"{name}, {split}")
            if converted:
                log.info("%s: %s %s image(s) were converted to 32x32 RGB", name, f"{converted:,}", split)
        labels = splits["train"].labels
        if change:
            pixels, labels = change(pixels, labels)

    # The frozen part, once; --precision is for the features, not for the model that is saved.
    with timed(seconds, "features"):
        backbone = backbone_of(architecture, chosen)
        with architectures.precision(chosen.precision):
            computing = backbone_of(architecture, chosen)
        fingerprint = splits["train"].fingerprint
        inputs = features.of_images(computing, pixels.pop("train"), fingerprint, chosen.folders, f"{name}, train")
        inputs = batches.in_memory(inputs, labels)  # releases the array itself
    return Prepared((backbone, *inputs), seconds, splits["test"], pixels["test"], trained_on)


def train(
    source: str, chosen: argparse.Namespace, run: Run, prepared: Prepared, make: Callable, seconds: Seconds
) -> tuple[np.ndarray, dict]:
    """Train one classifier on the images of a source, save it, and have the saved model answer the test."""
    backbone, inputs, labels = prepared.inputs
    test, settings = prepared.test, run.settings

    # The training. The seed is set right before the head is built, so that kept and new features start alike.
    keras.utils.set_random_seed(settings["seed"])
    with architectures.precision(settings["precision"]):
        trainee = architectures.head(run.architecture, inputs.shape[1:], len(test.classes))
    key = hashlib.sha256(json.dumps([settings, run.data, test.classes]).encode()).hexdigest()[:16]
    trained = training.train(trainee, inputs, labels, settings, chosen.folders.checkpoint(run.title, key))
    seconds["training"] = round(trained.seconds, 1)  # over all sittings

    # The model that is saved is float32 always. The scores are those of the saved model.
    with timed(seconds, "testing"):
        head = architectures.head(run.architecture, inputs.shape[1:], len(test.classes))
        head.set_weights(trainee.get_weights())
        model = architectures.Classifier(backbone, head).whole(run.architecture)
        saved = make(run.files["model"], model.save)
        make(run.files["summary"], lambda path: path.write_text(architectures.summary(model), encoding="utf-8"))
        label = f"{run.title}, test"
        loaded = architectures.load(saved)
        probabilities = features.probabilities(loaded, prepared.test_pixels, test.fingerprint, chosen.folders, label)

    file = run.files["model"].relative_to(chosen.folders.output).as_posix()
    facts = {
        "source": source,
        "classes": list(test.classes),
        "settings": settings,
        "data": run.data,
        "training": {
            "epochs": len(trained.history),
            "best_epoch": trained.best_epoch + 1,
            "best_validation_accuracy": trained.history[trained.best_epoch]["val_accuracy"],
            "stopped_early": trained.stopped_early,
        },
        "model": {"file": file, "sha256": files.checksum(saved), "parameters": model.count_params()},
    }
    if ARCHITECTURES[run.architecture].is_pretrained:
        facts["weights"] = weights_of(backbone, chosen)
    history = histories.table(trained.history)
    make(run.files["history"], lambda path: histories.write(history, path))
    curve = pages.history({"architecture": run.architecture, **facts}, history)
    make(run.files["curve"], lambda path: style.save(curve, path))
    return probabilities, facts
