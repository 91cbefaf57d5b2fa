"""Classic augmentation: a random horizontal flip, shift and rotation of each image, by Keras' preprocessing layers.

What happens to an image follows from a key alone, never from what was augmented before it.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from keras import layers

from cifake import protocol

CHUNK = 500  # images that copies() augments at once


def augmenter() -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function (images, key) -> images, uint8 [n, 32, 32, 3] both; `key` is two whole numbers, int64 [2].

    The pixels are rounded, so an augmented image is an image again. A gap at the border is filled with the mirror image, Keras'
    default. The function must not run twice at the same time: its layers hold their key.
    """
    height, width, _ = protocol.IMAGE_SHAPE
    changes = [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(protocol.SHIFT / height, protocol.SHIFT / width),
        layers.RandomRotation(protocol.ROTATION / 360),
    ]

    def augment(images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        moved = tf.cast(images, tf.float32)
        for number, change in enumerate(changes):
            # Each draw of Keras advances the state of a layer's generator; setting it before each draw removes the past.
            state = change.generator.state
            state.assign(tf.cast(tf.stack([key[0] * len(changes) + number, key[1]]), state.dtype))
            moved = change(moved, training=True)
        return tf.cast(tf.clip_by_value(tf.round(moved), 0, 255), tf.uint8)

    return augment


def copies(images: np.ndarray, first: int, number: int) -> np.ndarray:
    """The augmented copies of images, uint8 [n, 32, 32, 3] both; the first of them is the row `first` of all.

    `number` tells the copies of an image apart; the same number gives the same copies.
    """
    augment = tf.function(augmenter())
    augmented = np.empty_like(images)
    for start in range(0, len(images), CHUNK):
        chunk = slice(start, start + CHUNK)
        augmented[chunk] = augment(images[chunk], tf.constant([number, first + start], tf.int64))
    return augmented
