"""Experiment 1's figures and tables: each classifier, trained and tested on the same source. And the two figures of a single run."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from sklearn.metrics import ConfusionMatrixDisplay

from cifake import protocol
from cifake.data import decoding, metadata
from cifake.pages import style
from cifake.pages.page import APPENDIX, Page, mean_and_deviation, seeds_of
from cifake.pages.study import Study
from cifake.pages.style import COLOURS, INK, MIXED
from cifake.results import histories as history_files
from cifake.results import records
from cifake.results.table import CLASSIFIER, IMAGENET_WEIGHTS
from cifake.system.paths import Folders

AVERAGES = {"accuracy": "Accuracy", "macro_f1": "Macro_Avg", "weighted_f1": "Weighted_Avg"}
MISTAKES = 20  # in a gallery
EXAMPLES = "examples.png"  # in E1_visualisations; drawn from images, so it is no page of the runs

# ------------------------------------------------------------------------------------------------------------------ the images


def examples(folders: Folders) -> Figure | None:
    """Two photographs over two generated images of each class, drawn with the study's seed from the test images, if these are there."""
    classes, random = metadata.class_names(folders), np.random.default_rng(protocol.SEED)
    figure, axes = plt.subplots(4, len(classes), figsize=(style.WIDTH, 0.3 + 4.3 * style.WIDTH / len(classes)), squeeze=False)
    style.without_axes(axes)
    for first, source in ((0, "REAL"), (2, "FAKE")):
        if not folders.split(source, "test").is_dir():
            plt.close(figure)
            return None
        rows = metadata.rows_of(folders, source, "test", classes)
        for number, (label, column) in enumerate(zip(classes, axes.T, strict=True), start=1):
            members = [row for row in rows if row.number == number]
            for panel, place in zip(column[first : first + 2], random.permutation(len(members))[:2], strict=False):
                content = (folders.split(source, "test") / members[place].filename).read_bytes()
                panel.imshow(decoding.decode_image(content)[0], interpolation="nearest")
            axes[0, number - 1].set_title(textwrap.shorten(label, 10, placeholder="…"), fontsize=6.5, weight="normal", loc="center")
    style.head(figure, "Photographs (two upper rows) and generated images (two lower rows)")
    return figure


# --------------------------------------------------------------------------------------------------------------- a single run


def history(record: dict, table: pd.DataFrame) -> Figure:
    """One classifier's loss beside its accuracy; `table` has an epoch a row."""
    figure, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 2.6))
    colour, best = COLOURS.get(record["source"], MIXED), record["training"]["best_epoch"]
    for panel, measure, unit in zip(axes, ("loss", "accuracy"), ("cross-entropy, nats", "share of images"), strict=True):
        for column, name, alpha in ((measure, "training", 0.45), (f"val_{measure}", "validation", 1)):
            panel.plot(table.index, table[column], marker="o", markersize=2.5, color=colour, alpha=alpha, label=name)
        panel.axvline(best, color=INK, linewidth=0.8, linestyle=":", label=f"best epoch: {best}")
        panel.set(title=measure, ylabel=unit)
        style.in_epochs(panel)
    style.head(figure, records.name_of(record), axes[0].get_legend_handles_labels()[0], columns=3)
    return figure


def mistakes(record: dict, by_image: pd.DataFrame, pixels: np.ndarray, number: int = MISTAKES, columns: int = 4) -> Figure:
    """A gallery of the most confident mistakes; `by_image` as scores.predictions gives it, `pixels` uint8 [n, 32, 32, 3]."""
    wrong = by_image.reset_index(drop=True).query("label != predicted")
    worst = wrong.sort_values("probability_of_predicted", ascending=False, kind="stable").head(number)
    width, lines = columns * style.WIDTH / 4, max(1, -(-len(worst) // columns))
    figure, axes = plt.subplots(lines, columns, figsize=(width, 0.6 + 1.5 * lines), squeeze=False)
    style.without_axes(axes)
    for panel, (row, image) in zip(axes.flat, worst.iterrows(), strict=False):
        panel.imshow(pixels[row])
        sure = np.floor(100 * image["probability_of_predicted"])  # rounded down: none below 1 is 100%
        words = textwrap.fill(f"{image['label']} → {image['predicted']}", 22) + f"\n{sure:.0f}% sure"
        panel.set_title(words, fontsize=7.5, weight="normal", loc="center")
    shown = f"The {len(worst)} surest of {len(wrong):,} mistakes" if len(wrong) > number else f"All {len(wrong)} mistakes"
    style.head(figure, f"{shown} of {records.name_of(record)} on {record['test']['source']}: true class → answer")
    return figure


# ------------------------------------------------------------------------------------------------------- all runs of a classifier


def confusions(members: list[pd.DataFrame]) -> Figure | None:
    """A confusion matrix for each classifier, from the rows of its seeds: of 100 images of a true class (a row), how many get which answer.

    Below each matrix stands the share of each class in all answers.
    """
    members = [rows for rows in members if len(rows)]
    if not members:
        return None
    classes = members[0]["record"].iloc[0]["classes"]
    number, longest = len(classes), max(10, *map(len, classes))  # letters, as CIFAKE's automobile: longer names need more room
    size = (style.WIDTH - 1.05 + 0.075 * longest, len(members) * (1.35 + 0.06 * longest + 0.24 * number))
    figure = plt.figure(figsize=size)
    for part, rows in zip(np.atleast_1d(figure.subfigures(len(members))), members, strict=True):
        first, matrix = rows.iloc[0], sum(np.array(record["scores"]["confusion_matrix"]) for record in rows["record"])
        shares = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        answers = 100 * matrix.sum(0) / matrix.sum()
        above, below = part.subplots(2, 1, height_ratios=[number, 1], sharex=True)
        shades = "Blues" if first["tested_on"] == "REAL" else "Oranges"
        display = ConfusionMatrixDisplay(shares, display_labels=classes)
        display.plot(ax=above, cmap=shades, values_format=".0f", colorbar=False, text_kw={"fontsize": 8}, im_kw={"aspect": "auto"})
        below.imshow(answers[None], cmap="Greys", vmin=0, vmax=100, aspect="auto")
        for place, share in enumerate(answers):
            below.text(place, 0, f"{share:.0f}", ha="center", va="center", fontsize=8)
        above.set_title(f"{first['trained_on']} {first['architecture']} on {first['tested_on']}: {_finding(shares, answers, classes)}")
        above.set(xlabel="", ylabel="true class")
        below.set_yticks([0], ["all answers"])
        below.set_xlabel("answer")
        below.set_xticks(range(number), classes, rotation=45, ha="right", rotation_mode="anchor")
        for panel in (above, below):
            panel.grid(visible=False)
            panel.spines[:].set_visible(False)
            panel.tick_params(length=0, labelbottom=panel is below)
    return figure


def _finding(shares: np.ndarray, answers: np.ndarray, classes: list[str]) -> str:
    """What stands out in a confusion matrix: answers that are much too many, or else the most frequent mistake."""
    if answers.max() > 1.5 * 100 / len(classes):
        most, least = answers.argmax(), answers.argmin()
        return f"{answers[most]:.0f}% of answers are {classes[most]}, {answers[least]:.0f}% {classes[least]}"
    wrong = shares * (1 - np.eye(len(classes)))
    true, answer = np.unravel_index(wrong.argmax(), wrong.shape)
    return f"mistakes {wrong.max():.0f}% of {classes[true]} for {classes[answer]}"


def learning_curves(study: Study) -> Figure | None:
    """Validation accuracy by epoch, a panel for each classifier: ours, with a band from the lowest to the highest seed, and published."""
    names = study.architectures
    figure, axes = plt.subplots(len(names), 2, figsize=(style.WIDTH, 1 + 1.6 * len(names)), squeeze=False, sharex=True, sharey="row")
    apart = []
    for line, architecture in zip(axes, names, strict=True):
        for panel, source in zip(line, protocol.SOURCES, strict=True):
            panel.set_title(f"{source} {architecture}", color=COLOURS[source])
            ours = study.histories(architecture, source)
            if ours is None:
                continue
            values, theirs = ours["val_accuracy"], history_files.published(architecture, source)["val_accuracy"]
            panel.fill_between(values.index, values.min(axis=1), values.max(axis=1), color=COLOURS[source], alpha=0.25, linewidth=0)
            panel.plot(values.index, values.mean(axis=1), color=COLOURS[source])
            if study.described["is_cifake"].all():
                panel.plot(theirs.index, theirs, color=INK, linestyle="--")
                apart += list((values.mean(axis=1) - theirs).abs().dropna())
    for panel in axes[-1]:
        style.in_epochs(panel)
    for panel in axes[:, 0]:
        panel.set_ylabel("validation accuracy")
    handles = [Line2D([], [], color=COLOURS[source], label=f"trained on {style.NAMES[source]}") for source in protocol.SOURCES]
    finding = "Validation accuracy by epoch"
    if apart:
        handles += [Line2D([], [], color=INK, linestyle="--", label="published")]
        finding = f"The published validation accuracies are {100 * np.mean(apart):.1f} points from ours on average"
    style.head(figure, finding, [*handles, Patch(color=INK, alpha=0.25, linewidth=0, label="lowest to highest seed")])
    return figure


# --------------------------------------------------------------------------------------------------------------------- tables


def metrics(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy, averages of F1, epochs and F1 by class, a line each; a classifier a column, so that all is in sight on a page."""
    if rows.empty:
        return rows
    classes = {name: name[3:4].upper() + name[4:] for name in rows.columns if name.startswith("f1_") and rows[name].notna().any()}
    groups = rows.groupby(CLASSIFIER, observed=True, sort=False)
    table = groups[[*AVERAGES, *classes]].agg(mean_and_deviation).rename(columns=AVERAGES | classes)
    more = {"Epochs": groups["epochs"].mean().map("{:.3g}".format), "Seeds": groups["seed"].agg(lambda seeds: seeds_of(seeds)[5:].strip())}
    for place, (name, values) in enumerate(more.items(), start=len(AVERAGES)):
        table.insert(place, name, values, allow_duplicates=True)  # a class may have this name, too
    return table.set_axis(names_of(rows.drop_duplicates(CLASSIFIER))).T


def names_of(rows: pd.DataFrame) -> list[str]:
    """The classifiers; with their weights and precision if these are not the study's."""
    names = []
    for row in rows.itertuples():
        weights = row.weights if isinstance(row.weights, str) else IMAGENET_WEIGHTS
        unusual = [text for text, usual in ((weights, IMAGENET_WEIGHTS), (row.precision, "float32")) if text != usual]
        names.append(f"{row.trained_on} {row.architecture}" + (f" ({', '.join(unusual)})" if unusual else ""))
    return names


def several(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.groupby(CLASSIFIER, observed=True)["seed"].transform("nunique") > 1]


def leak(study: Study) -> pd.DataFrame:
    """Scores with and without the test images that a classifier was trained on, a classifier a column."""
    rows = study.plain.query("experiment == 'E1'").dropna(subset="test_images_trained_on")
    table = pd.DataFrame({"Test images": rows["test_images"].map("{:,}".format)})
    table["of them trained on"] = rows["test_images_trained_on"].map("{:,.0f}".format)
    for name in ("accuracy", "macro_f1"):
        table[AVERAGES[name]] = rows[name].map("{:.4f}".format)
        table[f"{AVERAGES[name]} without them"] = rows[f"{name}_without_them"].map("{:.4f}".format)
    return table.set_axis(names_of(rows)).T


SHARES = "Of 100 images of each true class, how many get which answer, over all seeds; below, each class's share of all answers."

PAGES = (
    Page(
        lambda study: metrics(study.plain.query("experiment == 'E1'")),
        "all_metrics_table.txt",
        "Accuracy, averages of F1 (plain, and weighted by class size) and F1 by class, on the source that was trained on.",
    ),
    Page(
        lambda study: metrics(several(study.averaged.query("experiment == 'E1'"))),
        "seeds_metrics_table.txt",
        "Experiment 1 over seeds: mean ± standard deviation.",
    ),
    Page(
        lambda study, name: confusions([study.tested(name, source, source) for source in protocol.SOURCES]),
        "{name}_confusions.png",
        SHARES,
        "Two confusion matrices, of the classifier trained on photographs and of the one trained on generated images.",
        APPENDIX,
    ),
    Page(
        learning_curves,
        "learning_curves.png",
        "In colour: mean of our seeds. Dashed: the study that this one follows, MinaAlmasi/CIFAKE-image-classifiers (2023).",
        "Curves of validation accuracy by epoch, a panel for each classifier, the published ones over ours.",
        APPENDIX,
    ),
    Page(leak, "leak_table.txt", "Scores with and without test images that are byte for byte among the training images.", section=APPENDIX),
)
