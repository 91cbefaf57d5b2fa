"""The study's figures. One look for all: one colour for FAKE, one for REAL, everywhere.

A figure of a page takes the study (and an architecture, if there is one of each) and returns a matplotlib figure, or None if there
is nothing to show; history() and mistakes() belong to a single run.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # no window: the scripts run on clusters too
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cifake import protocol
from cifake.data.arms import ARMS
from cifake.pages import sentences
from cifake.pages.study import Study
from cifake.results import histories as history_files
from cifake.results import records, worth

# Okabe and Ito's blue and vermilion, which colour-blind readers tell apart.
COLOURS = {"REAL": "#0072B2", "FAKE": "#D55E00"}
MIXED = "#A0508C"  # reddish purple
INK, FAINT = "#333333", "#C8C8C8"
MISTAKES = 24  # in a gallery

matplotlib.rcdefaults()  # whatever a matplotlibrc in the working folder says
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


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG and free its memory."""
    figure.savefig(path, format="png")
    plt.close(figure)


# ------------------------------------------------------------------------------------------------------------ experiment 1


def history(record: dict, table: pd.DataFrame) -> Figure:
    """One classifier's loss beside its accuracy; `table` has an epoch a row."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3))
    _history_row(axes, record, table)
    return figure


def histories(study: Study, architecture: str) -> Figure | None:
    """The histories of one architecture, one above the other, each measure on one scale."""
    members = study.of_e1(architecture)
    if not members:
        return None
    figure, axes = plt.subplots(len(members), 2, figsize=(8, 2.8 * len(members)), squeeze=False, sharey="col")
    for row, record in zip(axes, members, strict=True):
        path = study.folders.classifier("E1", record["source"], architecture)["history"]
        _history_row(row, record, history_files.read(path, record))
    longest = max(record["training"]["epochs"] for record in members)
    plt.setp(axes, xlim=(0.97 - 0.03 * longest, longest * 1.03 + 0.05))  # the same epochs below each other
    return figure


def _history_row(row: Iterable[Axes], record: dict, table: pd.DataFrame) -> None:
    """Loss and accuracy by epoch, training and validation, labelled at the lines' ends."""
    colour, best_epoch = COLOURS.get(record["source"], MIXED), record["training"]["best_epoch"]
    for axes, measure in zip(row, ("loss", "accuracy"), strict=True):
        columns, is_loss = {"training": measure, "validation": f"val_{measure}"}, measure == "loss"
        higher = table[list(columns.values())].iloc[-1].idxmax()
        for (label, column), alpha in zip(columns.items(), (0.45, 1), strict=True):
            axes.plot(table.index, table[column], marker="o", markersize=2.5, linewidth=1.4, color=colour, alpha=alpha)
            # Set a little apart, for lines that end close together.
            end, apart = (table.index[-1], table[column].iloc[-1]), (6, 4 if column == higher else -4)
            note(axes, label, end, apart, va="center", color=colour)
        axes.axvline(best_epoch, color=INK, linewidth=0.8, linestyle=":")
        # In the corner that a falling loss, or a rising accuracy, leaves free.
        is_late, place = best_epoch > len(table) / 2, {"xycoords": ("data", "axes fraction"), "fontsize": 8}
        place |= {"ha": "right" if is_late else "left", "va": "top" if is_loss else "bottom"}
        note(axes, f"best epoch: {best_epoch}", (best_epoch, int(is_loss)), (-3 if is_late else 3, -2 if is_loss else 2), **place)
        axes.set_title(f"{records.name_of(record)}: {measure}")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss (cross-entropy, nats)" if is_loss else "accuracy (share of images)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(1 - 0.03 * len(table), len(table) * 1.03 + 0.05)


def note(axes: Axes, text: str, place: tuple[float, float], offset: tuple[float, float], **style) -> None:
    """Write a text some points away from a place."""
    axes.annotate(text, place, xytext=offset, textcoords="offset points", **style)


def learning_curves(study: Study) -> Figure | None:
    """The original study's learning curves over ours: training loss and validation accuracy by epoch, a classifier a row.

    Bands reach from the lowest to the highest of our seeds.
    """
    rows = study.described[study.described["is_cifake"]]
    names = list(dict.fromkeys(rows["architecture"]))
    if not names:
        return None
    figure, axes = plt.subplots(len(names), 4, figsize=(8, 0.5 + 1.7 * len(names)), squeeze=False)
    measures, apart = [(source, measure) for source in protocol.SOURCES for measure in ("loss", "val_accuracy")], []
    for line, architecture in zip(axes, names, strict=True):
        for panel, (source, measure) in zip(line, measures, strict=True):
            theirs, ours = history_files.published(architecture, source), study.histories(architecture, source)
            if ours is not None:
                values = ours[measure]
                panel.fill_between(values.index, values.min(axis=1), values.max(axis=1), color=COLOURS[source], alpha=0.25, linewidth=0)
                panel.plot(values.index, values.mean(axis=1), color=COLOURS[source], linewidth=1.2)
                apart += list((values.mean(axis=1) - theirs[measure]).abs().dropna()) if measure == "val_accuracy" else []
            panel.plot(theirs.index, theirs[measure], color=INK, linewidth=1.2, linestyle="--")
            panel.set_title(f"{source} {architecture}", color=COLOURS[source], fontsize=8)
            panel.set_ylabel("training loss" if measure == "loss" else "validation accuracy", fontsize=7)
            panel.set_xticks(range(0, 21, 5))
            panel.tick_params(labelsize=7)
    for panel in axes[-1]:
        panel.set_xlabel("epoch", fontsize=7)
    note(axes[0, 0], "- -  published\n\u2014  ours", (1, 1), (-2, -2), xycoords="axes fraction", ha="right", va="top", fontsize=7)
    head(figure, f"The published validation accuracies are {np.mean(apart):.3f} from ours, on average over epochs" if apart else "")
    return figure


def head(figure: Figure, finding: str) -> None:
    """What a whole figure shows, above it."""
    figure.suptitle(finding, x=0.01, ha="left", fontsize=10, weight="bold")


def confusions(members: list[dict]) -> Figure | None:
    """Confusion matrices side by side: of 100 images of a true class (a row), how many are taken for what."""
    if not members:
        return None
    classes = members[0]["classes"]
    longest = max(10, *map(len, classes))  # letters, as CIFAKE's automobile: longer names need more room
    width, height = 0.65 + 0.075 * longest + 0.34 * len(classes), 0.95 + 0.055 * longest + 0.3 * len(classes)
    figure, axes = plt.subplots(1, len(members), figsize=(width * len(members), height), squeeze=False, sharey=True)
    for panel, record in zip(axes[0], members, strict=True):
        matrix = np.array(record["scores"]["confusion_matrix"])
        shares = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        source = record["test"]["source"]
        shades = LinearSegmentedColormap.from_list(source, ["#FFFFFF", COLOURS[source]])
        panel.imshow(shares, cmap=shades, vmin=0, vmax=100, aspect="auto")
        for (row, column), share in np.ndenumerate(shares):
            if round(share):
                colour = "white" if share > 75 else INK
                panel.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
        panel.set_title(f"{records.name_of(record)} on {source}\ntakes {sentences.most_confused(record)}", color=COLOURS[source])
        panel.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor")
        panel.set_yticks(range(len(classes)), classes)
        panel.set_xlabel("predicted class")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    axes[0, 0].set_ylabel("true class (% of its test images)")
    return figure


def mistakes(record: dict, by_image: pd.DataFrame, pixels: np.ndarray, number: int = MISTAKES, columns: int = 6) -> Figure:
    """A gallery of the most confident mistakes; `by_image` as scores.predictions gives it, `pixels` uint8 [n, 32, 32, 3].

    Six columns leave room for "as automobile 99 %" at the size of other figures.
    """
    wrong = by_image.reset_index(drop=True).query("label != predicted")
    worst = wrong.sort_values("probability_of_predicted", ascending=False, kind="stable").head(number)
    lines = max(1, -(-len(worst) // columns))
    figure, axes = plt.subplots(lines, columns, figsize=(8, 0.4 + 9.9 / columns * lines), squeeze=False)
    _without_axes(axes)
    for panel, (row, image) in zip(axes.flat, worst.iterrows(), strict=False):
        panel.imshow(pixels[row])
        panel.set_title(
            # No probability below 1 is rounded up to 100 %.
            f"{image['label']}\nas {image['predicted']} {np.floor(100 * image['probability_of_predicted']):.0f} %",
            fontsize=min(7.5, 54 / columns),
            weight="normal",
            loc="center",
        )
    chosen = f"the {len(worst)} most confident of {len(wrong):,}" if len(wrong) > number else f"all {len(wrong)}"
    figure.suptitle(
        f"{records.name_of(record)} on {record['test']['source']}: {chosen} mistakes (true class, predicted class and its probability)",
        fontsize=9,
        weight="bold",
        color=COLOURS.get(record["test"]["source"], MIXED),
    )
    return figure


def _without_axes(axes: np.ndarray) -> None:
    """Panels that hold an image each."""
    for panel in axes.flat:
        panel.axis("off")
        panel.xaxis.set_visible(False)  # the layout would measure the ticks that nobody sees, which takes most of the time
        panel.yaxis.set_visible(False)


def looks_at(images: np.ndarray, heat: np.ndarray, words: list[str], lines: list[int], title: str) -> Figure:
    """Images above the same under their heat, uint8 [n, 32, 32, 3] and float32 [n, 32, 32]; `lines`: how many stand in each line."""
    rows, columns = 2 * max(1, len(lines)), max(lines, default=1)
    figure, axes = plt.subplots(rows, columns, figsize=(max(4, 1.33 * columns), 0.4 + 1.45 * rows), squeeze=False)
    _without_axes(axes)
    places = [(line, column) for line, number in enumerate(lines) for column in range(number)]
    for (line, column), image, warmth, said in zip(places, images, heat, words, strict=True):
        axes[2 * line, column].imshow(image)
        axes[2 * line, column].set_title(said, fontsize=7.5, weight="normal", loc="center")
        axes[2 * line + 1, column].imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255)
        axes[2 * line + 1, column].imshow(warmth, cmap="inferno", vmin=0, vmax=1, alpha=0.6)
    figure.suptitle(title, fontsize=9, weight="bold")
    return figure


# ------------------------------------------------------------------------------------------------------------ experiment 2


def loss_from_fake_to_real(study: Study) -> Figure | None:
    """What the best FAKE classifiers lose, class by class: F1 on FAKE and on REAL test images, a classifier a panel."""
    pairs = study.best_on_real
    if not pairs:
        return None
    classes = pairs[0][0]["classes"]
    figure, axes = plt.subplots(1, len(pairs), figsize=(4.2 * len(pairs), 1.4 + 0.3 * len(classes)), squeeze=False, sharey=True)
    for panel, pair in zip(axes[0], pairs, strict=True):
        fake, real = ([*(record["scores"]["by_class"][name]["f1"] for name in classes), record["scores"]["macro_f1"]] for record in pair)
        # The mean over the classes stands apart, below them.
        heights = [*range(len(classes)), len(classes) + 0.5]
        panel.hlines(heights, real, fake, color=FAINT, linewidth=3, zorder=1)
        for source, ours, others, key in (("REAL", real, fake, 0.02), ("FAKE", fake, real, 0.3)):
            panel.scatter(ours, heights, color=COLOURS[source], s=28, zorder=2)
            for value, other, height in zip(ours, others, heights, strict=True):
                is_right = value > other or (value == other and source == "FAKE")
                style = {"ha": "left" if is_right else "right", "va": "center", "color": COLOURS[source], "fontsize": 7.5}
                note(panel, f"{value:.2f}", (value, height), (7 if is_right else -7, 0), **style)
            note(panel, f"\u25cf on {source}", (key, 1), (0, -2), xycoords="axes fraction", va="top", color=COLOURS[source], weight="bold")
        lost = pd.Series(fake[:-1], classes) - real[:-1]
        panel.set_title(f"{records.name_of(pair[0])}\nloses most on {lost.idxmax()}, least on {lost.idxmin()}")
        panel.set_yticks(heights, [*classes, "mean (macro F1)"])
        panel.set_ylim(heights[-1] + 0.6, -1.2)
        panel.set_xlim(-0.06, 1.06)  # room for the numbers beside the dots
        panel.set_xlabel("F1 on the test images")
        panel.grid(axis="y", visible=False)
    return figure


def both_directions(study: Study) -> Figure:
    """Accuracy of every classifier on both test sets, a line for what it was trained on; dots: each seed, or the plain run."""
    names = [(architecture, trained_on) for architecture in study.architectures for trained_on in protocol.SOURCES]
    figure, axes = plt.subplots(figsize=(6.4, 1 + 0.42 * len(names)))
    for height, (architecture, trained_on) in enumerate(names):
        for tested_on in protocol.SOURCES:
            values = study.accuracies(architecture, trained_on, tested_on)
            if len(values) == 0:
                continue
            place = height + (-0.17 if tested_on == "REAL" else 0.17)  # so that points which are close do not cover each other
            axes.scatter(values, [place] * len(values), color=COLOURS[tested_on], s=18, linewidths=0, zorder=3)
            style = {"va": "center", "fontsize": 7.5, "color": COLOURS[tested_on]}
            note(axes, f"{values.mean():.3f} on {tested_on}", (values.max(), place), (6, 0), **style)
    lost = {
        source: np.mean(
            [study.accuracies(name, source, source).mean() - study.accuracies(name, source, other).mean() for name in study.architectures]
        )
        for source, other in protocol.OTHER.items()
    }
    if not np.isnan([*lost.values()]).any():
        head(figure, f"Mean loss on the other source: FAKE classifiers {lost['FAKE']:.2f}, REAL ones {lost['REAL']:.2f}")
    axes.set_yticks(range(len(names)), [f"{architecture} trained on {trained_on}" for architecture, trained_on in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.12)
    axes.set_xlabel("accuracy (dot: a seed; number: their mean)")
    axes.grid(axis="y", visible=False)
    return figure


def published(study: Study) -> Figure | None:
    """The published scores beside our runs: macro F1 in one panel, accuracy in the other, a classifier and test set a line."""
    rows = study.published
    if rows.empty:
        return None
    names = list(dict.fromkeys(rows["trained_on"] + " " + rows["architecture"] + " on " + rows["tested_on"]))
    panels = rows.groupby("label", sort=False)
    figure, axes = plt.subplots(1, len(panels), figsize=(8, 1.5 + 0.4 * len(names)), squeeze=False, sharey=True)
    for panel, (label, members) in zip(axes[0], panels, strict=True):
        for height, row in enumerate(members.itertuples()):
            colour, points = COLOURS[row.tested_on], row.runs or [row.here]
            panel.plot([row.low, row.high], [height] * 2, color=colour, linewidth=5, alpha=0.25, solid_capstyle="butt")
            panel.scatter(points, [height] * len(points), color=colour, s=14, zorder=3, linewidths=0)
            panel.scatter(row.published, height - 0.3, marker="D", facecolor="none", edgecolor=INK, s=30, zorder=4)
        panel.set_title(label)
        panel.set_xlabel(f"{label} on the test images")
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.4, -1.4)
        panel.grid(axis="y", visible=False)
    head(figure, f"{rows['is_inside'].sum()} of {len(rows)} published scores lie within the intervals of our runs")
    spread = "95 % interval for another run" if rows["runs"].iloc[0] else "95 % bootstrap interval"
    key = f"\u25c7 published   \u2022 our runs   \u25ac {spread}"
    note(axes[0, 0], key, (0, 1), (2, -3), xycoords="axes fraction", va="top", fontsize=7.5)
    return figure


# ------------------------------------------------------------------------------------------------------------ experiment 3


def by_budget(study: Study) -> Figure | None:
    """Accuracy on REAL test images against the number of images: a classifier a row, without and with augmentation.

    Bands are a standard deviation over seeds. An arrow along the level of all FAKE images shows how many REAL ones they are worth.
    """
    groups = study.e3_accuracies
    if not groups:
        return None
    figure, axes = plt.subplots(len(groups), 2, figsize=(8, 0.6 + 2.9 * len(groups)), squeeze=False, sharex=True, sharey="row")
    labels = []
    for row, (architecture, scores) in zip(axes, groups.items(), strict=True):
        means, deviations = scores.mean(), scores.std().fillna(0)
        for panel, is_augmented in zip(row, (False, True), strict=True):
            ends = {}
            for arm in ARMS:
                if arm.augmented != is_augmented or arm.name not in means:
                    continue
                mean, deviation = means[arm.name].sort_index(), deviations[arm.name].sort_index()
                colour = COLOURS[arm.counts] if len(arm.sources) == 1 else MIXED
                panel.plot(mean.index, mean, color=colour, linestyle=arm.line, marker="o", markersize=3, linewidth=1.5)
                panel.fill_between(mean.index, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0)
                dashes = "- - " if arm.line == "--" else ""
                ends[dashes + arm.name.replace(" + augmentation", "")] = (mean.index[-1], mean.iloc[-1], colour)
            _exchange_arrow(panel, scores, is_augmented)
            panel.set_xscale("log")
            panel.set_xticks(list(protocol.BUDGETS), [f"{size:,}".replace(",000", "k") for size in protocol.BUDGETS], minor=False)
            panel.minorticks_off()
            panel.set_title(f"{architecture}, {'with' if is_augmented else 'without'} augmentation")
            panel.margins(x=0.03)
            labels.append((panel, ends))
        row[0].set_ylabel("accuracy on REAL")
    for panel in axes[-1]:
        panel.set_xlabel("number of REAL images (orange: of FAKE images)")
    head(figure, _exchange(groups))
    # Once all panels are drawn, because the range of accuracies that a row shares says how far apart the names stand.
    for panel, ends in labels:
        _label_ends(panel, ends)
    return figure


def _exchange(groups: dict[str, pd.DataFrame]) -> str:
    """What all FAKE images alone are worth to each classifier, in a line."""
    found, number = [], 0
    for architecture, scores in groups.items():
        number = max(worth.sizes(scores, "FAKE"), default=0)
        if value := worth.worth(scores, ("FAKE", number)):
            found.append(f"{sentences.about(value)} ({architecture})")
    return f"Without augmentation, {number:,} FAKE are worth {', '.join(found)} REAL" if found else ""


def _exchange_arrow(panel: Axes, scores: pd.DataFrame, is_augmented: bool) -> None:
    """From all FAKE images at their level to the REAL curve, with the number of REAL images that they are worth."""
    ending = " + augmentation" if is_augmented else ""
    number = max(worth.sizes(scores, f"FAKE{ending}"), default=0)
    value = worth.worth(scores, (f"FAKE{ending}", number), f"REAL{ending}")
    if value is None or value.above or value.below:
        return
    level = scores[f"FAKE{ending}", number].mean()
    panel.annotate("", (value.images, level), (number, level), arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 0.8})
    text = f"{number:,} FAKE are\nworth {sentences.about(value)} REAL"
    # Right of the REAL curve, which rises, and above FAKE's, nothing is drawn.
    note(panel, text, (number, level), (0, 3), ha="right", va="bottom", fontsize=7, linespacing=1)


def _label_ends(panel: Axes, ends: dict[str, tuple[float, float, str]]) -> None:
    """Name the lines right of the panel, (x, y, colour) of their ends by name; close names are set apart."""
    names = sorted(ends, key=lambda name: ends[name][1])
    heights = {name: ends[name][1] for name in names}
    least = 0.065 * np.ptp(panel.get_ylim())
    for _, (lower, upper) in itertools.product(range(100), itertools.pairwise(names)):
        push = max(0, least - heights[upper] + heights[lower]) / 2
        heights[lower], heights[upper] = heights[lower] - push, heights[upper] + push
    for name, (_, _, colour) in ends.items():
        where = {"xycoords": ("axes fraction", "data"), "annotation_clip": False, "va": "center", "fontsize": 7.5}
        panel.annotate(name, (1.02, heights[name]), color=colour, **where)
