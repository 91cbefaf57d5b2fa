"""What the frozen backbone makes of the images: computed once, and for VGG16, where it takes minutes, kept in files.

Training takes the features of the training images, evaluation those of the test images; both from the same function.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from cifake import architectures, devices
from cifake.command import log
from cifake.files import checksum_of_arrays, write_whole
from cifake.folders import shown

BATCH = 100  # images: as fast as more, and 180 MB less than with 250
PART = 5_000  # images in one file of the cache: an interruption loses less than this


def weights_checksum(model: keras.Model) -> str:
    """SHA-256 of all of a model's weights, in Keras' order."""
    return checksum_of_arrays(model.get_weights())


def compute(model: keras.Model, inputs: np.ndarray, label: str | None = None) -> np.ndarray:
    """A model's outputs for all rows of an array, float32 [n, ...], with a progress bar where there is a label."""
    outputs = np.empty((len(inputs), *model.output_shape[1:]), np.float32)
    with tqdm(total=len(inputs), desc=label, unit=" images", disable=None if label else True, leave=False) as bar:
        for start in range(0, len(inputs), BATCH):
            batch = slice(start, start + BATCH)
            outputs[batch] = model.predict_on_batch(inputs[batch])
            bar.update(len(inputs[batch]))
    return outputs


def of_images(
    backbone: keras.Model | None,
    images: np.ndarray,
    fingerprint: str,
    cache: Path,
    label: str,
    change: Callable[[np.ndarray, int], np.ndarray] | None = None,
) -> np.ndarray:
    """The features of all images, float32 [n, ...]; the images themselves, uint8, where there is no backbone.

    A backbone with weights leaves its features in files in the folder `cache`, named by its weights and precision, the fingerprint
    of the images and TensorFlow's release; what is there and whole is not computed again. `change` (images, number of the first of
    them) -> images is done to the images of a part before, where the part is computed; the fingerprint has to tell of it.
    """
    if backbone is None:
        return images
    if not backbone.weights:
        return compute(backbone, images)
    versions = devices.versions()
    origin = f"{weights_checksum(backbone)} {backbone.dtype_policy.name} {fingerprint} {versions['tensorflow']}"
    key = hashlib.sha256(origin.encode()).hexdigest()[:16]
    starts = range(0, len(images), PART)
    paths = [cache / f"features_{key}_{start:06d}.npz" for start in starts]
    there = [path.exists() for path in paths]
    if any(there):
        log.info("%s: %s of %s parts of the features are kept from before", label, sum(there), len(there))
    return np.concatenate(
        [
            _part(backbone, images, start, change, path, f"{label}: features, part {number} of {len(paths)}")
            for number, (start, path) in enumerate(zip(starts, paths, strict=True), start=1)
        ]
    )


def probabilities(
    classifier: architectures.Classifier, images: np.ndarray, fingerprint: str, cache: Path, label: str
) -> np.ndarray:
    """A classifier's probabilities for raw images, float32 [n, classes]."""
    return compute(classifier.head, of_images(classifier.backbone, images, fingerprint, cache, label))


def _part(
    backbone: keras.Model,
    images: np.ndarray,
    start: int,
    change: Callable[[np.ndarray, int], np.ndarray] | None,
    path: Path,
    label: str,
) -> np.ndarray:
    """One part of the features, from its file where that is whole, else computed and put there."""
    part = images[start : start + PART]
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as file:
                kept = file["features"]  # the zip format's own checksum is verified as it is read
            if kept.shape == (len(part), *backbone.output_shape[1:]) and kept.dtype == np.float32:
                return kept
            reason = "it has another shape"
        except Exception as problem:  # zip and numpy have many of their own for damaged bytes
            reason = str(problem)
        log.info("%s is damaged (%s) and is computed again", shown(path), reason)
    values = compute(backbone, change(part, start) if change else part, label)
    write_whole(path, lambda draft: np.savez(draft, features=values))
    return values
