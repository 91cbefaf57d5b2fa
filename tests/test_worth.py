"""The exchange rate, on curves that are known."""

import itertools

import numpy as np
import pytest
from scipy import stats

from cifake import figures, worth

BUDGETS = [100, 1_000, 10_000]


def record(arm: str, size: int, seed: int, accuracy: float) -> dict:
    settings = {"seed": seed, "real_images": size, "steps": 5_000}
    data = {"FAKE train": {"images": 50_000, "sha256": ""}}
    scores, code = {"accuracy": accuracy}, {"sha256": "same", "commit": "1234567890abcdef"}
    return {"arm": arm, "settings": settings, "data": data, "scores": scores, "code": code}


def grid(alone: list[float], with_fake: list[list[float]]) -> list[dict]:
    """REAL reaches 0.2, 0.4 and 0.6 with each seed; FAKE alone and REAL + FAKE as given, a value a seed."""
    members = []
    for seed, accuracy in enumerate(alone):
        members += [record("REAL", size, seed, 0.2 * n) for n, size in enumerate(BUDGETS, start=1)]
        members.append(record("FAKE", 0, seed, accuracy))
        members += [
            record("REAL + FAKE", size, seed, values[seed]) for size, values in zip(BUDGETS, with_fake, strict=False)
        ]
    return members


@pytest.mark.parametrize(
    ("accuracy", "images"),
    [
        (0.2, 100),
        (0.3, 100 * np.sqrt(10)),  # half of the way on the logarithm
        (0.4, 1_000),
        (0.45, 1_000 * 10**0.25),
        (0.6, 10_000),
        (0.1999, 0),
        (0.6001, np.inf),
    ],
)
def test_between_budgets_the_curve_is_straight_over_the_logarithm(accuracy, images):
    assert worth.equivalent(accuracy, BUDGETS, [0.2, 0.4, 0.6]) == pytest.approx(images)


def test_a_curve_that_falls_counts_where_it_first_reaches_the_accuracy():
    assert worth.equivalent(0.35, [100, 1_000, 10_000, 100_000], [0.2, 0.5, 0.3, 0.7]) == pytest.approx(
        100 * np.sqrt(10)
    )
    assert worth.equivalent(0.6, [100, 1_000, 10_000], [0.2, 0.5, 0.3]) == np.inf


def test_the_interval_is_students_on_the_logarithms():
    scores = worth.accuracies(grid([0.3, 0.4, 0.5], []))
    value = worth.worth(scores, ("FAKE", 0))
    logarithms = np.array([2.5, 3, 3.5])
    half = stats.t.ppf(0.975, 2) * logarithms.std(ddof=1) / np.sqrt(3)
    assert value.images == pytest.approx(1_000)
    assert value.interval == pytest.approx((10 ** (3 - half), 10 ** (3 + half)))
    assert worth.spoken(value, BUDGETS) == "1,000 [fewer than 100 to more than 10,000]"  # 57 and 17,500
    narrow = worth.worth(worth.accuracies(grid([0.39, 0.4, 0.41], [])), ("FAKE", 0))
    assert worth.spoken(narrow, BUDGETS) == "1,000 [751 to 1,330]"
    assert worth.spoken(narrow, BUDGETS, 400) == "600 [351 to 931]"


def test_beyond_the_ends_it_is_a_bound():
    def spoken(*alone):
        return worth.spoken(worth.worth(worth.accuracies(grid(list(alone), [])), ("FAKE", 0)), BUDGETS)

    assert spoken(0.7, 0.8) == "more than 10,000 (2 of 2 seeds above 10,000)"
    assert spoken(0.1, 0.15) == "fewer than 100 (2 of 2 seeds below 100)"
    assert spoken(0.4, 0.8) == "more than 3,160 (1 of 2 seeds above 10,000)"
    assert spoken(0.1, 0.4) == "fewer than 316 (1 of 2 seeds below 100)"
    assert spoken(0.1, 0.8, 0.4).startswith("not determined")
    assert spoken(0.4) == "1,000 (1 seed)"


def test_a_seed_without_a_whole_curve_is_left_out():
    members = [member for member in grid([0.4, 0.5], []) if member["arm"] == "FAKE" or member["settings"]["seed"] == 0]
    assert worth.worth(worth.accuracies(members), ("FAKE", 0)).seeds == 1
    alone = [member for member in members if member["arm"] == "FAKE"]
    assert worth.spoken(worth.worth(worth.accuracies(alone), ("FAKE", 0)), BUDGETS) == "not known yet"


def test_seeds_are_counted_where_some_runs_are_missing():
    assert worth.counted([{1: 0.5, 2: 0.6}, {1: 0.4, 2: 0.4}]) == "2"
    assert worth.counted([{1: 0.5, 2: 0.6}, {}, {1: 0.4}]) == "1-2"


def test_the_sentences_say_what_the_records_hold(small):
    members = grid([0.39, 0.4, 0.41], [[0.3, 0.31, 0.32], [0.3, 0.5, 0.4], [0.5, 0.51, 0.52]])
    first, second, last = worth.sentences(small, "LeNet", members)
    assert first.endswith("50,000 FAKE images alone teach as much as so many REAL ones: 1,000 [751 to 1,330].")
    assert second == (
        "LeNet, FAKE images added: more accurate beside 100 REAL images; less accurate beside 10,000 REAL images; not told apart "
        "beside 1,000 REAL images."
    )
    assert last == "LeNet: 21 runs of 5,000 steps, by one program (commit 1234567890)."
    members[0]["code"] = {"sha256": "other", "commit": None}
    assert worth.sentences(small, "LeNet", members)[-1].endswith("by 2 programs.")


def test_the_names_of_lines_stand_apart_in_every_panel(tmp_path, monkeypatch):
    """A first panel whose lines end close together, beside one that makes the range of accuracies three times as large."""
    drawn = []

    def save(figure, path):
        figure.savefig(path, format="png")
        drawn.append(figure)

    monkeypatch.setattr(figures, "_save", save)
    close = {arm: 0.3 + 0.005 * number for number, arm in enumerate(figures.ARMS)}
    narrow = {(arm, size): {1: end - 0.1 / n} for arm, end in close.items() for n, size in enumerate(BUDGETS, start=1)}
    wide = {("REAL", size): {1: 0.2 * n} for n, size in enumerate(BUDGETS, start=1)}
    figures.by_budget({"NN": narrow, "VGG16": wide}, tmp_path / "accuracy.png")
    names = [text for text in drawn[0].axes[0].texts if text.get_text() in figures.ARMS]
    boxes = sorted((name.get_window_extent() for name in names), key=lambda box: box.y0)
    assert len(boxes) == len(figures.ARMS) == 4
    assert all(lower.y1 <= upper.y0 for lower, upper in itertools.pairwise(boxes))
