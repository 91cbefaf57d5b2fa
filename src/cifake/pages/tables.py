"""The study's tables: each takes the study (and an architecture, if there is one of each) and returns a pandas table of text.

They are written as GitHub markdown and put into the report.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from cifake import protocol
from cifake.data.arms import ARMS
from cifake.pages import sentences
from cifake.pages.study import Study
from cifake.results import comparison, histories, worth
from cifake.results.table import CLASSIFIER, IMAGENET_WEIGHTS, VALIDATION

AVERAGES = {"accuracy": "Accuracy", "macro_f1": "Macro_Avg", "weighted_f1": "Weighted_Avg"}


def markdown(table: pd.DataFrame) -> str:
    """A table as GitHub markdown."""
    # As text, because pandas would turn whole numbers into floats.
    return table.to_markdown(disable_numparse=True, stralign="right", colalign=["left"]) + "\n"


def mean_and_deviation(values: pd.Series) -> str:
    """Mean ± standard deviation, as far as there are values."""
    if len(values) < 2:
        return "".join(f"{value:.3f}" for value in values)
    return f"{values.mean():.3f} ± {values.std():.3f}"


# ------------------------------------------------------------------------------------------------------- experiments 1 and 2


def metrics(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy, averages of F1, epochs and F1 by class, a line each; a classifier a column, so that all is in sight on a page."""
    if rows.empty:
        return rows
    classes = {name: name[3:4].upper() + name[4:] for name in rows.columns if name.startswith("f1_") and rows[name].notna().any()}
    groups = rows.groupby(CLASSIFIER, observed=True, sort=False)
    table = groups[[*AVERAGES, *classes]].agg(mean_and_deviation).rename(columns=AVERAGES | classes)
    epochs = groups["epochs"].mean().map("{:.3g}".format)
    table.insert(len(AVERAGES), "Epochs", epochs, allow_duplicates=True)  # a class may have this name, too
    if groups.size().max() > 1:
        table.insert(len(AVERAGES) + 1, "Seeds", groups.size().astype(str), allow_duplicates=True)
    return table.set_axis(_row_names(rows.drop_duplicates(CLASSIFIER))).T


def _row_names(rows: pd.DataFrame) -> list[str]:
    """The classifiers; with their weights and precision if these are not the study's."""
    names = []
    for row in rows.itertuples():
        weights = row.weights if isinstance(row.weights, str) else IMAGENET_WEIGHTS
        unusual = [text for text, usual in ((weights, IMAGENET_WEIGHTS), (row.precision, "float32")) if text != usual]
        names.append(f"{row.trained_on} {row.architecture}" + (f" ({', '.join(unusual)})" if unusual else ""))
    return names


def leak(study: Study) -> pd.DataFrame:
    """Scores with and without the test images that a classifier was trained on, a classifier a column."""
    rows = study.plain.query("experiment == 'E1'").dropna(subset="test_images_trained_on")
    table = pd.DataFrame({"Test images": rows["test_images"].map("{:,}".format)})
    table["of them trained on"] = rows["test_images_trained_on"].map("{:,.0f}".format)
    for name in ("accuracy", "macro_f1"):
        title, without = AVERAGES[name], rows[f"{name}_without_them"]
        table[title] = rows[name].map("{:.4f}".format)
        table[f"{title} without them"] = without.map("{:.4f}".format)
        table[f"{title} gained by them"] = (rows[name] - without).map("{:+.4f}".format)
    return table.set_axis(_row_names(rows)).T


def overview(study: Study) -> pd.DataFrame:
    """Accuracy of every classifier on both test sets: an architecture a row, trained on → tested on a column.

    Each with its bootstrap interval, and its mean and deviation over seeds, as far as they are there.
    """
    names = [f"{trained_on} → {tested_on}" for trained_on in protocol.SOURCES[::-1] for tested_on in protocol.SOURCES[::-1]]
    table = pd.DataFrame("not tested", index=study.architectures, columns=names)
    for run in study.plain.itertuples():
        table.loc[run.architecture, f"{run.trained_on} → {run.tested_on}"] = (
            f"{run.accuracy:.3f} [{run.accuracy_low:.3f}, {run.accuracy_high:.3f}]"
        )
    for (architecture, trained_on, tested_on), runs in study.over_seeds.groupby(["architecture", "trained_on", "tested_on"], observed=True):
        cell = (architecture, f"{trained_on} → {tested_on}")
        seeds = mean_and_deviation(runs["accuracy"])
        table.loc[cell] = seeds if table.loc[cell] == "not tested" else f"{table.loc[cell]}; {seeds}"
    return table


def published(study: Study) -> pd.DataFrame:
    """The published scores beside ours, a score a row."""
    rows = study.published
    if rows.empty:
        return rows
    table = pd.DataFrame(
        {
            "published": rows["published"].map("{:.2f}".format),
            f"seed {rows['seed'].iloc[0]}": rows["here"].map("{:.3f}".format).where(rows["here"].notna(), ""),
            "mean ± sd over seeds": rows["runs"].map(pd.Series).map(mean_and_deviation),
            "95 % interval": rows["low"].map("{:.3f}".format) + " to " + rows["high"].map("{:.3f}".format),
            "published is": rows["is_inside"].map({True: "inside", False: "outside"}),
        }
    )
    table["validation accuracy at the published epoch"] = [_at_published_epoch(study, row) for row in rows.itertuples()]
    names = rows["trained_on"] + " " + rows["architecture"] + " on " + rows["tested_on"] + ", " + rows["label"]
    return table.set_axis(names.to_list())


def _at_published_epoch(study: Study, row) -> str:
    """The validation accuracy after as many epochs as the original trained, in both studies; ours of the seeds that went so far."""
    if row.trained_on != row.tested_on or row.label != "accuracy":
        return ""
    theirs = histories.published(row.architecture, row.trained_on)["val_accuracy"]
    ours = study.histories(row.architecture, row.trained_on)["val_accuracy"].reindex([theirs.index[-1]]).iloc[0].dropna()
    return f"{theirs.iloc[-1]:.3f}; ours {mean_and_deviation(ours)}"


def paired(study: Study) -> pd.DataFrame:
    """McNemar's exact tests, a pair of classifiers a row."""
    pairs = comparison.paired(study.runs)
    if pairs.empty:
        return pairs
    both = pairs[["accuracy_first", "accuracy_second"]].map("{:.4f}".format)
    table = pd.DataFrame(
        {
            "Accuracy": both["accuracy_first"] + " and " + both["accuracy_second"],
            "Difference": (pairs["accuracy_first"] - pairs["accuracy_second"]).map("{:+.4f}".format),
            "Only first right": pairs["only_first_right"].map("{:,}".format),
            "Only second right": pairs["only_second_right"].map("{:,}".format),
            "p (McNemar, exact)": pairs["p"].map(lambda p: "< 0.0001" if p < 0.0001 else f"{p:.4f}"),
        }
    )
    return table.set_axis((pairs["first"] + " and " + pairs["second"] + ", on " + pairs["tested_on"]).to_list())


# ------------------------------------------------------------------------------------------------------------ experiment 3


def by_budget(study: Study) -> pd.DataFrame:
    """Accuracy by classifier and arm (a row) and number of images (a column): mean ± standard deviation over seeds."""
    sizes = sorted({size for scores in study.e3_accuracies.values() for _, size in scores.columns})
    rows = {}
    for architecture, scores in study.e3_accuracies.items():
        for arm in ARMS:
            cells = {size: scores[arm.name, size].dropna() for size in sizes if (arm.name, size) in scores}
            if cells:
                means = {f"{size:,}": mean_and_deviation(cells[size]) if size in cells else "" for size in sizes}
                rows[f"{architecture}, {arm.name}"] = means | {"Seeds": worth.counted(scores[arm.name])}
    return pd.DataFrame.from_dict(rows, orient="index")


def worth_of_fake(study: Study) -> pd.DataFrame:
    """How many REAL images a number of FAKE ones is worth, on the curves of REAL and REAL + augmentation."""
    columns = {
        "REAL images": ("FAKE", worth.REAL),
        "augmented REAL images": ("FAKE", worth.AUGMENTED),
        "augmented REAL images, if FAKE are augmented, too": ("FAKE + augmentation", worth.AUGMENTED),
    }
    rows = {}
    for architecture, scores in study.e3_accuracies.items():
        for size in worth.sizes(scores, "FAKE"):
            rows[f"{architecture}, {size:,} FAKE"] = {
                column: sentences.worth_of(worth.worth(scores, (arm, size), curve), worth.sizes(scores, curve))
                for column, (arm, curve) in columns.items()
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def additions(study: Study) -> pd.DataFrame:
    """What each arm adds to a number of REAL images: in accuracy, and in further REAL images."""
    rows = {}
    for architecture, scores in study.e3_accuracies.items():
        for size, arm in itertools.product(worth.sizes(scores), ARMS):
            gains = worth.gains(scores, (worth.REAL, size), (arm.name, size))
            if gains and arm.name != worth.REAL and arm.counts == "REAL":
                further = sentences.worth_of(worth.worth(scores, (arm.name, size)), worth.sizes(scores), size)
                row = {"adds to REAL's accuracy": sentences.signed(gains), "is worth this many further REAL images": further}
                rows[f"{architecture}, {size:,}: {arm.name}"] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def verdicts(study: Study) -> pd.DataFrame:
    """What is better than what: a comparison a row, a number of REAL images a column."""
    rows = {}
    for architecture, scores in study.e3_accuracies.items():
        for row in worth.verdicts(scores).itertuples():
            rows.setdefault(f"{architecture}, {row.what}", {})[f"{row.images:,}"] = f"{row.verdict} {row.mean:+.3f}"
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def doubled(study: Study) -> pd.DataFrame:
    """What is better than what with the protocol's number of steps and with twice as many, by the same seeds."""
    rows = {}
    for architecture, members in study.variants.query("variant == 'steps-doubled'").groupby("architecture", observed=True):
        twice, usual = worth.accuracies(members), study.e3_accuracies.get(architecture, pd.DataFrame())
        usual, steps = usual.reindex(index=twice.index, columns=twice.columns), int(members["steps"].iloc[0])
        for number, scores in ((steps // 2, usual), (steps, twice)):
            for row in worth.verdicts(scores).itertuples():
                words = f"{row.verdict} {row.mean:+.3f} [{row.low:+.3f} to {row.high:+.3f}]"
                rows.setdefault(f"{architecture}, {row.what}, {row.images:,}", {})[f"{number:,} steps"] = words
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def tuning(study: Study) -> pd.DataFrame:
    """Accuracy on the validation images by peak learning rate and weight decay, REAL + augmentation."""
    rows = study.variants[study.variants["tested_on"] == VALIDATION]
    if rows.empty:
        return rows
    settings = pd.DataFrame([{"rotation": 0} | record["settings"] for record in rows["record"]], index=rows.index)
    rows = rows.assign(rate=settings["learning_rate"], decay=settings["weight_decay"], turned=settings["rotation"])
    table = rows.pivot_table(index=["architecture", "rate", "decay", "turned"], columns="images", values="accuracy", observed=True)
    table = table.assign(mean=table.mean(axis=1, skipna=False)).map(lambda score: "" if np.isnan(score) else f"{score:.4f}")
    names = [
        f"{architecture}, rate {rate:g}, weight decay {decay:g}" + (f", turned by up to {turned:g} degrees" if turned else "")
        for architecture, rate, decay, turned in table.index
    ]
    return table.rename(columns=lambda name: f"{name:,}" if isinstance(name, int) else name).set_axis(names)


def sensitivity(study: Study) -> pd.DataFrame:
    """Variants of the protocol beside the protocol itself, seed by seed."""
    table = {}
    for architecture, arm, size, variant, accuracies, changes in against_protocol(study):
        row = {"accuracy": mean_and_deviation(accuracies), "change": sentences.signed(changes), "Seeds": str(len(changes))}
        table[f"{architecture}, {arm}, {size:,}: {variant}"] = row
    return pd.DataFrame.from_dict(table, orient="index")


def against_protocol(study: Study) -> Iterator[tuple[str, str, int, str, pd.Series, list[float]]]:
    """Architecture, arm, number of images and name of each variant, its accuracies by seed, and what it changes seed by seed."""
    rows = study.variants[study.variants["tested_on"] != VALIDATION]
    for key, members in rows.groupby(["architecture", "trained_on", "images", "variant"], observed=True):
        usual, accuracies = study.e3_accuracies.get(key[0], {}).get(key[1:3]), members.set_index("seed")["accuracy"]
        if usual is not None and (changes := (accuracies - usual).dropna().to_list()):
            yield *key, accuracies, changes


# ------------------------------------------------------------------------------------------------------------- the settings


def settings(study: Study) -> pd.DataFrame:
    """All settings of each training, a classifier a column; of VGG16's weights where they come from."""
    columns = {}
    for row in study.described.itertuples():
        columns[f"{row.trained_on} {row.architecture}"] = row.record["settings"] | {
            "weights": row.weights,
            "training images, SHA-256": row.record["data"]["train"]["sha256"][:8],
            "test images, SHA-256": row.record["data"]["test"]["sha256"][:8],
        }
    return pd.DataFrame(columns).fillna("").astype(str)


def versions(study: Study) -> pd.DataFrame:
    """Device and releases, a classifier a column."""
    columns = {
        f"{row.trained_on} {row.architecture}": {"device": row.device, "program": row.program} | row.record["versions"]
        for row in study.described.itertuples()
    }
    return pd.DataFrame(columns).astype(str)
