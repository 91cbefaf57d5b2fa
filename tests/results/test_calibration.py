"""Calibration by hand, and offsets that make answers equally frequent."""

import numpy as np
import pytest

from cifake.results import calibration


def test_the_error_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.7, 0.3]])
    found = calibration.measure(np.array([0, 1, 1, 0]), probabilities)
    assert found["error"] == pytest.approx((2 * 0.4 + 2 * 0.3) / 4)  # 0.9 sure and half right; 0.7 sure and all right
    assert [row[0] for row in found["bins"]] == [2, 2]
    assert (found["accuracy"], found["confidence"]) == (0.75, pytest.approx(0.8))
    assert calibration.measure(np.array([0]), np.array([[1.0, 0.0]]))["error"] == 0  # a confidence of 1 has a bin


def test_offsets_undo_a_preference():
    random = np.random.default_rng(1)
    y_true = np.arange(3_000) % 3
    scores = random.normal(size=(3_000, 3)) + 2 * np.eye(3)[y_true] + np.array([0, 3, -1])
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    offsets = calibration.balancing(probabilities)
    answers = (np.log(probabilities) + offsets).argmax(1)
    assert np.bincount(answers) / 3_000 == pytest.approx(1 / 3, abs=0.005)
    assert offsets - offsets[0] == pytest.approx([0, -3, 1], abs=0.2)
    assert np.mean(answers == y_true) > np.mean(probabilities.argmax(1) == y_true) + 0.2
