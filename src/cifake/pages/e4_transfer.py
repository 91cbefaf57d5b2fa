"""Experiment 4, from FAKE to REAL: tables and figure of decisions, features, last layers and calibration, seed by seed."""

import itertools
from collections.abc import Iterable, Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cifake import protocol
from cifake.models.architectures import OF_EXPERIMENT_1
from cifake.pages import style
from cifake.pages.page import Page, mean_and_deviation, seeds_of, signed
from cifake.pages.study import Study
from cifake.pages.style import COLOURS, INK

FEWEST_IN_BIN = 20  # images, for a point of a reliability diagram
NORMALISED = "normalised_by_photographs"  # as experiment 3's records have it
CALIBRATION = {"accuracy": "accuracy", "mean confidence": "confidence", "expected calibration error": "error"}


def _by_seed(study: Study, title: str) -> Iterator[tuple[str, dict[int, dict]]]:
    """What was measured with a title, by architecture: its name, and what was found by seed."""
    for name in OF_EXPERIMENT_1:
        if seeds := study.findings_of_seeds.get(f"{title}_{name}"):
            yield name, seeds


def _over_seeds(values: Iterable[int]) -> dict[str, str]:
    return {"seeds": seeds_of(values).split(" ", 1)[1]}


def calibration(study: Study) -> Figure | None:
    """Accuracy against confidence of FAKE and REAL classifiers on the test images of both sources, a line for each seed."""
    found = dict(_by_seed(study, "calibration"))
    if not found:
        return None
    names = [(name, source) for name in found for source in protocol.SOURCES[::-1]]
    size = (style.WIDTH, 1.1 + 2.2 * len(found))
    figure, axes = plt.subplots(len(found), 2, figsize=size, squeeze=False, sharex=True, sharey=True)
    on_real = {source: [] for source in protocol.SOURCES}  # errors there, by what was trained on
    for panel, (name, trained_on) in zip(axes.flat, names, strict=True):
        panel.plot([0, 1], [0, 1], color=INK, linestyle=":")
        errors = {source: [] for source in protocol.SOURCES}
        for values in found[name].values():
            for source, measured in values[trained_on].items():
                bins = np.array([row for row in measured["bins"] if row[0] >= FEWEST_IN_BIN]).reshape(-1, 3)
                panel.plot(bins[:, 1], bins[:, 2], color=COLOURS[source], marker="o", markersize=2.5, linewidth=1)
                errors[source].append(measured["error"])
        words = [f"{source} {np.mean(values):.3f}" for source, values in errors.items()]
        panel.set_title(f"{name}, trained on {trained_on}\nerror on {', on '.join(words)}", fontsize=8)
        on_real[trained_on] += errors["REAL"]
        style.in_percent(panel.xaxis)
        style.in_percent(panel.yaxis)
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1])
    for panel in axes[-1]:
        panel.set_xlabel("confidence")
    for panel in axes[:, 0]:
        panel.set_ylabel("accuracy")
    handles = [Line2D([], [], color=COLOURS[source], marker="o", label=f"tested on {style.NAMES[source]}") for source in protocol.SOURCES]
    fake, real = (np.mean(on_real[source]) for source in ("FAKE", "REAL"))
    finding = f"On photographs, confidence is off by {fake:.2f} for classifiers trained on FAKE and by {real:.2f} for those trained on REAL"
    style.head(figure, finding, handles)
    return figure


def calibration_table(study: Study) -> pd.DataFrame:
    """Accuracy, mean confidence and expected calibration error by classifier and test images, over seeds."""
    rows = {}
    for name, seeds in _by_seed(study, "calibration"):
        for trained_on, tested_on in itertools.product(protocol.SOURCES[::-1], repeat=2):
            values = pd.DataFrame([found[trained_on][tested_on] for found in seeds.values()])
            cells = {column: mean_and_deviation(values[key]) for column, key in CALIBRATION.items()}
            rows[f"{trained_on} {name} on {tested_on}"] = cells | _over_seeds(seeds)
    return pd.DataFrame.from_dict(rows, orient="index")


def offsets_table(study: Study) -> pd.DataFrame:
    """Accuracy on REAL before and after offsets that make a classifier answer all classes equally often, over seeds."""
    rows = {}
    for name, seeds in _by_seed(study, "offsets"):
        for source in protocol.SOURCES[::-1]:
            before, after = (pd.Series([found[source][key] for found in seeds.values()]) for key in ("accuracy", "accuracy_with_offsets"))
            cells = {"as it is": mean_and_deviation(before), "with offsets": mean_and_deviation(after), "change": signed(after - before)}
            rows[f"{source} {name}"] = cells | _over_seeds(seeds)
    return pd.DataFrame.from_dict(rows, orient="index")


def statistics_table(study: Study) -> pd.DataFrame:
    """Accuracy on REAL of experiment 3's FAKE classifiers with batch normalisation, by whose statistics they normalise, over seeds."""
    rows = {}
    for name, runs in study.e3.items():
        runs = runs[[NORMALISED in record for record in runs["record"]]]
        for (arm, images), members in runs.groupby(["trained_on", "images"], observed=True):
            before, after = members["accuracy"], pd.Series([record[NORMALISED]["accuracy"] for record in members["record"]], members.index)
            cells = {"by FAKE": mean_and_deviation(before), "by photographs": mean_and_deviation(after), "change": signed(after - before)}
            rows[f"{name}, {images:,} {arm}"] = cells | _over_seeds(members["seed"])
    return pd.DataFrame.from_dict(rows, orient="index")


def linear_table(study: Study) -> pd.DataFrame:
    """Accuracy on REAL of linear heads on hidden features, by number of photographs: over seeds, or of one seed, over its draws."""
    rows = {}
    for name, seeds in _by_seed(study, "linear_heads"):
        for source in next(iter(seeds.values())):
            draws = {size: pd.DataFrame([found[source][size] for found in seeds.values()]).T for size in next(iter(seeds.values()))[source]}
            cells = {f"{int(size):,} photographs": values[0] if len(seeds) == 1 else values.mean() for size, values in draws.items()}
            rows[f"{name}, features of {source}"] = {column: mean_and_deviation(values) for column, values in cells.items()} | _over_seeds(
                seeds
            )
    return pd.DataFrame.from_dict(rows, orient="index")


def last_layers_table(study: Study) -> pd.DataFrame:
    """Accuracy on REAL with dense layers that were trained on photographs behind frozen convolutions; and FAKE's minus REAL's."""
    rows = {}
    for name, seeds in _by_seed(study, "last_layers"):
        values = {way: pd.DataFrame([found[way] for found in seeds.values()]) for way in next(iter(seeds.values()))}
        for way, scores in values.items():
            source, start = way.split(", ")
            rows[f"{name}: convolutions of {source}, dense layers {start}"] = scores.apply(mean_and_deviation).to_dict() | _over_seeds(
                seeds
            )
        for start in ("new", "trained on"):
            rows[f"FAKE minus REAL, {start}"] = (values[f"FAKE, {start}"] - values[f"REAL, {start}"]).apply(signed).to_dict()
    table = pd.DataFrame.from_dict(rows, orient="index").fillna("")
    return table.rename(columns={size: f"{int(size):,} photographs" for size in table if size != "seeds"})


PAGES = (
    Page(
        offsets_table,
        "offsets_table.txt",
        "Are the decisions at fault? Accuracy on REAL, as it is and with an offset for each class, fitted to unlabelled photographs so "
        "that all classes are answered equally often there. ± is the standard deviation over seeds.",
    ),
    Page(
        statistics_table,
        "statistics_table.txt",
        "Or what batch normalisation subtracts and divides by? Accuracy on REAL of experiment 3's classifiers that learned from FAKE "
        "alone, with the statistics of those images, and with those of 5,000 unlabelled photographs. ± is the standard deviation over "
        "seeds.",
    ),
    Page(
        linear_table,
        "linear_table.txt",
        "Or the features? Accuracy on REAL of a logistic regression that is fitted to photographs, on the hidden layer of a classifier "
        "that was trained on FAKE, on REAL, or not at all (random; VGG16's convolutions are ImageNet's in all three). ± is the standard "
        "deviation over seeds; of one seed, over five draws of photographs.",
    ),
    Page(
        last_layers_table,
        "last_layers_table.txt",
        "Or the last layers? Accuracy on REAL of LeNet with dense layers trained on photographs, behind convolutions that stay as they "
        "are: random, or as trained on REAL or FAKE. ± is the standard deviation over seeds, of the draw of photographs and the new "
        "weights; the difference has a 95 % interval by Student's t.",
    ),
    Page(
        calibration,
        "calibration.png",
        "Reliability: accuracy of answers by confidence, in bins of equal width with at least "
        f"{FEWEST_IN_BIN} images; a line for each seed. Above each panel the expected calibration error.",
        "A panel for each classifier, with a line for photographs and one for generated images; the table has the numbers.",
    ),
    Page(
        calibration_table,
        "calibration_table.txt",
        "How sure are they? Expected calibration error: the mean distance of confidence and accuracy in 15 bins of confidence. ± is the "
        "standard deviation over seeds.",
    ),
)
