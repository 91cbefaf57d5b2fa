"""Experiment 2's figures and tables: classifiers on the test images of the other source, and all of them against the published study."""

import itertools
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cifake import protocol
from cifake.pages import e1, style
from cifake.pages.page import ANSWER, APPENDIX, Page, mean_and_deviation, seeds_of
from cifake.pages.study import Study
from cifake.pages.style import COLOURS, FAINT, INK
from cifake.results import comparison, histories

DIRECTIONS = list(itertools.product(protocol.SOURCES[::-1], repeat=2))  # trained on, tested on


def answers(study: Study) -> list[str]:
    """What each classifier says to the study's question, if all that needs is there: means over its seeds."""
    lines = []
    for name in study.architectures:
        found = [study.accuracies(name, *direction) for direction in (("FAKE", "FAKE"), ("FAKE", "REAL"), ("REAL", "REAL"))]
        if all(map(len, found)):
            on_fake, on_real, real = (f"{100 * values.mean():.0f}%" for values in found)
            lines.append(
                f"Trained on generated images, {name} recognises {on_fake} of the generated test images and {on_real} of the photographs; "
                f"trained on photographs, {real} of the photographs."
            )
    if lines:
        guessing, seeds = f"{100 / study.described['classes'].iloc[0]:.0f}%", seeds_of(study.averaged["seed"])
        lines.append(f"Guessing gives {guessing}. Accuracies are means over {seeds}.")
    return lines


def _dots() -> list[Line2D]:
    look = {"marker": "o", "linestyle": "", "markersize": 5}
    return [Line2D([], [], color=COLOURS[source], label=f"tested on {style.NAMES[source]}", **look) for source in protocol.SOURCES]


def both_directions(study: Study) -> Figure | None:
    """Mean accuracy of every classifier on both test sets, a line for what it was trained on, the two joined."""
    names = list(itertools.product(study.architectures, protocol.SOURCES))
    figure, axes = plt.subplots(figsize=(style.WIDTH, 1.3 + 0.42 * len(names)))
    drops = {source: [] for source in protocol.SOURCES}
    for height, (architecture, trained_on) in enumerate(names):
        means = {source: study.accuracies(architecture, trained_on, source).mean() for source in protocol.SOURCES}
        axes.plot(list(means.values()), [height] * 2, color=FAINT, linewidth=3, zorder=1)
        for source, mean in means.items():
            if not np.isnan(mean):
                axes.scatter(mean, height, color=COLOURS[source], s=34, zorder=3)
                side = 1 if mean == max(means.values()) else -1
                words = {"color": COLOURS[source], "va": "center", "ha": "left" if side > 0 else "right", "fontsize": 8}
                axes.annotate(f"{100 * mean:.0f}%", (mean, height), (7 * side, 0), textcoords="offset points", **words)
        drops[trained_on].append(100 * (means[trained_on] - means[protocol.OTHER[trained_on]]))
    guessing = axes.axvline(1 / study.described["classes"].iloc[0], color=INK, linestyle=":", label="guessing")
    fake, real = (np.mean(drops[source]) for source in ("FAKE", "REAL"))
    finding = f"From generated images to photographs accuracy drops by {fake:.0f} points, the other way round by {real:.0f}"
    style.head(figure, "Accuracy on both test sets" if np.isnan(fake + real) else finding, [*_dots(), guessing], columns=3)
    axes.set_yticks(range(len(names)), [f"{name}, trained on\n{style.NAMES[source]}" for name, source in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    style.in_percent(axes.xaxis)
    axes.set_xlabel("accuracy")
    axes.grid(axis="y", visible=False)
    return figure


def drop_from_fake_to_real(study: Study) -> Figure | None:
    """F1 by class of the best FAKE classifiers on both test sets, means over seeds, a classifier a panel; what drops most comes first."""
    found = {}
    for name in study.best_on_fake:
        rows = [study.tested(name, "FAKE", source) for source in protocol.SOURCES]
        if all(map(len, rows)):
            f1 = pd.DataFrame({source: part.filter(regex="^f1_").mean() for source, part in zip(protocol.SOURCES, rows, strict=True)})
            found[f"FAKE {name}, {seeds_of(rows[0]['seed'])}"] = f1.dropna().rename(index=lambda column: column[3:])
    if not found:
        return None
    drops = sum(f1["FAKE"] - f1["REAL"] for f1 in found.values()) / len(found)
    order = list(drops.sort_values(ascending=False, kind="stable").index)
    size = (style.WIDTH, 1.5 + 0.26 * len(order))
    figure, axes = plt.subplots(1, len(found), figsize=size, squeeze=False, sharex=True, sharey=True)
    for panel, (name, f1) in zip(axes[0], found.items(), strict=True):
        f1 = f1.loc[order]
        panel.hlines(range(len(order)), f1["REAL"], f1["FAKE"], color=FAINT, linewidth=3, zorder=1)
        for source in protocol.SOURCES:
            panel.scatter(f1[source], range(len(order)), color=COLOURS[source], s=28, zorder=3)
        panel.set(title=name, xlabel="F1", xlim=(0, 1))
        panel.set_yticks(range(len(order)), order)
        panel.grid(axis="y", visible=False)
    axes[0, 0].invert_yaxis()
    finding = f"F1 drops by {drops.mean():.2f} from generated images to photographs: most for {order[0]}, least for {order[-1]}"
    style.head(figure, finding, _dots())
    return figure


# --------------------------------------------------------------------------------------------------------------------- tables


def overview(study: Study) -> pd.DataFrame:
    """Accuracy of every classifier, trained on → tested on: over its seeds, and the plain run's with its bootstrap interval."""
    names = study.architectures
    cells = {" → ".join(way): {name: mean_and_deviation(study.accuracies(name, *way)) for name in names} for way in DIRECTIONS}
    table = pd.DataFrame(cells).replace("", "not tested")
    for run in study.plain.itertuples():
        cell = f"; seed {run.seed}: {run.accuracy:.3f} [{run.accuracy_low:.3f}, {run.accuracy_high:.3f}]"
        table.loc[run.architecture, f"{run.trained_on} → {run.tested_on}"] += cell
    return table


def published(study: Study) -> pd.DataFrame:
    """The published scores beside ours, a score a row."""
    rows = comparison.published(study.plain, study.averaged)
    if rows.empty:
        return rows
    table = {
        "published": rows["published"].map("{:.2f}".format),
        f"seed {protocol.SEED}": rows["here"].map("{:.3f}".format),
        "mean ± sd over seeds": rows["runs"].map(pd.Series).map(mean_and_deviation),
        "95 % interval": rows["low"].map("{:.3f}".format) + " to " + rows["high"].map("{:.3f}".format),
        "published is": rows["is_inside"].map({True: "inside", False: "outside"}),
        "validation accuracy at the published epoch": [_at_published_epoch(study, row) for row in rows.itertuples()],
    }
    names = rows["trained_on"] + " " + rows["architecture"] + " on " + rows["tested_on"] + ", " + rows["label"]
    return pd.DataFrame(table).replace("nan", "").set_axis(names.to_list())


def _at_published_epoch(study: Study, row) -> str:
    """The validation accuracy after as many epochs as the original trained, in both studies; ours of the seeds that went so far."""
    if row.trained_on != row.tested_on or row.label != "accuracy":
        return ""
    theirs = histories.published(row.architecture, row.trained_on)["val_accuracy"]
    ours = study.histories(row.architecture, row.trained_on)["val_accuracy"].reindex([theirs.index[-1]]).iloc[0].dropna()
    return f"{theirs.iloc[-1]:.3f}; ours {mean_and_deviation(ours)}" if len(ours) else f"{theirs.iloc[-1]:.3f}"


def paired(study: Study) -> pd.DataFrame:
    """McNemar's exact tests, a pair of classifiers a row."""
    pairs = comparison.paired(study.plain)
    if pairs.empty:
        return pairs
    first, second = pairs["accuracy_first"], pairs["accuracy_second"]
    table = {
        "Accuracy": first.map("{:.4f}".format) + " and " + second.map("{:.4f}".format),
        "Difference": (first - second).map("{:+.4f}".format),
        "Only first right": pairs["only_first_right"].map("{:,}".format),
        "Only second right": pairs["only_second_right"].map("{:,}".format),
        "p (McNemar, exact)": pairs["p"].map(lambda p: "< 0.0001" if p < 0.0001 else f"{p:.4f}"),
    }
    return pd.DataFrame(table).set_axis((pairs["first"] + " and " + pairs["second"] + ", on " + pairs["tested_on"]).to_list())


PAGES = (
    Page(
        both_directions,
        "both_directions.png",
        "Mean accuracy of each classifier on photographs and on generated images.",
        "For each classifier, a dot for accuracy on photographs and one on generated images, joined by a line; the table has the numbers.",
        ANSWER,
    ),
    Page(
        overview,
        "overview_table.txt",
        "Accuracy, trained on → tested on: mean ± standard deviation over seeds; then one seed's, in brackets its 95 % interval from "
        f"{protocol.RESAMPLES:,} bootstrap resamples of the test images.",
        section=ANSWER,
    ),
    Page(
        drop_from_fake_to_real,
        "FAKE_to_REAL.png",
        "What drops, class by class, if the best classifiers trained on generated images see photographs: F1, means over seeds.",
        "For each class, a dot for F1 on photographs and one on generated images, joined by a line.",
    ),
    Page(
        lambda study: e1.confusions([study.tested(name, "FAKE", "REAL") for name in study.best_on_fake]),
        "FAKE_to_REAL_confusions.png",
        f"Classifiers trained on generated images, tested on photographs. {e1.SHARES}",
        "Confusion matrices of the best classifiers trained on generated images, on photographs.",
    ),
    Page(
        lambda study: e1.metrics(study.plain.query("experiment == 'E2' and trained_on == 'FAKE' and architecture in @study.best_on_fake")),
        "FAKE_metrics_table.txt",
        "The scores of the best FAKE classifiers on the REAL test images.",
    ),
    Page(
        lambda study: e1.metrics(e1.several(study.averaged.query("experiment == 'E2'"))),
        "seeds_metrics_table.txt",
        "All classifiers on the test images of the other source, over seeds: mean ± standard deviation.",
    ),
    Page(
        published,
        "published.txt",
        "Published scores beside ours. The interval is where 95 % of further runs should lie by the seeds; of one seed, the bootstrap's. A "
        f"published score has two decimals, so one within {protocol.PUBLISHED_ROUNDING} of the interval counts as inside. Last: how far "
        "both had come when the original stopped.",
        section=APPENDIX,
    ),
    Page(
        paired,
        "paired_tests.txt",
        "Every pair of classifiers on the same test images, by McNemar's exact test. These are many tests: by Bonferroni's rule a "
        "difference is significant at 5 % if its p is below 0.05 divided by their number.",
        section=APPENDIX,
    ),
)


def _recognised(study: Study, trained_on: str) -> str:
    """How many photographs the architectures of the best FAKE classifiers recognise: means over seeds."""
    return " and ".join(f"{100 * study.accuracies(name, trained_on, 'REAL').mean():.0f}%" for name in study.best_on_fake)


def _easier(study: Study) -> str:
    """How many points more each classifier has on generated images than on photographs, if trained on the same source."""
    gains = [
        100 * (study.accuracies(name, "FAKE", "FAKE").mean() - study.accuracies(name, "REAL", "REAL").mean())
        for name in study.architectures
    ]
    return f"{min(gains):.0f} to {max(gains):.0f}"


# What README.md and docs/ show between markers, by the marker's name.
README = {"fake": partial(_recognised, trained_on="FAKE"), "real": partial(_recognised, trained_on="REAL"), "easier": _easier}
