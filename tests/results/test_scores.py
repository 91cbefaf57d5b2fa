"""Scores and intervals, against what can be computed by hand."""

import numpy as np
import pytest

from cifake import protocol
from cifake.results import records, scores

CLASSES = ("cat", "dog")


def test_scores_by_hand():
    y_true, y_pred = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    given = scores.scores(y_true, y_pred, CLASSES)
    assert given["accuracy"] == 0.75
    assert given["confusion_matrix"] == [[2, 1], [0, 1]]
    assert given["by_class"]["cat"] == pytest.approx({"precision": 1, "recall": 2 / 3, "f1": 0.8, "support": 3})
    assert given["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert given["weighted_f1"] == pytest.approx(0.75 * 0.8 + 0.25 * 2 / 3)
    report = scores.report(y_true, y_pred, CLASSES)
    assert "0.80         3" in report
    assert "accuracy" in report


def test_a_class_that_is_never_predicted_counts_as_zero():
    given = scores.scores(np.array([0, 1]), np.array([0, 0]), CLASSES)
    assert given["by_class"]["dog"]["f1"] == 0
    assert given["macro_f1"] == pytest.approx(1 / 3)


def test_the_interval_of_an_accuracy_is_the_binomial_one():
    matrix = np.array([[400, 100], [150, 350]])
    accuracies, macro_f1s = scores.resampled(matrix)
    low, high = scores.interval(accuracies)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 1000)
    assert low == pytest.approx(0.75 - half, abs=0.003)
    assert high == pytest.approx(0.75 + half, abs=0.003)
    assert accuracies.shape == macro_f1s.shape == (protocol.RESAMPLES,)
    macro_f1 = np.mean([2 * 400 / (500 + 550), 2 * 350 / (500 + 450)])
    assert np.median(macro_f1s) == pytest.approx(macro_f1, abs=0.002)


def test_predictions_name_classes_and_probabilities():
    probabilities = np.array([[0.9, 0.1], [0.75, 0.25]], np.float32)
    table = scores.predictions(["a", "b"], np.array([0, 1]), probabilities, CLASSES)
    assert list(table["label"]) == ["cat", "dog"]
    assert list(table["predicted"]) == ["cat", "cat"]
    assert list(table["probability_of_predicted"]) == pytest.approx([0.9, 0.75])
    assert list(table["probability_of_label"]) == pytest.approx([0.9, 0.25])


def test_scores_without_images_that_were_trained_on():
    y_true, y_pred = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    leak = scores.leak(y_true, y_pred, CLASSES, np.array([True, False, True, False]))
    assert leak["images"] == 2
    assert leak["without"]["accuracy"] == 0
    assert scores.leak(y_true, y_pred, CLASSES, np.zeros(4, bool)) == {"images": 0}
    assert scores.leak(y_true, y_pred, CLASSES, np.ones(4, bool)) == {"images": 4}  # nothing is left to score


def test_mcnemar_counts_only_images_on_which_the_two_differ():
    first = np.array([True] * 50 + [True] * 8 + [False] * 2 + [False] * 40)
    second = np.array([True] * 50 + [False] * 8 + [True] * 2 + [False] * 40)
    test = scores.mcnemar(first, second)
    # of 10 fair coins, 8 or more heads or as many tails: 2 (45 + 10 + 1) / 1024
    assert test == {"only_first_right": 8, "only_second_right": 2, "p": pytest.approx(2 * 56 / 1024)}
    assert scores.mcnemar(first, first)["p"] == 1


def test_another_run_lies_where_students_t_says():
    # three values with mean 0.5 and deviation 0.01; t(0.975, 2) = 4.3027 (any table of Student's t)
    low, high = scores.another_run([0.49, 0.50, 0.51])
    half = 4.3027 * 0.01 * np.sqrt(4 / 3)
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-5)


@pytest.mark.parametrize("images", [1, 8, 9, 100])
def test_which_images_are_right_can_be_read_back(images):
    correct = np.random.default_rng(0).random(images) < 0.6
    assert np.array_equal(scores.unpacked(scores.packed(correct), images), correct)


def test_a_training_that_was_too_short_to_learn_says_so():
    record = {
        "settings": {"validation_share": 0.2, "batch_size": 64},
        "classes": ["circle", "square"],
        "data": {"train": {"images": 140}},
        "training": {"epochs": 20},
        "scores": {"accuracy": 0.567},
    }
    assert "had 40 steps" in records.too_short(record)
    assert records.too_short(record | {"scores": {"accuracy": 0.9}}) == ""
    assert records.too_short(record | {"data": {"train": {"images": 50_000}}}) == ""
