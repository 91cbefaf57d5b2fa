"""Grad-CAM (Selvaraju et al., 2017): which parts of an image speak for a class, by the last maps of a classifier's convolutions."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from cifake import protocol
from cifake.models.architectures import Classifier
from cifake.system.errors import StudyError

BATCH = 100  # images
# In each direction, if there are as many: of a 32x32 image VGG16's last maps leave 1x1; 8x8 are its maps of the third block, and LeNet's.
PLACES = 8


def heat_maps(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much each place speaks for a class, float32 [n, 32, 32], from 0 to 1 in each image.

    `images` uint8 [n, 32, 32, 3]; `labels` [n]: the class of each, from 0. All zero where nothing speaks for the class. Raises
    StudyError if the classifier has no convolutions.
    """
    maps_and_scores, heat = _opened(classifier), [np.empty((0, *protocol.IMAGE_SHAPE[:2]), np.float32)]
    for start in range(0, len(images), BATCH):
        batch, y = images[start : start + BATCH], labels[start : start + BATCH]
        with tf.GradientTape() as tape:
            maps, scores = maps_and_scores(batch, tape)
            of_class = tf.gather(scores, y, batch_dims=1)
        weights = tf.reduce_mean(tape.gradient(of_class, maps), axis=(1, 2), keepdims=True)
        found = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1, keepdims=True))
        found = tf.image.resize(found, protocol.IMAGE_SHAPE[:2])[..., 0].numpy()
        heat.append(found / np.maximum(found.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny))
    return np.concatenate(heat)


def _opened(classifier: Classifier) -> Callable[[np.ndarray, tf.GradientTape], tuple[tf.Tensor, tf.Tensor]]:
    """From images to the deepest maps that still have places, and to the scores of the classes before softmax.

    A network within the backbone, such as keras.applications has them, is opened too: what comes before and after it is a chain.
    """
    whole = classifier.backbone or classifier.head
    place, network = next(((place, layer) for place, layer in enumerate(whole.operations) if isinstance(layer, keras.Model)), (None, whole))
    convolutions = [number for number, layer in enumerate(network.layers) if isinstance(layer, keras.layers.Conv2D)]
    if not convolutions:
        raise StudyError("This classifier has no convolutions, so Grad-CAM has nothing to show; take LeNet or VGG16.")
    with_places = [layer for layer in network.layers[convolutions[0] :] if len(layer.output.shape) == 4]
    chosen = max(enumerate(with_places), key=lambda layer: (min(*layer[1].output.shape[1:3], PLACES), layer[0]))[1]
    before = after = None
    if place is not None:
        before = keras.Model(whole.input, whole.operations[place - 1].output)
        after = keras.Model(whole.operations[place + 1].input, whole.output) if place + 1 < len(whole.operations) else None
    scores = _without_softmax(classifier.head)
    inner = keras.Model(network.input, [chosen.output, network.output if classifier.backbone else scores.output])

    def maps_and_scores(images: np.ndarray, tape: tf.GradientTape) -> tuple[tf.Tensor, tf.Tensor]:
        for variable in inner.weights:
            tape.watch(variable.value)  # or a frozen network would leave no trace
        maps, values = inner(before(images) if before else images)
        values = after(values) if after else values
        return maps, scores(values) if classifier.backbone else values

    return maps_and_scores


def _without_softmax(model: keras.Model) -> keras.Model:
    """The model up to the scores that its last layer turns into probabilities."""
    *_, before, last = model.layers
    linear = keras.layers.Dense(last.units, name="scores")
    scores = linear(before.output)
    linear.set_weights(last.get_weights())
    return keras.Model(model.input, scores)
