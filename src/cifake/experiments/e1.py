"""Experiment 1: each classifier trained on FAKE and on REAL, tested on the same source. The classify scripts call it."""

import argparse
import dataclasses
import hashlib
import itertools
import json
import logging
from pathlib import Path

from cifake import protocol
from cifake.data import metadata
from cifake.experiments.runs import Prepared, Run, Trained, backbone_of, data_of, do, settings_of, timed, weights_of, why_by_record
from cifake.models.architectures import ARCHITECTURES
from cifake.system import files, options
from cifake.system.paths import Folders

log = logging.getLogger(__name__)
USES = "data epochs seed seeds weights precision images output fresh dry_run verbose"


def classify(architecture: str, documentation: str) -> list[Path]:
    """A classify script: train and test a classifier on one source, once for each seed; gives the files written."""
    chosen = options.parse(documentation, USES)
    if chosen.data is None:
        options.parser(documentation, USES).error("-data FAKE or -data REAL is needed")
    if chosen.dry_run:
        for run in _runs(architecture, chosen, {}):
            reason = why_by_record(run, chosen.fresh)
            log.info("%s: %s", run.title, f"would be trained ({reason})" if reason else "done already with these settings")
        return []
    log.info("%s %s: reading the images", chosen.data, architecture)
    seconds = {}
    with timed(seconds, "reading"):
        splits = {split: metadata.read_split(chosen.folders, chosen.data, split) for split in protocol.SPLITS}

    def prepare() -> Prepared:
        return _prepare(architecture, chosen, splits, seconds)

    def train(run: Run, prepared: Prepared) -> Trained:
        return _train(run, prepared, chosen)

    return do(_runs(architecture, chosen, splits), prepare, train, chosen)


def title_of(source: str, architecture: str, seed: int | None) -> str:
    """FAKE LeNet, or FAKE LeNet, seed 130 for a replicate."""
    return f"{source} {architecture}" + ("" if seed is None else f", seed {seed}")


def places(chosen: argparse.Namespace) -> dict[int, int | None]:
    """The seeds that are asked for, and where their results go: None for the plain run's place, which is --seed's."""
    return {seed: None if seed == chosen.seed else seed for seed in chosen.seeds or [chosen.seed]}


def _runs(architecture: str, chosen: argparse.Namespace, splits: dict[str, metadata.Split]) -> list[Run]:
    """The runs that the options ask for."""
    return [
        Run(
            "E1",
            architecture,
            title_of(chosen.data, architecture, place),
            settings_of(architecture, chosen, seed),
            data_of(splits),
            chosen.folders.classifier("E1", chosen.data, architecture, place),
        )
        for seed, place in places(chosen).items()
    ]


def all_places(folders: Folders, experiment: str) -> list[tuple[str, dict[str, Path]]]:
    """Titles and files of all runs of experiment 1 or 2 that may be there."""
    found = (folders.results("E1") / "replicates").glob("seed-*")
    numbers = (folder.name.removeprefix("seed-") for folder in found)
    seeds = [None, *sorted(int(number) for number in numbers if number.isdecimal())]
    return [
        (title_of(source, name, seed), folders.classifier(experiment, source, name, seed))
        for seed, source, name in itertools.product(seeds, protocol.SOURCES, ARCHITECTURES)
    ]


def _prepare(architecture: str, chosen: argparse.Namespace, splits: dict[str, metadata.Split], seconds: dict[str, float]) -> Prepared:
    """From the bytes of the images to the inputs of the training, once for all seeds; `splits` is emptied of the bytes."""
    from cifake.system import devices

    name = f"{chosen.data} {architecture}"
    with timed(seconds, "start"):
        device = devices.prepare(chosen.verbose)
        import numpy as np

        from cifake.data import batches, decoding
        from cifake.models import architectures, features

    training_files = set(splits["train"].contents)
    trained_on = np.array([content in training_files for content in splits["test"].contents])
    del training_files

    # The images, once.
    with timed(seconds, "decoding"):
        pixels = {}
        for split, part in list(splits.items()):
            pixels[split], converted = decoding.decode(part.contents, part.filepaths, f"{name}, {split}")
            splits[split] = dataclasses.replace(part, contents=())  # from here on, only the pixels are needed
            del part
            if converted:
                log.info("%s: %s %s image(s) were converted to 32x32 RGB", name, f"{converted:,}", split)

    # The frozen part, once; --precision is for the features, not for the model that is saved.
    with timed(seconds, "features"):
        backbone = backbone_of(architecture, chosen)
        with architectures.precision(chosen.precision):
            computing = backbone_of(architecture, chosen)
        fingerprint = splits["train"].fingerprint
        inputs = features.of_images(computing, pixels.pop("train"), fingerprint, chosen.folders, f"{name}, train")
        inputs = batches.in_memory(inputs, np.array(splits["train"].numbers))  # releases the array itself
    return Prepared(device, splits["test"], pixels["test"], (backbone, *inputs), seconds, trained_on)


def _train(run: Run, prepared: Prepared, chosen: argparse.Namespace) -> Trained:
    """Train one classifier, save it, and have the saved model answer the test."""
    from cifake.models import architectures, features, training
    from cifake.pages import figures
    from cifake.results import histories
    from cifake.system import devices

    backbone, inputs, numbers = prepared.inputs
    folders, classes, seed = chosen.folders, prepared.test.classes, run.settings["seed"]

    # The training. The seed is set right before the head is built, so that kept and new features start alike.
    devices.seed(seed)
    with architectures.precision(run.settings["precision"]):
        trainee = architectures.head(run.architecture, inputs.shape[1:], len(classes))
    trained = training.train(
        trainee,
        inputs,
        numbers,
        validation=metadata.validation_rows(len(numbers)),
        epochs=chosen.epochs,
        seed=seed,
        name=run.title,
        checkpoint=folders.checkpoint(run.title),
        key=hashlib.sha256(json.dumps([run.settings, run.data, classes]).encode()).hexdigest(),
    )

    # The model that is saved is float32 always.
    head = architectures.head(run.architecture, inputs.shape[1:], len(classes))
    head.set_weights(trainee.get_weights())
    model = architectures.Classifier(backbone, head).whole(run.architecture)

    def answer(make):
        """Save the model and load it again, so that the scores are those of the saved model."""
        saved = make(run.files["model"], model.save)
        make(run.files["summary"], lambda path: path.write_text(architectures.summary(model), encoding="utf-8"))
        test, label = prepared.test, f"{run.title}, test"
        loaded = architectures.load(saved)
        probabilities = features.probabilities(loaded, prepared.test_pixels, test.fingerprint, folders, label)
        facts = {"model": {"file": folders.within(run.files["model"]), "sha256": files.checksum(saved), "parameters": model.count_params()}}
        if ARCHITECTURES[run.architecture].is_pretrained:
            facts["weights"] = weights_of(backbone, chosen)
        return probabilities, facts

    def extra(record):
        history = histories.table(trained.history)
        curve = figures.history(record, history)
        return {"history": lambda path: histories.write(history, path), "curve": lambda path: figures.save(curve, path)}

    facts = {
        "source": chosen.data,
        "classes": list(classes),
        "settings": run.settings,
        "data": run.data,
        "training": {
            "epochs": len(trained.history),
            "best_epoch": trained.best_epoch + 1,
            "best_validation_accuracy": trained.best,
            "stopped_early": trained.stopped_early,
        },
    }
    return Trained(facts, answer, extra, trained.seconds)
