"""Experiment 3: what is a generated image worth? Classifiers trained on few and many images, in all arms of data/arms.py.

worth_of_fake.py calls it.
"""

import argparse
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from cifake import protocol
from cifake.data import metadata
from cifake.data.arms import ARMS, BY_NAME, Arm
from cifake.experiments.runs import Prepared, Run, Seconds, backbone_of, data_of, do, timed, weights_of, weights_setting, why
from cifake.models.architectures import ARCHITECTURES
from cifake.results import records
from cifake.system.errors import StudyError
from cifake.system.paths import shown
from cifake.system.progress import duration

if TYPE_CHECKING:
    import keras
    import numpy as np

log = logging.getLogger(__name__)

Splits = dict[tuple[str, str], metadata.Split]  # by source and split
PARTS = (("REAL", "train"), ("FAKE", "train"), ("REAL", "test"))  # of the images, that the experiment uses

# Variants of the protocol, for the tables of tuning and sensitivity: name -> settings that differ.
TUNING = {
    f"rate-{rate:g}-decay-{decay:g}": {"learning_rate": rate, "weight_decay": decay}
    for rate in protocol.RATES
    for decay in protocol.WEIGHT_DECAYS
} | {"rotation-15": {"rotation": 15}}  # degrees; at the rate and decay that were chosen
PLAIN = ("REAL", "REAL + FAKE", "FAKE, then REAL")
AUGMENTED = tuple(f"{arm} + augmentation" for arm in PLAIN)
SENSITIVITY = {  # and which arms it is tried on, with how many images
    "share-0.25": ({"fake_share": 0.25}, ("REAL + FAKE",), (1_000, 10_000)),
    "share-0.75": ({"fake_share": 0.75}, ("REAL + FAKE",), (1_000, 10_000)),
    "fake-5000": ({"fake_images": 5_000}, ("REAL + FAKE", "FAKE, then REAL"), (1_000,)),
    "fake-15000": ({"fake_images": 15_000}, ("REAL + FAKE", "FAKE, then REAL"), (1_000,)),
    "steps-doubled": ({"steps": 2}, PLAIN + AUGMENTED, (1_000, 40_000)),  # times the usual ones
    "early-weights": ({"early_weights": 0.2}, AUGMENTED, (100, 1_000)),  # the best on this share of the images, which is not trained on
    "frozen-convolutions": ({"frozen": True}, ("FAKE, then REAL",), (100, 1_000, 10_000)),  # in the second phase, for experiment 4
    "clipped-gradients": ({"clip_norm": 1.0}, AUGMENTED, (100,)),  # all of a step's gradients, scaled to this norm if theirs is larger
    "float32": ({"precision": "float32"}, ("REAL", "REAL + augmentation"), (40_000,)),
}


def _is_tuning(run: Run) -> bool:
    """Whether it is tested on the validation images."""
    return run.settings.get("variant") in TUNING


def train_missing(chosen: argparse.Namespace) -> None:
    """Do the runs that the options ask for and that have no record yet."""
    log.info("Experiment 3: reading the images")
    splits = {part: metadata.read_split(chosen.folders, *part) for part in PARTS}
    sizes = sizes_of({source: splits[source, "train"].rows for source in protocol.SOURCES}, len(splits["REAL", "train"].classes))
    wanted = runs_of(chosen, sizes, splits)
    refuse_a_mixture(wanted, chosen)
    decoded = cache(partial(_decode, splits))  # by the first classifier that has a run to do, for all of them
    for _, group in itertools.groupby(wanted, lambda run: (run.architecture, _is_tuning(run))):
        members = list(group)
        do(members, partial(_prepare, members, splits, decoded, chosen), partial(_train, chosen), chosen)


def runs_of(chosen: argparse.Namespace, sizes: dict[str, list[int]], splits: Splits | None = None) -> list[Run]:
    """The runs that the options ask for, in the order in which they are done: early ones show the whole picture for one seed."""
    wanted = []
    for architecture in chosen.models or ARCHITECTURES:
        shared = _shared_settings(architecture, chosen)
        for seed, arm, size, variant in _cells(architecture, chosen.part, sizes, chosen.seeds or protocol.SEEDS):
            wanted.append(
                Run(
                    "E3",
                    architecture,
                    f"{architecture}, {arm.name}, {size:,} images, seed {seed}" + (f", {variant}" if variant else ""),
                    _settings(architecture, arm, size, seed, shared, variant, sizes),
                    _data(arm, variant, splits) if splits else {},
                    chosen.folders.e3_run(architecture, arm.name, size, seed, variant),
                    arm=arm,
                )
            )
    number, shards = chosen.shard
    return wanted[number - 1 :: shards]


def _cells(architecture: str, part: str | None, sizes: dict[str, list[int]], seeds: tuple[int, ...]) -> Iterator[tuple[int, Arm, int, str]]:
    """Seed, arm, number of images and variant of each run of a classifier."""
    fixed = {"rotation-15", "float32"} if ARCHITECTURES[architecture].is_pretrained else set()  # features are shared by all runs
    fixed |= set() if ARCHITECTURES[architecture].convolutions else {"frozen-convolutions", "clipped-gradients"}
    if part in (None, "tuning"):
        for size, variant in itertools.product(protocol.TUNED_AT, TUNING):
            if size in sizes["REAL"] and variant not in fixed:
                yield seeds[0], BY_NAME["REAL + augmentation"], size, variant
    if part in (None, "main"):
        for seed in seeds:
            for size in sorted({*sizes["REAL"], *sizes["FAKE"]}):
                yield from ((seed, arm, size, "") for arm in ARMS if size in sizes[arm.counts])
    if part in (None, "sensitivity"):
        for seed, (variant, (changed, names, at)) in itertools.product(seeds[: protocol.VARIED_SEEDS], SENSITIVITY.items()):
            if variant in fixed:
                continue
            for size, name in itertools.product(at, names):
                if size in sizes["REAL"] and changed.get("fake_images", 0) <= sizes["FAKE"][-1]:
                    yield seed, BY_NAME[name], size, variant


def _shared_settings(architecture: str, chosen: argparse.Namespace) -> dict:
    """The settings that all runs of a classifier have."""
    entry = ARCHITECTURES[architecture]
    settings = {
        "batch_size": protocol.BATCH_SIZE,
        "optimiser": "SGD, Nesterov momentum, warm-up, cosine decay to 0",
        "momentum": protocol.MOMENTUM,
        "learning_rate": entry.e3_rate,
        "weight_decay": entry.e3_weight_decay,
        "warm_up": protocol.WARM_UP,
        "steps": chosen.steps,
        "flip": not chosen.no_flip,
    }
    if entry.is_pretrained:
        settings["weights"] = weights_setting(chosen)
    return settings


def _settings(architecture: str, arm: Arm, size: int, seed: int, shared: dict, variant: str, sizes: dict[str, list[int]]) -> dict:
    """All that a run's numbers depend on beside the images."""
    settings = {"seed": seed, "arm": arm.name, "images": size} | shared
    if len(arm.sources) > 1:
        settings["fake_images"] = sizes["FAKE"][-1]
    if any(len(sources) > 1 for sources in arm.phases):
        settings["fake_share"] = 0.5
    if arm.augmented:
        settings["shift"] = protocol.SHIFT
        if ARCHITECTURES[architecture].is_pretrained:  # it picks from copies whose features are computed beforehand
            settings["copies"] = protocol.COPIES_OF_FEW if size <= protocol.FEW else protocol.COPIES
    if variant:
        changed = _changed_by(variant)
        settings |= changed | {"variant": variant, "steps": shared["steps"] * changed.get("steps", 1)}
    return settings


def _changed_by(variant: str | None) -> dict:
    """The settings that a variant of the protocol changes; none if there is no such variant."""
    return TUNING.get(variant) or SENSITIVITY.get(variant, ({},))[0]


def _data(arm: Arm, variant: str, splits: Splits) -> dict[str, dict]:
    """The images that a run takes from, and is tested on."""
    parts = {f"{source} train": splits[source, "train"] for source in arm.sources}
    return data_of(parts | ({} if variant in TUNING else {"REAL test": splits["REAL", "test"]}))


def sizes_of(rows: dict[str, Sequence[metadata.Row]], classes: int) -> dict[str, list[int]]:
    """The numbers of images that can be drawn, by source; FAKE's end with all of them.

    `rows`: the training images. Of the REAL ones, the validation share is left out. Raises StudyError if there are too few for the
    smallest budget.
    """
    sizes = {}
    for source, images in rows.items():
        usable = images[metadata.validation_rows(len(images)) :] if source == "REAL" else images
        numbers = Counter(row.number for row in usable)
        least = min(numbers[number] for number in range(1, classes + 1))
        sizes[source] = [size for size in protocol.BUDGETS if -(-size // classes) <= least]
        if not sizes[source]:
            raise StudyError(
                f"The {source} training images are too few for experiment 3, whose smallest budget is {min(protocol.BUDGETS):,} images; "
                "add images of each class."
            )
        if source == "FAKE":
            sizes[source] = [size for size in sizes[source] if size < len(images)] + [len(images)]
    left_out = [f"{size:,}" for size in protocol.BUDGETS if size not in sizes["REAL"]]
    if left_out:
        log.info("Left out, because there are too few REAL images: budgets of %s.", ", ".join(left_out))
    return sizes


def announce(chosen: argparse.Namespace) -> None:
    """--dry-run: how many runs are there and missing, and how long they take. Images are not read, so a change in them goes unseen."""
    folders, classes = chosen.folders, metadata.class_names(chosen.folders)
    if all(folders.split(source, "train").is_dir() for source in protocol.SOURCES):
        sizes = sizes_of({source: metadata.rows_of(folders, source, "train", classes) for source in protocol.SOURCES}, len(classes))
    else:
        sizes = {"REAL": list(protocol.BUDGETS), "FAKE": [*protocol.BUDGETS, 50_000]}
    wanted = runs_of(chosen, sizes)
    refuse_a_mixture(wanted, chosen)
    for architecture, group in itertools.groupby(wanted, lambda run: run.architecture):
        members, entry = list(group), ARCHITECTURES[architecture]
        missing = [run for run in members if why(run, chosen.fresh)]
        seconds = entry.e3_seconds * sum(run.settings["steps"] for run in missing) / protocol.STEPS
        took = f", in about {duration(seconds)} on two cores" if missing else ""
        took += ", and up to 2 hours once for features" if missing and entry.is_pretrained else ""
        there = len(members) - len(missing)
        log.info("%s: of %d runs %d are there and %d would be done%s", architecture, len(members), there, len(missing), took)


def refuse_a_mixture(wanted: list[Run], chosen: argparse.Namespace) -> None:
    """Raise StudyError if records of other settings, or other images, would be left beside the runs that are asked for.

    The user learns it before hours of training, and not after.
    """
    done = {run.files["record"] for run in wanted}
    shared = {name: _shared_settings(name, chosen) for name in {run.architecture for run in wanted}}
    images = {part: known for run in wanted for part, known in run.data.items()}  # none in a dry run, which reads none
    for path in chosen.folders.records("E3"):
        asked = shared.get(path.parents[1].name)
        if path in done or asked is None:
            continue
        record = records.read(path, "E3")
        there = record["settings"]
        may_differ = records.RUN_OF_E3 | {"variant"} | _changed_by(there.get("variant")).keys()
        other = [name for name in sorted(there.keys() | asked.keys()) if there.get(name) != asked.get(name) and name not in may_differ]
        if any(images.get(part, known) != known for part, known in record["data"].items()):
            other.append("images")
        if other:
            raise StudyError(
                f"{shown(path)} is a run with other settings ({', '.join(other)}), and this start would leave it beside its own; name "
                f"another folder with --output, or move {shown(path.parents[1])} away."
            )


# ----------------------------------------------------------------------------------------------------------------- the images


@dataclass
class Inputs:
    """What the trainings of a classifier take, in memory; rows are those of REAL train, then those of FAKE train."""

    backbone: "keras.Model | None"  # that the classifiers contain; none if they learn from features
    numbers: "np.ndarray"  # int64 [rows]: classes from 0
    usable: dict[str, "np.ndarray"]  # rows that budgets are drawn from, by source: not REAL's validation images
    pixels: "np.ndarray"  # uint8 [rows, 32, 32, 3]
    test: "np.ndarray"  # features or pixels of the images that are tested
    # Of a pretrained backbone, whose features are computed beforehand:
    weights: dict | None = None  # where they came from
    values: "np.ndarray | None" = None  # float16 [1 + copies, rows, features]: of the images, then of their augmented copies
    compute: "Callable[..., None] | None" = None  # (pixels, fingerprint, label, copy or None, array for the features, first row)
    few: dict = field(default_factory=dict)  # (source, seed) -> features of the many copies of a small budget's images
    first_phases: dict = field(default_factory=dict)  # weights after the first phase of an arm, which all budgets share
    trainees: dict = field(default_factory=dict)  # compiled classifiers, by all that they are compiled with


def _decode(splits: Splits) -> "tuple[np.ndarray, np.ndarray]":
    """The pixels of the training images, REAL's before FAKE's, and of the test images; the bytes of their files are let go."""
    import numpy as np

    from cifake.data import decoding

    real, fake, test = (decoding.decode(part.contents, part.filepaths, ", ".join(name))[0] for name, part in splits.items())
    splits.update({name: replace(part, contents=()) for name, part in splits.items()})
    return np.concatenate([real, fake]), test


def _prepare(runs: list[Run], splits: Splits, decoded: Callable, chosen: argparse.Namespace) -> Prepared:
    """From the images to the inputs of the training and of the test, once for all runs of a classifier.

    The features of a pretrained backbone are computed beforehand, for each image and, if a run that is to be done takes them, for its
    augmented copies. `runs` are all tuning or all not.
    """
    architecture, is_tuning, seconds = runs[0].architecture, _is_tuning(runs[0]), {}
    with timed(seconds, "preparing"):
        import numpy as np

        from cifake.data import augmentation
        from cifake.models import architectures, features

        pixels, test_pixels = decoded()
        real, fake, test = (splits[part] for part in PARTS)
        numbers = np.array(real.numbers + fake.numbers)
        border, held_out = len(real.rows), metadata.validation_rows(len(real.rows))
        usable = {"REAL": np.arange(held_out, border), "FAKE": np.arange(border, len(numbers))}
        if is_tuning:
            test = replace(real, split="validation", rows=real.rows[:held_out], fingerprint=f"{real.fingerprint} first")
            test_pixels = pixels[:held_out]

        backbone = backbone_of(architecture, chosen)
        inputs = Inputs(backbone, numbers, usable, pixels, test_pixels)
        if ARCHITECTURES[architecture].is_pretrained:
            with architectures.precision(chosen.precision):  # for the training's features, not for those that are tested
                computing = backbone_of(architecture, chosen)

            def compute(images: np.ndarray, fingerprint: str, label: str, copy: int | None, out: np.ndarray, first: int = 0) -> None:
                change = None
                if copy is not None:
                    change = partial(augmentation.copies, number=copy, flip=not chosen.no_flip)
                    fingerprint += f" copy {copy}, shift {protocol.SHIFT}, flip {not chosen.no_flip}"
                features.of_images(computing, images, fingerprint, chosen.folders, label, change, out, first)

            number = protocol.COPIES if any(run.arm.augmented for run in runs if why(run, chosen.fresh)) else 0
            inputs.values = np.empty((1 + number, len(numbers), *computing.output_shape[1:]), np.float16)
            for copy, (part, place) in itertools.product([None, *range(number)], ((real, slice(border)), (fake, slice(border, None)))):
                label = f"{part.source} {architecture}" + ("" if copy is None else f", copy {copy + 1} of {number}")
                log.info("  %s: features", label)
                values = inputs.values[0 if copy is None else 1 + copy, place]
                compute(pixels[place], part.fingerprint, label, copy, values, held_out if part is real else 0)
            inputs.test = features.of_images(backbone, test_pixels, test.fingerprint, chosen.folders, f"REAL {architecture}, test")
            inputs.weights, inputs.compute, inputs.backbone = weights_of(backbone, chosen), compute, None
    return Prepared(inputs, seconds, test)


def drawn(run: Run, inputs: Inputs) -> "dict[str, np.ndarray]":
    """The rows that a run may learn from, by source: its budget of the source that its arm counts, all of the other one."""
    size = run.settings["images"]
    most = {"REAL": size, "FAKE": run.settings.get("fake_images", size)}
    return {source: _draw(run, source, most[source], inputs) for source in run.arm.sources}


def _draw(run: Run, source: str, size: int, inputs: Inputs) -> "np.ndarray":
    """The rows of a budget."""
    from cifake.data import budgets

    usable = inputs.usable[source]
    return usable[budgets.draw(inputs.numbers[usable], size, run.settings["seed"], source)]


def _taker(run: Run, rows: "np.ndarray", inputs: Inputs) -> "Callable[..., np.ndarray]":
    """A function (rows of a batch, random generator) -> inputs of the classifier, augmented if the arm is.

    `rows` are those of the source that the arm counts.
    """
    import numpy as np

    from cifake.data import augmentation

    flip, rotation = run.settings["flip"], run.settings.get("rotation", 0)
    if not run.arm.augmented:
        return lambda batch, _: inputs.pixels[batch] if inputs.values is None else inputs.values[0, batch]
    if inputs.values is None:
        return lambda batch, random: augmentation.augment(inputs.pixels[batch], random, flip, rotation)
    copies, place, many = run.settings["copies"], np.full(len(inputs.numbers), -1), None
    if copies > protocol.COPIES:
        many = _many_copies(run, inputs)
        place[rows] = np.arange(len(rows))

    def take(batch, random):
        pick = random.random(len(batch))  # which copy of each image
        values = inputs.values[1 + (pick * protocol.COPIES).astype(int), batch]
        is_few = place[batch] >= 0
        if is_few.any():
            values[is_few] = many[(pick[is_few] * copies).astype(int), place[batch[is_few]]]
        return values

    return take


def _many_copies(run: Run, inputs: Inputs) -> "np.ndarray":
    """Features of the many augmented copies of a small budget's images, float16 [copies, images, features].

    They are computed for the largest small budget, which begins with all smaller ones.
    """
    import numpy as np

    from cifake.data import budgets

    source, seed, number = run.arm.counts, run.settings["seed"], run.settings["copies"]
    if (source, seed) not in inputs.few:
        inputs.few = {known: values for known, values in inputs.few.items() if known[1] == seed}  # the seeds come one by one
        most = min(protocol.FEW, len(inputs.usable[source]))
        every = _draw(run, source, most, inputs)
        fingerprint = f"rows {budgets.fingerprint(every)} of {run.data[f'{source} train']['sha256']}"
        label = f"{source} {run.architecture}, seed {seed}"
        log.info("  %s: features of %d augmented copies of %s images", label, number, f"{most:,}")
        inputs.few[source, seed] = np.empty((number, len(every), *inputs.values.shape[2:]), np.float16)
        for copy, values in enumerate(inputs.few[source, seed]):
            inputs.compute(inputs.pixels[every], fingerprint, label, copy, values)
    return inputs.few[source, seed]


# --------------------------------------------------------------------------------------------------------------- the training


def _train(chosen: argparse.Namespace, run: Run, prepared: Prepared, _make: Callable, seconds: Seconds) -> "tuple[np.ndarray, dict]":
    """Train one classifier, phase by phase, and have it answer the test."""
    import keras
    import numpy as np

    from cifake.data import batches, budgets
    from cifake.models import architectures, features, training

    inputs, settings, classes, phases = prepared.inputs, run.settings, prepared.test.classes, run.arm.phases
    seed, counted = settings["seed"], run.arm.counts
    precision = settings.get("precision", chosen.precision)  # of the training; the sensitivity table shows what it changes

    def classifier() -> "keras.Model":
        """With new weights: on features the head alone, on pixels the whole."""
        shape = inputs.backbone.output_shape[1:] if inputs.backbone else inputs.test.shape[1:]
        head = architectures.head(run.architecture, shape, len(classes))
        return architectures.Classifier(inputs.backbone, head).whole(run.architecture)

    def trainee(steps: int, is_frozen: bool) -> training.Trainee:
        """For a phase of so many steps; the same for all runs, because TensorFlow keeps some MB of each that is compiled."""
        key = (precision, steps, is_frozen, *(settings.get(name) for name in ("learning_rate", "weight_decay", "clip_norm")))
        if key not in inputs.trainees:
            with architectures.precision(precision):
                model = classifier()
            for layer in model.layers if is_frozen else ():
                layer.trainable = isinstance(layer, keras.layers.Dense)
            inputs.trainees[key] = training.compile_by_steps(model, settings, steps)
        return inputs.trainees[key]

    with timed(seconds, "training"):
        rows = drawn(run, inputs)
        fitted, validation = dict(rows), None
        if share := settings.get("early_weights"):
            fitted[counted], held_out = np.split(rows[counted], [round(settings["images"] * (1 - share))])
            seen = inputs.pixels[held_out] if inputs.values is None else inputs.values[0, held_out].astype(np.float32)
            validation = (seen, inputs.numbers[held_out])
        take = _taker(run, rows[counted], inputs)

        keras.utils.set_random_seed(seed)  # right before the classifier is built, as in experiment 1
        tested = classifier()  # in float32 always
        weights = tested.get_weights()
        history, steps = {}, settings["steps"] // len(phases)
        for number, sources in enumerate(phases):
            is_last = number == len(phases) - 1
            share = round(protocol.BATCH_SIZE * settings.get("fake_share", 0))
            shares = {"REAL": protocol.BATCH_SIZE - share, "FAKE": share} if len(sources) > 1 else {sources[0]: protocol.BATCH_SIZE}
            parts = {source: fitted[source] for source in sources}
            of_steps = budgets.batches(parts, shares, steps, seed, number)

            def make(step, of_steps=of_steps, number=number):
                random = np.random.default_rng([seed, number, int(step)])
                return take(of_steps[step], random), inputs.numbers[of_steps[step]]

            # A first phase without the images that the arm counts is the same for all budgets: its result is kept.
            key = (sources, seed, run.arm.augmented, precision, settings.get("fake_images"), settings.get("clip_norm"), steps)
            kept = inputs.first_phases if not is_last and counted not in sources else {}
            if key not in kept:
                learner, data = trainee(steps, is_last and settings.get("frozen", False)), batches.made(make, steps)
                kept[key] = training.train_by_steps(learner, weights, data, validation if is_last else None)
            weights, phase = kept[key]
            history = {measure: history.get(measure, []) + values for measure, values in phase.items()}

    with timed(seconds, "testing"):
        tested.set_weights(weights)
        probabilities = features.compute(tested, inputs.test)
    facts = {
        "arm": run.arm.name,
        "classes": list(classes),
        "settings": settings,
        "data": run.data,
        "budget": {source: {"images": len(part), "sha256": budgets.fingerprint(part)} for source, part in rows.items()},
        "training": {"steps": settings["steps"], "precision": precision, "history": history},
        **({"weights": inputs.weights} if inputs.weights else {}),
    }
    return probabilities, facts
