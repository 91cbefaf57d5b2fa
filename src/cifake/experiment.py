"""Experiment 1 for one classifier: CSVs -> images -> features -> training -> evaluation -> results, or nothing new at all.

The three classify scripts call it. What needs TensorFlow is imported when there is something to train.
"""

import argparse
import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cifake import command, metadata, options, protocol, records, runs
from cifake.command import log
from cifake.files import checksum
from cifake.folders import Folders


def settings_of(architecture: str, chosen: argparse.Namespace) -> dict:
    """All that a classifier's numbers depend on beside the images: what has to agree for a result to be kept."""
    settings = {
        "seed": chosen.seed,
        "epochs_at_most": chosen.epochs,
        "patience": protocol.PATIENCE,
        "batch_size": protocol.BATCH_SIZE,
        "validation_share": protocol.VALIDATION_SHARE,
        "optimiser": "SGD",
        "learning_rate": protocol.LEARNING_RATE,
        "decay_rate": protocol.DECAY_RATE,
        "decay_steps": protocol.DECAY_STEPS,
    }
    if architecture == "VGG16":
        is_file = chosen.weights not in (options.IMAGENET, options.RANDOM)
        settings["weights"] = f"sha256 {checksum(Path(chosen.weights))}" if is_file else chosen.weights
    return settings


def result_files(folders: Folders, source: str, architecture: str) -> dict[str, Path]:
    """The files of a run by their kind, the record last."""
    results = folders.e1_results / f"{source}_{architecture}"
    model = folders.models / f"{source}_{architecture}"
    return {
        "model": model.with_name(f"{model.name}.keras"),
        "summary": model.with_name(f"{model.name}_summary.txt"),
        "metrics": results.with_name(f"{results.name}_metrics.txt"),
        "predictions": results.with_name(f"{results.name}_predictions.csv"),
        "history": results.with_name(f"{results.name}_history.csv"),
        "curve": results.with_name(f"{results.name}_history.png"),
        "record": records.e1_path(folders, source, architecture),
    }


def classify(architecture: str, chosen: argparse.Namespace) -> None:
    """Train and test one classifier on chosen.data, unless that is done already."""
    name = f"{chosen.data} {architecture}"
    files = result_files(chosen.folders, chosen.data, architecture)
    settings = settings_of(architecture, chosen)
    if chosen.dry_run:
        _announce(name, files, settings, chosen)
        return
    with runs.alone(chosen.folders, name):
        runs.finish_interrupted(list(files.values()))
        log.info("%s: reading the images", name)
        splits = {split: metadata.read_split(chosen.folders, chosen.data, split) for split in protocol.SPLITS}
        data = {split: {"images": len(part.rows), "sha256": part.fingerprint} for split, part in splits.items()}
        why = "--fresh" if chosen.fresh else runs.difference(files["record"], files["model"], settings, data)
        if why is None:
            log.info("%s: already trained with these settings; --fresh trains again.", name)
            return
        log.info("%s: training at most %d epochs with seed %d (%s)", name, chosen.epochs, chosen.seed, why)
        command.when_stopped(f"Stopped before the first epoch of {name}; bash run.sh starts it again.")
        _train_and_test(architecture, chosen, splits, settings, data, files)
    command.wrote(list(files.values()))


def _announce(name: str, files: dict[str, Path], settings: dict, chosen: argparse.Namespace) -> None:
    """--dry-run: whether the classifier would be trained. Images are not read, so a change in them goes unseen."""
    data = records.read(files["record"])["data"] if files["record"].exists() else {}
    why = "--fresh" if chosen.fresh else runs.difference(files["record"], files["model"], settings, data)
    log.info("%s: %s", name, f"would be trained ({why})" if why else "already trained with these settings")


def _train_and_test(
    architecture: str,
    chosen: argparse.Namespace,
    splits: dict[str, metadata.Split],
    settings: dict,
    data: dict,
    files: dict[str, Path],
) -> None:
    """All of one run, from the bytes of the images to the result files in their places."""
    from cifake import devices

    name, seconds = f"{chosen.data} {architecture}", {}
    with _timed(seconds, "start"):
        device = devices.prepare(chosen.verbose)
        import numpy as np

        from cifake import architectures, evaluation, features, figures, histories, images, training
    log.info("%s: on the %s", name, device)

    # The images, once.
    with _timed(seconds, "decoding"):
        pixels = {}
        for split, part in list(splits.items()):
            pixels[split], converted = images.decode(part.contents, part.filepaths, f"{name}, {split}")
            splits[split] = dataclasses.replace(part, contents=())  # from here on, only the pixels are needed
            if converted:
                log.info("%s: %s %s image(s) were brought to 32x32 RGB", name, f"{converted:,}", split)
    numbers = {split: np.array(part.numbers) for split, part in splits.items()}
    classes = splits["train"].classes

    # The frozen part, once.
    with _timed(seconds, "features"):
        devices.seed(chosen.seed)  # for --weights random
        backbone = architectures.backbone(architecture, chosen.weights)
        inputs = features.of_images(
            backbone, pixels.pop("train"), splits["train"].fingerprint, chosen.folders.unfinished, f"{name}, train"
        )
        features_shape = inputs.shape[1:]
        inputs = images.in_memory(inputs, numbers["train"])  # the array itself is let go of

    # The training. The seed is set right before the head is built, so that kept and new features start alike.
    with _timed(seconds, "training"):
        devices.seed(chosen.seed)
        head = architectures.head(architecture, features_shape, len(classes))
        checkpoint = chosen.folders.unfinished / f"{chosen.data}_{architecture}_checkpoint.npz"
        key = hashlib.sha256(json.dumps([settings, data, classes]).encode()).hexdigest()
        trained = training.train(
            head,
            *inputs,
            validation=metadata.validation_rows(len(splits["train"].rows)),
            epochs=chosen.epochs,
            seed=chosen.seed,
            name=name,
            checkpoint=checkpoint,
            key=key,
        )

    # The results: the model is saved first and loaded again, so that the scores are those of the saved model.
    model = architectures.Classifier(backbone, head).whole(architecture)
    with runs.stage(list(files.values())) as make, _timed(seconds, "testing"):
        saved = make(files["model"], model.save)
        make(files["summary"], lambda path: path.write_text(architectures.summary(model), encoding="utf-8"))
        probabilities = features.probabilities(
            architectures.load(saved),
            pixels["test"],
            splits["test"].fingerprint,
            chosen.folders.unfinished,
            f"{name}, test",
        )
        predicted = probabilities.argmax(1)
        record = {
            "architecture": architecture,
            "source": chosen.data,
            "classes": list(classes),
            "settings": settings,
            "data": data,
            "training": {
                "epochs": len(trained.history),
                "best_epoch": trained.best_epoch + 1,
                "best_validation_accuracy": trained.best,
                "stopped_early": trained.stopped_early,
            },
            "test": {"source": chosen.data, "images": len(splits["test"].rows)},
            "scores": evaluation.scores(numbers["test"], predicted, classes),
            "model": {
                "file": f"models/{files['model'].name}",
                "sha256": checksum(saved),
                "parameters": model.count_params(),
            },
        }
        if architecture == "VGG16":
            record["weights"] = _weights(chosen.weights, features.weights_checksum(backbone))
        history = histories.table(trained.history)
        by_image = evaluation.predictions(splits["test"].filepaths, numbers["test"], probabilities, classes)
        report = f"{evaluation.report(numbers['test'], predicted, classes)}\n{records.sentences(record)}"
        make(files["metrics"], lambda path: path.write_text(report, encoding="utf-8"))
        make(files["predictions"], lambda path: evaluation.write_predictions(by_image, path))
        make(files["history"], lambda path: histories.write(history, path))
        make(files["curve"], lambda path: figures.history(record, history, path))
        ran = {**devices.description(device), "seconds": {**seconds, "training": round(trained.seconds, 1)}}
        make(files["record"], lambda path: records.write(record | ran, path))
    checkpoint.unlink(missing_ok=True)
    log.info("\n%s", report)


def _weights(chosen: str, backbone_checksum: str) -> dict:
    """Where VGG16's weights came from, told by their values where they are the published ones."""
    if chosen == options.RANDOM:
        origin = "random weights"
    elif chosen == options.IMAGENET or backbone_checksum == protocol.IMAGENET_CHECKSUM:
        origin = "ImageNet weights"
    else:
        origin = f"weights of {Path(chosen).name}"
    return {"origin": origin, "sha256": backbone_checksum}


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Note how long a phase of a run takes."""
    start = time.monotonic()
    yield
    seconds[phase] = round(time.monotonic() - start, 1)
