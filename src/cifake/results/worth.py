"""Experiment 3's answers, from the table of runs: what an arm adds, and how many photographs it is worth."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from cifake import protocol
from cifake.data.arms import AUGMENTED, BY_NAME, COMPARISONS, REAL
from cifake.results.scores import mean_interval

BETTER, WORSE, EQUAL, UNSURE = "better", "worse", "equivalent", "inconclusive"
RISE = 0.2  # nats: a training loss that ends by more than this above its lowest has diverged


@dataclass(frozen=True)
class Worth:
    """A number of photographs over seeds; if it lies beyond the curve's ends it is a bound and has no interval."""

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


def gains(scores: pd.DataFrame, first: tuple[str, int], second: tuple[str, int]) -> list[float]:
    """By how much the second of two cells, (arm, images), is more accurate than the first, for each seed that has both."""
    if first not in scores or second not in scores:
        return []
    return (scores[second] - scores[first]).dropna().round(9).to_list()  # so that equal differences of shares are equal


def equivalent(accuracy: float, budgets: Sequence[int], curve: Sequence[float]) -> float:
    """The smallest number of photographs that reaches an accuracy; between budgets by a straight line over their logarithm.

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
    """How many photographs a cell, (arm, images), is worth, each seed by its own curve; None if no seed has both."""
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


def verdicts(by_architecture: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """All comparisons of all classifiers, a row each: architecture, what, images, mean, low, high (95 %), p, p_of_all, verdict,
    verdict_of_all.

    Differences are paired by seed. Better and worse need a paired t test that is significant at 5 % after Holm's correction, over all of
    the classifier's comparisons (p) or over those of all classifiers (p_of_all); equivalent needs two one-sided t tests at 5 % against
    protocol.EQUIVALENT.
    """
    rows = []
    for architecture, scores in by_architecture.items():
        known = sorted({*sizes(scores), *sizes(scores, AUGMENTED)})
        for (what, first, second), size in itertools.product(COMPARISONS, known):
            differences = gains(scores, (first, size), (second, size))
            if len(differences) > 1:
                low, high = mean_interval(differences)
                spread = stats.sem(differences)
                p = stats.ttest_1samp(differences, 0).pvalue if spread else float(np.mean(differences) == 0)
                margin = stats.t.ppf(protocol.CONFIDENCE, len(differences) - 1) * spread  # one-sided, so the 90 % interval
                is_equal = abs(np.mean(differences)) + margin <= protocol.EQUIVALENT
                rows.append((architecture, what, size, np.mean(differences), low, high, p, is_equal))
    table = pd.DataFrame(rows, columns=["architecture", "what", "images", "mean", "low", "high", "raw", "is_equal"])
    table["p"] = table.groupby("architecture")["raw"].transform(holm)
    table["p_of_all"] = holm(table["raw"])
    for p, verdict in (("p", "verdict"), ("p_of_all", "verdict_of_all")):
        sure = np.where(table["mean"] > 0, BETTER, WORSE)
        table[verdict] = np.where(table[p] < 1 - protocol.CONFIDENCE, sure, np.where(table["is_equal"], EQUAL, UNSURE))
    return table.drop(columns=["raw", "is_equal"])


def holm(p: pd.Series) -> pd.Series:
    """p values corrected for being a family, by Holm's step-down method (1979)."""
    stepped = p.sort_values(kind="stable") * np.arange(len(p), 0, -1)
    return stepped.cummax().clip(upper=1).reindex(p.index)


def at_equal_photographs(usual: pd.DataFrame, doubled: pd.DataFrame) -> pd.DataFrame:
    """Accuracies as in accuracies(), for the seeds and numbers of images of which there are doubled steps: arms that spend half of their
    images or steps on others have twice the steps, and so see as many photographs as the arms of photographs alone do in the usual ones.
    """
    shared = [cell for cell in doubled.columns if len(BY_NAME[cell[0]].sources) > 1]
    alone = [(arm, size) for arm, size in usual.columns if len(BY_NAME[arm].sources) == 1 and size in {size for _, size in shared}]
    return usual[alone].reindex(doubled.index).join(doubled[shared])


def has_diverged(record: dict) -> bool:
    """Whether the training loss of a run of experiment 3 rose for good: the mean of a phase's last tenth lies above its lowest twentieth by
    more than RISE.
    """
    loss, phases = record["training"]["history"]["loss"], len(BY_NAME[record["arm"]].phases)
    parts = np.split(np.array(loss), phases)
    return any(part[-(len(part) // 10 or 1) :].mean() - part.min() > RISE for part in parts)
