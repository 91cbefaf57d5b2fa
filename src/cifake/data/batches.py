"""From one array in memory to batches by row number, in an order that follows from seed and epoch alone."""

import mmap
import weakref
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from cifake import protocol


def steps_of(rows: int) -> int:
    """How many batches a number of rows makes; the last may be smaller."""
    return -(-rows // protocol.BATCH_SIZE)


def in_memory(inputs: np.ndarray, labels: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    """All inputs and labels as tensors in the processor's memory, to gather batches from.

    tf.constant would copy the inputs twice, the second time to align them, and hold all three for a while.
    """
    aligned = np.frombuffer(mmap.mmap(-1, inputs.nbytes), inputs.dtype).reshape(inputs.shape)  # starts at a memory page
    aligned[:] = inputs
    with tf.device("CPU:0"):
        return tf.experimental.dlpack.from_dlpack(aligned.__dlpack__()), tf.constant(labels)  # the same memory


def _as_written(order: tf.data.Dataset, batch: Callable) -> tf.data.Dataset:
    """What `batch` makes of each element, some of it ahead of its use, and all of it as the code says: of TensorFlow 2.21's own
    improvements nothing helps here, and two do harm.

    With autotuning it may wait for seconds as each iterator ends, for a thread that sleeps; its optimisations copy all inputs.
    """
    choice = tf.data.Options()
    choice.autotune.enabled = False
    choice.experimental_optimization.apply_default_optimizations = False
    return order.map(batch).prefetch(4).with_options(choice)


def shuffled(inputs: tf.Tensor, labels: tf.Tensor, rows: range, seed: int, epochs: range) -> tf.data.Dataset:
    """The given rows in all batches of the given epochs, one epoch after the other.

    The order in each epoch follows from (seed, epoch) alone, so that a training can begin with any epoch.
    """

    def epoch_of_rows(epoch: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(rows.start, rows.stop), seed=key)
        return tf.data.Dataset.from_tensor_slices(order).batch(protocol.BATCH_SIZE)

    order = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(epoch_of_rows)
    # Keras must know how many batches there are, or it runs extra steps of the optimiser.
    batches = len(epochs) * steps_of(len(rows))
    order = order.apply(tf.data.experimental.assert_cardinality(batches))
    return _as_written(order, lambda rows: (tf.gather(inputs, rows), tf.gather(labels, rows)))


def in_order(inputs: tf.Tensor, labels: tf.Tensor, rows: range, size: int) -> tf.data.Dataset:
    """The given rows in their own order, in batches of (input, class number)."""
    order = tf.data.Dataset.range(rows.start, rows.stop).batch(size)
    return _as_written(order, lambda rows: (tf.gather(inputs, rows), tf.gather(labels, rows)))


def made(make: Callable[[int], tuple[np.ndarray, np.ndarray]], steps: int) -> tf.data.Dataset:
    """A batch for each step: `make` (number of the step from 0) -> inputs, uint8 or float16, and labels, int64."""
    inputs, _ = make(0)
    is_image = inputs.dtype == np.uint8
    weak = weakref.ref(make)  # what numpy_function is given stays in memory for ever, with all the arrays that it knows

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values, labels = tf.numpy_function(lambda step: weak()(step), [step], (inputs.dtype, np.int64))
        values.set_shape([None, *inputs.shape[1:]])
        labels.set_shape([None])
        return values if is_image else tf.cast(values, tf.float32), labels

    data = _as_written(tf.data.Dataset.range(steps), batch)
    data.make = make  # kept as long as the batches
    return data
