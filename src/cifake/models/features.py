"""What the frozen backbone makes of the images: computed once, and kept in files if it takes minutes (VGG16).

Training takes the features of the training images, testing those of the test images, both from here.
"""

import hashlib
import logging
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from cifake.models import architectures
from cifake.system import progress
from cifake.system.errors import StudyError
from cifake.system.files import checksum_of_arrays, write_whole
from cifake.system.paths import Folders, shown

log = logging.getLogger(__name__)

BATCH = 100  # images: as fast as more, and 180 MB less than with 250


def compute(model: keras.Model, inputs: np.ndarray, label: str | None = None) -> np.ndarray:
    """A model's outputs for all rows of an array, float32 [n, ...]. Raises StudyError if one is not finite."""
    outputs = np.empty((len(inputs), *model.output_shape[1:]), np.float32)
    with progress.bar(len(inputs), label, "images") as bar:
        for start in range(0, len(inputs), BATCH):
            batch = slice(start, start + BATCH)
            outputs[batch] = model.predict_on_batch(inputs[batch])
            bar.update(len(inputs[batch]))
    if not np.isfinite(outputs).all():
        raise StudyError(
            f"{label or 'The classifier'}: not all outputs are finite, so its weights are damaged or another model's; name other weights "
            "for VGG16 with --weights, or delete the saved classifier and train it again."
        )
    return outputs


def of_images(backbone: keras.Model | None, images: np.ndarray, fingerprint: str, folders: Folders, label: str) -> np.ndarray:
    """The features of all images, float32 [n, ...]; the images themselves, uint8, if there is no backbone.

    A backbone with weights keeps its features in a file, named by its weights and precision, the fingerprint of the images and
    TensorFlow's release; if that is there and whole, nothing is computed again.
    """
    if backbone is None:
        return images
    if not backbone.weights:
        return compute(backbone, images)
    weights = checksum_of_arrays(backbone.get_weights())
    origin = f"{weights} {backbone.dtype_policy.name} {fingerprint} {version('tensorflow')}"
    path = folders.features(hashlib.sha256(origin.encode()).hexdigest()[:16])
    features = _kept(path, (len(images), *backbone.output_shape[1:]))
    if features is None:
        features = compute(backbone, images, f"{label}: features")
        write_whole(path, lambda draft: np.savez(draft, features=features))
    return features


def _kept(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The features in a file; None if there is no file, or if it is damaged."""
    if not path.exists():
        return None
    with suppress(Exception):  # zip and numpy have many of their own for damaged bytes
        with np.load(path, allow_pickle=False) as file:
            kept = file["features"]  # verifies the zip format's own checksum
        if kept.shape == shape and kept.dtype == np.float32 and np.isfinite(kept).all():
            return kept
    log.info("%s is damaged and is computed again", shown(path))
    return None


def probabilities(classifier: architectures.Classifier, images: np.ndarray, fingerprint: str, folders: Folders, label: str) -> np.ndarray:
    """A classifier's probabilities for raw images, float32 [n, classes]."""
    return compute(classifier.head, of_images(classifier.backbone, images, fingerprint, folders, label), label)
