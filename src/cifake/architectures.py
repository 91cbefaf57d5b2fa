"""The three classifiers. Each is an optional frozen backbone, which needs no training, and a head, which is trained.

A backbone takes raw images, uint8 [n, 32, 32, 3] RGB, and gives features; a head takes its features, or raw images where there
is no backbone, and gives probabilities, float32 [n, classes]. whole() joins them to the model that is saved.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import layers, ops

from cifake import protocol
from cifake.errors import StudyError
from cifake.folders import shown
from cifake.options import IMAGENET, RANDOM


@dataclass(frozen=True)
class Classifier:
    """A frozen part, or None, and a part to be trained."""

    backbone: keras.Model | None
    head: keras.Model

    def whole(self, name: str) -> keras.Model:
        """Raw images in, probabilities out."""
        if self.backbone is None:
            return self.head
        images = raw_images()
        return keras.Model(images, self.head(self.backbone(images)), name=name)


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Have the models that are built within the block calculate in a precision of Keras: float32, mixed_bfloat16, mixed_float16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def raw_images() -> keras.KerasTensor:
    """The input of every saved model."""
    return keras.Input(protocol.IMAGE_SHAPE, dtype="uint8", name="images")


def backbone(architecture: str, weights: str) -> keras.Model | None:
    """The part of an architecture that is not trained; `weights` (imagenet, random or a path) concerns VGG16 alone."""
    makers = {"NN": lambda: _grey_pixels(), "LeNet": lambda: None, "VGG16": lambda: _vgg16(weights)}
    frozen = makers[architecture]()
    if frozen is not None:
        frozen.trainable = False
    return frozen


def head(architecture: str, features: tuple[int, ...], classes: int) -> keras.Model:
    """The part that is trained, with new weights; `features` is the shape of one image's features."""
    if architecture == "LeNet":
        inputs = raw_images()
        hidden = _lenet_convolutions(inputs)
    else:
        inputs = hidden = keras.Input(features, name="features")
    hidden = layers.Dense(protocol.HIDDEN_UNITS, activation="relu", name="hidden")(hidden)
    # float32 in any precision: in 16 bits, probabilities would tie and the loss lose its digits
    outputs = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(hidden)
    return keras.Model(inputs, outputs, name=architecture if architecture == "LeNet" else "head")


def load(path: Path) -> Classifier:
    """A saved model, taken apart again. Raises StudyError where the file is damaged, or holds code."""
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as problem:  # zip, JSON, HDF5 and Keras each have their own
        reason = (
            "it holds code, which is not run"
            if "unsafe" in str(problem) or "Lambda" in str(problem)
            else "it is damaged or no model"
        )
        raise StudyError(f"{shown(path)} is not loaded: {reason}; delete it and train the classifier again.") from None
    names = {layer.name for layer in model.layers}
    if {"backbone", "head"} <= names:
        return Classifier(model.get_layer("backbone"), model.get_layer("head"))
    return Classifier(None, model)


def summary(model: keras.Model) -> str:
    """Keras' summary of a model, layer by layer, as text."""
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line), expand_nested=True, line_length=100)
    return "\n".join(lines) + "\n"


def _grey_pixels() -> keras.Model:
    """NN's view of an image: its grey pixels in [0, 1] in one row. Cast first: on uint8 the greyscale would be rounded."""
    images = raw_images()
    grey = ops.image.rgb_to_grayscale(ops.cast(images, "float32"))
    return keras.Model(images, layers.Flatten()(layers.Rescaling(protocol.PIXEL_SCALE)(grey)), name="backbone")


def _lenet_convolutions(images: keras.KerasTensor) -> keras.KerasTensor:
    """LeNet up to its dense layers."""
    hidden = layers.Rescaling(protocol.PIXEL_SCALE)(ops.cast(images, "float32"))
    for filters, kernel in zip(protocol.LENET_FILTERS, protocol.LENET_KERNELS, strict=True):
        hidden = layers.Conv2D(filters, kernel, padding="same", activation="relu")(hidden)
        hidden = layers.MaxPooling2D()(hidden)
    return layers.Flatten()(hidden)


def _vgg16(weights: str) -> keras.Model:
    """VGG16's convolutions and the mean over what is left of the image: 512 features.

    Raises StudyError where the weights cannot be downloaded or do not fit.
    """
    images = raw_images()
    # Cast first: on uint8 preprocess_input subtracts with an overflow, and says nothing.
    prepared = keras.applications.vgg16.preprocess_input(ops.cast(images, "float32"))
    try:
        network = keras.applications.VGG16(
            include_top=False,
            weights=None if weights == RANDOM else weights,
            input_shape=protocol.IMAGE_SHAPE,
            pooling="avg",
            name="vgg16",
        )
    except Exception as problem:  # whatever the network, the file or HDF5 answer with
        raise StudyError(_weights_message(weights, problem)) from None
    return keras.Model(images, network(prepared), name="backbone")


def _weights_message(weights: str, problem: Exception) -> str:
    """What to say where VGG16's weights could not be had."""
    reason = (str(problem).splitlines() or [type(problem).__name__])[0]
    if weights != IMAGENET:
        return f"{weights} does not hold VGG16's weights without its top ({reason}); name another with --weights."
    file = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return (
        f"VGG16's ImageNet weights could not be downloaded ({reason}); run the same command again when there is a network, or put {file} "
        f"into {_keras_folder()}/models/ by hand, or name its path with --weights PATH or VGG16_WEIGHTS=PATH."
    )


def _keras_folder() -> str:
    """Where Keras keeps its downloads."""
    return os.environ.get("KERAS_HOME", "~/.keras")
