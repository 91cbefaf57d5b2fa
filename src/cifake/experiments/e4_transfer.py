"""Experiment 4, from FAKE to REAL: are a FAKE classifier's decisions at fault, its features, or its last layers? And what it is sure of.

All is measured on the classifiers of experiment 1, FAKE's beside REAL's, seed by seed. e4.py calls it.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cifake import protocol
from cifake.data import batches, budgets, metadata
from cifake.experiments.measurements import Found, Measurement, Pixels, Splits, is_stale, loaded
from cifake.experiments.runs import model_fault
from cifake.models import architectures, features, training
from cifake.models.architectures import ARCHITECTURES, Classifier
from cifake.results import calibration, records

Classifiers = dict[str, Classifier]  # of one seed, by what they were trained on
Measure = Callable[["Context", Classifiers, Pixels], dict]
TESTS = (("FAKE", "test"), ("REAL", "test"))
TRAIN, TEST = PHOTOGRAPHS = (("REAL", "train"), ("REAL", "test"))
RANDOM = "random"  # in the place of a source: weights as they are before a training
UNLABELLED = 10_000  # photographs that the offsets are fitted to
LINEAR = {"sizes": [100, 1_000], "draws": list(protocol.SEEDS)}  # photographs that a linear head is fitted to, and seeds of their draw
LAST_LAYERS = "LeNet"  # whose last layers are trained again
LAST_LAYERS_SEEDS = 3  # draws of photographs, and new weights
# By experiment 3's recipe for LeNet, with fewer steps and without augmentation, so that the convolutions run once for each image.
LAST = {"sizes": [100, 1_000, 10_000], "learning_rate": 0.01, "weight_decay": 0.005}
LAST |= {"momentum": protocol.MOMENTUM, "warm_up": protocol.WARM_UP}
STEPS = 60  # for each epoch of the option: 1,200


@dataclass(frozen=True)
class Context:
    """What the measurements on one architecture's classifiers share."""

    architecture: str
    seed: int
    splits: Splits
    chosen: argparse.Namespace

    def inputs(self, classifier: Classifier, part: tuple[str, str], pixels: Pixels) -> np.ndarray:
        """What a classifier's head takes of a part of the images: the features of its backbone, or pixels."""
        name, fingerprint = f"{', '.join(part)}, {self.architecture}", self.splits[part].fingerprint
        return features.of_images(classifier.backbone, pixels[part], fingerprint, self.chosen.folders, name)

    def draw(self, size: int, seed: int) -> np.ndarray:
        """Rows of REAL's training images after the validation share; a smaller draw is the beginning of a larger one."""
        labels = self.splits[TRAIN].labels
        first = metadata.validation_rows(len(labels))
        return first + budgets.draw(labels[first:], size, seed, "REAL")

    def sizes(self, sizes: list[int]) -> list[int]:
        """Those for which there are enough photographs, or all photographs."""
        labels = self.splits[TRAIN].labels
        usable = len(labels) - metadata.validation_rows(len(labels))
        return [size for size in sizes if size <= usable] or [usable]

    def new(self, like: Classifier) -> Classifier:
        """A classifier with new weights behind the backbone, if there is one."""
        keras.utils.set_random_seed(self.seed)
        shape = like.head.input_shape[1:]
        return Classifier(like.backbone, architectures.head(self.architecture, shape, like.head.output_shape[1]))


def measurements(models: list[str], splits: Splits, chosen: argparse.Namespace) -> Iterator[Measurement]:
    """What can be measured: on the classifiers of each seed that are in models/, or were when it was measured."""
    kinds = (
        ("calibration", TESTS, {"bins": calibration.BINS}, _calibrated),
        ("offsets", PHOTOGRAPHS, {"photographs": UNLABELLED, "rounds": calibration.ROUNDS}, _rebalanced),
        ("linear heads", PHOTOGRAPHS, LINEAR, _with_linear_heads),
    )
    for name in (name for name in models if ARCHITECTURES[name].has_convolutions):
        for seed in chosen.seeds or protocol.SEEDS:
            for kind, parts, settings, measure in kinds:
                yield from _possible([_one(f"{kind} {name}", name, seed, seed, parts, settings, measure, splits, chosen)], chosen)
        if name == LAST_LAYERS:
            for seed in (chosen.seeds or protocol.SEEDS)[:LAST_LAYERS_SEEDS]:
                settings = LAST | {"steps": STEPS * chosen.epochs}
                # With the classifiers of this seed, or else of the plain run; the draw of photographs and the new weights are the seed's.
                of = [
                    _one(f"last layers {name}", name, seed, trained, PHOTOGRAPHS, settings, _last_layers, splits, chosen)
                    for trained in dict.fromkeys((seed, protocol.SEED))
                ]
                yield from _possible(of, chosen)


def _one(
    title: str,
    architecture: str,
    seed: int,
    trained: int,
    parts: tuple[tuple[str, str], ...],
    settings: dict,
    measure: Measure,
    splits: Splits,
    chosen: argparse.Namespace,
) -> tuple[Measurement, list[dict]] | None:
    """A measurement on the FAKE and the REAL classifier that were trained with a seed, and their records; None if these are missing."""
    place = None if trained == protocol.SEED else trained
    paths = {source: chosen.folders.classifier("E1", source, architecture, place)["record"] for source in protocol.SOURCES}
    if not all(path.exists() for path in paths.values()):
        return None
    trainings = {source: records.read(path) for source, path in paths.items()}
    predictions = {source: record["predictions"]["sha256"] for source, record in trainings.items()}
    settings = {"seed": seed, "trained_with_seed": trained, "predictions": predictions} | settings

    def act(pixels: Pixels) -> Found:
        classifiers = {source: loaded(record, chosen) for source, record in trainings.items()}
        return measure(Context(architecture, seed, splits, chosen), classifiers, pixels), None

    return Measurement(title, settings, parts, act, seed=seed), list(trainings.values())


def _possible(ways: list[tuple[Measurement, list[dict]] | None], chosen: argparse.Namespace) -> Iterator[Measurement]:
    """The first of some ways to measure something that is done, or whose classifiers are there; that of the plain run even if not."""
    for wanted, trainings in filter(None, ways):
        is_done = not is_stale(wanted.files(chosen.folders), wanted.settings, {})
        is_there = not any(model_fault(chosen.folders.output / record["model"]["file"], record) for record in trainings)
        if is_done or is_there or wanted.settings["trained_with_seed"] == protocol.SEED:
            yield wanted
            return


# ------------------------------------------------------------------------------------------------------------ what is measured


def _calibrated(context: Context, classifiers: Classifiers, pixels: Pixels) -> dict:
    """Calibration of the FAKE and the REAL classifier on the test images of both sources."""
    found = {}
    for source, classifier in classifiers.items():
        answers = {part: features.compute(classifier.head, context.inputs(classifier, part, pixels)) for part in TESTS}
        found[source] = {part[0]: calibration.measure(context.splits[part].labels, given) for part, given in answers.items()}
    return found


def _rebalanced(context: Context, classifiers: Classifiers, pixels: Pixels) -> dict:
    """Accuracy on REAL before and after offsets that are fitted to unlabelled photographs, so that classes are answered equally often."""
    found, labels = {}, context.splits[TEST].labels
    usable = np.arange(metadata.validation_rows(len(pixels[TRAIN])), len(pixels[TRAIN]))
    rows = np.random.default_rng(context.seed).permutation(usable)[:UNLABELLED]
    for source, classifier in classifiers.items():
        unlabelled = features.compute(classifier.head, context.inputs(classifier, TRAIN, pixels)[rows])
        probabilities = features.compute(classifier.head, context.inputs(classifier, TEST, pixels))
        offsets = calibration.balancing(unlabelled)
        before, after = probabilities.argmax(1), (np.log(np.maximum(probabilities, calibration.LEAST)) + offsets).argmax(1)
        found[source] = {
            "accuracy": float(np.mean(before == labels)),
            "accuracy_with_offsets": float(np.mean(after == labels)),
            "shares": (np.bincount(before, minlength=len(offsets)) / len(labels)).tolist(),
            "shares_with_offsets": (np.bincount(after, minlength=len(offsets)) / len(labels)).tolist(),
            "offsets": offsets.tolist(),
        }
    return found


def _with_linear_heads(context: Context, classifiers: Classifiers, pixels: Pixels) -> dict:
    """Accuracy on REAL of logistic regressions on the last hidden features, by number of photographs, a value for each draw."""
    found, labels = {}, context.splits[TRAIN].labels
    sizes = context.sizes(LINEAR["sizes"])
    for source, classifier in (classifiers | {RANDOM: context.new(classifiers["FAKE"])}).items():
        hidden = keras.Model(classifier.head.input, classifier.head.get_layer("hidden").output)
        train, test = (context.inputs(classifier, part, pixels) for part in PHOTOGRAPHS)
        tested, found[source] = features.compute(hidden, test), {str(size): [] for size in sizes}
        for seed in LINEAR["draws"]:
            rows = context.draw(sizes[-1], seed)
            drawn = features.compute(hidden, train[rows])
            for size in sizes:
                linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
                answers = linear.fit(drawn[:size], labels[rows[:size]]).predict(tested)
                found[source][str(size)].append(float(np.mean(answers == context.splits[TEST].labels)))
    return found


def _last_layers(context: Context, classifiers: Classifiers, pixels: Pixels) -> dict:
    """Accuracy on REAL after the dense layers were trained on photographs behind frozen convolutions, by number of photographs.

    The convolutions are random, REAL's or FAKE's; the dense layers start with new weights, or as they are and are trained on.
    """
    found, seed, labels = {}, context.seed, context.splits[TEST].labels
    sizes, steps = context.sizes(LAST["sizes"]), STEPS * context.chosen.epochs
    rows, trainee = context.draw(sizes[-1], seed), None
    classes = context.splits[TRAIN].labels[rows]
    for source, classifier in ({RANDOM: context.new(classifiers["FAKE"])} | classifiers).items():
        convolutions = keras.Model(classifier.head.input, classifier.head.get_layer("hidden").input)
        train = features.compute(convolutions, pixels[TRAIN][rows]).astype(np.float16)
        test = features.compute(convolutions, pixels[TEST])
        if trainee is None:
            keras.utils.set_random_seed(seed)
            dense = architectures.head("NN", train.shape[1:], classifier.head.output_shape[1])  # the same two layers, on features
            new, trainee = dense.get_weights(), training.compile_by_steps(dense, LAST, steps)
        starts = {"new": new} if source == RANDOM else {"new": new, "trained on": classifier.head.get_weights()[-len(new) :]}
        for start, weights in starts.items():
            accuracies = found.setdefault(f"{source}, {start}", {})
            for size in sizes:
                of_steps = budgets.batches(np.arange(size), "REAL", protocol.BATCH_SIZE, steps, seed, 0)

                def make(step, of_steps=of_steps, train=train):
                    return train[of_steps[step]], classes[of_steps[step]]

                training.train_by_steps(trainee, weights, batches.made(make, steps))
                accuracies[str(size)] = float(np.mean(features.compute(dense, test).argmax(1) == labels))
    return found
