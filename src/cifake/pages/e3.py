"""Experiment 3's figure and tables: accuracy by number of images, what FAKE images are worth, what is better than what."""

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cifake import protocol
from cifake.data.arms import ARMS, AUGMENTED, REAL, Arm
from cifake.pages import style
from cifake.pages.page import FEWEST, Page, mean_and_deviation, signed
from cifake.pages.study import Study
from cifake.results import worth
from cifake.results.table import VALIDATION
from cifake.results.worth import Worth

VERDICTS = (
    "Differences in accuracy, paired by seed. Better and worse: a paired t test is significant at 5 % after Holm's correction over all "
    f"comparisons of the classifier. Equivalent: two one-sided t tests, each at 5 % and uncorrected, put the difference within "
    f"{protocol.EQUIVALENT}. Where both hold, better or worse is said. Else: inconclusive."
)


def answers(study: Study) -> list[str]:
    """What all FAKE images alone are worth to each classifier, as far as that is known."""
    lines = []
    for architecture, scores in study.e3_accuracies.items():
        number = max(worth.sizes(scores, "FAKE"), default=0)
        value = worth.worth(scores, ("FAKE", number))
        if value:
            images = worth_of(value, worth.sizes(scores))
            lines.append(f"To {architecture}, {number:,} generated images alone are worth {images} photographs.")
    return lines


def method(study: Study) -> str:
    """How experiment 3 was done."""
    settings = next(iter(study.e3.values()))["record"].iloc[0]["settings"]
    flip = "a random horizontal flip and " if settings["flip"] else ""
    return (
        f"Each classifier is trained for {settings['steps']:,} steps of {settings['batch_size']} images, on REAL images, on FAKE images or "
        f"on both, without and with augmentation: {flip}a random shift by up to {protocol.SHIFT} pixels. All are tested on the REAL test "
        "images, by which nothing in it was chosen."
    )


def worth_of(value: Worth | None, budgets: Sequence[int]) -> str:
    """A worth in REAL images with its interval, or how many seeds lie beyond the curve's ends."""
    if value is None:
        return "not known yet" if len(budgets) > 1 else "needs two numbers of REAL images"
    bound = "more than " if value.above else "fewer than " if value.below else ""
    images = "not determined" if value.above and value.below else f"{bound}{_rounded(value.images)}"
    if value.interval and value.seeds >= FEWEST:
        low, high = value.interval
        lowest = f"fewer than {budgets[0]:,}" if low < budgets[0] else _rounded(low)
        highest = f"more than {budgets[-1]:,}" if high > budgets[-1] else _rounded(high)
        return f"{images} [{lowest} to {highest}]"
    sides = ((value.below, f"below {budgets[0]:,}"), (value.above, f"above {budgets[-1]:,}"))
    beyond = ", ".join(f"{count} of {value.seeds} seeds {where}" for count, where in sides if 0 < count < value.seeds)
    return f"{images} ({beyond})" if beyond else images


def _rounded(number: float) -> str:
    """Three significant digits: 1,020."""
    return f"{float(f'{number:.3g}'):,.0f}"


# --------------------------------------------------------------------------------------------------------------------- figure


def by_budget(study: Study) -> Figure | None:
    """Accuracy on REAL test images against the number of images: a classifier a row, without and with augmentation.

    Bands are a standard deviation over seeds.
    """
    groups = study.e3_accuracies
    if not groups:
        return None
    size = (style.WIDTH, 1.2 + 2 * len(groups))
    figure, axes = plt.subplots(len(groups), 2, figsize=size, squeeze=False, sharex=True, sharey="row")
    for row, (architecture, scores) in zip(axes, groups.items(), strict=True):
        means, deviations = scores.mean(), scores.std().fillna(0)
        for panel, is_augmented in zip(row, (False, True), strict=True):
            for arm in (arm for arm in ARMS if arm.augmented == is_augmented and arm.name in means):
                mean, deviation = means[arm.name].sort_index(), deviations[arm.name].sort_index()
                panel.plot(mean.index, mean, color=_colour(arm), linestyle=arm.line, marker="o", markersize=2.5, linewidth=1.3)
                panel.fill_between(mean.index, mean - deviation, mean + deviation, color=_colour(arm), alpha=0.15, linewidth=0)
            panel.set_xscale("log")
            panel.set_xticks(list(protocol.BUDGETS), [f"{size:,}".replace(",000", "k") for size in protocol.BUDGETS])
            panel.minorticks_off()
            panel.set_title(f"{architecture}, {'with' if is_augmented else 'without'} augmentation")
        row[0].set_ylabel("accuracy on REAL")
    for panel in axes[-1]:
        panel.set_xlabel("number of images")
    shown = set().union(*(scores.columns.get_level_values(0) for scores in groups.values()))
    arms = [arm for arm in ARMS if not arm.augmented and arm.name in shown]
    handles = [Line2D([], [], color=_colour(arm), linestyle=arm.line, label=arm.name) for arm in arms]
    style.head(figure, "Accuracy on REAL by the number of images learned from", handles)
    return figure


def _colour(arm: Arm) -> str:
    return style.CONTROL if arm.is_gaussian else style.COLOURS[arm.counts] if len(arm.sources) == 1 else style.MIXED


# --------------------------------------------------------------------------------------------------------------------- tables


def by_number(study: Study) -> pd.DataFrame:
    """Accuracy by classifier and arm (a row) and number of images (a column): mean ± standard deviation over seeds."""
    sizes = sorted({size for scores in study.e3_accuracies.values() for _, size in scores.columns})
    rows = {}
    for architecture, scores in study.e3_accuracies.items():
        for arm in ARMS:
            cells = {size: scores[arm.name, size].dropna() for size in sizes if (arm.name, size) in scores}
            if cells:
                means = {f"{size:,}": mean_and_deviation(cells[size]) if size in cells else "" for size in sizes}
                counts = sorted({len(scores) for scores in cells.values()})
                seeds = "-".join(map(str, dict.fromkeys((counts[0], counts[-1]))))  # 5, or 1-2 if some runs are missing
                rows[f"{architecture}, {arm.name}"] = means | {"Seeds": seeds}
    return pd.DataFrame.from_dict(rows, orient="index")


def worth_of_fake(study: Study) -> pd.DataFrame:
    """How many REAL images a number of FAKE ones is worth, on the curves of REAL and REAL + augmentation."""
    columns = {
        "REAL images": ("FAKE", REAL),
        "augmented REAL images": ("FAKE", AUGMENTED),
        "augmented REAL images, if FAKE are augmented, too": ("FAKE + augmentation", AUGMENTED),
    }
    rows = {}
    for architecture, scores in study.e3_accuracies.items():
        for size in worth.sizes(scores, "FAKE"):
            rows[f"{architecture}, {size:,} FAKE"] = {
                column: worth_of(worth.worth(scores, (arm, size), curve), worth.sizes(scores, curve))
                for column, (arm, curve) in columns.items()
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def verdicts(study: Study) -> pd.DataFrame:
    """What is better than what: a comparison a row, a number of REAL images a column."""
    rows = {}
    for row in _verdicts(study.e3_accuracies):
        rows.setdefault(f"{row.architecture}, {row.what}", {})[f"{row.images:,}"] = f"{row.verdict} {row.mean:+.3f}"
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def _verdicts(by_architecture: dict[str, pd.DataFrame]) -> Iterator:
    """All comparisons; none of a classifier with two seeds, which can tell nothing apart."""
    return worth.verdicts({name: scores for name, scores in by_architecture.items() if len(scores) >= FEWEST}).itertuples()


def doubled(study: Study) -> pd.DataFrame:
    """What is better than what with the protocol's number of steps and with twice as many, by the same seeds."""
    rows = {}
    for architecture, members in study.variants.query("variant == 'steps-doubled'").groupby("architecture", observed=True):
        twice, usual = worth.accuracies(members), study.e3_accuracies.get(architecture, pd.DataFrame())
        usual, steps = usual.reindex(index=twice.index, columns=twice.columns), int(members["steps"].iloc[0])
        for number, scores in ((steps // 2, usual), (steps, twice)):
            for row in _verdicts({architecture: scores}):
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
        row = {"accuracy": mean_and_deviation(accuracies), "change": signed(changes), "Seeds": str(len(changes))}
        table[f"{architecture}, {arm}, {size:,}: {variant}"] = row
    return pd.DataFrame.from_dict(table, orient="index")


def against_protocol(study: Study) -> Iterator[tuple[str, str, int, str, pd.Series, pd.Series]]:
    """Architecture, arm, number of images and name of each variant, its accuracies by seed, and what it changes seed by seed."""
    rows = study.variants[study.variants["tested_on"] != VALIDATION]
    for key, members in rows.groupby(["architecture", "trained_on", "images", "variant"], observed=True):
        usual, accuracies = study.e3_accuracies.get(key[0], {}).get(key[1:3]), members.set_index("seed")["accuracy"]
        if usual is not None and len(changes := (accuracies - usual).dropna()):
            yield *key, accuracies, changes


PAGES = (
    Page(
        by_budget,
        "accuracy.png",
        "Accuracy on the REAL test images by the number of REAL images learned from; of FAKE alone, by the number of FAKE ones. Bands are "
        "a standard deviation over seeds.",
        "Curves of accuracy by number of images, a line for each arm, a row of panels for each classifier; the table has the numbers.",
    ),
    Page(by_number, "accuracy_table.txt", "Accuracy on the REAL test images: mean ± standard deviation over seeds."),
    Page(
        worth_of_fake,
        "worth_table.txt",
        "How many REAL images FAKE ones are worth: geometric means over seeds, with a 95 % interval by Student's t.",
    ),
    Page(verdicts, "verdicts_table.txt", f"What is better than what. {VERDICTS}"),
    Page(
        doubled,
        "steps_table.txt",
        f"The same with twice the steps, for three seeds; beside it, the same seeds with the usual steps. {VERDICTS}",
    ),
    Page(
        sensitivity,
        "sensitivity_table.txt",
        "Variants of the protocol, against the protocol itself: a quarter or three quarters of each batch FAKE, fewer FAKE images, "
        "twice the steps, weights chosen early on a fifth of the images, clipped gradients, float32; frozen-convolutions belongs to "
        "experiment 4.",
    ),
    Page(
        tuning,
        "tuning_table.txt",
        "Accuracy on the REAL validation images, by which each classifier's learning rate and weight decay were chosen: REAL + "
        "augmentation, by number of REAL images.",
    ),
)
