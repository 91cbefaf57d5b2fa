"""The classifiers, one entry each in ARCHITECTURES: an optional frozen backbone, and a head, which is trained.

A backbone maps raw images, uint8 [n, 32, 32, 3] RGB, to features; a head maps its features, or raw images if there is no backbone, to
probabilities, float32 [n, classes]. whole() joins them to the model that is saved.

Keras takes seconds to import, and scripts read this table before their options: so it is imported by what builds or loads a model.
"""

import json
import logging
import math
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cifake import KERAS_HOME, protocol
from cifake.system.errors import StudyError
from cifake.system.files import checksum_of_arrays
from cifake.system.options import IMAGENET, RANDOM
from cifake.system.paths import shown

if TYPE_CHECKING:
    import keras
    import numpy as np

log = logging.getLogger(__name__)

# The file of VGG16's ImageNet weights that Keras downloads; Keras' source has address and MD5.
PUBLISHED = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
PUBLISHED_ADDRESS = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{PUBLISHED}"
PUBLISHED_MD5 = "6d6bbae143d832006294945121d1f1fc"

# How pixels are scaled before the first layer: to [0, 1], as the original study does, or to mean 0 and deviation 1 (experiment 3).
UNIT, STANDARDISED = "unit", "standardised"
SHARED = rb'"shared_object_id": (\d+)'  # in a saved model's config.json


@dataclass(frozen=True)
class Architecture:
    """What the study needs to know of a classifier."""

    description: str  # for the report: what it consists of
    e3_seconds: float  # of a run of experiment 3 with protocol.STEPS steps, on two cores
    # The frozen part, if any: weights (imagenet, random or a path), scaling of pixels -> model of raw images.
    backbone: Callable[[str, str], "keras.Model"] | None = None
    # Trained layers before the dense ones, if any: raw images, scaling of pixels -> features.
    convolutions: Callable[["keras.KerasTensor", str], "keras.KerasTensor"] | None = None
    hidden: int | None = protocol.HIDDEN_UNITS  # units of the dense layer before the output; None: there is no such layer
    is_pretrained: bool = False  # its backbone has weights of its own, so that its features are worth keeping in files
    only_e3: bool = False  # a classifier of experiment 3 alone, there with fewer runs because it is slow
    # Experiment 3: peak learning rates that were tried, then what E3_visualisations/tuning_table.txt found.
    e3_rates: tuple[float, ...] = (0.003, 0.01, 0.03)
    e3_rate: float = 0.01
    e3_weight_decay: float = 5e-4
    e3_second_rate: float = 1.0  # peak rate of a second phase, as a share of e3_rate

    @property
    def has_convolutions(self) -> bool:
        """Whether Grad-CAM can show where it looks."""
        return self.convolutions is not None or self.is_pretrained


@dataclass(frozen=True)
class Classifier:
    """A frozen part, or None, and a part to be trained."""

    backbone: "keras.Model | None"
    head: "keras.Model"

    def whole(self, name: str) -> "keras.Model":
        """Raw images in, probabilities out."""
        if self.backbone is None:
            return self.head
        import keras

        images = raw_images()
        return keras.Model(images, self.head(self.backbone(images)), name=name)


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Build models within the block in a precision of Keras: float32, mixed_bfloat16, mixed_float16."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def raw_images() -> "keras.KerasTensor":
    """The input of every saved model."""
    import keras

    return keras.Input(protocol.IMAGE_SHAPE, dtype="uint8", name="images")


def backbone(architecture: str, weights: str, scaling: str = UNIT) -> "keras.Model | None":
    """The part that is not trained; `weights`, imagenet, random or a path, is for pretrained ones, `scaling` for all others."""
    make = ARCHITECTURES[architecture].backbone
    if make is None:
        return None
    frozen = make(weights, scaling)
    frozen.trainable = False
    return frozen


def head(
    architecture: str, features: tuple[int, ...], classes: int, scaling: str = UNIT, feature_deviation: float | None = None
) -> "keras.Model":
    """The part that is trained, with new weights; `features` is the shape of one image's features.

    `scaling` is that of pixels, for a head that takes raw images; another one divides its features by `feature_deviation`, if given.
    """
    import keras

    entry = ARCHITECTURES[architecture]
    if entry.convolutions:
        inputs = raw_images()
        hidden = entry.convolutions(inputs, scaling)
    else:
        inputs = hidden = keras.Input(features, name="features")
        if feature_deviation is not None:
            hidden = keras.layers.Rescaling(1 / feature_deviation)(hidden)
    if entry.hidden is not None:
        hidden = keras.layers.Dense(entry.hidden, activation="relu", name="hidden")(hidden)
    # float32 in any precision: in 16 bits, probabilities would tie and the loss lose its digits
    outputs = keras.layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(hidden)
    return keras.Model(inputs, outputs, name=architecture if entry.convolutions else "head")


def load(path: Path) -> Classifier:
    """A saved model, taken apart again. Raises StudyError if the file is damaged, holds code or a weight is not finite."""
    import keras

    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as problem:  # zip, JSON, HDF5 and Keras each have their own
        is_code = "unsafe" in str(problem) or "Lambda" in str(problem)
        reason = "it holds code, which is not run" if is_code else "it is damaged or not a model"
        raise StudyError(f"{shown(path)} is not loaded: {reason}; delete it and train the classifier again.") from None
    if not _is_finite(model):
        raise StudyError(f"{shown(path)} is not loaded: a weight in it is not finite; delete it and train the classifier again.")
    if {"backbone", "head"} <= {layer.name for layer in model.layers}:
        return Classifier(model.get_layer("backbone"), model.get_layer("head"))
    return Classifier(None, model)


def save_without_date(classifier: Classifier, record: dict, path: Path) -> None:
    """Save the head of a record's architecture, which has no backbone, so that the bytes follow from its weights and Keras' release."""
    import keras

    weights = classifier.head.get_weights()
    keras.backend.clear_session()  # so that the numbers in the names of layers begin again
    model = head(record["architecture"], (), len(record["classes"]))
    model.set_weights(weights)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "model.keras")
        model.save(saved)
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
            for name in sorted(old.namelist()):
                content = old.read(name)
                if name == "metadata.json":
                    content = json.dumps({"keras_version": keras.__version__}).encode()  # without date_saved
                elif name == "config.json":  # ids of shared objects are places in memory
                    ids = list(dict.fromkeys(re.findall(SHARED, content)))
                    content = re.sub(SHARED, lambda match, ids=ids: b'"shared_object_id": %d' % ids.index(match[1]), content)
                new.writestr(zipfile.ZipInfo(name), content)  # its date is 1980-01-01


def normalise_by(model: "keras.Model", pixels: "np.ndarray") -> bool:
    """Replace the statistics that batch normalisation keeps by those of some images, in place; gives whether there is such a layer."""
    import keras

    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.momentum = 0  # nothing of the old ones is left after one batch
    if layers:
        model(pixels, training=True)
    return bool(layers)


def summary(model: "keras.Model") -> str:
    """Keras' summary of a model, layer by layer, as text."""
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line), expand_nested=True, line_length=100)
    return "\n".join(lines) + "\n"


def _is_finite(model: "keras.Model") -> bool:
    """Whether all weights of a model are finite: with one that is not, its outputs mean nothing."""
    return all(math.isfinite(values.sum()) for values in model.get_weights())


def _scaled(pixels: "keras.KerasTensor", scaling: str) -> "keras.KerasTensor":
    """Pixels from 0 to 255, grey or RGB, as the first layer sees them."""
    import keras

    if scaling == UNIT:
        return keras.layers.Rescaling(protocol.PIXEL_SCALE)(pixels)
    is_grey = pixels.shape[-1] == 1
    means = (protocol.GREY_MEAN,) if is_grey else protocol.PIXEL_MEANS
    deviations = (protocol.GREY_DEVIATION,) if is_grey else protocol.PIXEL_DEVIATIONS
    offset = [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)]
    return keras.layers.Rescaling([1 / deviation for deviation in deviations], offset)(pixels)


def _grey_pixels(_weights: str, scaling: str) -> "keras.Model":
    """NN's view of an image: its grey pixels, scaled and flat. Cast first: on uint8 the greyscale would be rounded."""
    import keras

    images = raw_images()
    grey = keras.ops.image.rgb_to_grayscale(keras.ops.cast(images, "float32"))
    return keras.Model(images, keras.layers.Flatten()(_scaled(grey, scaling)), name="backbone")


def _lenet_convolutions(images: "keras.KerasTensor", scaling: str) -> "keras.KerasTensor":
    """LeNet up to its dense layers."""
    import keras

    hidden = _scaled(keras.ops.cast(images, "float32"), scaling)
    for filters, kernel in zip(protocol.LENET_FILTERS, protocol.LENET_KERNELS, strict=True):
        hidden = keras.layers.Conv2D(filters, kernel, padding="same", activation="relu")(hidden)
        hidden = keras.layers.MaxPooling2D()(hidden)
    return keras.layers.Flatten()(hidden)


def _allconv_convolutions(images: "keras.KerasTensor", scaling: str) -> "keras.KerasTensor":
    """AllConv: after the network of Keller Jordan's airbench (2024), without its frozen whitening; 296,002 weights with the output.

    Pooling, not strides, makes the maps smaller: on processors that is several times as fast.
    """
    import keras

    hidden = _scaled(keras.ops.cast(images, "float32"), scaling)
    hidden = keras.layers.Conv2D(24, 2, padding="same", activation="relu")(hidden)
    hidden = keras.layers.MaxPooling2D()(hidden)
    for filters in (32, 64, 128):
        for number in range(2):
            hidden = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(hidden)
            if number == 0 and filters > 32:
                hidden = keras.layers.MaxPooling2D()(hidden)
            hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
    return keras.layers.GlobalMaxPooling2D()(hidden)


def _vgg16(weights: str, _scaling: str) -> "keras.Model":
    """VGG16's convolutions and the mean over what is left of the image: 512 features.

    Raises StudyError if the weights cannot be downloaded, do not fit or are not finite.
    """
    import keras

    images = raw_images()
    # Cast first: on uint8, preprocess_input subtracts with an overflow and says nothing.
    prepared = keras.applications.vgg16.preprocess_input(keras.ops.cast(images, "float32"))
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=protocol.IMAGE_SHAPE, pooling="avg", name="vgg16")
    if weights != RANDOM:
        _load_weights(network, _published_weights() if weights == IMAGENET else Path(weights))
    return keras.Model(images, network(prepared), name="backbone")


def _load_weights(network: "keras.Model", path: Path) -> None:
    """Put a file's weights into VGG16. Raises StudyError if they do not fit or are not finite."""
    remedy = "name another file with --weights, or none for the published weights."
    try:
        network.load_weights(path)
    except Exception as problem:  # HDF5 and Keras have many of their own
        raise StudyError(f"{shown(path)} does not hold VGG16's weights without its top ({_reason(problem)}); {remedy}") from None
    if not _is_finite(network):
        raise StudyError(f"{shown(path)} is damaged: a weight in it is not finite; {remedy}")
    if checksum_of_arrays(network.get_weights()) != protocol.IMAGENET_CHECKSUM:
        log.info("%s does not hold the published ImageNet weights; the results will not be the study's", shown(path))


def _published_weights() -> Path:
    """Keras' own copy of VGG16's ImageNet weights, downloaded if it is missing or damaged. Raises StudyError if that fails."""
    import keras

    try:
        folder = Path(KERAS_HOME).expanduser()
        folder.mkdir(parents=True, exist_ok=True)  # Keras would take a folder below /tmp instead
        return Path(keras.utils.get_file(PUBLISHED, PUBLISHED_ADDRESS, cache_dir=folder, cache_subdir="models", file_hash=PUBLISHED_MD5))
    except Exception as problem:  # whatever the network or the disk answers with
        raise StudyError(
            f"VGG16's ImageNet weights could not be downloaded ({_reason(problem)}); run the same command again when there is a network "
            f"that does not ask you to sign in first, put {PUBLISHED} into {KERAS_HOME}/models/ by hand, or name its path with "
            "--weights PATH or VGG16_WEIGHTS=PATH."
        ) from None


def _reason(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0]


# In order of growing complexity: the order of every table and figure.
ARCHITECTURES = {
    "NN": Architecture(
        "one hidden layer of 128 units on grey pixels",
        e3_seconds=18,
        backbone=_grey_pixels,
        e3_rates=(0.003, 0.01, 0.03, 0.1),
        e3_rate=0.03,
        e3_weight_decay=0.005,
        e3_second_rate=0.1,
    ),
    "LeNet": Architecture(
        "two convolutions and a hidden layer",
        e3_seconds=190,
        convolutions=_lenet_convolutions,
        e3_rates=(0.005, 0.01, 0.02, 0.05),
        e3_rate=0.01,
        e3_weight_decay=0.005,
        e3_second_rate=0.1,
    ),
    "AllConv": Architecture(
        "seven convolutions with batch normalisation",
        e3_seconds=420,  # LeNet's times 2.2, by their runs on one core with bfloat16
        convolutions=_allconv_convolutions,
        hidden=None,
        only_e3=True,
        e3_rates=(0.02, 0.05, 0.1, 0.2),
        e3_rate=0.05,
        e3_weight_decay=0.05,
    ),
    "VGG16": Architecture(
        "convolutions trained on ImageNet and frozen, their mean over the image, and a hidden layer",
        e3_seconds=8,
        backbone=_vgg16,
        is_pretrained=True,
        e3_rates=(0.001, 0.003, 0.01, 0.03),
        e3_rate=0.01,
        e3_weight_decay=0.05,
        e3_second_rate=0.1,
    ),
}
OF_EXPERIMENT_1 = [name for name, entry in ARCHITECTURES.items() if not entry.only_e3]  # and of experiments 2 and 4
