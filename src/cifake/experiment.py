"""Experiment 1 for one classifier: CSVs -> images -> features -> training -> evaluation -> results, or nothing new at all.

The three classify scripts call it. What needs TensorFlow is imported when there is something to train.
"""

import argparse
import dataclasses
import functools
import hashlib
import itertools
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cifake import command, metadata, options, protocol, records, runs
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import checksum
from cifake.folders import Folders

if TYPE_CHECKING:
    import keras
    import numpy as np

    from cifake import training


@dataclasses.dataclass(frozen=True)
class Run:
    """One training that is asked for: what, where to, and by which settings."""

    source: str
    architecture: str
    folders: Folders
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The run as sentences name it: FAKE LeNet, or FAKE LeNet, seed 130."""
        seed = "" if self.folders.seed is None else f", seed {self.folders.seed}"
        return f"{self.source} {self.architecture}{seed}"

    @property
    def checkpoint(self) -> Path:
        """Where the training is kept until it is through."""
        return self.folders.unfinished / f"{runs.stem(self.name)}_checkpoint.npz"

    @property
    def files(self) -> dict[str, Path]:
        """The files of a run by their kind, the record last."""
        model = self.folders.models / f"{self.source}_{self.architecture}"
        return {
            "model": model.with_name(f"{model.name}.keras"),
            "summary": model.with_name(f"{model.name}_summary.txt"),
            **records.e1_files(self.folders, self.source, self.architecture),
        }


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What all runs of a process share: the images and their features, in memory."""

    device: str
    data: dict[str, dict]  # by split: number of images and fingerprint
    train: metadata.Split  # without the files' contents, as is test
    test: metadata.Split
    test_pixels: "np.ndarray"  # uint8 [n, 32, 32, 3]
    trained_on: "np.ndarray"  # bool [n]: which test images are, byte for byte, among the training images
    backbone: "keras.Model | None"
    features: tuple["np.ndarray", ...]  # of the training images, and their classes from 0; as tensors
    seconds: dict[str, float]


def settings_of(architecture: str, chosen: argparse.Namespace, seed: int) -> dict:
    """All that a classifier's numbers depend on beside the images: what has to agree for a result to be kept."""
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
    if architecture == "VGG16" and chosen.weights == options.RANDOM:
        settings["weights"] = f"random, seed {chosen.seed}"  # one frozen backbone for all of --seeds
    elif architecture == "VGG16":
        is_file = chosen.weights != options.IMAGENET
        settings["weights"] = f"sha256 {checksum(Path(chosen.weights))}" if is_file else chosen.weights
    return settings


def runs_of(architecture: str, chosen: argparse.Namespace) -> list[Run]:
    """The runs that the options ask for: the plain one, or a replicate for each of --seeds."""
    seeds = {seed: chosen.folders.replicate(seed) for seed in chosen.seeds or ()} or {chosen.seed: chosen.folders}
    return [
        Run(chosen.data, architecture, folders, settings_of(architecture, chosen, seed))
        for seed, folders in seeds.items()
    ]


def finish_interrupted(folders: Folders) -> None:
    """Put in place what trainings that were killed as the last thing have left there, before their results are read."""
    for place in (folders, *map(folders.replicate, folders.replicates())):
        for source, architecture in itertools.product(protocol.SOURCES, protocol.ARCHITECTURES):
            run = Run(source, architecture, place, settings={})
            if runs.is_half_in_place(list(run.files.values())):
                with runs.alone(folders, run.name):
                    runs.finish_interrupted(list(run.files.values()))


def classify(architecture: str, chosen: argparse.Namespace) -> None:
    """Train and test a classifier on chosen.data, once for each seed, unless that is done already."""
    wanted = runs_of(architecture, chosen)
    if chosen.dry_run:
        for run in wanted:
            _announce(run, chosen.fresh)
        return
    log.info("%s %s: reading the images", chosen.data, architecture)
    seconds = {}
    with timed(seconds, "reading"):
        splits = {split: metadata.read_split(chosen.folders, chosen.data, split) for split in protocol.SPLITS}
    data = {split: {"images": len(part.rows), "sha256": part.fingerprint} for split, part in splits.items()}
    prepared = None
    for run in wanted:
        with runs.alone(chosen.folders, run.name):
            runs.finish_interrupted(list(run.files.values()))
            why = (
                "--fresh"
                if chosen.fresh
                else runs.difference(run.files["record"], run.files["model"], run.settings, data)
            )
            if why is None:
                run.checkpoint.unlink(missing_ok=True)  # a start that was killed as the last thing may have left it
                log.info("%s: already trained with these settings; --fresh trains again.", run.name)
                continue
            if not chosen.fresh and _taken_from_the_plain_run(run, chosen.folders, data):
                log.info("%s: taken from the plain run, which has this seed; --fresh trains again.", run.name)
                continue
            log.info(
                "%s: training at most %d epochs with seed %d (%s)", run.name, chosen.epochs, run.settings["seed"], why
            )
            command.when_stopped(f"Stopped before the first epoch of {run.name}; bash run.sh starts it again.")
            prepared = prepared or _prepare(architecture, chosen, splits, data, seconds)
            _train_and_test(run, prepared, chosen)
        command.wrote(list(run.files.values()))


def _announce(run: Run, fresh: bool) -> None:
    """--dry-run: whether the classifier would be trained. Images are not read, so a change in them goes unseen."""
    data = {}
    with suppress(StudyError):  # where the record is damaged, the difference says so
        data = records.read(run.files["record"])["data"] if run.files["record"].exists() else {}
    why = "--fresh" if fresh else runs.difference(run.files["record"], run.files["model"], run.settings, data)
    log.info("%s: %s", run.name, f"would be trained ({why})" if why else "already trained with these settings")


def _taken_from_the_plain_run(run: Run, folders: Folders, data: dict[str, dict]) -> bool:
    """Whether a replicate could be copied from the plain run, where that has the same settings, seed and images."""
    plain = dataclasses.replace(run, folders=folders)
    if run.folders == folders or runs.difference(plain.files["record"], plain.files["model"], run.settings, data):
        return False
    if not all(path.exists() for path in plain.files.values()):  # a clone has no predictions
        return False
    with runs.alone(folders, plain.name), runs.stage(list(run.files.values())) as make:
        record = records.read(plain.files["record"])
        record["model"] |= {"file": _within(folders, run.files["model"])}
        for kind, path in plain.files.items():
            if kind != "record":
                make(run.files[kind], functools.partial(shutil.copyfile, path))
        make(run.files["record"], lambda path: records.write(record, path))
    run.checkpoint.unlink(missing_ok=True)
    return True


def _within(folders: Folders, path: Path) -> str:
    """A path as a record has it."""
    return path.relative_to(folders.output).as_posix()


def _prepare(
    architecture: str,
    chosen: argparse.Namespace,
    splits: dict[str, metadata.Split],
    data: dict[str, dict],
    seconds: dict[str, float],
) -> Prepared:
    """From the bytes of the images to the inputs of the training, once for all runs; `splits` is emptied of the bytes."""
    from cifake import devices

    name = f"{chosen.data} {architecture}"
    with timed(seconds, "start"):
        device = devices.prepare(chosen.verbose)
        import numpy as np

        from cifake import architectures, features, images
    log.info("%s: on the %s", name, device)

    training_files = set(splits["train"].contents)
    trained_on = np.array([content in training_files for content in splits["test"].contents])
    del training_files

    # The images, once.
    with timed(seconds, "decoding"):
        pixels = {}
        for split, part in list(splits.items()):
            pixels[split], converted = images.decode(part.contents, part.filepaths, f"{name}, {split}")
            splits[split] = dataclasses.replace(part, contents=())  # from here on, only the pixels are needed
            del part
            if converted:
                log.info("%s: %s %s image(s) were brought to 32x32 RGB", name, f"{converted:,}", split)

    # The frozen part, once; --precision concerns the features, not the model that is saved.
    with timed(seconds, "features"):
        backbone = backbone_of(architecture, chosen)
        with architectures.precision(chosen.precision):
            computing = backbone_of(architecture, chosen)
        inputs = features.of_images(
            computing, pixels.pop("train"), splits["train"].fingerprint, chosen.folders.unfinished, f"{name}, train"
        )
        inputs = images.in_memory(inputs, np.array(splits["train"].numbers))  # the array itself is let go of
    return Prepared(
        device, data, splits["train"], splits["test"], pixels["test"], trained_on, backbone, inputs, seconds
    )


def backbone_of(architecture: str, chosen: argparse.Namespace) -> "keras.Model | None":
    """The frozen part; with --weights random, the same for the same seed."""
    from cifake import architectures, devices

    devices.seed(chosen.seed)
    return architectures.backbone(architecture, chosen.weights)


def _train_and_test(run: Run, prepared: Prepared, chosen: argparse.Namespace) -> None:
    """All of one run, from the inputs in memory to the result files in their places."""
    from cifake import architectures, devices, features, figures, histories, testing, training

    seconds, files, classes = dict(prepared.seconds), run.files, prepared.train.classes

    # The training. The seed is set right before the head is built, so that kept and new features start alike.
    with timed(seconds, "training"):
        devices.seed(run.settings["seed"])
        with architectures.precision(run.settings["precision"]):
            trainee = architectures.head(run.architecture, prepared.features[0].shape[1:], len(classes))
        trained = training.train(
            trainee,
            *prepared.features,
            validation=metadata.validation_rows(len(prepared.train.rows)),
            epochs=chosen.epochs,
            seed=run.settings["seed"],
            name=run.name,
            checkpoint=run.checkpoint,
            key=hashlib.sha256(json.dumps([run.settings, prepared.data, classes]).encode()).hexdigest(),
        )

    # The results: the model, float32 always, is saved first and loaded again, so that the scores are those of the saved model.
    head = architectures.head(run.architecture, prepared.features[0].shape[1:], len(classes))
    head.set_weights(trainee.get_weights())
    model = architectures.Classifier(prepared.backbone, head).whole(run.architecture)
    with runs.stage(list(files.values())) as make:
        with timed(seconds, "testing"):
            saved = make(files["model"], model.save)
            make(files["summary"], lambda path: path.write_text(architectures.summary(model), encoding="utf-8"))
            probabilities = features.probabilities(
                architectures.load(saved),
                prepared.test_pixels,
                prepared.test.fingerprint,
                chosen.folders.unfinished,
                f"{run.name}, test",
            )
            record = _record(run, prepared, trained)
            record["model"] = {
                "file": _within(chosen.folders, files["model"]),
                "sha256": checksum(saved),
                "parameters": model.count_params(),
            }
            if run.architecture == "VGG16":
                record["weights"] = weights_of(chosen.weights, features.weights_checksum(prepared.backbone))
            record, report = testing.write(
                make, files, record, prepared.test, prepared.test_pixels, probabilities, prepared.trained_on
            )
        history = histories.table(trained.history)
        make(files["history"], lambda path: histories.write(history, path))
        make(files["curve"], lambda path: figures.history(record, history, path))
        ran = {**devices.description(prepared.device), "seconds": {**seconds, "training": round(trained.seconds, 1)}}
        make(files["record"], lambda path: records.write(record | ran, path))
    run.checkpoint.unlink(missing_ok=True)
    log.info("\n%s", report)


def _record(run: Run, prepared: Prepared, trained: "training.Training") -> dict:
    """What was trained on what, and how."""
    return {
        "architecture": run.architecture,
        "source": run.source,
        "classes": list(prepared.train.classes),
        "settings": run.settings,
        "data": prepared.data,
        "training": {
            "epochs": len(trained.history),
            "best_epoch": trained.best_epoch + 1,
            "best_validation_accuracy": trained.best,
            "stopped_early": trained.stopped_early,
        },
    }


def weights_of(chosen: str, backbone_checksum: str) -> dict:
    """Where VGG16's weights came from, told by their values where they are the published ones."""
    if chosen == options.RANDOM:
        origin = "random weights"
    elif chosen == options.IMAGENET or backbone_checksum == protocol.IMAGENET_CHECKSUM:
        origin = "ImageNet weights"
    else:
        origin = f"weights of {Path(chosen).name}"
    return {"origin": origin, "sha256": backbone_checksum}


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Note how long a phase of a run takes."""
    start = time.monotonic()
    yield
    seconds[phase] = round(time.monotonic() - start, 1)
