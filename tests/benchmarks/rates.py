"""Measure how near LeNet's training and VGG16's features come to the limit of the machine, a large matrix product.

    python tests/benchmarks/rates.py --images images --output . --precision float32

Prints one line of JSON. speed.py starts it, in a process of its own. The matrix product is taken before and after each of the
two, because a machine's clock changes with its temperature and with what else it does.
"""

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import numpy as np
import operations
import tensorflow as tf

from cifake import protocol
from cifake.data import batches, decoding, metadata
from cifake.models import architectures, features, training
from cifake.system import devices, options
from cifake.system.paths import Folders

PRODUCTS = 3  # of matrices at a time, after one that does not count
FEATURE_IMAGES = 2_000  # whose features are computed, at most
EPOCHS = 3  # of LeNet; the first, in which TensorFlow compiles, does not count


def main() -> None:
    """Measure in one precision, and print images and operations a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="the folder with train/ and test/")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder with images/metadata/")
    parser.add_argument("--precision", choices=options.PRECISIONS, default=options.PRECISIONS[0])
    parser.add_argument("--weights", type=options.vgg16_weights, default=options.IMAGENET, metavar="W", help="VGG16's")
    parser.add_argument("--matrix", type=int, default=4096, metavar="N", help="the product of matrices of N x N")
    chosen = parser.parse_args()
    devices.prepare()
    split = metadata.read_split(Folders(chosen.images, chosen.output), "FAKE", "train")
    pixels, _ = decoding.decode(split.contents, split.filepaths, "train")
    measures = {"features": lambda: features_rate(chosen, pixels), "training": lambda: training_rate(chosen.precision, pixels, split)}
    measured = {}
    before = matrix_product(chosen.precision, chosen.matrix)
    for name, measure in measures.items():
        measured[name] = measure()
        after = matrix_product(chosen.precision, chosen.matrix)
        measured[name]["limit"] = (before + after) / 2
        before = after
    print(json.dumps(measured))


def matrix_product(precision: str, rows: int) -> float:
    """Operations a second of the product of two square matrices: what the processor can do at best."""
    matrix = tf.cast(tf.random.uniform([rows, rows]), precision.removeprefix("mixed_"))
    seconds = []
    for _ in range(1 + PRODUCTS):
        start = time.perf_counter()
        tf.linalg.matmul(matrix, matrix)[0, 0].numpy()
        seconds.append(time.perf_counter() - start)
    return 2 * rows**3 / statistics.median(seconds[1:])


def features_rate(chosen: argparse.Namespace, pixels: np.ndarray) -> dict[str, float]:
    """Images and operations a second of VGG16's convolutions."""
    with architectures.precision(chosen.precision):
        backbone = architectures.backbone("VGG16", chosen.weights)
    part = pixels[:FEATURE_IMAGES]
    features.compute(backbone, part[: features.BATCH])
    start = time.perf_counter()
    features.compute(backbone, part)
    rate = len(part) / (time.perf_counter() - start)
    return {"images": rate, "operations": rate * operations.forward(backbone)}


def training_rate(precision: str, pixels: np.ndarray, split: metadata.Split) -> dict[str, float]:
    """Images and operations a second of LeNet's training; the validation after each epoch counts as time and as operations."""
    ends = []
    listener = logging.Handler()
    # A line when the first epoch ends, some others, and the last one: number of the epoch, and the time.
    listener.emit = lambda record: ends.append((record.args[0], record.created))
    log = logging.getLogger(training.__name__)
    log.addHandler(listener)
    log.setLevel(logging.INFO)
    log.propagate = False
    tf.keras.utils.set_random_seed(protocol.SEED)
    with architectures.precision(precision):
        head = architectures.head("LeNet", pixels.shape[1:], len(split.classes))
    validation = metadata.validation_rows(len(pixels))
    settings = {"seed": protocol.SEED, "epochs_at_most": EPOCHS}
    with tempfile.TemporaryDirectory() as folder:
        training.train(head, *batches.in_memory(pixels, np.array(split.numbers)), settings, Path(folder) / "checkpoint.npz")
    log.removeHandler(listener)
    (first, start), (last, end) = ends[0], ends[-1]
    seconds = (end - start) / (last - first)
    trained = len(pixels) - validation
    done = trained * operations.trained(head) + validation * operations.forward(head)
    return {"images": trained / seconds, "operations": done / seconds}


if __name__ == "__main__":
    main()
