"""Grad-CAM (Selvaraju et al., 2017): which parts of an image speak for a class, by the last maps of a classifier's convolutions."""

import keras
import numpy as np
import tensorflow as tf

from cifake import protocol
from cifake.models.architectures import Classifier
from cifake.system.errors import StudyError

BATCH = 100  # images
# VGG16 leaves 1x1 of a 32x32 image. After the third of its five blocks there are 8x8 places, as many as in LeNet's last maps.
VGG16_LAYER = "block3_conv3"


def heat_maps(classifier: Classifier, images: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """How much each place speaks for a class, float32 [n, 32, 32], from 0 to 1 in each image.

    `images` uint8 [n, 32, 32, 3]; `numbers` [n]: the class of each, from 0. All zero where nothing speaks for the class. Raises
    StudyError if the classifier has no convolutions.
    """
    maps_and_scores, heat = _opened(classifier), [np.empty((0, *protocol.IMAGE_SHAPE[:2]), np.float32)]
    for start in range(0, len(images), BATCH):
        batch, classes = images[start : start + BATCH], numbers[start : start + BATCH]
        with tf.GradientTape() as tape:
            pixels = tf.constant(batch, tf.float32)
            tape.watch(pixels)
            maps, scores = maps_and_scores(pixels)
            of_class = tf.gather(scores, classes, batch_dims=1)
        weights = tf.reduce_mean(tape.gradient(of_class, maps), axis=(1, 2), keepdims=True)
        found = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1, keepdims=True))
        found = tf.image.resize(found, protocol.IMAGE_SHAPE[:2])[..., 0].numpy()
        heat.append(found / np.maximum(found.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny))
    return np.concatenate(heat)


def _opened(classifier: Classifier) -> keras.Model:
    """From pixels, float32, to the last maps that still have places, and to the scores of the classes before softmax."""
    network = classifier.head
    if classifier.backbone:
        network = next((layer for layer in classifier.backbone.layers if isinstance(layer, keras.Model)), classifier.backbone)
    if not any(isinstance(layer, keras.layers.Conv2D) for layer in network.layers):
        raise StudyError("This classifier has no convolutions, so Grad-CAM has nothing to show; take LeNet or VGG16.")
    scores = _without_softmax(classifier.head)
    if classifier.backbone:
        pixels = keras.Input(protocol.IMAGE_SHAPE)
        inner = keras.Model(network.inputs, [network.get_layer(VGG16_LAYER).output, network.output])
        maps, features = inner(keras.applications.vgg16.preprocess_input(pixels))
        return keras.Model(pixels, [maps, scores(features)])
    last = [layer for layer in network.layers if len(layer.output.shape) == 4][-1]
    return keras.Model(network.inputs, [last.output, scores.output])


def _without_softmax(model: keras.Model) -> keras.Model:
    """The model up to the scores that its last layer turns into probabilities."""
    *_, before, last = model.layers
    linear = keras.layers.Dense(last.units, name="scores")
    scores = linear(before.output)
    linear.set_weights(last.get_weights())
    return keras.Model(model.inputs, scores)
