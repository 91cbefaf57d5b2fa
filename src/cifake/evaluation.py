"""From predictions to a report, a confusion matrix, scores and their confidence intervals. Knows nothing of files or models."""

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

RESAMPLES = (
    10_000  # of the bootstrap: the ends of a 95 % interval then vary by some 0.0002 from one bootstrap seed to another
)
BOOTSTRAP_SEED = 129
CONFIDENCE = 0.95


def report(numbers: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> str:
    """scikit-learn's classification report. `numbers` and `predicted`: the true and the predicted class of n images, from 0."""
    return classification_report(numbers, predicted, labels=range(len(classes)), target_names=classes, zero_division=0)


def scores(numbers: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> dict:
    """The report's numbers in full, the confusion matrix (rows: true class) and 95 % intervals, as a record keeps them."""
    named = classification_report(
        numbers, predicted, labels=range(len(classes)), target_names=classes, zero_division=0, output_dict=True
    )
    matrix = confusion_matrix(numbers, predicted, labels=range(len(classes)))
    accuracies, macro_f1s = resampled(matrix)
    return {
        "accuracy": float(np.mean(numbers == predicted)),
        "macro_f1": named["macro avg"]["f1-score"],
        "weighted_f1": named["weighted avg"]["f1-score"],
        "accuracy_interval": interval(accuracies),
        "macro_f1_interval": interval(macro_f1s),
        "resamples": RESAMPLES,
        "by_class": {
            name: {
                "precision": named[name]["precision"],
                "recall": named[name]["recall"],
                "f1": named[name]["f1-score"],
                "support": int(named[name]["support"]),
            }
            for name in classes
        },
        "confusion_matrix": matrix.tolist(),
    }


def resampled(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bootstrap over test images: accuracy and macro F1, [RESAMPLES] each, of as many resampled test sets.

    Drawing images with replacement is drawing the cells of the confusion matrix as a multinomial does.
    """
    images = matrix.sum()
    draws = np.random.default_rng(BOOTSTRAP_SEED).multinomial(images, (matrix / images).ravel(), size=RESAMPLES)
    draws = draws.reshape(RESAMPLES, *matrix.shape)
    hits = draws[:, range(len(matrix)), range(len(matrix))]
    true_and_predicted = draws.sum(2) + draws.sum(1)
    f1 = np.divide(2 * hits, true_and_predicted, out=np.zeros(hits.shape), where=true_and_predicted > 0)
    return hits.sum(1) / images, f1.mean(1)


def interval(values: np.ndarray) -> list[float]:
    """The two ends between which the middle 95 % of the values lie."""
    return [float(end) for end in np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])]
