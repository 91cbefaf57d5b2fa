"""Which images a run of experiment 3 learns from: its budget, and the rows of each of its batches."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cifake import protocol

FIFTH = round(1 / protocol.VALIDATION_SHARE)  # one image in so many is for validation


@dataclass(frozen=True)
class Budget:
    """The only rows of a CSV, from 0, that a run may use; int64 [n] each."""

    training: np.ndarray
    validation: np.ndarray

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the row numbers: two runs with the same one, on the same CSV, had the same images."""
        numbers = (len(self.training), *self.training, *self.validation)
        return hashlib.sha256(np.array(numbers, "<i8").tobytes()).hexdigest()


def draw(numbers: np.ndarray, size: int, seed: int, source: str) -> Budget:
    """Draw `size` rows; `numbers` [n] is the class of each row, from 0.

    With the same seed and source a budget contains all smaller ones, training rows in training rows and validation rows in
    validation rows. The numbers of rows of two classes differ by one at most, as long as no class runs out. Every fifth image of
    each class is for validation.
    """
    random = np.random.default_rng([seed, protocol.SOURCES.index(source)])
    place = np.empty(len(numbers), np.int64)  # of each row in the random order of its class
    for number in np.unique(numbers):
        members = np.flatnonzero(numbers == number)
        place[random.permutation(members)] = range(len(members))
    drawn = np.lexsort((numbers, place))[:size]  # the first of each class, then the second of each, and so on
    is_validation = place[drawn] % FIFTH == FIFTH - 1
    return Budget(drawn[~is_validation], drawn[is_validation])


def batches(parts: Sequence[np.ndarray], steps: int, seed: int) -> np.ndarray:
    """The rows of each step's batch, int64 [steps, images]: the same share of each batch from each of the parts.

    Each part, an array of rows, is gone through again and again in a new random order, so that each of its rows is seen n times
    before any is seen n + 1 times.
    """
    share = protocol.BATCH_SIZE // len(parts)
    return np.concatenate([_cycled(rows, steps * share, (seed, number)).reshape(steps, share) for number, rows in enumerate(parts)], axis=1)


def variants(steps: int, seed: int) -> np.ndarray:
    """Which variant of each image of each batch is seen, int64 [steps, images]: 0 is itself, 1, 2, ... an augmented copy."""
    random = np.random.default_rng([seed, len(protocol.SOURCES)])
    return random.integers(0, 1 + protocol.COPIES, (steps, protocol.BATCH_SIZE))


def _cycled(rows: np.ndarray, picks: int, key: tuple[int, int]) -> np.ndarray:
    """So many picks from the rows, one shuffled round after the other."""
    rounds = range(-(-picks // len(rows)))
    return np.concatenate([np.random.default_rng([*key, number]).permutation(rows) for number in rounds])[:picks]
