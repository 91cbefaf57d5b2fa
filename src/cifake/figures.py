"""The study's figures, from histories and records. One look for all: one colour for FAKE, one for REAL, everywhere."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # no window: the scripts run on clusters too
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cifake import records
from cifake.files import write_whole

# Okabe and Ito's blue and vermilion, which colour-blind readers tell apart.
COLOURS = {"REAL": "#0072B2", "FAKE": "#D55E00"}
INK, FAINT = "#333333", "#C8C8C8"

plt.rcParams.update(
    {
        "figure.dpi": 200,
        "savefig.dpi": 200,
        "figure.constrained_layout.use": True,
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.grid": True,
        "grid.color": FAINT,
        "grid.linewidth": 0.4,
    }
)


def _save(figure: plt.Figure, path: Path) -> None:
    """Write a figure as a PNG and free its memory."""
    figure.savefig(path, format="png")
    plt.close(figure)


def history(record: dict, table: pd.DataFrame, path: Path) -> None:
    """One classifier's loss beside its accuracy, as a PNG at `path`; `table` holds an epoch a row."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3))
    _history_row(axes, record, table)
    _save(figure, path)


def histories(members: list[tuple[dict, pd.DataFrame]], path: Path) -> None:
    """The histories of one architecture, a (record, table) each, one above the other; each measure on one scale."""
    figure, axes = plt.subplots(len(members), 2, figsize=(8, 2.8 * len(members)), squeeze=False, sharey="col")
    for row, (record, table) in zip(axes, members, strict=True):
        _history_row(row, record, table)
    write_whole(path, lambda draft: _save(figure, draft))


def _history_row(row: Iterable[Axes], record: dict, table: pd.DataFrame) -> None:
    for axes, measure in zip(row, ("loss", "accuracy"), strict=True):
        _history_axes(axes, table, measure, record["source"], record["training"]["best_epoch"])
        axes.set_title(f"{records.name_of(record)}: {measure}")


def _history_axes(axes: Axes, table: pd.DataFrame, measure: str, source: str, best_epoch: int) -> None:
    """Loss or accuracy by epoch, training and validation, labelled at the lines' ends."""
    ends = {
        label: table[column].iloc[-1] for label, column in (("training", measure), ("validation", f"val_{measure}"))
    }
    higher = max(ends, key=ends.get)
    for (label, end), style in zip(ends.items(), ({"alpha": 0.45}, {}), strict=True):
        column = measure if label == "training" else f"val_{measure}"
        axes.plot(table.index, table[column], color=COLOURS[source], marker="o", markersize=2.5, linewidth=1.4, **style)
        axes.annotate(  # set a little apart, for lines that end close together
            label,
            (table.index[-1], end),
            xytext=(6, 4 if label == higher else -4),
            textcoords="offset points",
            color=COLOURS[source],
            va="center",
            **style,
        )
    axes.axvline(best_epoch, color=INK, linewidth=0.8, linestyle=":")
    is_late = best_epoch > len(table) / 2
    axes.annotate(  # in the corner that a falling loss, or a rising accuracy, leaves free
        f"best epoch: {best_epoch}",
        (best_epoch, 1 if measure == "loss" else 0),
        xycoords=("data", "axes fraction"),
        xytext=(-3 if is_late else 3, -2 if measure == "loss" else 2),
        textcoords="offset points",
        ha="right" if is_late else "left",
        va="top" if measure == "loss" else "bottom",
        fontsize=8,
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss (cross-entropy, nats)" if measure == "loss" else "accuracy (share of images)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(1 - 0.03 * len(table), len(table) * 1.03 + 0.05)


def loss_from_fake_to_real(pairs: list[tuple[dict, dict]], path: Path) -> None:
    """What FAKE classifiers lose, class by class: F1 on FAKE and on REAL test images, (record of E1, record of E2) a panel."""
    classes = pairs[0][0]["classes"]
    figure, axes = plt.subplots(
        1, len(pairs), figsize=(4.2 * len(pairs), 1.4 + 0.3 * len(classes)), squeeze=False, sharey=True
    )
    for panel, (on_fake, on_real) in zip(axes[0], pairs, strict=True):
        values = {
            record["test"]["source"]: [
                *(record["scores"]["by_class"][name]["f1"] for name in classes),
                record["scores"]["macro_f1"],
            ]
            for record in (on_fake, on_real)
        }
        # The mean over the classes stands apart, below them.
        heights = [*range(len(classes)), len(classes) + 0.5]
        panel.hlines(heights, values["REAL"], values["FAKE"], color=FAINT, linewidth=3, zorder=1)
        for source, scores in values.items():
            panel.scatter(scores, heights, color=COLOURS[source], s=28, zorder=2)
            for value, height in zip(scores, heights, strict=True):
                right = value >= max(values["FAKE"][heights.index(height)], values["REAL"][heights.index(height)])
                panel.annotate(
                    f"{value:.2f}",
                    (value, height),
                    xytext=(7 if right else -7, 0),
                    textcoords="offset points",
                    fontsize=7.5,
                    ha="left" if right else "right",
                    va="center",
                    color=COLOURS[source],
                )
            panel.annotate(
                f"on {source}",
                (scores[0], -0.5),
                ha="center",
                va="bottom",
                color=COLOURS[source],
                fontsize=8.5,
                weight="bold",
            )
        panel.set_title(f"{records.name_of(on_fake)}\n", loc="left")
        panel.set_yticks(heights, [*classes, "mean (macro F1)"])
        panel.set_ylim(heights[-1] + 0.6, -1.2)
        panel.set_xlim(0, 1)
        panel.set_xlabel("F1 on the test images")
        panel.grid(axis="y", visible=False)
    write_whole(path, lambda draft: _save(figure, draft))
