"""Classifiers beside each other and beside the published numbers, from the table of runs."""

from itertools import combinations

import pandas as pd

from cifake import protocol
from cifake.results import records, scores

LABELS = {"macro_f1": "macro F1", "accuracy": "accuracy"}


def published(plain: pd.DataFrame, averaged: pd.DataFrame) -> pd.DataFrame:
    """Each published score beside ours, a row for each; none for images that are not CIFAKE's.

    `plain` and `averaged`: rows of the table of runs. Columns: trained_on, architecture, tested_on, label, published, here (the plain
    run's score, or NaN), runs (the scores over seeds), low and high (where another run would lie, 95 %; of one seed, the bootstrap
    interval of the run), is_inside.
    """
    rows = []
    for (trained_on, architecture, tested_on), theirs in protocol.PUBLISHED.items():
        key = f"is_cifake and trained_on == '{trained_on}' and architecture == '{architecture}' and tested_on == '{tested_on}'"
        own, runs = plain.query(key), averaged.query(key)
        if runs.empty:
            continue
        for name, label in LABELS.items():
            low, high = scores.another_run(runs[name]) if len(runs) > 1 else runs[[f"{name}_low", f"{name}_high"]].iloc[0]
            row = {"trained_on": trained_on, "architecture": architecture, "tested_on": tested_on, "label": label}
            row |= {"published": theirs[name], "here": own[name].iloc[0] if len(own) else float("nan"), "runs": list(runs[name])}
            half = protocol.PUBLISHED_ROUNDING  # two decimals may stand for anything within it
            rows.append(row | {"low": low, "high": high, "is_inside": low - half <= theirs[name] <= high + half})
    return pd.DataFrame(rows)


def paired(plain: pd.DataFrame) -> pd.DataFrame:
    """McNemar's exact test for each two plain classifiers on the same test images, a pair a row."""
    rows = []
    for tested_on, members in plain.groupby("tested_on", observed=True):
        members = members.sort_values(["architecture", "trained_on"], ascending=[True, False], kind="stable")
        hits = {
            records.name_of(record): scores.unpacked(record["predictions"]["correct"], record["test"]["images"])
            for record in members["record"]
            if record["data"]["test"] == members["record"].iloc[0]["data"]["test"]
        }
        for first, second in combinations(hits, 2):
            accuracies = {"accuracy_first": hits[first].mean(), "accuracy_second": hits[second].mean()}
            row = {"tested_on": tested_on, "first": first, "second": second, "images": len(hits[first])}
            rows.append(row | accuracies | scores.mcnemar(hits[first], hits[second]))
    return pd.DataFrame(rows)
