"""Experiment 3: what is a generated image worth? Classifiers trained on few and many images, in all arms of data/arms.py.

worth_of_fake.py calls it.
"""

import argparse
import dataclasses
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cifake import protocol
from cifake.data import metadata
from cifake.data.arms import ARMS, BY_NAME, Arm
from cifake.experiments.runs import Prepared, Run, Trained, backbone_of, data_of, do, weights_of, weights_setting, why, why_by_record
from cifake.models.architectures import ARCHITECTURES
from cifake.results import records
from cifake.results.records import RUN_OF_E3
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
SENSITIVITY = {
    "share-0.25": {"fake_share": 0.25},
    "share-0.75": {"fake_share": 0.75},
    "fake-5000": {"fake_images": 5_000},
    "fake-15000": {"fake_images": 15_000},
    "steps-doubled": {"steps": 2},  # times those of the grid
    "early-weights": {"early_weights": 0.2},  # the best ones on this share of the images, which is not trained on
    "float32": {"precision": "float32"},
}
AUGMENTED = ("REAL + augmentation", "REAL + FAKE + augmentation", "FAKE, then REAL + augmentation")
VARIED = {  # which arms, with how many images, each variant is tried on
    "share": (("REAL + FAKE",), (1_000, 10_000)),
    "fake": (("REAL + FAKE", "FAKE, then REAL"), (1_000,)),
    "steps": (AUGMENTED, (1_000, 40_000)),
    "early": (AUGMENTED, (100, 1_000)),
    "float32": (("REAL", *AUGMENTED), (1_000, 40_000)),
}


@dataclass(frozen=True)
class RunOfE3(Run):
    """A run, with what experiment 3 varies."""

    arm: Arm = ARMS[0]
    size: int = 0  # images of the source that the arm counts
    seed: int = 0
    precision: str = "float32"  # of the training, and of features for it; the sensitivity table shows what it changes
    is_tuning: bool = False  # tested on the validation images


def train_missing(chosen: argparse.Namespace) -> list[Path]:
    """Do the runs that the options ask for and that have no record yet; gives the files written."""
    log.info("Experiment 3: reading the images")
    splits = {part: metadata.read_split(chosen.folders, *part) for part in PARTS}
    counts = {source: splits[source, "train"] for source in protocol.SOURCES}
    sizes = sizes_of({source: [row.label for row in part.rows] for source, part in counts.items()}, counts["REAL"].classes)
    wanted, written = runs_of(chosen, sizes, splits), []
    refuse_a_mixture(wanted, splits, chosen)
    for (architecture, is_tuning), group in itertools.groupby(wanted, lambda run: (run.architecture, run.is_tuning)):
        members = list(group)
        augmented = any(run.arm.augmented for run in members if why(run, chosen.fresh))
        prepare = partial(_prepare, architecture, splits, augmented, is_tuning, chosen)
        written += do(members, prepare, _train, chosen)
    return written


def runs_of(chosen: argparse.Namespace, sizes: dict[str, list[int]], splits: Splits | None = None) -> list[RunOfE3]:
    """The runs that the options ask for, in the order in which they are done: early ones show the whole picture for one seed."""
    wanted = []
    for architecture in chosen.models or ARCHITECTURES:
        shared = _shared_settings(architecture, chosen)
        seeds = chosen.seeds or ARCHITECTURES[architecture].e3_seeds
        for seed, arm, size, variant in _cells(architecture, chosen.part, sizes, seeds):
            is_tuning = variant in TUNING
            wanted.append(
                RunOfE3(
                    "E3",
                    architecture,
                    f"{architecture}, {arm.name}, {size:,} images, seed {seed}" + (f", {variant}" if variant else ""),
                    _settings(architecture, arm, size, seed, shared, variant, sizes),
                    _data(arm, is_tuning, splits) if splits else {},
                    chosen.folders.e3_run(architecture, arm.name, size, seed, variant),
                    arm=arm,
                    size=size,
                    seed=seed,
                    precision=SENSITIVITY.get(variant, {}).get("precision", chosen.precision),
                    is_tuning=is_tuning,
                )
            )
    number, shards = chosen.shard
    return wanted[number - 1 :: shards]


def _cells(architecture: str, part: str | None, sizes: dict[str, list[int]], seeds: tuple[int, ...]) -> Iterator[tuple[int, Arm, int, str]]:
    """Seed, arm, number of images and variant of each run of a classifier."""
    fixed = {"rotation-15", "float32"} if ARCHITECTURES[architecture].is_pretrained else set()  # features are shared by all runs
    if part in (None, "tuning"):
        for size, variant in itertools.product(protocol.TUNED_AT, TUNING):
            if size in sizes["REAL"] and variant not in fixed:
                yield seeds[0], BY_NAME["REAL + augmentation"], size, variant
    if part in (None, "main"):
        for seed in seeds:
            for size in sorted({*sizes["REAL"], *sizes["FAKE"]}):
                yield from ((seed, arm, size, "") for arm in ARMS if size in sizes[arm.counts])
    if part in (None, "sensitivity"):
        for seed, variant in itertools.product(seeds[:3], (name for name in SENSITIVITY if name not in fixed)):
            names, at = VARIED[variant.split("-")[0]]
            for size, name in itertools.product(at, names):
                if size in sizes["REAL"] and SENSITIVITY[variant].get("fake_images", 0) <= sizes["FAKE"][-1]:
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
        settings |= {"copies": _copies(size)} if ARCHITECTURES[architecture].is_pretrained else {}
    if variant:
        settings |= TUNING.get(variant) or SENSITIVITY[variant]
        settings["variant"] = variant
        if variant == "steps-doubled":
            settings["steps"] = 2 * shared["steps"]
    return settings


def _copies(size: int) -> int:
    """How many augmented copies of each image a run of this size picks from, if the features are computed beforehand."""
    return next(number for most, number in protocol.COPIES.items() if most is None or size <= most)


def _data(arm: Arm, is_tuning: bool, splits: Splits) -> dict[str, dict]:
    """The images that a run takes from, and is tested on."""
    parts = {f"{source} train": splits[source, "train"] for source in arm.sources}
    return data_of(parts | ({} if is_tuning else {"REAL test": splits["REAL", "test"]}))


def sizes_of(labels: dict[str, list[str]], classes: tuple[str, ...]) -> dict[str, list[int]]:
    """The numbers of images that can be drawn, by source; FAKE's end with all of them.

    `labels`: the class of each training image. Of the REAL ones, the validation share is left out. Raises StudyError if there are too
    few for the smallest budget.
    """
    sizes = {}
    for source, names in labels.items():
        usable = names[metadata.validation_rows(len(names)) :] if source == "REAL" else names
        least = min(Counter(usable)[name] for name in classes)
        sizes[source] = [size for size in protocol.BUDGETS if -(-size // len(classes)) <= least]
        if not sizes[source]:
            raise StudyError(
                f"The {source} training images are too few for experiment 3, whose smallest budget is {min(protocol.BUDGETS):,} images; "
                "add images of each class."
            )
        if source == "FAKE":
            sizes[source] = [size for size in sizes[source] if size < len(names)] + [len(names)]
    left_out = [f"{size:,}" for size in protocol.BUDGETS if size not in sizes["REAL"]]
    if left_out:
        log.info("Left out, for want of REAL images: budgets of %s.", ", ".join(left_out))
    return sizes


def announce(chosen: argparse.Namespace) -> None:
    """--dry-run: how many runs are there and missing, and how long they take. Images are not read, so a change in them goes unseen."""
    folders, classes = chosen.folders, metadata.class_names(chosen.folders)
    if all(folders.split(source, "train").is_dir() for source in protocol.SOURCES):
        rows = {source: metadata.rows_of(folders, source, "train", classes) for source in protocol.SOURCES}
        sizes = sizes_of({source: [row.label for row in part] for source, part in rows.items()}, classes)
    else:
        sizes = {"REAL": list(protocol.BUDGETS), "FAKE": [*protocol.BUDGETS, 50_000]}
    wanted = runs_of(chosen, sizes)
    refuse_a_mixture(wanted, None, chosen)
    for architecture, group in itertools.groupby(wanted, lambda run: run.architecture):
        members, entry = list(group), ARCHITECTURES[architecture]
        missing = [run for run in members if why_by_record(run, chosen.fresh)]
        seconds = entry.e3_seconds * sum(run.settings["steps"] for run in missing) / protocol.STEPS
        took = f", in about {duration(seconds)} on two cores" if missing else ""
        took += ", and up to 2 hours once for features" if missing and entry.is_pretrained else ""
        there = len(members) - len(missing)
        log.info("%s: of %d runs %d are there and %d would be done%s", architecture, len(members), there, len(missing), took)


def refuse_a_mixture(wanted: list[RunOfE3], splits: Splits | None, chosen: argparse.Namespace) -> None:
    """Raise StudyError if records of other settings, or other images, would be left beside the runs that are asked for.

    The user learns it before hours of training, and not after. Without `splits` the images are not compared.
    """
    done = {run.files["record"] for run in wanted}
    alike = {run.architecture: _alike(run.settings) for run in wanted if "variant" not in run.settings}
    for path in chosen.folders.records("E3"):
        architecture = path.parents[1].name
        if path in done or architecture not in alike:
            continue
        record = records.read(path, "E3")
        if "variant" in record["settings"]:
            continue
        there, here = _alike(record["settings"]), alike[architecture]
        other = sorted(name for name in there | here if there.get(name) != here.get(name))
        if splits and any(splits[tuple(part.split())].fingerprint != known["sha256"] for part, known in record["data"].items()):
            other.append("images")
        if other:
            raise StudyError(
                f"{shown(path)} is a run with other settings ({', '.join(other)}), and this start would leave it beside its own; name "
                f"another folder with --output, or move {shown(path.parents[1])} away."
            )


def _alike(settings: dict) -> dict:
    """The settings in which all runs of a classifier have to agree."""
    return {name: value for name, value in settings.items() if name not in RUN_OF_E3}


# ----------------------------------------------------------------------------------------------------------------- the images


@dataclass
class Inputs:
    """What the trainings of a classifier take, in memory; rows are those of REAL train, then those of FAKE train."""

    backbone: "keras.Model | None"
    weights: dict | None  # of a pretrained backbone, whose features are computed beforehand
    numbers: "np.ndarray"  # int64 [rows]: classes from 0
    first: dict[str, int]  # the first row of each source
    usable: dict[str, "np.ndarray"]  # rows that budgets are drawn from, by source: not REAL's validation images
    pixels: "np.ndarray"  # uint8 [rows, 32, 32, 3]
    values: "np.ndarray | None"  # float16 [1 + copies, rows, features]: of the images themselves, then of their augmented copies
    test: "np.ndarray"  # features or pixels of the images that are tested
    compute: "Callable[..., np.ndarray] | None" = None  # (pixels, fingerprint, label, copy number or None) -> features
    few: dict = field(default_factory=dict)  # (source, seed) -> rows, and features of their many copies
    first_phases: dict = field(default_factory=dict)  # weights after the first phase of an arm, which all budgets share


def _prepare(architecture: str, splits: Splits, augmented: bool, is_tuning: bool, chosen: argparse.Namespace) -> Prepared:
    """From the bytes of the images to the inputs of the training and of the test, once for all runs of a classifier.

    The features of a pretrained backbone are computed beforehand, for each image and, if any run is `augmented`, for its copies.
    """
    from cifake.system import devices

    start = time.monotonic()
    device = devices.prepare(chosen.verbose)
    import numpy as np

    from cifake.data import augmentation, decoding
    from cifake.models import architectures, features

    def pixels_of(part: metadata.Split) -> np.ndarray:
        return decoding.decode(part.contents, part.filepaths, f"{part.source}, {part.split}")[0]

    train = [splits[source, "train"] for source in protocol.SOURCES]
    pixels = np.concatenate([pixels_of(part) for part in train])
    numbers = np.concatenate([np.array(part.numbers) for part in train])
    first = {"REAL": 0, "FAKE": len(train[0].rows)}
    held_out = metadata.validation_rows(first["FAKE"])
    usable = {"REAL": np.arange(held_out, first["FAKE"]), "FAKE": np.arange(first["FAKE"], len(numbers))}
    if is_tuning:
        real = splits["REAL", "train"]
        test = dataclasses.replace(
            real, split="validation", rows=real.rows[:held_out], contents=(), fingerprint=f"{real.fingerprint} first"
        )
        test_pixels = pixels[:held_out]
    else:
        test, test_pixels = dataclasses.replace(splits["REAL", "test"], contents=()), pixels_of(splits["REAL", "test"])

    backbone = computing = backbone_of(architecture, chosen)
    inputs = Inputs(backbone, None, numbers, first, usable, pixels, None, test_pixels)
    if ARCHITECTURES[architecture].is_pretrained:
        if chosen.precision != "float32":  # for the training's features, not for those that are tested
            with architectures.precision(chosen.precision):
                computing = backbone_of(architecture, chosen)

        def compute(images: np.ndarray, fingerprint: str, label: str, copy: int | None) -> np.ndarray:
            change = None
            if copy is not None:
                change = partial(augmentation.copies, number=copy, flip=not chosen.no_flip)
                fingerprint += f" copy {copy}, shift {protocol.SHIFT}, flip {not chosen.no_flip}"
            return features.of_images(computing, images, fingerprint, chosen.folders, label, change).astype(np.float16)

        number = protocol.COPIES[None] if augmented else 0
        inputs.values = np.empty((1 + number, len(numbers), *computing.output_shape[1:]), np.float16)
        for copy, part in itertools.product([None, *range(number)], train):
            label = f"{part.source} {architecture}" + ("" if copy is None else f", augmented copy {copy + 1} of {number}")
            log.info("  %s: features", label)
            place = slice(first[part.source], first[part.source] + len(part.rows))
            inputs.values[0 if copy is None else 1 + copy, place] = compute(pixels[place], part.fingerprint, label, copy)
        inputs.test = features.of_images(backbone, test_pixels, test.fingerprint, chosen.folders, f"REAL {architecture}, test")
        inputs.weights, inputs.compute = weights_of(backbone, chosen), compute
    return Prepared(device, test, test_pixels, inputs, {"preparing": round(time.monotonic() - start, 1)})


def drawn(run: RunOfE3, inputs: Inputs) -> "dict[str, np.ndarray]":
    """The rows that a run may learn from, by source: its budget of the source that its arm counts, all of the other one."""
    from cifake.data import budgets

    most = {"REAL": run.size, "FAKE": run.settings.get("fake_images", run.size)}
    rows = {}
    for source in run.arm.sources:
        usable = inputs.usable[source]
        rows[source] = usable[budgets.draw(inputs.numbers[usable], most[source], run.seed, source)]
    return rows


def _taker(run: RunOfE3, rows: "dict[str, np.ndarray]", inputs: Inputs) -> "Callable[..., np.ndarray]":
    """A function (rows of a batch, random generator) -> inputs of the classifier, augmented if the arm is."""
    import numpy as np

    from cifake.data import augmentation

    if inputs.values is None:

        def take(batch, random):
            images = inputs.pixels[batch]
            rotation = run.settings.get("rotation", 0)
            return augmentation.augment(images, random, run.settings["flip"], rotation) if run.arm.augmented else images

        return take
    if not run.arm.augmented:
        return lambda batch, _: inputs.values[0, batch]
    copies, place = run.settings["copies"], np.full(len(inputs.numbers), -1)
    many = _many_copies(run, rows[run.arm.counts], inputs) if copies > protocol.COPIES[None] else None
    if many is not None:
        place[rows[run.arm.counts]] = np.arange(run.size)

    def take(batch, random):
        pick = random.random(len(batch))  # which copy of each image
        values = inputs.values[1 + (pick * protocol.COPIES[None]).astype(int), batch]
        is_few = place[batch] >= 0
        if many is not None and is_few.any():
            values[is_few] = many[(pick[is_few] * copies).astype(int), place[batch[is_few]]]
        return values

    return take


def _many_copies(run: RunOfE3, rows: "np.ndarray", inputs: Inputs) -> "np.ndarray":
    """Features of the many augmented copies of a small budget's images, float16 [copies, images, features].

    They are computed for the largest small budget, which begins with all smaller ones.
    """
    import numpy as np

    from cifake.data import budgets

    source, key = run.arm.counts, (run.arm.counts, run.seed)
    if key not in inputs.few:
        inputs.few = {known: values for known, values in inputs.few.items() if known[1] == run.seed}  # the seeds come one by one
        usable = inputs.usable[source]
        most = min(max(most for most in protocol.COPIES if most), len(usable))
        every = usable[budgets.draw(inputs.numbers[usable], most, run.seed, source)]
        fingerprint, label = f"rows {budgets.fingerprint(every)}", f"{source} {run.architecture}, seed {run.seed}"
        log.info("  %s: features of %d augmented copies of %s images", label, run.settings["copies"], f"{most:,}")
        copies = [inputs.compute(inputs.pixels[every], fingerprint, label, copy) for copy in range(run.settings["copies"])]
        inputs.few[key] = np.stack(copies)
    return inputs.few[key][:, : len(rows)]


# --------------------------------------------------------------------------------------------------------------- the training


def _train(run: RunOfE3, prepared: Prepared) -> Trained:
    """Train one classifier, phase by phase, and have it answer the test."""
    import numpy as np

    from cifake.data import batches, budgets
    from cifake.models import architectures, features, training
    from cifake.system import devices

    start = time.monotonic()
    inputs, settings, classes, phases = prepared.inputs, run.settings, prepared.test.classes, run.arm.phases
    rows = drawn(run, inputs)
    fitted, held_out = dict(rows), None
    if share := settings.get("early_weights"):
        fitted[run.arm.counts], held_out = np.split(rows[run.arm.counts], [round(run.size * (1 - share))])
    take = _taker(run, rows, inputs)

    def classifier() -> "keras.Model":
        """With new weights: on features the head alone, on pixels the whole."""
        if inputs.values is not None:
            return architectures.head(run.architecture, inputs.values.shape[2:], len(classes))
        shape = inputs.backbone.output_shape[1:] if inputs.backbone else protocol.IMAGE_SHAPE
        head = architectures.head(run.architecture, shape, len(classes))
        return architectures.Classifier(inputs.backbone, head).whole(run.architecture)

    # The seed is set right before the classifier is built, as in experiment 1.
    devices.seed(run.seed)
    with architectures.precision(run.precision):
        trainee = classifier()
    history, steps = {}, settings["steps"] // len(phases)
    for number, sources in enumerate(phases):
        share = round(protocol.BATCH_SIZE * settings.get("fake_share", 0))
        shares = {"REAL": protocol.BATCH_SIZE - share, "FAKE": share}
        shares = shares if len(sources) > 1 else {sources[0]: protocol.BATCH_SIZE}
        parts = {source: fitted[source] for source in sources}
        of_steps = budgets.batches(parts, shares, steps, run.seed, number)

        def make(step, of_steps=of_steps, number=number):
            random = np.random.default_rng([run.seed, number, int(step)])
            return take(of_steps[step], random), inputs.numbers[of_steps[step]]

        # A first phase without the images that the arm counts is the same for all budgets: its result is kept.
        key = (sources, run.seed, run.arm.augmented, run.precision, settings.get("fake_images"), steps)
        is_shared = number == 0 and len(phases) > 1 and run.arm.counts not in sources
        if is_shared and key in inputs.first_phases:
            weights, phase = inputs.first_phases[key]
            trainee.set_weights(weights)
        else:
            validation = None
            if held_out is not None and number == len(phases) - 1:
                seen = inputs.pixels[held_out] if inputs.values is None else inputs.values[0, held_out].astype(np.float32)
                validation = (seen, inputs.numbers[held_out])
            phase = training.train_by_steps(trainee, batches.made(make, steps), settings, steps, run.title, validation)
            if is_shared:
                inputs.first_phases[key] = (trainee.get_weights(), phase)
        history = {measure: history.get(measure, []) + values for measure, values in phase.items()}

    def answer(_make):
        """In float32 always."""
        tested = classifier()
        tested.set_weights(trainee.get_weights())
        return features.compute(tested, inputs.test), {}

    facts = {
        "arm": run.arm.name,
        "classes": list(classes),
        "settings": settings,
        "data": run.data,
        "budget": {source: {"images": len(part), "sha256": budgets.fingerprint(part)} for source, part in rows.items()},
        "training": {"steps": settings["steps"], "precision": run.precision, "history": history},
        **({"weights": inputs.weights} if inputs.weights else {}),
    }
    return Trained(facts, answer, seconds=time.monotonic() - start)
