"""Which images a run of experiment 3 learns from, and the rows of each of its batches."""

import hashlib

import numpy as np

from cifake import protocol


def steps_of(size: int, steps: int) -> int:
    """Steps of a training on a number of images, a multiple of 40: two phases of twenty parts; `steps` is the number for few images."""
    factor = next((more for least, more in sorted(protocol.MORE_STEPS.items(), reverse=True) if size >= least), 1)
    return round(steps * factor / 40) * 40


def draw(labels: np.ndarray, size: int, seed: int, source: str) -> np.ndarray:
    """Draw `size` rows, int64 [size]; `labels` [n]: the class of each row, from 0.

    With the same seed and source, a smaller draw is the beginning of a larger one. The numbers of rows of two classes differ by
    one at most, as long as no class runs out.
    """
    random = np.random.default_rng([seed, protocol.SOURCES.index(source)])
    place = np.empty(len(labels), np.int64)  # of each row in the random order of its class
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        place[random.permutation(members)] = range(len(members))
    return np.lexsort((labels, place))[:size]  # the first of each class, then the second of each, and so on


def fingerprint(rows: np.ndarray) -> str:
    """SHA-256 of row numbers: two runs with the same one, on the same CSV, had the same images."""
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def batches(rows: np.ndarray, source: str, images: int, steps: int, seed: int, phase: int) -> np.ndarray:
    """The rows of a source in each step's batch, int64 [steps, images].

    They are gone through again and again in a new random order, so that each is seen n times before any is seen n + 1 times.
    """
    picks, key = steps * images, (seed, phase, (*protocol.SOURCES, protocol.GAUSSIAN).index(source))
    rounds = range(-(-picks // len(rows)))
    order = np.concatenate([np.random.default_rng([*key, number]).permutation(rows) for number in rounds])
    return order[:picks].reshape(steps, images)
