"""From predictions to a report, a confusion matrix, scores and their intervals. Knows no models."""

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import classification_report, confusion_matrix, precision_recall_fscore_support

from cifake import protocol


def report(y_true: np.ndarray, y_pred: np.ndarray, classes: tuple[str, ...]) -> str:
    """scikit-learn's classification report. `y_true` and `y_pred`: true and predicted class of n images, from 0."""
    return classification_report(y_true, y_pred, labels=range(len(classes)), target_names=classes, zero_division=0)


def scores(y_true: np.ndarray, y_pred: np.ndarray, classes: tuple[str, ...]) -> dict:
    """The report's numbers in full, the confusion matrix (rows: true class) and 95 % intervals, as a record keeps them."""
    measures = precision_recall_fscore_support(y_true, y_pred, labels=range(len(classes)), zero_division=0)
    by_class = pd.DataFrame(dict(zip(("precision", "recall", "f1", "support"), measures, strict=True)), index=classes)
    matrix = confusion_matrix(y_true, y_pred, labels=range(len(classes)))
    accuracies, macro_f1s = resampled(matrix)
    return {
        "accuracy": float(np.mean(y_true == y_pred)),
        "macro_f1": float(np.average(by_class["f1"])),
        "weighted_f1": float(np.average(by_class["f1"], weights=by_class["support"])),
        "accuracy_interval": interval(accuracies),
        "macro_f1_interval": interval(macro_f1s),
        "resamples": protocol.RESAMPLES,
        "by_class": by_class.to_dict("index"),
        "confusion_matrix": matrix.tolist(),
    }


def without_intervals(y_true: np.ndarray, y_pred: np.ndarray, classes: tuple[str, ...]) -> dict:
    """What a record of experiment 3 keeps: accuracy, macro F1, and by class recall and F1. Its intervals are those over seeds."""
    _, recall, f1, _ = precision_recall_fscore_support(y_true, y_pred, labels=range(len(classes)), zero_division=0)
    return {
        "accuracy": float(np.mean(y_true == y_pred)),
        "macro_f1": float(np.mean(f1)),
        "recall": dict(zip(classes, recall.tolist(), strict=True)),
        "f1": dict(zip(classes, f1.tolist(), strict=True)),
    }


def leak(y_true: np.ndarray, y_pred: np.ndarray, classes: tuple[str, ...], trained_on: np.ndarray) -> dict:
    """How many test images were trained on (`trained_on`, bool [n]), and the scores without them, if that is some of them."""
    images, kept = int(trained_on.sum()), ~trained_on
    if images in (0, len(trained_on)):
        return {"images": images}
    named = scores(y_true[kept], y_pred[kept], classes)
    return {"images": images, "without": {name: named[name] for name in ("accuracy", "macro_f1", "accuracy_interval", "macro_f1_interval")}}


def predictions(filepaths: list[str], y_true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Image by image: true and predicted class, and the probabilities given to both. `probabilities`: [n, classes]."""
    rows, y_pred, names = np.arange(len(y_true)), probabilities.argmax(1), np.array(classes)
    table = {"filepath": filepaths, "label": names[y_true], "predicted": names[y_pred]}
    likely = {"probability_of_predicted": probabilities[rows, y_pred], "probability_of_label": probabilities[rows, y_true]}
    return pd.DataFrame(table | likely)


def write_predictions(by_image: pd.DataFrame, path: Path) -> None:
    """As a CSV; six decimals, because float32 has no more to give."""
    by_image.to_csv(path, index=False, float_format="%.6f", lineterminator="\n")


def packed(correct: np.ndarray) -> str:
    """Which test images are right, bool [n], as text for a record: a bit each, in base64. McNemar's tests need them."""
    return base64.b64encode(np.packbits(correct)).decode()


def unpacked(text: str, images: int) -> np.ndarray:
    """packed() the other way round: bool [images]."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=images).astype(bool)


def resampled(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bootstrap over test images: accuracy and macro F1, [protocol.RESAMPLES] each, of as many resampled test sets.

    Drawing images with replacement is drawing the cells of the confusion matrix as a multinomial does.
    """
    images = matrix.sum()
    draws = np.random.default_rng(protocol.BOOTSTRAP_SEED).multinomial(images, (matrix / images).ravel(), size=protocol.RESAMPLES)
    draws = draws.reshape(protocol.RESAMPLES, *matrix.shape)
    hits = draws[:, range(len(matrix)), range(len(matrix))]
    true_and_predicted = draws.sum(2) + draws.sum(1)
    f1 = np.divide(2 * hits, true_and_predicted, out=np.zeros(hits.shape), where=true_and_predicted > 0)
    return hits.sum(1) / images, f1.mean(1)


def interval(values: np.ndarray) -> list[float]:
    """The two ends between which the middle 95 % of the values lie."""
    return [float(end) for end in np.quantile(values, [(1 - protocol.CONFIDENCE) / 2, (1 + protocol.CONFIDENCE) / 2])]


def mcnemar(first: np.ndarray, second: np.ndarray) -> dict:
    """McNemar's exact test of two classifiers on the same images; `first`, `second`: which images each has right, bool [n].

    Only images on which they differ count: if the classifiers were equally good, each would win such an image with probability 1/2.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differ = only_first + only_second
    return {
        "only_first_right": only_first,
        "only_second_right": only_second,
        "p": float(stats.binomtest(only_first, differ).pvalue) if differ else 1.0,
    }


def another_run(values: Sequence[float]) -> tuple[float, float]:
    """Where one further run would lie with 95 % confidence, by Student's t, given runs that differ in the seed."""
    return mean_interval(values, np.sqrt(len(values) + 1))


def mean_interval(values: Sequence[float], factor: float = 1) -> tuple[float, float]:
    """Where the mean over all seeds lies with 95 % confidence, by Student's t, given the values of at least two.

    `factor`: times the standard error of the mean. A point if the values do not differ.
    """
    mean, error = float(np.mean(values)), factor * stats.sem(values)
    low, high = stats.t.interval(protocol.CONFIDENCE, len(values) - 1, loc=mean, scale=error) if error else (mean, mean)
    return float(low), float(high)
