"""Experiment 3's answers, from the table of runs: what an arm adds, and how many REAL images it is worth."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from cifake import protocol
from cifake.results.scores import mean_interval

REAL, AUGMENTED = "REAL", "REAL + augmentation"  # the curves that numbers of REAL images are read on
BETTER, WORSE, EQUAL, UNSURE = "better", "worse", "as good as", "not told apart"

# What is compared at each number of REAL images: in words, the arm it is measured on, and the arm.
COMPARISONS = (
    ("augmentation on top of REAL", REAL, AUGMENTED),
    ("FAKE mixed in, on top of REAL", REAL, "REAL + FAKE"),
    ("FAKE first, on top of REAL", REAL, "FAKE, then REAL"),
    ("FAKE mixed in, instead of augmentation", AUGMENTED, "REAL + FAKE"),
    ("FAKE first, instead of augmentation", AUGMENTED, "FAKE, then REAL"),
    ("FAKE mixed in, on top of augmentation", AUGMENTED, "REAL + FAKE + augmentation"),
    ("FAKE first, on top of augmentation", AUGMENTED, "FAKE, then REAL + augmentation"),
)


@dataclass(frozen=True)
class Worth:
    """A number of REAL images over seeds; if it lies beyond the curve's ends it is a bound and has no interval."""

    images: float  # geometric mean over the seeds; a seed beyond an end counts as that end
    interval: tuple[float, float] | None  # 95 % for that mean, by Student's t on the logarithms
    seeds: int
    above: int  # number of seeds beyond the largest budget
    below: int  # number of seeds below the smallest


def accuracies(rows: pd.DataFrame) -> pd.DataFrame:
    """One classifier's accuracy on REAL test images: a row for each seed, a column for each (arm, number of images)."""
    return rows.pivot(index="seed", columns=["trained_on", "images"], values="accuracy")


def sizes(scores: pd.DataFrame, arm: str = REAL) -> list[int]:
    """The numbers of images that an arm was trained with, the smallest first."""
    return sorted(size for name, size in scores.columns if name == arm)


def counted(scores: pd.DataFrame) -> str:
    """How many seeds the cells have: 5, or 1-2 if some runs are missing."""
    counts = sorted(set(scores.notna().sum()))
    return "-".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))


def gains(scores: pd.DataFrame, first: tuple[str, int], second: tuple[str, int]) -> list[float]:
    """By how much the second of two cells, (arm, images), is more accurate than the first, for each seed that has both."""
    if first not in scores or second not in scores:
        return []
    return (scores[second] - scores[first]).dropna().round(9).to_list()  # so that equal differences of shares are equal


def equivalent(accuracy: float, budgets: Sequence[int], curve: Sequence[float]) -> float:
    """The smallest number of REAL images that reaches an accuracy; between budgets by a straight line over their logarithm.

    `curve`: the accuracy at each of the rising budgets. Infinity if no budget reaches the accuracy, 0 if the smallest one exceeds it.
    """
    place = next((place for place, reached in enumerate(curve) if reached >= accuracy), None)
    if place is None:
        return np.inf
    if place == 0:
        return float(budgets[0]) if accuracy == curve[0] else 0.0
    segment = slice(place - 1, place + 1)
    return float(np.exp(np.interp(accuracy, curve[segment], np.log(budgets[segment]))))


def worth(scores: pd.DataFrame, cell: tuple[str, int], curve: str = REAL) -> Worth | None:
    """How many REAL images a cell, (arm, images), is worth, each seed by its own curve; None if no seed has both."""
    budgets = sizes(scores, curve)
    cells = [(curve, size) for size in budgets]
    if len(budgets) < 2 or cell not in scores:
        return None
    whole = scores.dropna(subset=[*cells, cell])
    if whole.empty:
        return None
    values = [equivalent(row[cell], budgets, row[cells].to_list()) for _, row in whole.iterrows()]
    logarithms = np.log(np.clip(values, budgets[0], budgets[-1]))
    above, below = sum(value == np.inf for value in values), sum(value == 0 for value in values)
    is_within = len(values) > 1 and not above and not below
    interval = tuple(np.exp(mean_interval(logarithms)).tolist()) if is_within else None
    return Worth(float(np.exp(logarithms.mean())), interval, len(values), above, below)


def verdicts(scores: pd.DataFrame) -> pd.DataFrame:
    """All comparisons of one classifier, a row each: what, images, mean, low, high (95 %), p by Holm, verdict.

    Differences are paired by seed. "Better" and "worse" need a paired t test that is significant at 5 % after Holm's correction over
    all of the classifier's comparisons; "as good as" needs two one-sided t tests at 5 % against protocol.EQUIVALENT.
    """
    rows = []
    for (what, first, second), size in itertools.product(COMPARISONS, sizes(scores)):
        differences = gains(scores, (first, size), (second, size))
        if len(differences) > 1:
            low, high = mean_interval(differences)
            spread = stats.sem(differences)
            p = stats.ttest_1samp(differences, 0).pvalue if spread else float(np.mean(differences) == 0)
            margin = stats.t.ppf(protocol.CONFIDENCE, len(differences) - 1) * spread  # one-sided, so the 90 % interval
            is_equal = abs(np.mean(differences)) + margin <= protocol.EQUIVALENT
            rows.append((what, size, np.mean(differences), low, high, p, is_equal))
    table = pd.DataFrame(rows, columns=["what", "images", "mean", "low", "high", "p", "is_equal"])
    table["p"] = holm(table["p"].to_numpy(float))
    is_sure = table["p"] < 1 - protocol.CONFIDENCE
    table["verdict"] = np.where(table["is_equal"], EQUAL, UNSURE)
    table.loc[is_sure, "verdict"] = np.where(table.loc[is_sure, "mean"] > 0, BETTER, WORSE)
    return table.drop(columns="is_equal")


def holm(p: np.ndarray) -> np.ndarray:
    """p values corrected for being a family, by Holm's step-down method (1979)."""
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return corrected
