"""The exchange rate of experiment 3: how many REAL images teach a classifier as much as an arm does, from the records."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cifake import arms, evaluation, histories, protocol, records
from cifake.folders import Folders

REAL, FAKE = arms.REAL.name, arms.FAKE.name
ADDED = {  # to REAL images
    arms.REAL_AUGMENTED.name: "augmentation",
    arms.REAL_FAKE.name: "FAKE",
    arms.REAL_FAKE_AUGMENTED.name: "both",
}

BETTER, WORSE, UNSURE = "more accurate", "less accurate", "not told apart"  # by a 95 % interval over seeds

LEGEND = (
    "Differences in accuracy are means over seeds, numbers of REAL images geometric means, each with a 95 % interval by Student's t. A "
    "number below 0: the addition costs as much accuracy as so many REAL images less."
)

Accuracies = dict[tuple[str, int], dict[int, float]]  # by arm and budget, and then by seed


@dataclass(frozen=True)
class Worth:
    """A number of REAL images, over seeds; where it lies beyond the REAL curve's ends it is a bound and has no interval."""

    images: float  # geometric mean over the seeds, those beyond an end counted as that end
    interval: tuple[float, float] | None  # 95 % for that mean, by Student's t on the logarithms
    seeds: int
    above: int  # so many seeds lie beyond the largest budget
    below: int  # and so many below the smallest


def accuracies(members: Sequence[dict]) -> Accuracies:
    """The accuracies of one classifier's records, on REAL test images."""
    by_cell = defaultdict(dict)
    for record in members:
        settings = record["settings"]
        by_cell[record["arm"], settings["real_images"]][settings["seed"]] = record["scores"]["accuracy"]
    return dict(by_cell)


def sizes(scores: Accuracies) -> list[int]:
    """The budgets that any record has, the smallest first."""
    return sorted({size for _, size in scores} - {0})


def counted(cells: Iterable[dict[int, float]]) -> str:
    """How many seeds cells have: 5, or 1-2 where some runs are missing."""
    counts = sorted({len(cell) for cell in cells if cell})
    return "-".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))


def paired(scores: Accuracies, first: tuple[str, int], second: tuple[str, int]) -> list[float]:
    """By how much the second of two cells, (arm, budget) each, is more accurate than the first, seed by seed."""
    one, other = scores.get(first, {}), scores.get(second, {})
    return [other[seed] - one[seed] for seed in sorted(one.keys() & other.keys())]


def equivalent(accuracy: float, budgets: Sequence[int], curve: Sequence[float]) -> float:
    """The smallest number of REAL images that reaches an accuracy, between the budgets by a straight line over their logarithm.

    `curve`: the accuracy at each of the budgets, which rise. Never beyond the ends: infinity where no budget reaches it, and 0 where the
    smallest one surpasses it.
    """
    if accuracy < curve[0]:
        return 0.0
    if accuracy == curve[0]:
        return float(budgets[0])
    segments = zip(itertools.pairwise(budgets), itertools.pairwise(curve), strict=True)
    for (low, high), (below, above) in segments:
        if below < accuracy <= above:
            share = (accuracy - below) / (above - below)
            return float(np.exp((1 - share) * np.log(low) + share * np.log(high)))
    return np.inf


def worth(scores: Accuracies, cell: tuple[str, int]) -> Worth | None:
    """How many REAL images a cell, (arm, budget), is worth, each seed by its own REAL curve; None where no seed has both."""
    budgets = sizes(scores)
    seeds = [
        seed for seed in sorted(scores.get(cell, {})) if all(seed in scores.get((REAL, size), {}) for size in budgets)
    ]
    if not seeds or len(budgets) < 2:
        return None
    return over_seeds(
        [
            equivalent(scores[cell][seed], budgets, [scores[REAL, size][seed] for size in budgets])
            for seed in seeds
        ],
        budgets,
    )  # fmt: skip


def over_seeds(values: list[float], budgets: Sequence[int]) -> Worth:
    """The numbers of images that equivalent() gives for each seed, as one."""
    logarithms = np.log(np.clip(values, budgets[0], budgets[-1]))
    above, below = sum(value == np.inf for value in values), sum(value == 0 for value in values)
    interval = None
    if len(values) > 1 and not above and not below:
        low, high = np.exp(evaluation.mean_interval(list(logarithms)))
        interval = (float(low), float(high))
    return Worth(float(np.exp(logarithms.mean())), interval, len(values), above, below)


def spoken(value: Worth | None, budgets: Sequence[int], own: int = 0) -> str:
    """A worth in words, in REAL images; with `own`, how many further ones beside so many."""
    if value is None:
        return "not known yet"
    if value.above and value.below:
        return f"not determined ({value.below} of {value.seeds} seeds below {budgets[0]:,}, {value.above} above {budgets[-1]:,})"
    images = _rounded(value.images - own)
    if value.above:
        return f"more than {images} ({value.above} of {value.seeds} seeds above {budgets[-1]:,})"
    if value.below:
        return f"fewer than {images} ({value.below} of {value.seeds} seeds below {budgets[0]:,})"
    if value.interval is None:
        return f"{images} (1 seed)"
    low, high = value.interval
    lowest = f"fewer than {_rounded(budgets[0] - own)}" if low < budgets[0] else _rounded(low - own)
    highest = f"more than {_rounded(budgets[-1] - own)}" if high > budgets[-1] else _rounded(high - own)
    return f"{images} [{lowest} to {highest}]"


def _rounded(number: float) -> str:
    """Three digits that count: 1,020."""
    return f"{float(f'{number:.3g}'):,.0f}"


def compared(scores: Accuracies, first: str, second: str) -> dict[str, list[int]]:
    """At which budgets the second arm is better than the first, or worse, or neither is sure: by a 95 % interval over seeds."""
    verdicts = {BETTER: [], WORSE: [], UNSURE: []}
    for size in sizes(scores):
        differences = paired(scores, (first, size), (second, size))
        if len(differences) > 1:
            low, high = evaluation.mean_interval(differences)
            verdicts[BETTER if low > 0 else WORSE if high < 0 else UNSURE].append(size)
    return verdicts


def alone(architecture: str, members: list[dict]) -> list[str]:
    """What FAKE images alone are worth, in a sentence; nothing where that is not known."""
    scores = accuracies(members)
    value = worth(scores, (FAKE, 0))
    if value is None:
        return []
    number = next(record["data"]["FAKE train"]["images"] for record in members if record["arm"] == FAKE)
    return [
        f"{architecture}: {number:,} FAKE images alone teach as much as so many REAL ones: {spoken(value, sizes(scores))}."
    ]


def sentences(folders: Folders, architecture: str, members: list[dict]) -> list[str]:
    """What the records of one classifier say, in words: the exchange rate, what helps where, and where the numbers come from."""
    scores = accuracies(members)
    lines = alone(architecture, members)
    augmented, with_fake = arms.REAL_AUGMENTED.name, arms.REAL_FAKE.name
    for what, first, second in (
        ("augmentation added", REAL, augmented),
        ("FAKE images added", REAL, with_fake),
        ("FAKE images in place of augmentation", augmented, with_fake),
        ("FAKE images added to augmentation", augmented, arms.REAL_FAKE_AUGMENTED.name),
    ):
        verdicts = {verdict: found for verdict, found in compared(scores, first, second).items() if found}
        if verdicts:
            parts = [f"{verdict} beside {_listed(found)} REAL images" for verdict, found in verdicts.items()]
            lines.append(f"{architecture}, {what}: {'; '.join(parts)}.")
    return [*lines, *_beside_experiment_1(folders, architecture, members), _origin(architecture, members)]


def _beside_experiment_1(folders: Folders, architecture: str, members: list[dict]) -> list[str]:
    """The largest budget of REAL images beside experiment 1's classifiers, which had a quarter more; nothing without those."""
    size = max(protocol.BUDGETS)
    mine = [member for member in members if member["arm"] == REAL and member["settings"]["real_images"] == size]
    plain, replicates = records.all_of(folders)[0].get(("REAL", architecture)), records.over_seeds(folders)
    theirs = replicates.get(("REAL", architecture)) or [record for record in [plain] if record]
    if not mine or not theirs or theirs[0]["data"]["train"] != mine[0]["data"]["REAL train"]:
        return []
    here, there = ([record["scores"]["accuracy"] for record in found] for found in (mine, theirs))
    settings, data, budget = theirs[0]["settings"], theirs[0]["data"]["train"], mine[0]["budget"]["REAL"]
    validation = int(data["images"] * settings["validation_share"])
    epoch = -(-(data["images"] - validation) // settings["batch_size"])  # steps
    lengths = sorted(epoch * record["training"]["epochs"] for record in theirs)
    steps = mine[0]["settings"]["steps"]
    places = [folders if record is plain else folders.replicate(record["settings"]["seed"]) for record in theirs]
    courses = [histories.read(place, record)["val_accuracy"] for place, record in zip(places, theirs, strict=True)]
    epochs = max(1, steps // epoch)  # that take as long
    as_far = np.mean([course.head(epochs).max() for course in courses])
    best = np.mean([record["training"]["best_validation_accuracy"] for record in mine])
    return [
        f"{architecture} on {size:,} REAL images: {_spread(here)}; experiment 1's REAL {architecture}: {_spread(there)}; a difference of "
        f"{np.mean(here) - np.mean(there):+.3f}. Here {budget['training']:,} images were for training, {budget['validation']:,} for "
        f"validation, for {steps:,} steps; there {data['images'] - validation:,} and {validation:,}, for "
        f"{' to '.join(f'{length:,}' for length in dict.fromkeys((lengths[0], lengths[-1])))} steps. The best validation accuracy "
        f"was {best:.3f} here, and {as_far:.3f} there in the first {epochs * epoch:,} steps."
    ]


def _spread(values: Sequence[float]) -> str:
    """Mean and, of several seeds, standard deviation."""
    if len(values) < 2:
        return f"{values[0]:.3f} (1 seed)"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} ({len(values)} seeds)"


def _origin(architecture: str, members: list[dict]) -> str:
    """How many runs there are, and whether one program made them all."""
    programs = {record["code"]["sha256"]: record["code"]["commit"] for record in members}
    commit = next(iter(programs.values()))
    code = f"one program ({f'commit {commit[:10]}' if commit else 'not committed'})"
    runs = f"{len(members)} run{'s' * (len(members) > 1)} of {members[0]['settings']['steps']:,} steps"
    return f"{architecture}: {runs}, by {code if len(programs) == 1 else f'{len(programs)} programs'}."


def _listed(numbers: list[int]) -> str:
    """100, 300 and 1,000."""
    words = [f"{number:,}" for number in numbers]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
