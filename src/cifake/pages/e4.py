"""Experiment 4's figures and tables: what sets FAKE images apart from REAL ones."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from cifake import protocol
from cifake.pages import style
from cifake.pages.page import Page, mean_and_deviation, signed
from cifake.pages.study import Study
from cifake.pages.style import COLOURS, INK
from cifake.results import coverage as coverage_of
from cifake.results import records

LEAST_CLASSES = 5  # for a rank correlation over them


def looks_at(images: np.ndarray, heat: np.ndarray, words: list[str], lines: list[int], title: str) -> Figure:
    """Images above the same under their heat, uint8 [n, 32, 32, 3] and float32 [n, 32, 32]; `lines`: how many stand in each line."""
    rows, columns = 2 * max(1, len(lines)), max(lines, default=1)
    figure, axes = plt.subplots(rows, columns, figsize=(max(4, 1.33 * columns), 0.4 + 1.45 * rows), squeeze=False)
    style.without_axes(axes)
    places = [(line, column) for line, number in enumerate(lines) for column in range(number)]
    for (line, column), image, warmth, said in zip(places, images, heat, words, strict=True):
        axes[2 * line, column].imshow(image)
        axes[2 * line, column].set_title(said, fontsize=8, weight="normal", loc="center")
        axes[2 * line + 1, column].imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255)
        axes[2 * line + 1, column].imshow(warmth, cmap="inferno", vmin=0, vmax=1, alpha=0.6)
    style.head(figure, title)
    return figure


# ------------------------------------------------------------------------------------------------------------ REAL or FAKE?


def _tellers(study: Study) -> dict[str, pd.DataFrame]:
    """The classifiers that tell REAL from FAKE: their rows of the table of runs, a seed a row, by architecture."""
    rows = study.e4[study.e4["trained_on"] == protocol.REAL_OR_FAKE]
    return dict(iter(rows.groupby("architecture", observed=True, sort=False)))


def tell_apart(study: Study) -> Figure | None:
    """The share of REAL and of FAKE test images that is recognised as such, by object class: mean, and from lowest to highest seed."""
    groups = _tellers(study)
    if not groups:
        return None
    objects = list(next(iter(groups.values()))["record"].iloc[0]["by_object"])
    size = (style.WIDTH, 1.5 + 0.28 * len(objects))
    figure, axes = plt.subplots(1, len(groups), figsize=size, squeeze=False, sharex=True, sharey=True)
    for panel, (name, rows) in zip(axes[0], groups.items(), strict=True):
        for source, apart in (("REAL", -0.15), ("FAKE", 0.15)):
            values = pd.DataFrame([{shown: record["by_object"][shown][source] for shown in objects} for record in rows["record"]])
            heights = np.arange(len(objects)) + apart
            panel.hlines(heights, values.min(), values.max(), color=COLOURS[source], linewidth=2.5, alpha=0.35)
            panel.scatter(values.mean(), heights, color=COLOURS[source], s=14, linewidths=0)
        panel.axvline(0.5, color=INK, linestyle=":")
        panel.set_title(f"{name}: {100 * rows['accuracy'].mean():.1f}%")
        panel.set_yticks(range(len(objects)), objects)
        panel.set_xlabel("recognised")
        panel.grid(axis="y", visible=False)
    axes[0, 0].invert_yaxis()
    style.in_percent(axes[0, 0].xaxis)
    handles = [Line2D([], [], color=COLOURS[source], marker="o", linestyle="", label=style.NAMES[source]) for source in protocol.SOURCES]
    handles.append(Line2D([], [], color=INK, linestyle=":", label="guessing"))
    best = max(groups, key=lambda name: groups[name]["accuracy"].mean())
    finding = f"REAL or FAKE? {best} is right for {100 * groups[best]['accuracy'].mean():.1f}% of the test images"
    style.head(figure, finding, handles, columns=3)
    return figure


def tell_apart_table(study: Study) -> pd.DataFrame:
    """How well each classifier tells REAL from FAKE, a classifier a column."""
    columns = {}
    for name, rows in _tellers(study).items():
        recalls = pd.DataFrame([{name: part["recall"] for name, part in record["scores"]["by_class"].items()} for record in rows["record"]])
        first = rows.iloc[0]
        columns[name] = {
            "accuracy over seeds": mean_and_deviation(rows["accuracy"]),
            "seeds": str(len(rows)),
            "area under the ROC curve": mean_and_deviation(rows["auc"]),
            "test images that were trained on": f"{first['test_images_trained_on']:,.0f}",
            "accuracy without those": mean_and_deviation(rows["accuracy_without_them"]),
            **{f"{source} images recognised": mean_and_deviation(recalls[source]) for source in recalls},
        }
        if first["is_cifake"]:
            columns[name]["published (Bird & Lotfi, 2023), another network"] = f"{protocol.PUBLISHED_REAL_OR_FAKE:.4f}"
    for name, found in study.findings.get("detection", {}).get("classifiers", {}).items():
        columns[f"{name} on DCT"] = {"accuracy over seeds": f"{found['accuracy']:.3f}", "area under the ROC curve": f"{found['auc']:.3f}"}
    return pd.DataFrame(columns).fillna("")


# ------------------------------------------------------------------------------------------------- coverage, colour and texture


def _dropped(on_fake: dict, on_real: dict) -> pd.Series:
    """By how much a FAKE classifier's recall drops from FAKE to REAL, by class."""
    fake, real = (pd.DataFrame(record["scores"]["by_class"]).loc["recall"] for record in (on_fake, on_real))
    return fake - real


def coverage(study: Study) -> Figure | None:
    """What the best FAKE classifiers' recall drops by on REAL, against how well FAKE images cover the REAL ones, a class a point."""
    found = study.findings.get("coverage", {})
    if len(found) < LEAST_CLASSES or not study.best_on_real:
        return None
    covered = pd.Series({name: values["FAKE"]["coverage"] for name, values in found.items()})
    pairs = study.best_on_real
    figure, axes = plt.subplots(len(pairs), 1, figsize=(style.WIDTH, 0.6 + 2.6 * len(pairs)), squeeze=False, sharex=True)
    for panel, (on_fake, on_real) in zip(axes[:, 0], pairs, strict=True):
        drops = _dropped(on_fake, on_real)[covered.index]
        panel.scatter(covered, drops, color=COLOURS["FAKE"], s=22)
        for label in covered.index:
            panel.annotate(label, (covered[label], drops[label]), (0, 5), textcoords="offset points", ha="center", fontsize=8)
        rho, low, high = coverage_of.rank_correlation(covered, drops)
        panel.set_title(f"{records.name_of(on_fake)}: rank correlation {rho:+.2f} [{low:+.2f} to {high:+.2f}]")
        panel.set_ylabel("drop in recall")
        panel.margins(x=0.12, y=0.12)
    axes[-1, 0].set_xlabel("coverage of REAL test images by FAKE ones")
    style.head(figure, f"FAKE images cover {covered.mean():.2f} of the REAL test images: {covered.idxmin()} least, {covered.idxmax()} most")
    return figure


def coverage_table(study: Study) -> pd.DataFrame:
    """Precision, recall, density and coverage of FAKE test images by class; in parentheses those of REAL training images."""
    found = study.findings.get("coverage", {})
    if not found:
        return pd.DataFrame()
    parts = {source: pd.DataFrame({name: values[source] for name, values in found.items()}).T for source in protocol.SOURCES}
    parts = {source: pd.concat([part, part.mean().to_frame("mean").T]) for source, part in parts.items()}
    table = parts["FAKE"].map("{:.2f}".format) + parts["REAL"].map(" ({:.2f})".format)
    for on_fake, on_real in study.best_on_real:
        drops, name = _dropped(on_fake, on_real), records.name_of(on_fake)
        table[f"{name} drops by"] = pd.concat([drops, pd.Series({"mean": drops.mean()})]).map("{:+.2f}".format)
        if len(found) >= LEAST_CLASSES:
            table.loc[f"rank correlation with {name}'s drop"] = parts["FAKE"].corrwith(drops, method="spearman").map("{:+.2f}".format)
    return table.fillna("")


def spectrum(study: Study) -> Figure | None:
    """FAKE's mean power divided by REAL's, by spatial frequency; the band reaches from the lowest to the highest class."""
    if "appearance" not in study.findings:
        return None
    real, fake = (pd.DataFrame(study.findings["appearance"][source]["power"]).iloc[1:] for source in protocol.SOURCES)
    ratio, mean = fake / real, (fake / real).mean(axis=1)
    figure, panel = plt.subplots(figsize=(style.WIDTH, 3))
    panel.fill_between(ratio.index, ratio.min(axis=1), ratio.max(axis=1), color=COLOURS["FAKE"], alpha=0.2, linewidth=0)
    panel.plot(mean.index, mean, color=COLOURS["FAKE"], marker="o", markersize=3)
    panel.axhline(1, color=INK, linestyle=":")
    panel.set_xscale("log", base=2)
    panel.set_yscale("log", base=2)
    panel.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    panel.yaxis.set_major_formatter("{x:g}")
    panel.set(xlabel="spatial frequency (cycles per image width)", ylabel="power of FAKE / power of REAL")
    finding = f"FAKE images have {mean.iloc[0]:.2f} times REAL's power at 1 cycle and {mean.iloc[-1]:.2f} times at {mean.index[-1]}"
    style.head(figure, finding)
    return figure


def colours_table(study: Study) -> pd.DataFrame:
    """Mean ± standard deviation of the colour channels over all pixels, a source a row."""
    rows = {
        source: [f"{mean:.1f} ± {deviation:.1f}" for mean, deviation in zip(*values["colours"], strict=True)]
        for source, values in study.findings.get("appearance", {}).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["red", "green", "blue"])


def changed_table(study: Study) -> pd.DataFrame:
    """Accuracy on REAL of classifiers that learned from changed FAKE images, beside unchanged ones and REAL; all of the same seeds."""
    rows, compared = {}, {}
    changed = study.e4[study.e4["trained_on"] != protocol.REAL_OR_FAKE]
    for (name, architecture), members in changed.groupby(["trained_on", "architecture"], observed=True, sort=False):
        scores = members.set_index("seed")["accuracy"]
        change = (scores - study.accuracies(architecture, "FAKE", "REAL")).dropna()
        if len(change):
            cells = {"accuracy on REAL": mean_and_deviation(scores), "change": signed(change), "seeds": str(len(change))}
            rows[f"{name} {architecture}"] = cells
            compared.setdefault(architecture, set()).update(scores.index)
    for architecture, seeds in compared.items():
        for source in protocol.SOURCES[::-1]:
            scores = study.accuracies(architecture, source, "REAL")
            scores = scores[scores.index.isin(seeds)]
            rows[f"{source} {architecture}"] = {"accuracy on REAL": mean_and_deviation(scores), "seeds": str(len(scores))}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


# ---------------------------------------------------------------------------------------------------- labels and the last layers


def labels_table(study: Study) -> pd.DataFrame:
    """How many images a REAL classifier mistakes for another class, with a 95 % interval by Wilson's method: of REAL and of FAKE."""
    table = {}
    for source, values in study.findings.get("labels", {}).items():
        images, wrong = values["images"], values["another_class"]
        interval = stats.binomtest(round(wrong * images), images).proportion_ci(protocol.CONFIDENCE, method="wilson")
        shares = {f"all, with a probability from {protocol.SURE}": values["another_class_and_sure"], **values["by_class"]}
        table[source] = {"all": f"{100 * wrong:.1f}% [{100 * interval.low:.1f} to {100 * interval.high:.1f}]"}
        table[source] |= {name: f"{100 * share:.1f}%" for name, share in shares.items()}
    return pd.DataFrame(table)


PAGES = (
    Page(
        tell_apart,
        "REAL_or_FAKE.png",
        "The share of photographs and of generated images that each classifier recognises as such, by what they show: mean over seeds, and "
        "from the lowest to the highest.",
        "For each class, a dot for photographs and one for generated images; the table has the numbers.",
    ),
    Page(
        tell_apart_table,
        "REAL_or_FAKE_table.txt",
        "REAL or FAKE? ± is the standard deviation over seeds. On DCT: classifiers without a network, which see 192 numbers of an "
        "image alone, the log mean size of each coefficient over its 8x8 blocks in Y, Cb and Cr; luma alone: 64 of them.",
    ),
    Page(
        coverage,
        "coverage.png",
        "What the best FAKE classifiers drop by on REAL test images against how well FAKE images cover them.",
        "One point for each class, and the rank correlation of the two; the table has the numbers.",
    ),
    Page(
        coverage_table,
        "coverage_table.txt",
        "How well FAKE test images match the REAL ones, by their nearest neighbours in VGG16's features; in parentheses the same for "
        "REAL training images. Precision: the share of FAKE images among REAL ones; recall: of REAL images among FAKE ones; density "
        "and coverage: the same, less swayed by outliers. What FAKE classifiers drop by: the share of a class that they recognise on "
        "FAKE, minus that on REAL; below, the rank correlation of each measure with it, over the classes.",
    ),
    Page(
        spectrum,
        "spectrum.png",
        "Power of the luminance by spatial frequency, FAKE's divided by REAL's; the band: from the lowest to the highest class.",
        "A curve of the ratio of powers by spatial frequency; a dotted line where both are equal.",
    ),
    Page(colours_table, "colours_table.txt", "Mean ± standard deviation of the colour channels over all pixels, from 0 to 255."),
    Page(
        changed_table,
        "changed_table.txt",
        "Is it colour or texture? Trained on FAKE images that were brought to REAL's colours or spectrum, tested on REAL. Changes are "
        "against FAKE as it is, seed by seed, with a 95 % interval by Student's t. All rows are of the same seeds.",
    ),
    Page(
        labels_table, "labels_table.txt", "How many test images the best REAL classifier mistakes for another class, by source and class."
    ),
)

GRAD_CAM = "Grad-CAM: the brighter a place, the more it speaks for"
PICTURES = {  # that experiment 4's findings draw themselves, from images and models, and that the report shows: name -> caption
    "labels": "FAKE images that the classifier trained on REAL mistakes for another class and is surest of.",
    "Grad-CAM REAL or FAKE LeNet": f"{GRAD_CAM} LeNet's answer, REAL or FAKE.",
    "Grad-CAM FAKE LeNet": f"{GRAD_CAM} the class that FAKE LeNet mistakes the REAL image for.",
}


def ready(study: Study) -> pd.DataFrame:
    """Scores of the classifiers that come with the study: LeNet's plain runs. models/ready/README.md shows it."""
    rows = study.runs[study.runs["is_plain"] & (study.runs["architecture"] == "LeNet") & (study.runs["experiment"] != "E3")]
    rows = rows[rows["trained_on"].isin((*protocol.SOURCES, protocol.REAL_OR_FAKE))]
    cells = [f"{row.accuracy:.3f} [{row.accuracy_low:.3f} to {row.accuracy_high:.3f}]" for row in rows.itertuples()]
    table = rows.assign(cell=cells).pivot(index="trained_on", columns="tested_on", values="cell")
    names = {"REAL": "test photographs", "FAKE": "generated test images", protocol.REAL_OR_FAKE: "both"}
    return table.rename(index="{} LeNet".format, columns=names)[list(names.values())].astype(object).fillna("").rename_axis(index=None)


README = {"ready": ready}  # as in e2.py
