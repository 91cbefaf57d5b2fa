"""Which images a run of experiment 3 learns from, and in which batches."""

import itertools

import numpy as np
import pytest

from cifake import protocol
from cifake.data import budgets
from cifake.experiments import e3

SIZES = (100, 300, 1_000, 3_000)
NUMBERS = np.random.default_rng(0).permutation(np.repeat(range(10), 400))  # 4,000 images of ten classes


def drawn(seed: int, source: str = "REAL") -> list[budgets.Budget]:
    return [budgets.draw(NUMBERS, size, seed, source) for size in SIZES]


@pytest.mark.parametrize("seed", [129, 130])
def test_a_budget_is_balanced_and_a_fifth_of_it_is_for_validation(seed):
    for size, budget in zip(SIZES, drawn(seed), strict=True):
        assert np.array_equal(np.bincount(NUMBERS[budget.training]), [size * 8 // 100] * 10)
        assert np.array_equal(np.bincount(NUMBERS[budget.validation]), [size * 2 // 100] * 10)
        rows = np.concatenate([budget.training, budget.validation])
        assert len(np.unique(rows)) == size


def test_each_budget_contains_the_smaller_ones_and_each_seed_draws_others():
    for part in ("training", "validation"):
        sets = [set(getattr(budget, part)) for budget in drawn(129)]
        assert all(small < large for small, large in itertools.pairwise(sets))
        assert sets[0] == set(getattr(drawn(129)[0], part))
        for others in (drawn(130), drawn(129, "FAKE")):
            assert len(sets[0] & set(getattr(others[0], part))) < len(sets[0]) / 2


def test_the_fingerprint_tells_budgets_apart():
    fingerprints = {budget.fingerprint for seed in (129, 130) for budget in drawn(seed)}
    assert len(fingerprints) == 2 * len(SIZES)
    assert drawn(129)[0].fingerprint in fingerprints
    rows = np.arange(10)
    assert budgets.Budget(rows[:8], rows[8:]).fingerprint != budgets.Budget(rows[:7], rows[7:]).fingerprint


def test_classes_of_all_sizes_are_taken_whole_if_all_images_are_drawn():
    numbers = np.repeat([0, 1, 2], [7, 50, 13])
    budget = budgets.draw(numbers, len(numbers), 1, "FAKE")
    assert sorted([*budget.training, *budget.validation]) == list(range(70))
    assert np.array_equal(np.bincount(numbers[budget.validation]), [1, 10, 2])


def test_what_cannot_be_drawn_balanced_is_told():
    assert e3.why_not(4_000, [400] * 10) is None
    assert "401 images of each class, and one class has 400" in e3.why_not(4_001, [400] * 10)
    assert "one class has 0" in e3.why_not(100, [400] * 10 + [0])
    assert "none for validation" in e3.why_not(100, [90] * 30)


def test_each_batch_has_its_share_from_each_part():
    real, fake = np.arange(80), np.arange(1_000, 1_500)
    batches = budgets.batches([real, fake], 40, 1)
    assert batches.shape == (40, protocol.BATCH_SIZE)
    assert np.array_equal((batches < 1_000).sum(1), [32] * 40)
    assert set(batches[:, :32].ravel()) == set(real)
    assert set(batches[:, 32:].ravel()) == set(fake)


def test_every_row_is_seen_before_any_is_seen_again():
    picks = budgets.batches([np.arange(100)], 25, 1).ravel()  # 16 rounds of a hundred
    rounds = picks.reshape(16, 100)
    assert np.array_equal(np.sort(rounds, 1), np.tile(np.arange(100), (16, 1)))
    assert len({tuple(order) for order in rounds}) == 16


def test_a_batch_follows_from_seed_and_step_alone():
    rows = np.arange(50)
    assert np.array_equal(budgets.batches([rows], 100, 1)[:30], budgets.batches([rows], 30, 1))
    assert not np.array_equal(budgets.batches([rows], 30, 1), budgets.batches([rows], 30, 2))
    seen = budgets.variants(100, 1)
    assert np.array_equal(seen[:30], budgets.variants(30, 1))
    assert set(seen.ravel()) == set(range(1 + protocol.COPIES))
