"""Experiment 3's exchange rate: how many REAL images an arm is worth to a classifier, from the table of runs."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cifake.results.scores import mean_interval

REAL, FAKE = "REAL", "FAKE"  # the arms that the others are measured on
BETTER, WORSE, UNSURE = "more accurate", "less accurate", "not told apart"  # by a 95 % interval over seeds


@dataclass(frozen=True)
class Worth:
    """A number of REAL images over seeds; if it lies beyond the REAL curve's ends it is a bound and has no interval."""

    images: float  # geometric mean over the seeds; a seed beyond an end counts as that end
    interval: tuple[float, float] | None  # 95 % for that mean, by Student's t on the logarithms
    seeds: int
    above: int  # number of seeds beyond the largest budget
    below: int  # number of seeds below the smallest


def accuracies(rows: pd.DataFrame) -> pd.DataFrame:
    """One classifier's accuracy on REAL test images: a row for each seed, a column for each (arm, number of REAL images)."""
    return rows.pivot(index="seed", columns=["trained_on", "real_images"], values="accuracy")


def sizes(scores: pd.DataFrame) -> list[int]:
    """The budgets of any run, the smallest first."""
    return sorted({size for _, size in scores.columns} - {0})


def counted(scores: pd.DataFrame) -> str:
    """How many seeds the cells have: 5, or 1-2 if some runs are missing."""
    counts = sorted(set(scores.notna().sum()))
    return "-".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))


def gains(scores: pd.DataFrame, first: tuple[str, int], second: tuple[str, int]) -> list[float]:
    """By how much the second of two cells, (arm, budget), is more accurate than the first, for each seed that has both."""
    if first not in scores or second not in scores:
        return []
    return (scores[second] - scores[first]).dropna().to_list()


def equivalent(accuracy: float, budgets: Sequence[int], curve: Sequence[float]) -> float:
    """The smallest number of REAL images that reaches an accuracy; between budgets by a straight line over their logarithm.

    `curve`: the accuracy at each of the rising budgets. Infinity if no budget reaches the accuracy, 0 if the smallest one exceeds it.
    """
    if accuracy < curve[0]:
        return 0.0
    if accuracy == curve[0]:
        return float(budgets[0])
    segments = zip(itertools.pairwise(budgets), itertools.pairwise(curve), strict=True)
    for (low, high), (below, above) in segments:
        if below < accuracy <= above:
            share = (accuracy - below) / (above - below)
            return float(np.exp((1 - share) * np.log(low) + share * np.log(high)))
    return np.inf


def worth(scores: pd.DataFrame, cell: tuple[str, int]) -> Worth | None:
    """How many REAL images a cell, (arm, budget), is worth, each seed by its own REAL curve; None if no seed has both."""
    budgets = sizes(scores)
    curve = [(REAL, size) for size in budgets]
    if len(budgets) < 2 or not {cell, *curve} <= set(scores.columns):
        return None
    whole = scores.dropna(subset=[*curve, cell])
    if whole.empty:
        return None
    return over_seeds([equivalent(row[cell], budgets, row[curve].to_list()) for _, row in whole.iterrows()], budgets)


def over_seeds(values: list[float], budgets: Sequence[int]) -> Worth:
    """The numbers of images that equivalent() gives for each seed, as one."""
    logarithms = np.log(np.clip(values, budgets[0], budgets[-1]))
    above, below = sum(value == np.inf for value in values), sum(value == 0 for value in values)
    interval = None
    if len(values) > 1 and not above and not below:
        low, high = np.exp(mean_interval(logarithms))
        interval = (float(low), float(high))
    return Worth(float(np.exp(logarithms.mean())), interval, len(values), above, below)


def compared(scores: pd.DataFrame, first: str, second: str) -> dict[str, list[int]]:
    """At which budgets the second arm is better than the first, or worse, or neither is sure: by a 95 % interval over seeds."""
    verdicts = {BETTER: [], WORSE: [], UNSURE: []}
    for size in sizes(scores):
        differences = gains(scores, (first, size), (second, size))
        if len(differences) > 1:
            low, high = mean_interval(differences)
            verdicts[BETTER if low > 0 else WORSE if high < 0 else UNSURE].append(size)
    return verdicts
