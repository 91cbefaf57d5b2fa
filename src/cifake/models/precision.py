"""Which precision experiment 3's convolutions are trained in: bfloat16 where the processor is faster with it, float32 elsewhere."""

import logging
import time

import tensorflow as tf

from cifake import protocol
from cifake.system import devices
from cifake.system.options import PRECISIONS

log = logging.getLogger(__name__)
FLOAT32, BFLOAT16, _ = PRECISIONS
ROUNDS = 5  # of the measurement, of which the fastest counts
LEAST_GAIN = 1.2  # times as fast, or float32 is kept


def fastest() -> str:
    """Keras' name of the faster precision. A processor that multiplies in bfloat16 is measured, because not each gains by it (AMD)."""
    if tf.config.list_physical_devices("GPU") or not {"amx_bf16", "avx512_bf16"} & devices.instructions():
        return FLOAT32
    gain = _seconds(tf.float32) / _seconds(tf.bfloat16)
    chosen = BFLOAT16 if gain > LEAST_GAIN else FLOAT32
    log.info("Precision: %s; here bfloat16 is %.1f times as fast as float32 (--precision overrides)", chosen, gain)
    return chosen


def _seconds(dtype: tf.DType) -> float:
    """Seconds of a step through LeNet's second convolution."""
    side, (channels, filters), kernel = protocol.IMAGE_SHAPE[0] // 2, protocol.LENET_FILTERS, protocol.LENET_KERNELS[1]
    maps = tf.random.stateless_normal((protocol.BATCH_SIZE, side, side, channels), (0, 0), dtype=dtype)
    weights = tf.random.stateless_normal((kernel, kernel, channels, filters), (0, 1), dtype=dtype)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch([maps, weights])
            outputs = tf.nn.relu(tf.nn.conv2d(maps, weights, 1, "SAME"))
        return tape.gradient(outputs, [maps, weights])

    step()  # builds it
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(5):
            step()
        taken.append(time.perf_counter() - start)
    return min(taken)
