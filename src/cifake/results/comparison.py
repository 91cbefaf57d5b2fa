"""Classifiers beside each other and beside the published numbers, from the table of runs."""

from itertools import combinations

import pandas as pd

from cifake import protocol
from cifake.results import records, scores
from cifake.results.table import over_seeds, plain

LABELS = {"macro_f1": "macro F1", "accuracy": "accuracy"}


def published(table: pd.DataFrame, seeds: list[int] | None = None) -> pd.DataFrame:
    """Each published score beside ours, a row for each; none for images that are not CIFAKE's.

    Columns: trained_on, architecture, tested_on, label, published, seed, here (the plain run's score, or NaN), runs (the scores over
    seeds), low and high (where another run would lie, 95 %; with one seed, the plain run's bootstrap interval), is_inside.
    """
    ours = table[table["is_cifake"]]
    one, several = plain(ours, "E1", "E2"), over_seeds(ours, seeds)
    rows = []
    for (trained_on, architecture, tested_on), numbers in protocol.PUBLISHED.items():
        key = f"trained_on == '{trained_on}' and architecture == '{architecture}' and tested_on == '{tested_on}'"
        own, runs = one.query(key), several.query(key)
        if own.empty and runs.empty:
            continue
        for name, label in LABELS.items():
            low, high = scores.another_run(runs[name]) if len(runs) else own[[f"{name}_low", f"{name}_high"]].iloc[0]
            row = {"trained_on": trained_on, "architecture": architecture, "tested_on": tested_on, "label": label}
            row |= {"published": numbers[name], "seed": own["seed"].iloc[0] if len(own) else protocol.SEED}
            row |= {"here": own[name].iloc[0] if len(own) else float("nan"), "runs": list(runs[name]), "low": low, "high": high}
            half = protocol.PUBLISHED_ROUNDING  # two decimals may stand for anything within it
            row["is_inside"] = low - half <= numbers[name] <= high + half
            rows.append(row)
    return pd.DataFrame(rows)


def paired(table: pd.DataFrame) -> pd.DataFrame:
    """McNemar's exact test for each two plain classifiers on the same test images, a pair a row."""
    rows = []
    for tested_on, members in plain(table, "E1", "E2").groupby("tested_on", observed=True):
        members = members.sort_values(["architecture", "trained_on"], ascending=[True, False], kind="stable")
        hits = {
            records.name_of(record): scores.unpacked(record["predictions"]["correct"], record["test"]["images"])
            for record in members["record"]
            if record["data"]["test"] == members["record"].iloc[0]["data"]["test"]
        }
        rows += [
            {
                "tested_on": tested_on,
                "first": first,
                "second": second,
                "images": len(hits[first]),
                "accuracy_first": hits[first].mean(),
                "accuracy_second": hits[second].mean(),
                **scores.mcnemar(hits[first], hits[second]),
            }
            for first, second in combinations(hits, 2)
        ]
    return pd.DataFrame(rows)
