"""Precision, recall, density and coverage of small sets whose values follow by hand."""

import numpy as np
import pytest
from scipy import stats

from cifake.results import coverage


def points(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def test_values_by_hand():
    # Every real ball has the radius 1, both other balls 99.5.
    found = coverage.measures(points(0, 1, 2, 3), points(0.5, 100), neighbours=1)
    assert found == {"precision": 0.5, "recall": 1.0, "density": 1.0, "coverage": 0.5}


def test_a_narrow_set_is_precise_and_covers_little():
    random = np.random.default_rng(1)
    real, alike = random.normal(size=(2, 400, 3))
    narrow = real[:1] + random.normal(scale=0.01, size=(400, 3))
    found, yardstick = coverage.measures(real, narrow), coverage.measures(real, alike)
    assert found["precision"] == 1
    assert found["coverage"] < 0.1
    assert found["recall"] < 0.1
    assert yardstick["coverage"] > 0.9
    assert yardstick["precision"] > 0.9


def test_the_balls_reach_to_the_neighbour_whose_number_is_given():
    real = points(0, 1, 10, 11)
    assert coverage.measures(real, points(4, 5, 6), neighbours=1)["coverage"] == 0
    assert coverage.measures(points(0, 1, 5.5, 10, 11), points(4, 5, 6), neighbours=2)["coverage"] == 1


def test_rank_correlation_has_the_interval_of_fishers_z():
    first, second = np.arange(10), np.array([1, 0, 3, 2, 5, 4, 7, 6, 9, 8])
    found, low, high = coverage.rank_correlation(first, second)
    assert found == pytest.approx(stats.spearmanr(first, second).statistic)
    assert (np.arctanh(high) - np.arctanh(low)) / 2 == pytest.approx(1.96 * np.sqrt(1.06 / 7), rel=1e-3)
    assert low < found < high < 1
    assert coverage.rank_correlation(first, first) == pytest.approx((1, 1, 1), abs=1e-3)  # the same order: no infinity
