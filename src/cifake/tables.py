"""The study's tables, from records: each a pandas table of text, written as GitHub markdown or put into the report."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cifake import comparison, evaluation, protocol, records, worth


def markdown(table: pd.DataFrame) -> str:
    """A table as GitHub markdown."""
    # As text, since pandas would make floats of whole numbers.
    return table.to_markdown(disable_numparse=True, stralign="right", colalign=["left"]) + "\n"


def metrics(members: Iterable[dict]) -> pd.DataFrame:
    """F1 by class, accuracy, macro and weighted average of F1, and epochs: a classifier a row, in the order given."""
    rows = {
        _row_name(record): {name: f"{value:.3f}" for name, value in _scores(record).items()}
        | {"Epochs": str(record["training"]["epochs"])}
        for record in members
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def over_seeds(groups: Iterable[list[dict]]) -> pd.DataFrame:
    """The same as mean ± standard deviation over seeds: a classifier's records, which differ in the seed, a row."""
    rows = {}
    for members in groups:
        scores = pd.DataFrame([_scores(record) for record in members])
        deviations = scores.std(ddof=1).fillna(0)  # of one seed there is none
        rows[_row_name(members[0])] = {
            name: f"{mean:.3f} ± {deviation:.3f}"
            for (name, mean), deviation in zip(scores.mean().items(), deviations, strict=True)
        } | {
            "Epochs": f"{np.mean([record['training']['epochs'] for record in members]):.1f}",
            "Seeds": str(len(members)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def leak(members: Iterable[dict]) -> pd.DataFrame:
    """Scores with and without the test images that a classifier was trained on, a classifier a row."""
    rows = {}
    for record in members:
        if "leak" not in record:
            continue
        row = {"Test images": f"{record['test']['images']:,}", "Trained on": f"{record['leak']['images']:,}"}
        without = record["leak"].get("without", record["scores"])
        for title, score in (("Accuracy", "accuracy"), ("Macro_Avg", "macro_f1")):
            row |= {
                title: f"{record['scores'][score]:.4f}",
                f"{title} without them": f"{without[score]:.4f}",
                f"{title}: worth": f"{record['scores'][score] - without[score]:+.4f}",
            }
        rows[_row_name(record)] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def overview(plain: comparison.Crossed, replicates: comparison.Crossed) -> pd.DataFrame:
    """Accuracy of every classifier on both test sets: an architecture a row, trained on → tested on a column."""
    rows = {}
    for architecture in protocol.ARCHITECTURES:
        row = {}
        for trained_on in reversed(protocol.SOURCES):
            for tested_on in reversed(protocol.SOURCES):
                key = (trained_on, architecture, tested_on)
                row[f"{trained_on} → {tested_on}"] = _cell(plain.get(key), replicates.get(key))
        rows[architecture] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def both_directions(architecture: str, plain: comparison.Crossed, replicates: comparison.Crossed) -> pd.DataFrame:
    """Accuracy of one architecture: trained on a source a row, tested on each, and what is lost on the way to the other."""
    rows = {}
    for trained_on in protocol.SOURCES:
        row = {}
        for tested_on in protocol.SOURCES:
            key = (trained_on, architecture, tested_on)
            row[f"tested on {tested_on}"] = _cell(plain.get(key), replicates.get(key))
        other = records.other(trained_on)
        lost = [
            _lost(scores, (trained_on, architecture, trained_on), (trained_on, architecture, other), "accuracy")
            for scores in (plain, replicates)
        ]
        row["lost on the other source"] = _lost_cell(*lost)
        rows[f"trained on {trained_on}"] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def published(rows: list[comparison.Row]) -> pd.DataFrame:
    """The published scores beside ours, a published row and score a row."""
    return pd.DataFrame.from_dict(
        {
            f"{row.trained_on} {row.architecture} on {row.tested_on}, {row.label}": {
                "published": f"{row.published:.2f}",
                "seed " + str(row.seed): "" if row.here is None else f"{row.here:.3f}",
                "mean ± sd over seeds": f"{np.mean(row.runs):.3f} ± {np.std(row.runs, ddof=1):.3f}"
                if len(row.runs) > 1
                else "",
                "seeds": str(len(row.runs)),
                "95 % interval": f"{row.interval[0]:.3f} to {row.interval[1]:.3f}",
                "published is": "inside" if row.inside else "outside",
            }
            for row in rows
        },
        orient="index",
    )


def by_budget(groups: dict[str, worth.Accuracies]) -> pd.DataFrame:
    """Accuracy by classifier and arm (a row) and by budget of REAL images (a column): mean ± standard deviation over seeds."""
    columns = sorted({size for scores in groups.values() for _, size in scores})
    rows = {}
    for architecture, scores in groups.items():
        for arm in (worth.REAL, *worth.ADDED, worth.FAKE):
            cells = {size: scores.get((arm, size), {}) for size in columns}
            if any(cells.values()):
                means = {f"{size:,}": _mean(list(cell.values())) for size, cell in cells.items()}
                rows[f"{architecture}, {arm}"] = means | {"Seeds": worth.counted(cells.values())}
    return pd.DataFrame.from_dict(rows, orient="index")


def exchange(groups: dict[str, worth.Accuracies]) -> pd.DataFrame:
    """What each addition to a budget is worth: what accuracy it adds, and how many further REAL images would add as much."""
    rows = {}
    for architecture, scores in groups.items():
        sizes = worth.sizes(scores)
        for size in sizes:
            for arm, added in worth.ADDED.items():
                gains = worth.paired(scores, (worth.REAL, size), (arm, size))
                if gains:
                    rows[f"{architecture}, {size:,} REAL + {added}"] = {
                        "adds to accuracy": _signed(gains),
                        "is worth so many further REAL images": worth.spoken(
                            worth.worth(scores, (arm, size)), sizes, size
                        ),
                    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _mean(values: list[float]) -> str:
    """Mean ± standard deviation, as far as there are values."""
    if len(values) < 2:
        return f"{values[0]:.3f}" if values else ""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def _signed(values: list[float]) -> str:
    """A mean with its sign and, of several values, its 95 % interval."""
    if len(values) < 2:
        return f"{values[0]:+.3f}"
    low, high = evaluation.mean_interval(values)
    return f"{np.mean(values):+.3f} [{low:+.3f} to {high:+.3f}]"


def paired(pairs: pd.DataFrame) -> pd.DataFrame:
    """McNemar's exact tests for people, a pair of classifiers a row; `pairs` as comparison.paired gives it."""
    table = pd.DataFrame(
        {
            "Accuracy": pairs["accuracy_first"].map("{:.4f}".format)
            + " and "
            + pairs["accuracy_second"].map("{:.4f}".format),
            "Difference": (pairs["accuracy_first"] - pairs["accuracy_second"]).map("{:+.4f}".format),
            "Only first right": pairs["only_first_right"].map("{:,}".format),
            "Only second right": pairs["only_second_right"].map("{:,}".format),
            "p (McNemar, exact)": pairs["p"].map(lambda p: "< 0.0001" if p < 0.0001 else f"{p:.4f}"),
        }
    )
    table.index = pairs["first"] + " and " + pairs["second"] + ", on " + pairs["tested_on"]
    return table


def _row_name(record: dict) -> str:
    """The classifier; its weights and its precision, too, where they are not the study's."""
    origin, precision = record.get("weights", {}).get("origin", "ImageNet weights"), record["settings"]["precision"]
    unusual = [text for text, usual in ((origin, "ImageNet weights"), (precision, "float32")) if text != usual]
    return records.name_of(record) + (f" ({', '.join(unusual)})" if unusual else "")


def _scores(record: dict) -> dict[str, float]:
    """What a table of scores shows, by column."""
    scores = record["scores"]
    by_class = {name[:1].upper() + name[1:]: scores["by_class"][name]["f1"] for name in record["classes"]}
    return by_class | {
        "Accuracy": scores["accuracy"],
        "Macro_Avg": scores["macro_f1"],
        "Weighted_Avg": scores["weighted_f1"],
    }


def _cell(plain: list[dict] | None, replicates: list[dict] | None) -> str:
    """An accuracy with its bootstrap interval, and its mean and deviation over seeds, as far as they are there."""
    parts = []
    if plain:
        low, high = plain[0]["scores"]["accuracy_interval"]
        parts.append(f"{plain[0]['scores']['accuracy']:.3f} [{low:.3f}, {high:.3f}]")
    if replicates and len(replicates) > 1:
        parts.append(mean_and_deviation([record["scores"]["accuracy"] for record in replicates]))
    return "; ".join(parts) or "not tested"


def _lost(scores: comparison.Crossed, own: tuple[str, str, str], other: tuple[str, str, str], name: str) -> list[float]:
    """What each run loses from its own source to the other."""
    own_by_seed = {record["settings"]["seed"]: record["scores"][name] for record in scores.get(own, [])}
    return [
        own_by_seed[record["settings"]["seed"]] - record["scores"][name]
        for record in scores.get(other, [])
        if record["settings"]["seed"] in own_by_seed
    ]


def _lost_cell(plain: list[float], replicates: list[float]) -> str:
    parts = [f"{value:.3f}" for value in plain]
    if len(replicates) > 1:
        parts.append(mean_and_deviation(replicates))
    return "; ".join(parts)


def mean_and_deviation(values: list[float]) -> str:
    """Scores over seeds, as one cell or part of a sentence."""
    return f"{len(values)} seeds {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
