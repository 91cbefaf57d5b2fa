"""The study's figures, from histories and records. One look for all: one colour for FAKE, one for REAL, everywhere."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # no window: the scripts run on clusters too
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator

from cifake import comparison, protocol, records, worth
from cifake.files import write_whole

# Okabe and Ito's blue and vermilion, which colour-blind readers tell apart.
COLOURS = {"REAL": "#0072B2", "FAKE": "#D55E00"}
INK, FAINT = "#333333", "#C8C8C8"
SHADES = {  # from white to the colour of the source
    source: LinearSegmentedColormap.from_list(source, ["#FFFFFF", colour]) for source, colour in COLOURS.items()
}

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
        panel.set_xlim(-0.06, 1.06)  # room for the numbers beside the dots
        panel.set_xlabel("F1 on the test images")
        panel.grid(axis="y", visible=False)
    write_whole(path, lambda draft: _save(figure, draft))


def confusions(members: list[dict], path: Path) -> None:
    """Confusion matrices side by side, a record each: of 100 images of a true class (a row), how many are taken for what."""
    classes = members[0]["classes"]
    width, height = 1.4 + 0.34 * len(classes), 1.5 + 0.3 * len(classes)
    figure, axes = plt.subplots(1, len(members), figsize=(width * len(members), height), squeeze=False, sharey=True)
    for panel, record in zip(axes[0], members, strict=True):
        matrix = np.array(record["scores"]["confusion_matrix"])
        shares = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        source = record["test"]["source"]
        panel.imshow(shares, cmap=SHADES[source], vmin=0, vmax=100, aspect="auto")
        for (row, column), share in np.ndenumerate(shares):
            if round(share):
                colour = "white" if share > 75 else INK
                panel.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
        panel.set_title(f"{records.name_of(record)} on {source}", color=COLOURS[source])
        panel.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor")
        panel.set_yticks(range(len(classes)), classes)
        panel.set_xlabel("predicted class")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    axes[0, 0].set_ylabel("true class (% of its test images)")
    write_whole(path, lambda draft: _save(figure, draft))


MISTAKES = 24  # in a gallery


def mistakes(record: dict, by_image: pd.DataFrame, pixels: np.ndarray, path: Path) -> None:
    """A gallery of the most confident mistakes, as a PNG at `path`; `by_image` as evaluation.predictions gives it.

    `pixels`: uint8 [n, 32, 32, 3], row by row.
    """
    wrong = by_image.reset_index(drop=True).query("label != predicted")
    worst = wrong.sort_values("probability_of_predicted", ascending=False, kind="stable").head(MISTAKES)
    columns = 6  # as many as leave room for "as automobile 99 %"
    lines = max(1, -(-len(worst) // columns))
    figure, axes = plt.subplots(lines, columns, figsize=(8, 0.4 + 1.65 * lines), squeeze=False)
    for panel in axes.flat:
        panel.axis("off")
    for panel, (row, image) in zip(axes.flat, worst.iterrows(), strict=False):
        panel.imshow(pixels[row])
        panel.set_title(
            f"{image['label']}\nas {image['predicted']} {_percent(image['probability_of_predicted'])}",
            fontsize=7.5,
            weight="normal",
            loc="center",
        )
    figure.suptitle(
        f"{records.name_of(record)} on {record['test']['source']}: the {len(worst)} most confident of {len(wrong):,} mistakes "
        "(true class, predicted class and its probability)",
        fontsize=9,
        weight="bold",
        color=COLOURS[record["test"]["source"]],
    )
    _save(figure, path)


def _percent(probability: float) -> str:
    """A probability in whole per cent; none that is below 1 is rounded up to 100 %."""
    return f"{np.floor(100 * probability):.0f} %"


def both_directions(architecture: str, plain: comparison.Crossed, replicates: comparison.Crossed, path: Path) -> None:
    """Accuracy in a 2 x 2 field: trained on a source (a row), tested on a source (a column)."""
    figure, axes = plt.subplots(figsize=(5.2, 3.4))
    for row, trained_on in enumerate(protocol.SOURCES):
        for column, tested_on in enumerate(protocol.SOURCES):
            key = (trained_on, architecture, tested_on)
            score, note = _accuracy_of(plain.get(key, []), replicates.get(key, []))
            strength = 0.12 + 0.75 * (score or 0)
            axes.add_patch(
                plt.Rectangle((column, row), 0.96, 0.94, facecolor=SHADES[tested_on](strength), edgecolor="none")
            )
            ink = "white" if strength > 0.6 else INK
            middle = column + 0.48
            number = "not tested" if score is None else f"{score:.3f}"
            axes.text(middle, row + 0.38, number, ha="center", va="center", color=ink, fontsize=17, weight="bold")
            axes.text(middle, row + 0.72, note, ha="center", va="center", color=ink, fontsize=7.5, linespacing=1.5)
    axes.set_xlim(0, 2)
    axes.set_ylim(2, 0)
    axes.set_xticks([0.48, 1.48], [f"tested on {source}" for source in protocol.SOURCES])
    axes.set_yticks([0.47, 1.47], [f"trained on\n{source}" for source in protocol.SOURCES])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    seed = next((f", seed {plain[key][0]['settings']['seed']}" for key in plain if key[1] == architecture), "")
    axes.set_title(f"{architecture}: accuracy (share of the test images){seed}")
    write_whole(path, lambda draft: _save(figure, draft))


def _accuracy_of(plain: list[dict], replicates: list[dict]) -> tuple[float | None, str]:
    """The accuracy to be shown, of the plain run or else the mean over seeds, and how sure it is."""
    values = [record["scores"]["accuracy"] for record in replicates]
    lines = []
    if plain:
        low, high = plain[0]["scores"]["accuracy_interval"]
        lines.append(f"95 % interval {low:.3f} to {high:.3f}")
    if len(values) > 1:
        lines.append(f"{len(values)} seeds: {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")
    if plain:
        return plain[0]["scores"]["accuracy"], "\n".join(lines)
    return (float(np.mean(values)) if values else None), "\n".join(lines)


# REAL and FAKE together in a colour of its own, reddish purple; augmentation is dashed.
ARMS = {
    "REAL": (COLOURS["REAL"], "-"),
    "REAL + augmentation": (COLOURS["REAL"], "--"),
    "REAL + FAKE": ("#A0508C", "-"),
    "REAL + FAKE + augmentation": ("#A0508C", "--"),
}


def by_budget(groups: dict[str, worth.Accuracies], path: Path) -> None:
    """Accuracy on REAL test images against the number of REAL images, a classifier a panel; bands: a standard deviation over seeds."""
    figure, axes = plt.subplots(1, len(groups), figsize=(1.2 + 4.4 * len(groups), 4.2), squeeze=False, sharey=True)
    labels = []
    for panel, (architecture, scores) in zip(axes[0], groups.items(), strict=True):
        ends = {}
        for arm, (colour, style) in ARMS.items():
            sizes = [size for size in worth.sizes(scores) if (arm, size) in scores]
            means, deviations = _over_seeds([scores[arm, size] for size in sizes])
            if sizes:
                panel.plot(sizes, means, color=colour, linestyle=style, marker="o", markersize=3, linewidth=1.5)
                panel.fill_between(sizes, means - deviations, means + deviations, color=colour, alpha=0.15, linewidth=0)
                ends[arm] = (sizes[-1], means[-1])
        if (worth.FAKE, 0) in scores:
            (mean,), (deviation,) = _over_seeds([scores[worth.FAKE, 0]])
            panel.axhline(mean, color=COLOURS["FAKE"], linewidth=1.5, zorder=1)
            panel.axhspan(mean - deviation, mean + deviation, color=COLOURS["FAKE"], alpha=0.15, linewidth=0)
            panel.annotate(
                f"FAKE alone {mean:.2f}",
                (1, mean),
                xycoords=("axes fraction", "data"),
                xytext=(-3, 3),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=COLOURS["FAKE"],
                fontsize=8,
            )
        panel.set_xscale("log")
        ticks = worth.sizes(scores)
        panel.set_xticks(ticks, [f"{size:,}" for size in ticks], minor=False)
        panel.minorticks_off()
        panel.set_xlabel("REAL images, a fifth of them for validation")
        seeds = worth.counted(scores.values())
        panel.set_title(f"{architecture} ({seeds} seed{'s' * (seeds != '1')})")
        labels.append((panel, ends))
    # Once all panels are drawn, since the range of accuracies that they share says how far apart the names stand.
    for panel, ends in labels:
        _label_ends(panel, ends)
    axes[0, 0].set_ylabel("accuracy (share of the REAL test images)")
    write_whole(path, lambda draft: _save(figure, draft))


def _over_seeds(cells: list[dict[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the seeds of each cell; of one seed there is no deviation."""
    values = [list(cell.values()) for cell in cells]
    deviations = [np.std(scores, ddof=1) if len(scores) > 1 else 0.0 for scores in values]
    return np.array([np.mean(scores) for scores in values]), np.array(deviations)


def _label_ends(panel: Axes, ends: dict[str, tuple[float, float]]) -> None:
    """Name the lines right of their ends, (x, y) by name; where lines end close together, the names are set apart."""
    low, high = panel.get_ylim()
    least = 0.045 * (high - low)
    heights, lowest = {}, -np.inf
    for arm in sorted(ends, key=lambda arm: ends[arm][1]):
        heights[arm] = lowest = max(ends[arm][1], lowest + least)
    surplus = np.mean([heights[arm] - ends[arm][1] for arm in ends]) if ends else 0  # so that none goes up alone
    for arm, (_, end) in ends.items():
        panel.annotate(
            arm,
            (1, end),
            xycoords=("axes fraction", "data"),
            xytext=(1.02, heights[arm] - surplus),
            textcoords=("axes fraction", "data"),
            color=ARMS[arm][0],
            fontsize=8,
            va="center",
            annotation_clip=False,
        )


def published(rows: list[comparison.Row], path: Path) -> None:
    """The published scores beside our runs: macro F1 in one panel, accuracy in the other, a classifier and test set a line."""
    labels = list(dict.fromkeys(row.label for row in rows))
    names = list(dict.fromkeys((row.trained_on, row.architecture, row.tested_on) for row in rows))
    figure, axes = plt.subplots(1, len(labels), figsize=(8, 1.5 + 0.4 * len(names)), squeeze=False, sharey=True)
    for panel, label in zip(axes[0], labels, strict=True):
        for row in (row for row in rows if row.label == label):
            height = names.index((row.trained_on, row.architecture, row.tested_on))
            colour = COLOURS[row.tested_on]
            panel.plot(row.interval, [height, height], color=colour, linewidth=5, alpha=0.25, solid_capstyle="butt")
            points = row.runs if len(row.runs) > 1 else [row.here]
            panel.scatter(points, [height] * len(points), color=colour, s=14, zorder=3, linewidths=0)
            panel.scatter(row.published, height - 0.3, marker="D", facecolor="none", edgecolor=INK, s=30, zorder=4)
        panel.set_title(label)
        panel.set_xlabel(f"{label} on the test images")
        panel.set_yticks(range(len(names)), [f"{trained} {name} on {tested}" for trained, name, tested in names])
        panel.set_ylim(len(names) - 0.4, -1.4)
        panel.grid(axis="y", visible=False)
    first = next(row for row in rows if row.label == labels[0])
    spread = "95 % interval for another run" if len(first.runs) > 1 else "95 % bootstrap interval"
    axes[0, 0].annotate(
        f"\u25c7 published   \u2022 our runs   \u25ac {spread}",
        (0, 1),
        xycoords="axes fraction",
        xytext=(2, -3),
        textcoords="offset points",
        va="top",
        fontsize=7.5,
    )
    write_whole(path, lambda draft: _save(figure, draft))
