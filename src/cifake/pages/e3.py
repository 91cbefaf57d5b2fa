"""Experiment 3's figures and tables: accuracy by number of photographs, what generated images add, what they are worth."""

from collections.abc import Iterator, Sequence
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from cifake import protocol
from cifake.data.arms import ALONE, ARMS, AUGMENTED, BY_NAME, GAUSSIAN_ALONE, GAUSSIAN_MIXED, MIXED, REAL, Arm
from cifake.pages import style
from cifake.pages.page import ANSWER, APPENDIX, FEWEST, Page, mean_and_deviation, signed
from cifake.pages.study import Study
from cifake.results import worth
from cifake.results.table import VALIDATION
from cifake.results.worth import Worth

MAIN = {  # the lines of the main figure -> label, colour, line style
    MIXED: ("augmented + generated", style.COLOURS["FAKE"], "-"),
    GAUSSIAN_MIXED: ("augmented + Gaussian", style.CONTROL, "-"),
    AUGMENTED: ("augmented photographs", style.COLOURS["REAL"], "-"),
    REAL: ("photographs alone", style.COLOURS["REAL"], "--"),
}
NOT_RUN = "not run"  # in place of a number
GAUSSIANS = (1_000, 40_000)  # photographs that the Gaussians of by_generator are fitted to
VERDICTS = (
    "Differences in accuracy, paired by seed, with a 95% interval by Student's t. Better and worse: a paired t test is significant at 5% "
    "after Holm's correction over all comparisons of the classifier; a star marks what is no longer so with the comparisons of all "
    f"classifiers as one family. Equivalent: two one-sided t tests, each at 5% and uncorrected, put the difference within "
    f"{protocol.EQUIVALENT}. Where both hold, better or worse is said. Else: inconclusive."
)


def answers(study: Study) -> list[str]:
    """Whether to add generated images, then what they are worth alone, as far as that is known."""
    gained = {size: added(study, MIXED, size) for size in protocol.BUDGETS}
    known = [f"{points} with {size:,}" for size, points in gained.items() if points and NOT_RUN not in points.split(" and ")]
    names = " and ".join(_of_main_figure(study))
    mixed = f"Points of accuracy that generated images add, mixed into augmented photographs ({names}): {', '.join(known)}."
    return ([mixed] if known else []) + alone(study)


def alone(study: Study) -> list[str]:
    """What all generated images alone are worth to each classifier."""
    lines = []
    for architecture, scores in study.e3_accuracies.items():
        number = max(worth.sizes(scores, ALONE), default=0)
        if value := worth.worth(scores, (ALONE, number), AUGMENTED):
            images = worth_of(value, worth.sizes(scores, AUGMENTED))
            lines.append(f"To {architecture}, {number:,} generated images are as useful as {images} photographs, both augmented.")
    return lines


def method(study: Study) -> str:
    """How experiment 3 was done."""
    settings = next(iter(study.e3.values()))["record"].iloc[0]["settings"]
    flip = "a random horizontal flip and " if settings["flip"] else ""
    return (
        f"Each classifier is trained by steps of {settings['batch_size']} images, more of them the more images there are, on photographs, "
        f"on generated images or on both, without and with augmentation: {flip}a random shift by up to {protocol.SHIFT} pixels. All are "
        "tested on photographs, by which nothing in it was chosen."
    )


def worth_of(value: Worth | None, budgets: Sequence[int]) -> str:
    """A worth in photographs with its interval, or how many seeds lie beyond the curve's ends."""
    if value is None:
        return "not known yet" if len(budgets) > 1 else "needs two numbers of photographs"
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


# -------------------------------------------------------------------------------------------------------------------- figures


def main(study: Study) -> Figure | None:
    """Accuracy by number of photographs, a panel for LeNet and VGG16, or for the classifiers that there are.

    Bands are a standard deviation over seeds.
    """
    groups = _of_main_figure(study)
    if not groups:
        return None
    figure, axes = plt.subplots(1, len(groups), figsize=(style.WIDTH, 3.6), squeeze=False, sharex=True, sharey=True)
    for panel, (architecture, scores) in zip(axes[0], groups.items(), strict=True):
        for arm, (_, colour, line) in MAIN.items():
            _curve(panel, scores, arm, colour, line)
        number = max(worth.sizes(scores, ALONE), default=0)
        if number:
            panel.axhline(scores[ALONE, number].mean(), color=style.COLOURS["FAKE"], linewidth=1, linestyle=":")
        panel.axhline(1 / study.e3[architecture]["classes"].iloc[0], color=style.INK, linewidth=0.8, linestyle=":")
        panel.set_title(architecture)
        _in_photographs(panel, sorted({size for scores in groups.values() for size in worth.sizes(scores)}))
    style.in_percent(axes[0, 0].yaxis, 0.8 if max(scores.max().max() for scores in groups.values()) < 0.8 else 1)
    axes[0, 0].set_ylabel("accuracy on test photographs")
    handles = [Line2D([], [], color=colour, linestyle=line, label=label) for label, colour, line in MAIN.values()]
    handles.append(Line2D([], [], color=style.COLOURS["FAKE"], linestyle=":", label="generated images alone, augmented"))
    handles.append(Line2D([], [], color=style.INK, linestyle=":", label="guessing"))
    style.head(figure, _finding(groups), handles)
    return figure


def _of_main_figure(study: Study) -> dict[str, pd.DataFrame]:
    """Accuracies of LeNet and VGG16, or of those classifiers that there are."""
    groups = {name: scores for name, scores in study.e3_accuracies.items() if AUGMENTED in scores}
    return {name: groups[name] for name in ("LeNet", "VGG16") if name in groups} or dict(list(groups.items())[:2])


def _finding(groups: dict[str, pd.DataFrame]) -> str:
    """What mixing adds to few and to many augmented photographs, in points of accuracy."""
    few, many = (
        [in_points(np.mean(gain)) for scores in groups.values() if (gain := worth.gains(scores, (AUGMENTED, size), (MIXED, size)))]
        for size in (protocol.BUDGETS[0], protocol.BUDGETS[-1])
    )
    if len(few) < len(groups) or len(many) < len(groups):
        return "Accuracy by the number of photographs"
    return (
        f"Mixing generated images into augmented photographs: {' and '.join(few)} points of accuracy at {protocol.BUDGETS[0]:,}, "
        f"{' and '.join(many)} at {protocol.BUDGETS[-1]:,}"
    )


def _curve(panel: Axes, scores: pd.DataFrame, arm: str, colour: str, line: str) -> None:
    """The mean over seeds by number of images, and a band of a standard deviation."""
    if arm in scores:
        mean, deviation = scores[arm].mean().dropna().sort_index(), scores[arm].std().fillna(0)
        deviation = deviation.reindex(mean.index)
        panel.plot(mean.index, mean, color=colour, linestyle=line, marker="o", markersize=2.5, linewidth=1.4, clip_on=False)
        panel.fill_between(mean.index, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0)


def _in_photographs(panel: Axes, sizes: Sequence[int], label: str = "number of photographs") -> None:
    """Numbers of images along a logarithmic x axis."""
    panel.set_xscale("log")
    panel.set_xticks(list(sizes), _in_thousands(sizes))
    panel.minorticks_off()
    panel.set_xlabel(label)


def _in_thousands(sizes: Sequence[int]) -> list[str]:
    return [f"{size:,}".replace(",000", "k") for size in sizes]


def by_budget(study: Study) -> Figure | None:
    """Accuracy on photographs against the number of images: a classifier a row, without and with augmentation."""
    groups = study.e3_accuracies
    if not groups:
        return None
    figure, axes = plt.subplots(len(groups), 2, figsize=(style.WIDTH, 1.4 + 2 * len(groups)), squeeze=False, sharex=True, sharey=True)
    for row, (architecture, scores) in zip(axes, groups.items(), strict=True):
        for panel, is_augmented in zip(row, (False, True), strict=True):
            for arm in (arm for arm in ARMS if arm.augmented == is_augmented):
                _curve(panel, scores, arm.name, _colour(arm), arm.line)
            panel.set_title(f"{architecture}, {'with' if is_augmented else 'without'} augmentation")
            _in_photographs(panel, protocol.BUDGETS, "number of images" if row[0] is axes[-1, 0] else "")
        row[0].set_ylabel("accuracy")
    style.in_percent(axes[0, 0].yaxis, 0.9)
    shown = set().union(*(scores.columns.get_level_values(0) for scores in groups.values()))
    arms = [arm for arm in ARMS if not arm.augmented and {arm.name, f"{arm.name} + augmentation"} & shown]
    handles = [Line2D([], [], color=_colour(arm), linestyle=arm.line, label=arm.name) for arm in arms]
    style.head(figure, "Accuracy on test photographs by the number of images learned from", handles)
    return figure


def _colour(arm: Arm) -> str:
    if arm.is_gaussian:
        return style.CONTROL
    return style.COLOURS[arm.counts] if len(arm.sources) == 1 else style.MIXED


def differences(study: Study) -> Figure | None:
    """What the two ways of adding generated images change against augmented photographs, with 95% intervals, a classifier a panel."""
    table = _verdicts(study)
    wanted = {
        "mixed, on top of augmentation": ("mixed half and half", style.COLOURS["FAKE"], -0.06),
        "generated first, on top of augmentation": ("generated first, then photographs", style.MIXED, 0),
        "Gaussian mixed, on top of augmentation": ("the Gaussian mixed in", style.CONTROL, 0.06),
    }
    table = table[table["what"].isin(wanted)]
    if table.empty:
        return None
    names = list(dict.fromkeys(table["architecture"]))
    lines = -(-len(names) // 2)
    figure, axes = plt.subplots(lines, 2, figsize=(style.WIDTH, 1 + 2 * lines), squeeze=False, sharex=True, sharey=True)
    for panel in axes.flat[len(names) :]:
        panel.axis("off")
    for panel, name in zip(axes.flat, names, strict=False):
        for what, (_, colour, aside) in wanted.items():
            rows = table[(table["architecture"] == name) & (table["what"] == what)]
            ends = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
            panel.errorbar(rows["images"] * 10**aside, rows["mean"], ends, color=colour, fmt="o", markersize=3, linewidth=1.2)
        panel.axhline(0, color=style.INK, linewidth=0.8)
        panel.set_title(name)
        _in_photographs(panel, sorted(set(table["images"])))
        panel.yaxis.set_major_locator(MultipleLocator(0.05))
        panel.yaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}")
    for panel in axes[:, 0]:
        panel.set_ylabel("points of accuracy")
    handles = [Line2D([], [], color=colour, marker="o", linestyle="", label=label) for label, colour, _ in wanted.values()]
    style.head(figure, "What is added to augmented photographs, with 95% intervals", handles)
    return figure


def worth_by_number(study: Study) -> Figure | None:
    """As useful as how many photographs: by number of generated images and classifier, without and with augmentation."""
    figure, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 3), sharey=True)
    for panel, (arm, curve) in zip(axes, (("FAKE", REAL), (ALONE, AUGMENTED)), strict=True):
        for number, (architecture, scores) in enumerate(study.e3_accuracies.items()):
            found = {size: worth.worth(scores, (arm, size), curve) for size in worth.sizes(scores, arm)}
            found = {size: value for size, value in found.items() if value and not value.above and not value.below}
            values = [value.images for value in found.values()]
            if found:
                panel.plot(list(found), values, marker="o", markersize=3, color=f"C{number}", label=architecture)
        panel.set_yscale("log")
        panel.set_yticks(list(protocol.BUDGETS), _in_thousands(protocol.BUDGETS))
        _in_photographs(panel, protocol.BUDGETS, "number of generated images")
        panel.set_title("with augmentation" if BY_NAME[arm].augmented else "without augmentation")
    if not any(len(line.get_xdata()) > 1 for panel in axes for line in panel.lines):
        plt.close(figure)
        return None
    axes[0].set_ylabel("as useful as ... photographs")
    by_name = {line.get_label(): line for panel in axes for line in panel.lines}
    style.head(figure, "What generated images alone are worth", list(by_name.values()), columns=4)
    return figure


def field(study: Study) -> Figure | None:
    """Accuracy by the share of generated images among N in all, augmented: the design of Wachter et al. (2025) and Zimmer (2025)."""
    table = _shares(study)
    if table.empty:
        return None
    figure, panel = plt.subplots(figsize=(style.WIDTH, 3))
    for number, ((architecture, images), rows) in enumerate(table.groupby(["architecture", "of"], observed=True)):
        means = rows.groupby("share")["accuracy"].mean()
        label = f"{architecture}, {images:,} images in all"
        panel.plot(means.index, means, marker="o", markersize=3, color=f"C{number}", label=label, clip_on=False)
    style.in_percent(panel.yaxis, 0.8)
    style.in_percent(panel.xaxis)
    panel.set_xlabel("share of generated images")
    panel.set_ylabel("accuracy on test photographs")
    style.head(figure, "Accuracy by the share of generated images among N in all", panel.lines)
    return figure


def _shares(study: Study) -> pd.DataFrame:
    """Runs with N images in all: architecture, of (N), share (of generated images), seed, accuracy."""
    mixed = study.variants[study.variants["variant"].str.contains("-of-")]
    if mixed.empty:
        return mixed
    parts = mixed["variant"].str.split("-of-", expand=True)
    mixed = mixed.assign(share=parts[0].astype(float), of=parts[1].astype(int))
    ends = study.all_e3.query("variant == '' and seed in @mixed.seed and architecture in @mixed.architecture and images in @mixed.of")
    ends = ends.assign(share=ends["trained_on"].map({AUGMENTED: 0.0, ALONE: 1.0}), of=ends["images"]).dropna(subset="share")
    return pd.concat([mixed, ends])[["architecture", "of", "share", "seed", "accuracy"]]


# --------------------------------------------------------------------------------------------------------------------- tables


def by_number(study: Study) -> pd.DataFrame:
    """Accuracy by classifier and arm (a row) and number of images (a column): mean ± standard deviation over seeds."""
    sizes = sorted({size for scores in study.e3_accuracies.values() for _, size in scores.columns})
    rows = {}
    for architecture, scores in study.e3_accuracies.items():
        diverged = study.e3[architecture].set_index(["trained_on", "seed", "images"])["record"].map(worth.has_diverged)
        for arm in (arm for arm in ARMS if arm.name in scores):
            cells = {size: scores[arm.name, size].dropna() for size in sizes if (arm.name, size) in scores}
            counts = sorted({len(values) for values in cells.values()})
            rows[f"{architecture}, {arm.name}"] = {
                **{f"{size:,}": mean_and_deviation(cells[size]) if size in cells else "" for size in sizes},
                "Seeds": "-".join(str(count) for count in dict.fromkeys((counts[0], counts[-1]))),
                "Diverged": str(diverged[arm.name].sum()),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def worth_of_fake(study: Study) -> pd.DataFrame:
    """How many photographs a number of generated images is worth, on the curves of REAL and REAL + augmentation."""
    columns = {
        "photographs": ("FAKE", REAL),
        "augmented photographs": ("FAKE", AUGMENTED),
        "augmented photographs, if the generated ones are augmented, too": (ALONE, AUGMENTED),
    }
    rows = {}
    for architecture, scores in study.e3_accuracies.items():
        for size in sorted({*worth.sizes(scores, "FAKE"), *worth.sizes(scores, ALONE)}):
            rows[f"{architecture}, {size:,} generated"] = {
                column: worth_of(worth.worth(scores, (arm, size), curve), worth.sizes(scores, curve))
                for column, (arm, curve) in columns.items()
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def worth_by_class(study: Study) -> pd.DataFrame:
    """How many augmented photographs all generated ones are worth by F1 of each class, on means over seeds."""
    rows = {}
    for architecture, runs in study.e3.items():
        names = [name for name in runs if name.startswith("f1_") and runs[name].notna().any()]
        f1 = runs[runs["trained_on"].isin((AUGMENTED, ALONE))].groupby(["trained_on", "images"])[names].mean()
        if not {AUGMENTED, ALONE} <= set(f1.index.get_level_values(0)):
            continue
        curve, alone = f1.loc[AUGMENTED], f1.loc[ALONE].iloc[-1]
        for name in names if len(curve) > 1 else ():
            value = worth.equivalent(alone[name], list(curve.index), curve[name].to_list())
            below, above = f"fewer than {curve.index[0]:,}", f"more than {curve.index[-1]:,}"
            words = below if value == 0 else above if value == np.inf else _rounded(value)
            rows.setdefault(name.removeprefix("f1_"), {})[architecture] = words
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def advice(study: Study) -> pd.DataFrame:
    """When generated images are worth adding, for README: what they and the Gaussian's change in augmented photographs."""
    groups = _of_main_figure(study)
    table = _verdicts(study, groups).set_index(["what", "images", "architecture"])
    if set(table.index.unique("architecture")) != set(groups):
        return pd.DataFrame()

    def points(what: str, size: int) -> str:
        means = [table["mean"].get((what, size, name)) for name in groups]
        return " / ".join(map(in_points, means))

    def row(cells: list[tuple[str, int]], accuracy: str, generated: str, control: str, advised: str) -> dict[str, str]:
        useful = [_as_photographs(scores, cell) for scores, cell in zip(groups.values(), cells, strict=True)]
        values = (accuracy, generated, control, " / ".join(useful), advised)
        return dict(zip(("augmented", "generated mixed in", "Gaussian mixed in", "worth in photographs", "do"), values, strict=True))

    def percent(cells: list[tuple[str, int]]) -> str:
        return " / ".join(f"{100 * scores[cell].mean():.0f}" for scores, cell in zip(groups.values(), cells, strict=True)) + "%"

    rows, only = {}, [(ALONE, max(worth.sizes(scores, ALONE), default=0)) for scores in groups.values()]
    if all(number for _, number in only):
        rows["none"] = row(only, "", f"{percent(only)} alone", "", "collect some")
    for size in sorted(table.index.unique("images")):
        cells = [table.T.get(("mixed, on top of augmentation", size, name)) for name in groups]
        if all(cell is not None for cell in cells):
            is_better = [cell["verdict"] == worth.BETTER for cell in cells]
            is_none = all(cell["mean"] <= 0 or cell["verdict"] == worth.EQUAL for cell in cells)
            advised = "mix in" if all(is_better) else "leave out" if is_none else "try"
            changes = (points(what, size) for what in ("mixed, on top of augmentation", "Gaussian mixed, on top of augmentation"))
            rows[f"{size:,}"] = row([(MIXED, size)] * len(groups), percent([(AUGMENTED, size)] * len(groups)), *changes, advised)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("photographs")


def added(study: Study, arm: str, size: int) -> str:
    """How many points an arm adds to so many augmented photographs, for the classifiers of the main figure: +17 and +11."""
    gained = (worth.gains(scores, (AUGMENTED, size), (arm, size)) for scores in _of_main_figure(study).values())
    return " and ".join(in_points(np.mean(gain) if gain else None) for gain in gained)


def enough(study: Study) -> str:
    """What fewer generated images add to the fewest photographs, augmented and mixed, beside all of them; by the same seeds."""
    size, lines = protocol.BUDGETS[0], []
    for architecture, scores in _of_main_figure(study).items():
        rows = study.variants.query("architecture == @architecture and trained_on == @MIXED and images == @size")
        fewer = {int(name.removeprefix("fake-")): members for name, members in rows.groupby("variant") if name.startswith("fake-")}
        usual = scores.get((AUGMENTED, size), pd.Series(dtype=float))
        added = {number: (fewer[number].set_index("seed")["accuracy"] - usual).dropna() for number in sorted(fewer)}
        added = {f"{number:,}": gains for number, gains in added.items() if len(gains) >= FEWEST}
        if added:
            seeds = next(iter(added.values())).index
            added["all"] = (scores[MIXED, size] - usual)[seeds]
            parts = ", ".join(f"{number} add {in_points(gains.mean())}" for number, gains in added.items())
            lines.append(f"For {architecture} with {size:,} photographs, of the generated images {parts} points.")
    return " ".join(lines)


def in_points(share: float | None) -> str:
    """A difference in whole points of a hundred; what rounds to 0 has no minus."""
    return NOT_RUN if share is None else f"{round(100 * share) + 0:+d}"


def _as_photographs(scores: pd.DataFrame, cell: tuple[str, int]) -> str:
    """As many augmented photographs as are as useful as a cell, in two digits."""
    value = worth.worth(scores, cell, AUGMENTED)
    return NOT_RUN if value is None else f"{'> ' * bool(value.above)}{'< ' * bool(value.below)}{float(f'{value.images:.2g}'):,.0f}"


def by_generator(study: Study) -> pd.DataFrame:
    """What generators are worth, and the Gaussian, which each should clear; a row for each, with those of others below."""
    generator = "Stable Diffusion 1.4" if study.all_e3["is_cifake"].all() else "these generated images"
    parts = [(generator, study.e3_accuracies, ALONE, None)]
    parts += [(f"Gaussian of {size:,} photographs", study.e3_accuracies, GAUSSIAN_ALONE, size) for size in GAUSSIANS]
    for path in study.folders.generators:
        runs = pd.read_csv(path).query("variant == @protocol.OWN")
        parts.append((path.stem, {name: worth.accuracies(rows) for name, rows in runs.groupby("architecture")}, ALONE, None))
    rows = {}
    for name, groups, arm, size in parts:
        for architecture, scores in groups.items():
            number = size or max(worth.sizes(scores, arm), default=0)
            if value := worth.worth(scores, (arm, number), AUGMENTED):
                row = rows.setdefault(name, {} if size else {"images": f"{number:,}"})
                row[f"{architecture}: as useful as"] = worth_of(value, worth.sizes(scores, AUGMENTED))
            if not size and (gains := worth.gains(scores, (GAUSSIAN_MIXED, GAUSSIANS[0]), (MIXED, GAUSSIANS[0]))):
                rows.setdefault(name, {})[f"{architecture}: beyond the Gaussian"] = signed(pd.Series(gains))
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def _verdicts(study: Study, accuracies: dict[str, pd.DataFrame] | None = None) -> pd.DataFrame:
    """All comparisons of classifiers with three seeds or more: two can tell nothing apart."""
    groups = study.e3_accuracies if accuracies is None else accuracies
    return worth.verdicts({name: scores for name, scores in groups.items() if len(scores) >= FEWEST})


def verdicts(study: Study) -> pd.DataFrame:
    """What is better than what: a comparison a row, a number of photographs a column."""
    return _in_words(_verdicts(study))


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Verdicts as text: better +0.021 [+0.011 to +0.032]."""
    rows = {}
    for row in table.itertuples():
        columns = rows.setdefault(f"{row.architecture}, {row.what}", dict.fromkeys(f"{size:,}" for size in sorted(set(table["images"]))))
        star = "" if row.verdict == row.verdict_of_all else "*"
        words = f"{row.verdict}{star} {row.mean:+.3f} [{row.low:+.3f} to {row.high:+.3f}]"
        columns[f"{row.images:,}"] = words
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def _doubled(study: Study) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Classifier, and accuracies of the same seeds with the usual steps and with twice as many."""
    for architecture, members in study.variants.query("variant == 'steps-doubled'").groupby("architecture", observed=True):
        twice, usual = worth.accuracies(members), study.e3_accuracies.get(architecture, pd.DataFrame())
        yield architecture, usual.reindex(twice.index), twice


def doubled(study: Study) -> pd.DataFrame:
    """What is better than what with the protocol's number of steps and with twice as many, by the same seeds."""
    parts = {}
    for architecture, usual, twice in _doubled(study):
        parts |= {f"{architecture}, usual steps": usual.reindex(columns=twice.columns), f"{architecture}, twice the steps": twice}
    return _in_words(_verdicts(study, parts))


def equal_photographs(study: Study) -> pd.DataFrame:
    """The comparisons with arms that take generated images, if these have twice the steps, and so see as many photographs."""
    parts = {architecture: worth.at_equal_photographs(usual, twice) for architecture, usual, twice in _doubled(study)}
    table = _verdicts(study, parts)
    return _in_words(table[~table["what"].str.startswith("augmentation")])


def tuning(study: Study) -> pd.DataFrame:
    """Accuracy on the validation photographs of all that was tried there, by number of photographs."""
    rows = study.variants[study.variants["tested_on"] == VALIDATION]
    if rows.empty:
        return rows
    table = rows.pivot_table(index=["architecture", "trained_on", "variant"], columns="images", values="accuracy", observed=True)
    table = table.assign(mean=table.mean(axis=1).where(table.count(axis=1) > 1)).map(
        lambda score: "" if np.isnan(score) else f"{score:.4f}"
    )
    names = [f"{architecture}, {arm}: {variant}" for architecture, arm, variant in table.index]
    return table.rename(columns=lambda name: f"{name:,}" if isinstance(name, int) else name).set_axis(names)


def sensitivity(study: Study) -> pd.DataFrame:
    """Variants of the protocol beside the protocol itself, seed by seed."""
    table = {}
    rows = study.variants[(study.variants["tested_on"] != VALIDATION) & ~study.variants["variant"].str.contains("-of-")]
    for (architecture, arm, size, variant), members in rows.groupby(["architecture", "trained_on", "images", "variant"], observed=True):
        usual, accuracies = study.e3_accuracies.get(architecture, {}).get((arm, size)), members.set_index("seed")["accuracy"]
        if usual is not None and len(changes := (accuracies - usual).dropna()):
            row = {"accuracy": mean_and_deviation(accuracies), "change": signed(changes), "Seeds": str(len(changes))}
            table[f"{architecture}, {arm}, {size:,}: {variant}"] = row
    return pd.DataFrame.from_dict(table, orient="index")


def by_share(study: Study) -> pd.DataFrame:
    """Accuracy by share of generated images among N in all: mean ± standard deviation over seeds."""
    table = _shares(study)
    if table.empty:
        return table
    rows = {}
    for (architecture, images, share), members in table.groupby(["architecture", "of", "share"], observed=True):
        rows.setdefault(f"{architecture}, {images:,} images in all", {})[f"{share:.0%}"] = mean_and_deviation(members["accuracy"])
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


PAGES = (
    Page(
        main,
        "photographs.png",
        "Accuracy on test photographs by the number of photographs learned from. The Gaussian is fitted to the same photographs and knows "
        "nothing else. Bands are a standard deviation over seeds.",
        "Curves of accuracy by number of photographs: alone, augmented, and augmented with generated or Gaussian images mixed in.",
        ANSWER,
    ),
    Page(
        differences,
        "differences.png",
        "What is added to augmented photographs changes accuracy by so many points, at equal steps; bars are 95% intervals over seeds.",
        "Differences in accuracy with intervals around zero, by number of photographs, a panel for each classifier.",
    ),
    Page(
        worth_by_number,
        "worth.png",
        "The number of photographs that are as useful as a number of generated images alone.",
        "Curves of worth in photographs by number of generated images, a line for each classifier, without and with augmentation.",
    ),
    Page(
        by_budget,
        "accuracy.png",
        "Accuracy on test photographs by the number of photographs learned from; of FAKE alone, by the number of generated images; of the "
        "Gaussian alone, by the number of photographs that it was fitted to. Bands are a standard deviation over seeds.",
        "Curves of accuracy by number of images, a line for each condition, a row of panels for each classifier.",
        APPENDIX,
    ),
    Page(
        field,
        "shares.png",
        "Accuracy by the share of generated images among N in all, augmented, each image seen equally often.",
        "Lines that fall as the share of generated images rises.",
        APPENDIX,
    ),
    Page(by_number, "accuracy_table.txt", "Accuracy on test photographs: mean ± standard deviation over seeds; how many runs diverged."),
    Page(
        worth_of_fake,
        "worth_table.txt",
        "As useful as how many photographs: geometric means over seeds, with a 95% interval by Student's t.",
    ),
    Page(
        worth_by_class,
        "worth_by_class_table.txt",
        "The same for all generated images, augmented, by F1 of each class, on means over seeds.",
    ),
    Page(
        by_generator,
        "generators_table.txt",
        "Worth by generator, all augmented. As useful as: so many photographs, if the generator's images are all there is. Beyond the "
        "Gaussian: what they change when mixed into 1,000 photographs, against images of a Gaussian of the same photographs. Rows below "
        "the Gaussians are others' generators, by the short protocol of docs/own-images.md.",
    ),
    Page(verdicts, "verdicts_table.txt", f"What is better than what, at equal steps. {VERDICTS}"),
    Page(
        equal_photographs,
        "equal_photographs_table.txt",
        f"The same at equal photographs seen: conditions that also take generated images have twice the steps; three seeds. {VERDICTS}",
        section=APPENDIX,
    ),
    Page(
        doubled,
        "steps_table.txt",
        f"What is better than what with the usual steps and with twice as many in all conditions, for the same seeds. {VERDICTS}",
        section=APPENDIX,
    ),
    Page(
        sensitivity,
        "sensitivity_table.txt",
        "Variants of the protocol, against the protocol itself: twice the steps, a quarter or three quarters of each batch generated, "
        "fewer generated images, float32.",
        section=APPENDIX,
    ),
    Page(by_share, "shares_table.txt", "Accuracy by the share of generated images among N in all, augmented.", section=APPENDIX),
    Page(
        tuning,
        "tuning_table.txt",
        "Accuracy on the validation photographs, by which the settings of each classifier were chosen, by number of photographs.",
        section=APPENDIX,
    ),
)

# What README.md and docs/ show between markers, by the marker's name.
README = {"advice": advice, "enough": enough, "alone": lambda study: " ".join(alone(study))}
README |= {f"mixed_{size}": partial(added, arm=MIXED, size=size) for size in protocol.BUDGETS}
README |= {f"gaussian_{size}": partial(added, arm=GAUSSIAN_MIXED, size=size) for size in protocol.BUDGETS}
