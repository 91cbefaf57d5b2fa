"""REAL or FAKE by low-level statistics alone, without a network: the baseline of experiment 4's classifiers."""

from collections.abc import Mapping

import numpy as np
from scipy.fft import dctn
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cifake import protocol

BLOCK = 8  # pixels, square: JPEG's, and of its discrete cosine transform
CHUNK = 1_000  # images transformed at once
FLOOR = 1e-3  # levels, added before the logarithm, because grey images have no chroma
# Y, Cb and Cr from red, green and blue, as JPEG has them (ITU-T T.871), without the offset of Cb and Cr.
YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


def spectra(images: np.ndarray) -> np.ndarray:
    """Logarithm of the mean size of each DCT coefficient over an image's 8x8 blocks: float32 [n, 192], 64 each for Y, Cb and Cr.

    `images` uint8 [n, height, width, 3], height and width multiples of 8.
    """
    rows, columns = (side // BLOCK for side in images.shape[1:3])
    found = np.empty((len(images), 3, BLOCK, BLOCK), np.float32)
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK] @ YCBCR.T
        blocks = chunk.reshape(len(chunk), rows, BLOCK, columns, BLOCK, 3)
        sizes = np.abs(dctn(blocks, axes=(2, 4), norm="ortho"))
        found[start : start + CHUNK] = np.log(sizes.mean((1, 3)) + FLOOR).transpose(0, 3, 1, 2)
    return found.reshape(len(images), -1)


def measure(pixels: Mapping[tuple[str, str], np.ndarray]) -> dict:
    """Accuracy and area under the ROC curve, on the test images, of classifiers that see these 192 numbers alone.

    `pixels`: (source, split) -> uint8 [n, 32, 32, 3], both splits of both sources.
    """
    inputs = {part: spectra(images) for part, images in pixels.items()}
    train, test = (np.concatenate([inputs[source, split] for source in protocol.SOURCES]) for split in protocol.SPLITS)
    y_train, y_test = (np.repeat([0, 1], [len(inputs[source, split]) for source in protocol.SOURCES]) for split in protocol.SPLITS)
    found = {"training_images": len(train), "test_images": len(test), "classifiers": {}}
    for name, classifier, columns in (
        ("logistic regression", _logistic(), 3 * BLOCK**2),
        ("logistic regression, luma alone", _logistic(), BLOCK**2),
        ("boosted trees", HistGradientBoostingClassifier(random_state=protocol.SEED), 3 * BLOCK**2),
    ):
        shares = classifier.fit(train[:, :columns], y_train).predict_proba(test[:, :columns])[:, 1]
        scores = {"accuracy": float(np.mean((shares > 0.5) == y_test)), "auc": float(roc_auc_score(y_test, shares))}
        found["classifiers"][name] = scores
    return found


def _logistic() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
