"""A classifier's answers to a test set: what they add to its record, and the files that show them. Both experiments use it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cifake import evaluation, figures, metadata, records
from cifake.files import checksum


def write(
    make: Callable[[Path, Callable[[Path], None]], Path],
    files: dict[str, Path],
    record: dict,
    test: metadata.Split,
    pixels: np.ndarray,
    probabilities: np.ndarray,
    trained_on: np.ndarray | None = None,
) -> tuple[dict, str]:
    """Have the report, the predictions and the mistakes made; gives the record with the scores in it, and the report.

    `record` says what was trained, and how; `pixels` uint8 [n, 32, 32, 3] and `probabilities` [n, classes] are row by row those of
    `test`; `trained_on` (bool [n]) tells which test images the classifier was trained on, where that is known.
    """
    numbers, predicted = np.array(test.numbers), probabilities.argmax(1)
    tested = record | {
        "test": {"source": test.source, "images": len(test.rows)},
        "scores": evaluation.scores(numbers, predicted, test.classes),
    }
    if trained_on is not None:
        tested["leak"] = evaluation.leak(numbers, predicted, test.classes, trained_on)
    report = f"{evaluation.report(numbers, predicted, test.classes)}\n{records.sentences(tested)}"
    by_image = evaluation.predictions(test.filepaths, numbers, probabilities, test.classes)
    make(files["metrics"], lambda path: path.write_text(report, encoding="utf-8"))
    predictions = make(files["predictions"], lambda path: evaluation.write_predictions(by_image, path))
    make(files["mistakes"], lambda path: figures.mistakes(tested, by_image, pixels, path))
    return tested | {"predictions": {"sha256": checksum(predictions)}}, report
