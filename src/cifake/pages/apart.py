"""Experiment 4's figures, tables and sentences: what sets FAKE images apart from REAL ones.

Like those of the other experiments, a figure takes the study and returns a matplotlib figure or None, a table a pandas table of text.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from cifake import protocol
from cifake.pages import sentences
from cifake.pages.figures import COLOURS, INK, head, note
from cifake.pages.study import Study
from cifake.pages.tables import against_protocol, mean_and_deviation
from cifake.results import coverage as coverage_of
from cifake.results import records, worth

WHOLE, FROZEN = "FAKE, then REAL", "frozen-convolutions"  # an arm of experiment 3, and the variant of it that refits the last layers
LEAST_CLASSES = 5  # for a rank correlation over them

# ------------------------------------------------------------------------------------------------------------ REAL or FAKE?


def tellers(study: Study) -> dict[str, pd.DataFrame]:
    """The classifiers that tell REAL from FAKE: their rows of the table of runs, a seed a row, by architecture."""
    rows = study.e4[study.e4["trained_on"] == protocol.REAL_OR_FAKE]
    return dict(iter(rows.groupby("architecture", observed=True, sort=False)))


def tell_apart(study: Study) -> Figure | None:
    """The share of REAL and of FAKE test images that is recognised as such, by object class; a dot for each seed."""
    groups = tellers(study)
    if not groups:
        return None
    objects = list(next(iter(groups.values()))["record"].iloc[0]["by_object"])
    figure, axes = plt.subplots(1, len(groups), figsize=(8, 1.3 + 0.3 * len(objects)), squeeze=False, sharex=True, sharey=True)
    for panel, (name, rows) in zip(axes[0], groups.items(), strict=True):
        for height, shown in enumerate(objects):
            for source, apart in (("REAL", -0.15), ("FAKE", 0.15)):
                values = [record["by_object"][shown][source] for record in rows["record"]]
                panel.scatter(values, [height + apart] * len(values), color=COLOURS[source], s=12, linewidths=0)
        panel.set_title(f"{name}: {rows['accuracy'].mean():.3f}")
        panel.set_yticks(range(len(objects)), objects)
        panel.set_ylim(len(objects) - 0.4, -1.4)
        panel.set_xlabel("share recognised (a dot: a seed)")
        panel.grid(axis="y", visible=False)
    for source, place in (("REAL", 0.02), ("FAKE", 0.46)):
        words = f"\u25cf {source} images"
        note(axes[0, 0], words, (place, 1), (0, -2), xycoords="axes fraction", va="top", color=COLOURS[source], fontsize=8)
    best = max(groups, key=lambda name: groups[name]["accuracy"].mean())
    head(figure, f"REAL or FAKE? {best} is right in {100 * groups[best]['accuracy'].mean():.1f} % of the test images")
    return figure


def tell_apart_table(study: Study) -> pd.DataFrame:
    """How well each classifier tells REAL from FAKE, a classifier a column."""
    columns = {}
    for name, rows in tellers(study).items():
        first = rows.iloc[0]
        columns[name] = {
            f"accuracy, seed {first['seed']}": f"{first['accuracy']:.4f} [{first['accuracy_low']:.4f}, {first['accuracy_high']:.4f}]",
            "accuracy over seeds": mean_and_deviation(rows["accuracy"]),
            "seeds": str(len(rows)),
            "area under the ROC curve": mean_and_deviation(rows["auc"]),
            "test images that were trained on": f"{first['test_images_trained_on']:,.0f}",
            "accuracy without those": mean_and_deviation(rows["accuracy_without_them"]),
            "REAL images recognised": mean_and_deviation(_recognised(rows, "REAL")),
            "FAKE images recognised": mean_and_deviation(_recognised(rows, "FAKE")),
            "published (Bird & Lotfi, 2023), another network": f"{protocol.PUBLISHED_REAL_OR_FAKE:.4f}" if first["is_cifake"] else "",
        }
    return pd.DataFrame(columns).fillna("")


def _recognised(rows: pd.DataFrame, source: str) -> pd.Series:
    """Of each run, the share of a source's test images that it recognises."""
    return rows["record"].map(lambda record: record["scores"]["by_class"][source]["recall"])


# ------------------------------------------------------------------------------------------------- coverage, colour and texture


def _lost(on_fake: dict, on_real: dict) -> pd.Series:
    """What a FAKE classifier loses on REAL, by class: recall on FAKE minus recall on REAL."""
    fake, real = (pd.DataFrame(record["scores"]["by_class"]).loc["recall"] for record in (on_fake, on_real))
    return fake - real


def _covered(study: Study) -> pd.Series:
    """By class, the coverage of REAL test images by FAKE ones."""
    return pd.Series({name: found["FAKE"]["coverage"] for name, found in study.findings["coverage"].items()})


def _correlated(study: Study) -> dict[str, tuple[float, float, float]]:
    """By FAKE classifier, the rank correlation over classes of coverage with what is lost, and its interval."""
    if "coverage" not in study.findings or len(_covered(study)) < LEAST_CLASSES:
        return {}
    covered = _covered(study)
    return {
        records.name_of(on_fake): coverage_of.rank_correlation(covered, _lost(on_fake, on_real)[covered.index])
        for on_fake, on_real in study.best_on_real
    }


def coverage(study: Study) -> Figure | None:
    """What the best FAKE classifiers lose on REAL against how well FAKE images cover the REAL ones, a class a point."""
    correlations = _correlated(study)
    if not correlations:
        return None
    covered = _covered(study)
    figure, axes = plt.subplots(1, len(correlations), figsize=(8, 3.6), squeeze=False, sharex=True, sharey=True)
    for panel, (on_fake, on_real) in zip(axes[0], study.best_on_real, strict=True):
        name, lost = records.name_of(on_fake), _lost(on_fake, on_real)[covered.index]
        panel.scatter(covered, lost, color=COLOURS["FAKE"], s=22)
        for label in covered.index:
            # Left of its point, if right of it the next one is near.
            beside, above = covered - covered[label], (lost - lost[label]).abs()
            is_left = ((beside > 0) & (beside < 0.2 * np.ptp(covered)) & (above < 0.04 * np.ptp(lost))).any()
            note(panel, label, (covered[label], lost[label]), (-4 if is_left else 4, 2), ha="right" if is_left else "left", fontsize=7.5)
        found, low, high = correlations[name]
        panel.set_title(f"{name}: rank correlation {found:+.2f} [{low:+.2f} to {high:+.2f}]", fontsize=9)
        panel.set_xlabel("coverage of REAL test images by FAKE ones")
        panel.margins(x=0.15)
    axes[0, 0].set_ylabel("recall lost from FAKE to REAL")
    head(figure, f"FAKE images cover {covered.mean():.2f} of the REAL test images: {covered.idxmin()} least, {covered.idxmax()} most")
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
        lost, loses = _lost(on_fake, on_real), f"{records.name_of(on_fake)} loses"
        table[loses] = pd.concat([lost, pd.Series({"mean": lost.mean()})]).map("{:+.2f}".format)
        if len(found) >= LEAST_CLASSES:
            correlations = parts["FAKE"].corrwith(lost, method="spearman").map("{:+.2f}".format)
            table.loc[f"rank correlation with {records.name_of(on_fake)}'s loss"] = correlations
    return table.fillna("")


def spectrum(study: Study) -> Figure | None:
    """Mean power of both sources by spatial frequency, and their quotient; bands from the lowest to the highest class."""
    if "appearance" not in study.findings:
        return None
    powers = {source: pd.DataFrame(study.findings["appearance"][source]["power"]).iloc[1:] for source in protocol.SOURCES}
    quotient = powers["FAKE"] / powers["REAL"]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    for panel, curves in zip(axes, (powers, {"both": quotient}), strict=True):
        for source, values in curves.items():
            colour = COLOURS.get(source, INK)
            panel.fill_between(values.index, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.2, linewidth=0)
            panel.plot(values.index, values.mean(axis=1), color=colour, marker="o", markersize=3, linewidth=1.4)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
        panel.set_xlabel("spatial frequency (cycles per image width)")
    for number, source in enumerate(protocol.SOURCES):
        style = {"xycoords": "axes fraction", "ha": "right", "va": "top", "color": COLOURS[source], "weight": "bold"}
        note(axes[0], source, (0.95, 0.95 - 0.08 * number), (0, 0), **style)
    for formatter in (axes[1].yaxis.set_major_formatter, axes[1].yaxis.set_minor_formatter):
        formatter("{x:g}")
    axes[1].axhline(1, color=INK, linewidth=0.8, linestyle=":")
    axes[0].set_title("power of the luminance")
    axes[1].set_title("FAKE divided by REAL")
    last = quotient.mean(axis=1)
    head(figure, f"FAKE images have {last.iloc[0]:.2f} times REAL's power at 1 cycle and {last.iloc[-1]:.2f} times at {last.index[-1]}")
    return figure


def colours_table(study: Study) -> pd.DataFrame:
    """Mean ± standard deviation of the colour channels over all pixels, a source a row."""
    found = study.findings.get("appearance", {})
    return pd.DataFrame(
        {
            source: {
                name: f"{mean:.1f} ± {deviation:.1f}"
                for name, mean, deviation in zip(("red", "green", "blue"), *values["colours"], strict=True)
            }
            for source, values in found.items()
        }
    ).T


def changed_table(study: Study) -> pd.DataFrame:
    """Accuracy on REAL of classifiers that learned from changed FAKE images, beside unchanged ones and REAL."""
    rows, compared = {}, {}
    for name, architecture, scores, change, _ in _changes(study):
        rows[f"{name} {architecture}"] = {
            "accuracy on REAL": mean_and_deviation(scores),
            "change": sentences.signed(change),
            "seeds": str(len(change)),
        }
        compared.setdefault(architecture, set()).update(scores.index)
    for architecture, seeds in compared.items():
        for source in protocol.SOURCES[::-1]:
            scores = study.accuracies(architecture, source, "REAL")
            scores = scores[scores.index.isin(seeds)]
            rows[f"{source} {architecture}"] = {"accuracy on REAL": mean_and_deviation(scores), "seeds": str(len(scores))}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def _changes(study: Study) -> list[tuple[str, str, pd.Series, list[float], float]]:
    """Of each kind of changed FAKE images: name, architecture, accuracies, what it gains on FAKE by seed, what FAKE lacks to REAL."""
    found = []
    rows = study.e4[study.e4["trained_on"] != protocol.REAL_OR_FAKE]
    for (name, architecture), members in rows.groupby(["trained_on", "architecture"], observed=True, sort=False):
        scores = members.set_index("seed")["accuracy"]
        before = study.accuracies(architecture, "FAKE", "REAL")
        change = (scores - before).dropna().to_list()
        if change:
            lag = study.accuracies(architecture, "REAL", "REAL").mean() - before.mean()
            found.append((name, architecture, scores, change, lag))
    return found


# ---------------------------------------------------------------------------------------------------- labels and the last layers


def labels_table(study: Study) -> pd.DataFrame:
    """How many images a REAL classifier takes for another class: REAL test images, and FAKE ones."""
    found = study.findings.get("labels", {})
    table = {}
    for source, values in found.items():
        shares = {f"all, with a probability from {protocol.SURE}": values["another_class_and_sure"], **values["by_class"]}
        table[source] = {"all": _taken_wrong(values)} | {name: f"{100 * share:.1f} %" for name, share in shares.items()}
    return pd.DataFrame(table)


def _taken_wrong(values: dict) -> str:
    """The share of images taken for another class, with its 95 % interval by Wilson's method."""
    images = values["images"]
    interval = stats.binomtest(round(values["another_class"] * images), images).proportion_ci(protocol.CONFIDENCE, method="wilson")
    return f"{100 * values['another_class']:.1f} % [{100 * interval.low:.1f} to {100 * interval.high:.1f}]"


def last_layers_table(study: Study) -> pd.DataFrame:
    """Accuracy on REAL if only the dense layers learn from REAL images after FAKE, beside all layers and REAL alone."""
    rows = {}
    for architecture, size, frozen, change in _frozen(study):
        scores = study.e3_accuracies[architecture].reindex(frozen.index)
        rows[f"{architecture}, {size:,} REAL images"] = {
            "REAL alone": mean_and_deviation(scores[worth.REAL, size].dropna()),
            WHOLE: mean_and_deviation(scores[WHOLE, size].dropna()),
            "the same, convolutions kept from FAKE": mean_and_deviation(frozen),
            "change": sentences.signed(change),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _frozen(study: Study) -> list[tuple[str, int, pd.Series, list[float]]]:
    """Architecture, number of REAL images, accuracies with convolutions kept from FAKE, and what that changes seed by seed."""
    return [
        (architecture, size, accuracies, changes)
        for architecture, _, size, variant, accuracies, changes in against_protocol(study)
        if variant == FROZEN and (worth.REAL, size) in study.e3_accuracies[architecture]
    ]


# ---------------------------------------------------------------------------------------------------------------- in sentences


def answers(study: Study) -> list[str]:
    """What experiment 4 found, a sentence for each question, as far as it has been run."""
    lines = []
    if groups := tellers(study):
        each = ", ".join(f"{name} {mean_and_deviation(rows['accuracy'])}" for name, rows in groups.items())
        published = f"; the published network has {protocol.PUBLISHED_REAL_OR_FAKE}" if study.e4["is_cifake"].all() else ""
        lines.append(f"REAL or FAKE? Accuracy: {each}{published}.")
    if found := study.findings.get("coverage"):
        fake, real = (pd.DataFrame([values[source] for values in found.values()]).mean() for source in ("FAKE", "REAL"))
        lines.append(
            f"FAKE images have a precision of {fake['precision']:.2f} and cover {fake['coverage']:.2f} of the REAL test images; other REAL "
            f"images have {real['precision']:.2f} and cover {real['coverage']:.2f}."
        )
    for name, (found, low, high) in _correlated(study).items():
        lines.append(
            f"Over the classes, coverage and what {name} loses have a rank correlation of {found:+.2f} [{low:+.2f} to {high:+.2f}]."
        )
    for name, architecture, _, change, lag in _changes(study):
        lines.append(
            f"{name}: trained on them, {architecture} changes its accuracy on REAL by {sentences.signed(change)}; trained on REAL it is "
            f"{lag:.3f} higher than on FAKE."
        )
    if found := study.findings.get("labels"):
        fake, real = (_taken_wrong(found[source]) for source in ("FAKE", "REAL"))
        lines.append(f"The best REAL classifier takes {fake} of the FAKE test images for another class, and {real} of the REAL ones.")
    for architecture, size, frozen, change in _frozen(study):
        lines.append(
            f"With {size:,} REAL images after FAKE, {architecture} reaches {frozen.mean():.3f} if its convolutions stay as FAKE made them: "
            f"{sentences.signed(change)} against all layers learning."
        )
    return lines
