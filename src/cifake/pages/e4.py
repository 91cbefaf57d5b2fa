"""Experiment 4's figures and tables: what sets FAKE images apart from REAL ones."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from cifake import protocol
from cifake.pages import e4_transfer, style
from cifake.pages.page import Page, mean_and_deviation, seeds_of, signed
from cifake.pages.study import Study
from cifake.pages.style import COLOURS, INK
from cifake.results import coverage as coverage_of

LEAST_CLASSES = 5  # for a rank correlation over them
VERDICTS = {"object": "the label's object", "other": "another object", "none": "nothing that can be made out"}


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


def sheet(images: np.ndarray, words: list[str]) -> Figure:
    """Images to look at, uint8 [n, 32, 32, 3], each with its words, twenty in a line."""
    columns = 20
    lines = -(-len(images) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(0.55 * columns, 0.8 * lines), squeeze=False)
    style.without_axes(axes)
    for panel, image, said in zip(axes.flat, images, words, strict=False):
        panel.imshow(image, interpolation="nearest")
        panel.set_title(said, fontsize=5, weight="normal", loc="left", pad=2)
    return figure


# ------------------------------------------------------------------------------------------------------------ REAL or FAKE?


def _tellers(study: Study) -> dict[str, pd.DataFrame]:
    """The classifiers that tell REAL from FAKE, images as they are: their rows of the table of runs, a seed a row, by architecture."""
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
    """How well each classifier tells REAL from FAKE, a row each: images as they are, then FAKE matched to REAL; last, no network."""
    lines, tellers = {}, study.e4[study.e4["trained_on"].str.startswith(protocol.REAL_OR_FAKE)]
    for (task, name), rows in tellers.groupby(["trained_on", "architecture"], observed=True, sort=False):
        recalls = pd.DataFrame([{name: part["recall"] for name, part in record["scores"]["by_class"].items()} for record in rows["record"]])
        lines[f"{name}{task.removeprefix(protocol.REAL_OR_FAKE)}"] = {
            "accuracy": mean_and_deviation(rows["accuracy"]),
            "area under the ROC curve": mean_and_deviation(rows["auc"]),
            "accuracy without test images that were trained on": mean_and_deviation(rows["accuracy_without_them"]),
            **{f"{source} recognised": mean_and_deviation(recalls[source]) for source in recalls},
            "seeds": seeds_of(rows["seed"]).split(" ", 1)[1],
        }
    if len(tellers) and tellers["is_cifake"].all():
        lines["published (Bird & Lotfi, 2023), another network"] = {"accuracy": f"{protocol.PUBLISHED_REAL_OR_FAKE:.4f}"}
    for title, finding in study.findings.items():
        matched = title.removeprefix("detection").replace("_matched", " matched").replace("_", ", ")
        for name, found in finding["classifiers"].items() if title.startswith("detection") else ():
            scores = {"accuracy": f"{found['accuracy']:.3f}", "area under the ROC curve": f"{found['auc']:.3f}"}
            lines[f"{name} on DCT{matched}"] = scores
    return pd.DataFrame.from_dict(lines, orient="index").fillna("")


# ------------------------------------------------------------------------------------------------- coverage, colour and texture


MEASURES = ("precision", "recall", "density", "coverage")
LOST = ("recall lost", "F1 lost", "share of answers")


def _lost(study: Study) -> dict[str, tuple[pd.DataFrame, list[int]]]:
    """What the best FAKE classifiers lose on REAL by class, and how often they answer it there: means over the seeds, which come along."""
    found = {}
    for name in study.best_on_fake:
        fake, real = (study.tested(name, "FAKE", source).set_index("seed")["record"] for source in protocol.SOURCES[::-1])
        if seeds := sorted(set(fake.index) & set(real.index)):
            frames = [_lost_by(fake[seed]["scores"], real[seed]["scores"]) for seed in seeds]
            found[f"FAKE {name}"] = sum(frames) / len(frames), seeds
    return found


def _lost_by(on_fake: dict, on_real: dict) -> pd.DataFrame:
    lost = pd.DataFrame(on_fake["by_class"]).T - pd.DataFrame(on_real["by_class"]).T
    answers = np.array(on_real["confusion_matrix"]).sum(0)
    return pd.DataFrame(dict(zip(LOST, (lost["recall"], lost["f1"], answers / answers.sum()), strict=True)))


def coverage(study: Study) -> Figure | None:
    """What the best FAKE classifiers lose on REAL, recall and F1, a class a line: those that FAKE images cover least come first."""
    found, lost = study.findings.get("coverage", {}), _lost(study)
    if len(found) < LEAST_CLASSES or not lost:
        return None
    covered = pd.Series({name: values["FAKE"]["coverage"] for name, values in found.items()}).sort_values(kind="stable")
    size = (style.WIDTH, 1.7 + 0.26 * len(covered))
    figure, axes = plt.subplots(1, len(lost), figsize=size, squeeze=False, sharex=True, sharey=True)
    looks = {"recall lost": {"color": COLOURS["FAKE"]}, "F1 lost": {"color": "white", "edgecolors": INK}}
    for panel, (name, (values, seeds)) in zip(axes[0], lost.items(), strict=True):
        words = [name, seeds_of(seeds)]
        for column, look in looks.items():
            panel.scatter(values.loc[covered.index, column], range(len(covered)), s=26, zorder=3, **look)
            rho, low, high = coverage_of.rank_correlation(covered, values.loc[covered.index, column])
            words.append(f"{column}: {rho:+.2f} [{low:+.2f} to {high:+.2f}]")
        panel.set_title("\n".join(words), fontsize=8)
        panel.set_yticks(range(len(covered)), [f"{label} {share:.2f}" for label, share in covered.items()])
        panel.set_xlabel("lost from FAKE to REAL")
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_ylabel("coverage by FAKE training images")
    handles = [
        Line2D([], [], linestyle="", marker="o", label=name, color=look.get("edgecolors", look["color"])) for name, look in looks.items()
    ]
    handles[1].set_markerfacecolor("white")
    style.head(
        figure, f"FAKE images cover {covered.mean():.2f} of the photographs: {covered.index[0]} least, {covered.index[-1]} most", handles
    )
    return figure


def coverage_table(study: Study) -> pd.DataFrame:
    """Precision, recall, density and coverage of FAKE training images by class, in parentheses of REAL ones; what classifiers lose."""
    found = study.findings.get("coverage", {})
    if not found:
        return pd.DataFrame()
    parts = {source: pd.DataFrame({name: values[source] for name, values in found.items()}).T for source in protocol.SOURCES}
    parts = {source: pd.concat([part, part.mean().to_frame("mean").T]) for source, part in parts.items()}
    table = parts["FAKE"].map("{:.2f}".format) + parts["REAL"].map(" ({:.2f})".format)
    for name, (values, seeds) in _lost(study).items():
        values = pd.concat([values, values.mean().to_frame("mean").T])
        for column in LOST:
            form = "{:.1%}" if column == LOST[-1] else "{:+.2f}"
            table[f"{name}, {seeds_of(seeds)}: {column}"] = values[column].map(form.format)
    return table.fillna("")


def correlations_table(study: Study) -> pd.DataFrame:
    """Spearman's rank correlation, over the classes, of each measure with what FAKE classifiers lose and answer, with its interval."""
    found, cells = study.findings.get("coverage", {}), {}
    if len(found) < LEAST_CLASSES:
        return pd.DataFrame()
    measures = pd.DataFrame({name: values["FAKE"] for name, values in found.items()}).T
    for name, (values, seeds) in _lost(study).items():
        for column in LOST:
            rhos = {measure: coverage_of.rank_correlation(measures[measure], values.loc[measures.index, column]) for measure in MEASURES}
            cells[f"{name}, {seeds_of(seeds)}: {column}"] = {
                measure: f"{rho:+.2f} [{low:+.2f} to {high:+.2f}]" for measure, (rho, low, high) in rhos.items()
            }
    return pd.DataFrame.from_dict(cells, orient="index")


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
    """Accuracy on REAL of classifiers that learned from FAKE images with something changed, beside unchanged ones and REAL.

    A change and the level beside it are of the same seeds.
    """
    rows, compared = {}, {}
    changed = study.e4[~study.e4["trained_on"].str.startswith(protocol.REAL_OR_FAKE)]
    for (name, architecture), members in changed.groupby(["trained_on", "architecture"], observed=True, sort=False):
        scores = members.set_index("seed")["accuracy"]
        change = (scores - study.accuracies(architecture, "FAKE", "REAL")).dropna()
        if len(change):
            rows[f"{name} {architecture}"] = _level(scores[change.index]) | {"change": signed(change)}
            compared.setdefault(architecture, set()).update(change.index)
    for architecture, seeds in compared.items():
        for source in protocol.SOURCES[::-1]:
            scores = study.accuracies(architecture, source, "REAL")
            rows[f"{source} {architecture}"] = _level(scores[scores.index.isin(seeds)])
    columns = ["accuracy on REAL", "change", "seeds"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns if not rows else None).reindex(columns=columns).fillna("")


def _level(scores: pd.Series) -> dict[str, str]:
    return {"accuracy on REAL": mean_and_deviation(scores), "seeds": seeds_of(scores.index).split(" ", 1)[1] if len(scores) else ""}


# --------------------------------------------------------------------------------------------------------------------- labels


def labels_table(study: Study) -> pd.DataFrame:
    """How many images a REAL classifier mistakes for another class, with a 95 % interval by Wilson's method: of REAL and of FAKE."""
    table = {}
    for source, values in study.findings.get("labels", {}).items():
        images, wrong = values["images"], values["another_class"]
        shares = {f"all, with a probability from {protocol.SURE}": values["another_class_and_sure"], **values["by_class"]}
        table[source] = {"all": f"{100 * wrong:.1f}% {_wilson(round(wrong * images), images)}"}
        table[source] |= {name: f"{100 * share:.1f}%" for name, share in shares.items()}
    return pd.DataFrame(table)


def by_eye_table(study: Study) -> pd.DataFrame:
    """What a reader saw on FAKE training images: shares with a 95 % interval by Wilson's method; none for other images."""
    path = study.folders.results("E4") / "labels_by_eye.csv"
    if "labels_by_eye" not in study.findings or not path.exists():
        return pd.DataFrame()
    seen = pd.read_csv(path)
    if list(seen["filepath"]) != study.findings["labels_by_eye"]["images"]:
        return pd.DataFrame()
    counts = seen["verdict"].value_counts().reindex(VERDICTS, fill_value=0)
    shares = [f"{100 * count / len(seen):.1f}% {_wilson(count, len(seen))}" for count in counts]
    return pd.DataFrame({"images": counts.map(str).to_list(), "share": shares}, index=list(VERDICTS.values()))


def _wilson(count: int, images: int) -> str:
    """A 95 % interval of a share by Wilson's method, in percent."""
    interval = stats.binomtest(int(count), images).proportion_ci(protocol.CONFIDENCE, method="wilson")
    return f"[{100 * interval.low:.1f} to {100 * interval.high:.1f}]"


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
        "REAL or FAKE? ± is the standard deviation over seeds. On DCT: without a network, from 192 numbers of an image, the log mean size "
        "of each coefficient over its 8x8 blocks in Y, Cb and Cr; luma alone: 64 of them. Matched: all FAKE images were brought to the "
        "mean and deviation of each colour channel, or to the power spectrum, of REAL, and all images were saved as JPEG again "
        "(nothing matched: that alone).",
    ),
    Page(
        coverage,
        "coverage.png",
        "What the best FAKE classifiers lose on photographs, by class, the least covered class first; above, the rank correlation with "
        "coverage over the classes and its 95 % interval.",
        "For each class, a dot for the recall that is lost and one for F1, a panel for each classifier; the tables have the numbers.",
    ),
    Page(
        coverage_table,
        "coverage_table.txt",
        "How well FAKE training images match REAL test images, by their nearest neighbours in VGG16's features; in parentheses the same "
        "for REAL training images. Precision: the share of FAKE images among REAL ones; recall: of REAL images among FAKE ones; density "
        "and coverage: the same, less swayed by outliers. Then what FAKE classifiers lose from FAKE to REAL, and how often they answer a "
        "class on REAL; means over seeds.",
    ),
    Page(
        correlations_table,
        "coverage_correlations_table.txt",
        "What is each measure associated with? Spearman's rank correlation over the classes with its 95 % interval, by Fisher's z. There "
        "are many of them over few classes: none of them shows a cause.",
    ),
    *e4_transfer.PAGES,
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
        "Is it colour, texture or the labels? Trained on FAKE images that were brought to REAL's colours or spectrum, or that have the "
        "labels that a REAL classifier gives them; tested on REAL. Changes are against FAKE as it is, seed by seed, with a 95 % interval "
        "by Student's t.",
    ),
    Page(
        labels_table, "labels_table.txt", "How many test images the best REAL classifier mistakes for another class, by source and class."
    ),
    Page(
        by_eye_table,
        "labels_by_eye_table.txt",
        "What is on them? A seeded draw of FAKE training images, as many of each class, looked at enlarged by one reader; with a 95 % "
        "interval by Wilson's method.",
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


README = {"ready": ready}  # as in e3.py
