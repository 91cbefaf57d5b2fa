"""What the table of runs says, in words."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from cifake import protocol
from cifake.models.architectures import ARCHITECTURES
from cifake.pages.study import Study
from cifake.results import records, worth
from cifake.results.scores import mean_interval
from cifake.results.worth import Worth

BRACKETS = (
    f"Brackets are {100 * protocol.CONFIDENCE:.0f} % intervals from {protocol.RESAMPLES:,} bootstrap resamples of the test images: how "
    "sure the score of one trained classifier is. ± is the standard deviation over trainings that differ in the seed alone."
)
WORTH_LEGEND = (
    "Differences in accuracy are means over seeds, numbers of REAL images geometric means, each with a 95 % interval by Student's t. A "
    "negative number: the addition costs as much accuracy as having that many REAL images fewer."
)
VERDICT_LEGEND = (
    "Differences in accuracy, paired by seed. Better and worse: a paired t test is significant at 5 % after Holm's correction over all "
    f"comparisons of the classifier. As good as: two one-sided t tests, each at 5 % and uncorrected, put the difference within "
    f"{protocol.EQUIVALENT}. Where both hold, better or worse is said. Else: not told apart."
)

# ------------------------------------------------------------------------------------------------------- experiments 1 and 2


def data(study: Study) -> str:
    """What the images are."""
    row = study.described.iloc[0]
    record = row["record"]
    name = "The data set pairs real images (REAL) with generated ones (FAKE)"
    if row["is_cifake"]:
        name = "CIFAKE pairs CIFAR-10's photographs (REAL) with images of the same classes made by Stable Diffusion 1.4 (FAKE)"
    return (
        f"{name}: 32x32 pixels, {len(record['classes'])} classes: {', '.join(record['classes'])}; of each source "
        f"{record['data']['train']['images']:,} for training and {record['data']['test']['images']:,} for testing."
    )


def answers(study: Study) -> list[str]:
    """What each classifier says to the study's question, if all that needs is there: means over its seeds."""
    lines = []
    for name in study.architectures:
        directions = (("FAKE", "FAKE"), ("FAKE", "REAL"), ("REAL", "REAL"))
        found = [study.accuracies(name, *direction) for direction in directions]
        if all(map(len, found)):
            own, other, real = (f"{100 * values.mean():.0f} %" for values in found)
            lines.append(
                f"{name}, trained on FAKE, recognises {own} of the FAKE test images and {other} of the REAL ones. Trained on REAL, it "
                f"recognises {real} of the REAL ones."
            )
    if lines:
        lines.append(f"Guessing gives {100 / study.described['classes'].iloc[0]:.0f} %.")
    return lines + [line for architecture in study.e3 for line in alone(study, architecture)]


def classifiers(study: Study) -> str:
    """What the classifiers are."""
    return " ".join(f"{name}: {ARCHITECTURES[name].description}." for name in study.architectures if name in ARCHITECTURES)


def method(study: Study) -> list[str]:
    """The method in a few lines."""
    settings = study.described.iloc[0]["record"]["settings"]
    return [
        f"Training: {settings['optimiser']}, learning rate {settings['learning_rate']}, multiplied by {settings['decay_rate']} "
        f"every {settings['decay_steps']:,} steps, batches of {settings['batch_size']}, cross-entropy; at most "
        f"{settings['epochs_at_most']} epochs.",
        f"Early stopping on the accuracy on the first {100 * settings['validation_share']:.0f} % of the training images, patience "
        f"{settings['patience']}; the weights of the best epoch are kept.",
        "Experiment 1 trains each classifier on FAKE and on REAL and tests it on the same source; experiment 2 tests it on the other.",
        f"Intervals: {100 * protocol.CONFIDENCE:.0f} %, by bootstrap over the test images. Spread: over seeds. Pairs of "
        "classifiers: McNemar's exact test on the same images.",
    ]


def confused(members: Iterable[dict]) -> str:
    """Which class is most often taken for which other one."""
    return " ".join(f"{records.name_of(record)} on {record['test']['source']} takes {most_confused(record)}." for record in members)


def most_confused(record: dict) -> str:
    """The most frequent confusion: 42 % of frog for bird."""
    matrix = np.array(record["scores"]["confusion_matrix"], float)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    true, predicted = (record["classes"][number] for number in np.unravel_index(shares.argmax(), shares.shape))
    return f"{100 * shares.max():.0f} % of {true} for {predicted}"


def published(study: Study) -> list[str]:
    """A sentence for each published score that lies outside the interval, or one that says that none does."""
    if study.published.empty:
        return []
    lines = []
    for row in study.published[~study.published["is_inside"]].itertuples():
        side = "above" if row.published > row.high else "below"
        basis = "the bootstrap interval of one run."
        if row.runs:
            basis = f"where 95 % of further runs should lie by {len(row.runs)} seeds."
        lines.append(
            f"{row.trained_on} {row.architecture} on {row.tested_on}: the published {row.label}, {row.published:.2f}, lies {side} "
            f"{row.low:.3f} to {row.high:.3f}, {basis}"
        )
    rounding = f"A published score has two decimals, so it counts as inside if it is within {protocol.PUBLISHED_ROUNDING} of the interval."
    return [*(lines or ["Every published score lies within its interval."]), rounding]


def short(study: Study) -> list[str]:
    """Accuracy in every direction, a classifier a line: what a terminal shows."""
    return [
        f"  {architecture:<5}  " + "   ".join(f"{run.trained_on}→{run.tested_on} {run.accuracy:.3f}" for run in rows.itertuples())
        for architecture, rows in study.plain.groupby("architecture", observed=True)
    ]


# ------------------------------------------------------------------------------------------------------------ experiment 3


def signed(values: Sequence[float]) -> str:
    """A mean with its sign and, of several values, its 95 % interval."""
    if len(values) < 2:
        return f"{values[0]:+.3f}"
    low, high = mean_interval(values)
    return f"{np.mean(values):+.3f} [{low:+.3f} to {high:+.3f}]"


def about(value: Worth, own: int = 0) -> str:
    """A worth in REAL images without its interval: 1,020, or more than 40,000; with `own`, how many further ones on top of those."""
    bound = "more than " if value.above else "fewer than " if value.below else ""
    return "not determined" if value.above and value.below else f"{bound}{_rounded(value.images - own)}"


def worth_of(value: Worth | None, budgets: Sequence[int], own: int = 0) -> str:
    """A worth in REAL images with its interval, or how many seeds lie beyond the curve's ends."""
    if value is None:
        return "not known yet" if len(budgets) > 1 else "needs two numbers of REAL images"
    images = about(value, own)
    if value.seeds in (value.above, value.below):
        return images
    beyond = [f"{value.below} of {value.seeds} seeds below {budgets[0]:,}"] if value.below else []
    beyond += [f"{value.above}{'' if beyond else f' of {value.seeds} seeds'} above {budgets[-1]:,}"] if value.above else []
    if beyond:
        return f"{images} ({', '.join(beyond)})"
    if value.interval is None:
        return f"{images} (1 seed)"
    low, high = value.interval
    lowest = f"fewer than {_rounded(budgets[0] - own)}" if low < budgets[0] else _rounded(low - own)
    highest = f"more than {_rounded(budgets[-1] - own)}" if high > budgets[-1] else _rounded(high - own)
    return f"{images} [{lowest} to {highest}]"


def _rounded(number: float) -> str:
    """Three significant digits: 1,020."""
    return f"{round(float(f'{number:.3g}')):,}"  # an integer, because a float can be -0


def alone(study: Study, architecture: str) -> list[str]:
    """What all FAKE images alone are worth, in a sentence; nothing if that is not known."""
    scores = study.e3_accuracies[architecture]
    number = max(worth.sizes(scores, "FAKE"), default=0)
    value = worth.worth(scores, ("FAKE", number))
    if value is None:
        return []
    line = f"{architecture}: {number:,} FAKE images alone are worth {worth_of(value, worth.sizes(scores))} REAL images"
    augmented = worth.worth(scores, ("FAKE + augmentation", number), worth.AUGMENTED)
    if augmented:
        line += f"; if both are augmented, {worth_of(augmented, worth.sizes(scores, worth.AUGMENTED))}"
    return [f"{line}."]


def worth_lines(study: Study) -> list[str]:
    """What experiment 3 says, in words: the exchange rate, what is better at which budget, and where the numbers come from."""
    lines = []
    for architecture, scores in study.e3_accuracies.items():
        lines += alone(study, architecture)
        for what, members in worth.verdicts(scores).groupby("what", sort=False):
            found = [(verdict, list(group["images"])) for verdict, group in members.groupby("verdict", sort=False)]
            parts = [f"{verdict} with {_listed(sizes)} REAL images" for verdict, sizes in found]
            lines.append(f"{architecture}, {what}: {'; '.join(parts)}.")
        lines.append(_origin(architecture, study.e3[architecture]))
    return lines


def _origin(architecture: str, rows: pd.DataFrame) -> str:
    """How many runs there are, and whether one version of the program made them all."""
    programs = sorted(set(rows["program"].fillna("not committed")))
    by = f"version {programs[0]} of the program" if len(programs) == 1 else f"{len(programs)} versions of the program"
    steps = rows["steps"].iloc[0]
    return f"{architecture}: {len(rows)} run{'s' * (len(rows) > 1)} of {steps:,.0f} steps, by {by}."


def worth_notes(study: Study) -> list[str]:
    """What stands below the table of what FAKE images are worth."""
    return [WORTH_LEGEND, *(_origin(name, rows) for name, rows in study.e3.items())]


def worth_method(study: Study) -> str:
    """How experiment 3 was done."""
    settings = next(iter(study.e3.values()))["record"].iloc[0]["settings"]
    flip = "a random horizontal flip and " if settings["flip"] else ""
    return (
        f"Each classifier is trained for {settings['steps']:,} steps of {settings['batch_size']} images: SGD with Nesterov momentum "
        f"{settings['momentum']}, the learning rate rising to its peak and falling as a cosine to 0, the last weights. It learns from a "
        "number of REAL images, of FAKE images, of REAL images with all FAKE ones in half of every batch, or of all FAKE images in the "
        f"first half of the steps and REAL ones in the second; each without and with augmentation ({flip}a random shift by up to "
        f"{protocol.SHIFT} pixels). All are tested on the REAL test images, by which nothing in it was chosen."
    )


def _listed(numbers: Sequence[int]) -> str:
    """100, 300 and 1,000."""
    words = [f"{number:,}" for number in numbers]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
