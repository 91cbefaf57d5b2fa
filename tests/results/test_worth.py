"""Experiment 3's answers, on curves that are known, and the sentences and the figure that are made from them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cifake import protocol
from cifake.pages import e3
from cifake.pages.study import Study
from cifake.results import worth
from cifake.system.paths import Folders

BUDGETS = [100, 1_000, 10_000]
ALL = ("FAKE", 50_000)


def run(arm: str, size: int, seed: int, accuracy: float, architecture: str = "LeNet", variant: str = "", **settings) -> dict:
    """As much of a row of the table of runs as is needed."""
    row = {"experiment": "E3", "architecture": architecture, "trained_on": arm, "variant": variant, "images": size, "seed": seed}
    row |= {
        "tested_on": "REAL validation" if variant.startswith(("rate-", "rotation-")) else "REAL",
        "accuracy": accuracy,
        "steps": 6_000,
        "program": "1234567890",
        "outcome": "same",
    }
    return row | {"record": {"data": {}, "settings": settings}, "is_plain": True}


def grid(alone: list[float], with_fake: list[list[float]]) -> pd.DataFrame:
    """REAL reaches 0.2, 0.4 and 0.6 with each seed; FAKE alone and REAL + FAKE as given, a value for each seed."""
    rows = []
    for seed, accuracy in enumerate(alone):
        rows += [run("REAL", size, seed, 0.2 * n) for n, size in enumerate(BUDGETS, start=1)]
        rows.append(run(*ALL, seed, accuracy))
        rows += [run("REAL + FAKE", size, seed, values[seed]) for size, values in zip(BUDGETS, with_fake, strict=False)]
    return pd.DataFrame(rows)


def fake_alone(*accuracies: float) -> worth.Worth:
    return worth.worth(worth.accuracies(grid(list(accuracies), [])), ALL)


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
    assert worth.equivalent(0.35, [100, 1_000, 10_000, 100_000], [0.2, 0.5, 0.3, 0.7]) == pytest.approx(100 * np.sqrt(10))
    assert worth.equivalent(0.6, [100, 1_000, 10_000], [0.2, 0.5, 0.3]) == np.inf


def test_the_interval_is_students_on_the_logarithms():
    value = fake_alone(0.3, 0.4, 0.5)
    logarithms = np.array([2.5, 3, 3.5])
    half = stats.t.ppf(0.975, 2) * logarithms.std(ddof=1) / np.sqrt(3)
    assert value.images == pytest.approx(1_000)
    assert value.interval == pytest.approx((10 ** (3 - half), 10 ** (3 + half)))
    assert e3.worth_of(value, BUDGETS) == "1,000 [fewer than 100 to more than 10,000]"  # 57 and 17,500
    narrow = fake_alone(0.39, 0.4, 0.41)
    assert e3.worth_of(narrow, BUDGETS) == "1,000 [751 to 1,330]"


def test_beyond_the_ends_it_is_a_bound():
    def said(*alone: float) -> str:
        return e3.worth_of(fake_alone(*alone), BUDGETS)

    assert said(0.7, 0.8) == "more than 10,000"
    assert said(0.1, 0.15) == "fewer than 100"
    assert said(0.4, 0.8) == "more than 3,160 (1 of 2 seeds above 10,000)"
    assert said(0.1, 0.4) == "fewer than 316 (1 of 2 seeds below 100)"
    assert said(0.1, 0.8, 0.4).startswith("not determined")
    assert said(0.4) == "1,000"


def test_a_seed_without_a_whole_curve_is_left_out():
    rows = grid([0.4, 0.5], []).query("trained_on == 'FAKE' or seed == 0")
    assert worth.worth(worth.accuracies(rows), ALL).seeds == 1
    alone = worth.accuracies(rows.query("trained_on == 'FAKE'"))
    assert e3.worth_of(worth.worth(alone, ALL), BUDGETS) == "not known yet"


def test_seeds_are_counted_where_some_runs_are_missing():
    table = e3.by_number(Study(Folders(), grid([0.4, 0.5], [[0.3, 0.4]]).iloc[:-1]))
    assert table["Seeds"].to_list() == ["2", "2", "1"]


def test_p_values_of_a_family_are_corrected_by_holm():
    assert worth.holm(pd.Series([0.01, 0.04, 0.03])).to_list() == pytest.approx([0.03, 0.06, 0.06])
    assert worth.holm(pd.Series([0.5, 0.9])).to_list() == pytest.approx([1, 1])
    assert len(worth.holm(pd.Series(dtype=float))) == 0


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.1, 0.11, 0.12], worth.BETTER),
        ([-0.1, -0.11, -0.12], worth.WORSE),
        ([0.1, -0.1, 0.05], worth.UNSURE),
        ([0.002, -0.002, 0.001], worth.EQUAL),
        ([0.002, 0.0021, 0.0022], worth.BETTER),  # as good as, and a little better for sure
        ([protocol.EQUIVALENT - 0.002, protocol.EQUIVALENT + 0.002, protocol.EQUIVALENT - 0.006], worth.BETTER),
        ([0.015, 0.025, -0.005], worth.UNSURE),  # the mean is small, its 90 % interval too wide
    ],
)
def test_a_verdict_follows_from_the_differences(differences, verdict):
    scores = worth.accuracies(grid([0.4] * 3, [[0.2 + difference for difference in differences]]))
    (row,) = worth.verdicts({"LeNet": scores}).itertuples()
    assert (row.what, row.images, row.verdict) == ("mixed, on top of photographs", 100, verdict)
    test = stats.ttest_1samp(differences, 0)
    assert row.p == pytest.approx(test.pvalue)
    assert (row.low, row.high) == pytest.approx(tuple(test.confidence_interval(0.95)))


def test_variants_stand_in_tables_of_their_own():
    """Each beside the protocol, seed by seed, and never among the runs that the answers come from."""
    rows = grid([0.4, 0.5], [[0.3, 0.4]]).to_dict("records")
    rows += [run("REAL + FAKE", 100, seed, accuracy, variant="share-0.25") for seed, accuracy in enumerate((0.31, 0.43))]
    for rate, accuracy in ((0.01, 0.5), (0.1, 0.7)):
        settings = {"learning_rate": rate, "weight_decay": 0.0}
        rows += [run("REAL + augmentation", size, 1, accuracy, variant=f"rate-{rate}-decay-0", **settings) for size in (1_000, 40_000)]
    study = Study(Folders(), pd.DataFrame(rows))
    assert ("REAL + augmentation", 1_000) not in study.e3_accuracies["LeNet"]
    (name,), ((accuracy, change, seeds),) = e3.sensitivity(study).index, e3.sensitivity(study).to_numpy()
    assert (name, accuracy, seeds) == ("LeNet, REAL + FAKE, 100: share-0.25", "0.370 ± 0.085", "2")
    assert change == "+0.020"
    tuning = e3.tuning(study)
    assert list(tuning.columns) == ["1,000", "40,000", "mean"]
    assert tuning.to_dict("index")["LeNet, rate 0.1, weight decay 0"] == {"1,000": "0.7000", "40,000": "0.7000", "mean": "0.7000"}


def test_one_budget_is_told_from_runs_that_are_missing():
    rows = grid([0.4], []).query("trained_on == 'FAKE' or images == 100")
    assert e3.worth_of_fake(Study(Folders(), rows))["REAL images"].to_list() == ["needs two numbers of REAL images"]
