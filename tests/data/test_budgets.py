"""Which images a run of experiment 3 learns from, and in which batches."""

import itertools

import numpy as np
import pytest

from cifake.data import budgets

SIZES = (100, 300, 1_000, 3_000)
LABELS = np.random.default_rng(0).permutation(np.repeat(range(10), 400))  # 4,000 images of ten classes


def drawn(seed: int, source: str = "REAL") -> list[np.ndarray]:
    return [budgets.draw(LABELS, size, seed, source) for size in SIZES]


@pytest.mark.parametrize("seed", [129, 130])
def test_a_budget_is_balanced(seed):
    for size, rows in zip(SIZES, drawn(seed), strict=True):
        assert np.array_equal(np.bincount(LABELS[rows]), [size // 10] * 10)
        assert len(np.unique(rows)) == size


def test_each_budget_begins_with_the_smaller_ones_and_each_seed_draws_others():
    for small, large in itertools.pairwise(drawn(129)):
        assert np.array_equal(small, large[: len(small)])
    assert np.array_equal(drawn(129)[0], drawn(129)[0])
    for others in (drawn(130), drawn(129, "FAKE")):
        assert len(set(drawn(129)[0]) & set(others[0])) < 50


def test_the_fingerprint_tells_budgets_apart():
    assert len({budgets.fingerprint(rows) for seed in (129, 130) for rows in drawn(seed)}) == 2 * len(SIZES)


def test_classes_of_all_sizes_are_taken_whole_if_all_images_are_drawn():
    labels = np.repeat([0, 1, 2], [7, 50, 13])
    assert sorted(budgets.draw(labels, len(labels), 1, "FAKE")) == list(range(70))


def test_every_row_is_seen_before_any_is_seen_again():
    picks = budgets.batches(np.arange(100), "REAL", 64, 25, 1, 0).ravel()  # 16 rounds of a hundred
    rounds = picks.reshape(16, 100)
    assert np.array_equal(np.sort(rounds, 1), np.tile(np.arange(100), (16, 1)))
    assert len({tuple(order) for order in rounds}) == 16


def test_a_batch_follows_from_seed_phase_and_step_alone():
    def batches(steps: int, seed: int, phase: int) -> np.ndarray:
        return budgets.batches(np.arange(50), "REAL", 64, steps, seed, phase)

    assert np.array_equal(batches(100, 1, 0)[:30], batches(30, 1, 0))
    assert not np.array_equal(batches(30, 1, 0), batches(30, 2, 0))
    assert not np.array_equal(batches(30, 1, 0), batches(30, 1, 1))
