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

import keras
import numpy as np

from cifake import protocol
from cifake.data import augmentation, batches, budgets, decoding, gaussian, metadata
from cifake.data.arms import ALONE, ARMS, AUGMENTED, BY_NAME, GAUSSIAN_ALONE, GAUSSIAN_MIXED, MIXED, REAL, Arm
from cifake.experiments.runs import Prepared, Run, Seconds, backbone_of, data_of, do, timed, weights_of, weights_setting, why
from cifake.models import architectures, features, precision, training
from cifake.models.architectures import ARCHITECTURES
from cifake.protocol import GAUSSIAN, OWN
from cifake.system.errors import StudyError
from cifake.system.progress import duration

log = logging.getLogger(__name__)

Splits = dict[tuple[str, str], metadata.Split]  # by source and split
PARTS = (("REAL", "train"), ("FAKE", "train"), ("REAL", "test"))  # of the images, that the experiment uses
PLAIN = ("REAL", "REAL + FAKE", "FAKE, then REAL")
WITH_AUGMENTATION = tuple(f"{arm} + augmentation" for arm in PLAIN)
FEWER_BUDGETS = (100, 1_000, 10_000, 40_000)
NORMALISED_BY = 5_000  # unlabelled photographs, for batch normalisation's statistics (experiment 4)
FEATURES_A_SECOND = (230, 700)  # images, VGG16 on two cores: in float32, in bfloat16 where that is fast


@dataclass(frozen=True)
class Variant:
    """Settings that differ from the protocol's, and which arms they are tried on, with how many images and seeds."""

    changed: dict
    arms: tuple[str, ...]
    sizes: tuple[int, ...]
    seeds: int = protocol.VARIED_SEEDS  # the first ones
    models: Callable[[str], bool] = lambda name: not ARCHITECTURES[name].only_e3


def tuning(architecture: str) -> dict[str, Variant]:
    """Variants that are tested on the validation photographs, by name: settings of the protocol are chosen by them."""
    entry, tuned = ARCHITECTURES[architecture], {}
    for rate, decay in itertools.product(entry.e3_rates, protocol.WEIGHT_DECAYS):
        changed = {"learning_rate": rate, "weight_decay": decay}
        tuned[f"rate-{rate:g}-decay-{decay:g}"] = Variant(changed, (AUGMENTED,), protocol.TUNED_AT, 1, lambda _: True)
    for share in protocol.SECOND_RATES:
        arms = ("FAKE, then REAL", "FAKE, then REAL + augmentation")
        tuned[f"second-rate-{share:g}"] = Variant({"second_rate": share}, arms, (100, *protocol.TUNED_AT), 1)
    tuned["rotation-15"] = Variant({"rotation": 15}, (AUGMENTED,), protocol.TUNED_AT, 1)  # degrees
    tuned["validated"] = Variant({}, WITH_AUGMENTATION, (100, 1_000))  # mixed or first: which way is recommended
    return tuned


SENSITIVITY = {
    # Arms in which FAKE takes half of the steps or of each batch then see as many photographs as REAL does in the usual steps.
    "steps-doubled": Variant({"steps": 2}, PLAIN + WITH_AUGMENTATION, FEWER_BUDGETS),  # times the usual ones
    "share-0.25": Variant({"fake_share": 0.25}, (MIXED,), (1_000, 10_000)),
    "share-0.75": Variant({"fake_share": 0.75}, (MIXED,), (1_000, 10_000)),
    "fake-1000": Variant({"fake_images": 1_000}, WITH_AUGMENTATION[1:], (100, 1_000)),
    "fake-5000": Variant({"fake_images": 5_000}, WITH_AUGMENTATION[1:], (100, 1_000)),
    "fake-15000": Variant({"fake_images": 15_000}, WITH_AUGMENTATION[1:], (100, 1_000)),
    "float32": Variant({"precision": "float32"}, (AUGMENTED,), (10_000,), models=lambda name: name in ("LeNet", "AllConv")),
}
# N images in all, a share of them FAKE, every image seen equally often: the design of Wachter et al. (2025) and Zimmer (2025). The shares
# 0 and 1 are the arms REAL and FAKE.
FIELD = {
    f"{share:g}-of-{number}": Variant(
        {"fake_images": round(share * number), "fake_share": share, "steps_of": number},
        (MIXED,),
        (number - round(share * number),),
        models=lambda name: name in ("LeNet", "VGG16"),
    )
    for number in (1_000, 10_000)
    for share in (0.25, 0.5, 0.75)
}
OF_OWN = {  # the arms of protocol.OWN -> the numbers of images, all that there are if it names none
    **dict.fromkeys((REAL, AUGMENTED, "FAKE", ALONE)),
    **dict.fromkeys((MIXED, GAUSSIAN_MIXED, GAUSSIAN_ALONE), FEWER_BUDGETS[:3]),
}


def is_tuning(run: Run) -> bool:
    return run.settings.get("variant") in tuning(run.architecture)


def train_missing(chosen: argparse.Namespace) -> None:
    """Do the runs that the options ask for and that have no record yet."""
    log.info("Experiment 3: reading the images")
    splits = {part: metadata.read_split(chosen.folders, *part) for part in PARTS}
    sizes = sizes_of({source: splits[source, "train"].rows for source in protocol.SOURCES}, len(splits["REAL", "train"].classes))
    wanted = runs_of(chosen, sizes, splits)
    decoded = cache(partial(_decode, splits))  # by the first classifier that has a run to do, for all of them
    for _, group in itertools.groupby(wanted, lambda run: (run.architecture, is_tuning(run))):
        members = list(group)
        do(members, partial(_prepare, members, splits, decoded, chosen), partial(_train, chosen), chosen)


def runs_of(chosen: argparse.Namespace, sizes: dict[str, list[int]], splits: Splits | None = None) -> list[Run]:
    """The runs that the options ask for, in the order in which they are done: early ones show the whole picture for one seed."""
    wanted, models, seeds = [], ARCHITECTURES, protocol.SEEDS
    if chosen.part == OWN:
        sizes = {
            "REAL": [size for size in sizes["REAL"] if size <= protocol.OWN_PHOTOGRAPHS],
            "FAKE": [min(sizes["FAKE"][-1], protocol.OWN_FAKE)],
        }
        models, seeds = [name for name, entry in ARCHITECTURES.items() if entry.is_pretrained], protocol.SEEDS[: protocol.VARIED_SEEDS]
    for architecture in chosen.models or models:
        shared = _shared_settings(architecture, chosen)
        for seed, arm, size, variant in _cells(architecture, chosen.part, sizes, chosen.seeds or seeds):
            title = f"{architecture}, {arm.name}, {size:,} images, seed {seed}" + (f", {variant}" if variant else "")
            settings = _settings(architecture, arm, size, seed, shared, variant, sizes)
            data = _data(architecture, arm, variant, splits) if splits else {}
            files = chosen.folders.e3_run(architecture, arm.name, size, seed, variant)
            wanted.append(Run("E3", architecture, title, settings, data, files, arm=arm))
    number, shards = chosen.shard
    return wanted[number - 1 :: shards]


def _cells(architecture: str, part: str | None, sizes: dict[str, list[int]], seeds: Sequence[int]) -> Iterator[tuple[int, Arm, int, str]]:
    """Seed, arm, number of images and variant of each run of a classifier; of the seeds asked for, those that belong to the protocol.

    Tuning is done with the protocol's first seed, variants with its first three, whichever seeds are asked for.
    """
    if part in (None, "tuning"):
        yield from _varied(architecture, tuning(architecture), sizes, seeds)
    if part in (None, "main"):
        for seed, size, arm in itertools.product(seeds, sorted({*sizes["REAL"], *sizes["FAKE"]}), ARMS):
            if size in sizes[arm.counts] and _is_planned(architecture, arm, size, seed):
                yield seed, arm, size, ""
    if part == OWN:
        for seed, size, arm in itertools.product(seeds, sorted({*sizes["REAL"], *sizes["FAKE"]}), ARMS):
            if arm.name in OF_OWN and size in sizes[arm.counts] and size in (OF_OWN[arm.name] or [size]):
                yield seed, arm, size, OWN
    if part in (None, "sensitivity"):
        yield from _varied(architecture, SENSITIVITY | FIELD, sizes, seeds)


def _varied(
    architecture: str, variants: dict[str, Variant], sizes: dict[str, list[int]], seeds: Sequence[int]
) -> Iterator[tuple[int, Arm, int, str]]:
    """Seed, arm, number of images and variant of the runs that differ from the protocol."""
    for name, variant in variants.items():
        if not variant.models(architecture) or ("rotation" in variant.changed and ARCHITECTURES[architecture].is_pretrained):
            continue  # features of pretrained backbones are shared by all runs, so their augmentation is one
        for seed, size, arm in itertools.product(protocol.SEEDS[: variant.seeds], variant.sizes, variant.arms):
            if seed in seeds and size <= sizes["REAL"][-1] and variant.changed.get("fake_images", 0) <= sizes["FAKE"][-1]:
                yield seed, BY_NAME[arm], size, name


def _is_planned(architecture: str, arm: Arm, size: int, seed: int) -> bool:
    """Whether a run without variant is part of the experiment: slow classifiers and costly features have fewer."""
    entry, is_first = ARCHITECTURES[architecture], seed not in protocol.SEEDS[protocol.VARIED_SEEDS :]
    if entry.only_e3:
        if arm.counts == "FAKE":
            return is_first and size > max(protocol.BUDGETS)
        names = (REAL, AUGMENTED, MIXED, GAUSSIAN_MIXED, GAUSSIAN_ALONE)
        return is_first and size in FEWER_BUDGETS and arm.name in names
    if entry.is_pretrained and arm.is_gaussian:  # its features are computed for each seed and number of photographs
        return is_first and size in FEWER_BUDGETS[:3] and arm.name != "Gaussian, then REAL"
    return True


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
        "inputs": "features divided by their deviation" if entry.is_pretrained else architectures.STANDARDISED,
        "flip": not chosen.no_flip,
    }
    if entry.is_pretrained:
        settings["weights"] = weights_setting(chosen)
    return settings | {"steps": chosen.steps}


def _settings(architecture: str, arm: Arm, size: int, seed: int, shared: dict, variant: str, sizes: dict[str, list[int]]) -> dict:
    """All that a run's numbers depend on beside the images."""
    entry, every_fake = ARCHITECTURES[architecture], sizes["FAKE"][-1]
    changed = dict(changed_by(architecture, variant))
    settings = {"seed": seed, "arm": arm.name, "images": size} | shared
    settings["steps"] = changed.pop("steps", 1) * budgets.steps_of(changed.pop("steps_of", size), shared["steps"])
    if "FAKE" in arm.sources and len(arm.sources) > 1:
        settings["fake_images"] = every_fake
    if arm.is_gaussian:
        settings["draws"] = every_fake * (2 if entry.is_pretrained and arm.augmented else 1)
        settings["components"] = protocol.COMPONENTS
    if any(len(sources) > 1 for sources in arm.phases):
        settings["fake_share"] = 0.5
    if len(arm.phases) > 1:
        settings["second_rate"] = entry.e3_second_rate
    if arm.augmented:
        settings["shift"] = protocol.SHIFT
        if entry.is_pretrained:  # it picks from copies whose features are computed beforehand
            settings["copies"] = protocol.COPIES_OF_FEW if size <= protocol.FEW else protocol.COPIES
    if variant == OWN:
        changed |= _limits(settings, arm, every_fake)
    return settings | changed | ({"variant": variant} if variant else {})


def _limits(settings: dict, arm: Arm, every_fake: int) -> dict:
    """The settings of protocol.OWN that bound its time, where it differs from the protocol."""
    limits = {"photographs": protocol.OWN_PHOTOGRAPHS}
    if "draws" in settings:
        limits["draws"] = min(settings["draws"], protocol.OWN_DRAWS)
    if "copies" in settings:
        of_fake = fake_copies(every_fake)
        limits["copies"] = of_fake if arm.counts == "FAKE" else protocol.COPIES
        if "fake_images" in settings:
            limits["fake_copies"] = of_fake
    return limits


def fake_copies(images: int) -> int:
    """Augmented copies of each generated image in protocol.OWN, for backbones whose features are computed beforehand."""
    return min(max(protocol.OWN_COPIES // images, 1), protocol.COPIES)


def changed_by(architecture: str, variant: str | None) -> dict:
    """The settings that a variant of the protocol changes; none if there is no such variant."""
    known = tuning(architecture) | SENSITIVITY | FIELD
    return known[variant].changed if variant in known else {}


def _data(architecture: str, arm: Arm, variant: str, splits: Splits) -> dict[str, dict]:
    """The images that a run takes from, and is tested on."""
    taken_from = {"REAL" if name == GAUSSIAN else name for name in arm.sources}
    parts = {f"{source} train": splits[source, "train"] for source in sorted(taken_from, reverse=True)}
    return data_of(parts if variant in tuning(architecture) else parts | {"REAL test": splits["REAL", "test"]})


def sizes_of(rows: dict[str, Sequence[metadata.Row]], classes: int) -> dict[str, list[int]]:
    """The numbers of images that can be drawn, by source; FAKE's end with all of them.

    `rows`: the training images. Of the REAL ones, the validation share is left out. Raises StudyError if there are too few for the
    smallest budget.
    """
    sizes = {}
    for source, images in rows.items():
        usable = images[metadata.validation_rows(len(images)) :] if source == "REAL" else images
        counts = Counter(row.number for row in usable)
        least = min(counts[number] for number in range(1, classes + 1))
        sizes[source] = [size for size in protocol.BUDGETS if -(-size // classes) <= least]
        if not sizes[source]:
            raise StudyError(
                f"The {source} training images are too few for experiment 3, whose smallest budget is {min(protocol.BUDGETS):,} images; "
                "add images of each class."
            )
        if source == "FAKE":
            sizes[source] = [size for size in sizes[source] if size < len(images)] + [len(images)]
    if left_out := [f"{size:,}" for size in protocol.BUDGETS if size not in sizes["REAL"]]:
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
    for architecture, group in itertools.groupby(wanted, lambda run: run.architecture):
        members, entry = list(group), ARCHITECTURES[architecture]
        missing = [run for run in members if why(run, chosen.fresh)]
        seconds = entry.e3_seconds * sum(run.settings["steps"] for run in missing) / protocol.STEPS
        took = f", in about {duration(seconds)} on two cores" if missing else ""
        if missing and entry.is_pretrained:
            took += f", and {_time_for_features(missing)} once for features"
        there = len(members) - len(missing)
        log.info("%s: of %d runs %d are there and %d would be done%s", architecture, len(members), there, len(missing), took)


def _time_for_features(missing: list[Run]) -> str:
    """In words. Of all runs but those of protocol.OWN it is the most that it can be."""
    if missing[0].settings.get("variant") != OWN:
        return "up to 2 hours"
    settings = [run.settings for run in missing]
    draws = {(one["seed"], one["images"]): one["draws"] for one in settings if "draws" in one}
    real = max((run.settings["images"] for run in missing if run.arm.counts == "REAL"), default=0)
    fake = max((run.settings["images"] for run in missing if run.arm.counts == "FAKE"), default=1)
    images = real * (1 + protocol.COPIES) + fake * (1 + fake_copies(fake)) + sum(draws.values())
    slow, fast = (duration(images / rate) for rate in FEATURES_A_SECOND)
    return f"{fast} (where bfloat16 is fast) to {slow}"


# ----------------------------------------------------------------------------------------------------------------- the images


@dataclass
class Inputs:
    """What the trainings of a classifier take, in memory, by source where it says so."""

    backbone: keras.Model | None  # that the classifiers contain; none if they learn from features
    labels: dict[str, np.ndarray]  # int64 [images], by source: classes from 0
    usable: dict[str, np.ndarray]  # rows that budgets are drawn from, by source: not REAL's validation images
    pixels: dict[str, np.ndarray]  # uint8 [images, 32, 32, 3], by source
    test: np.ndarray  # features or pixels of the images that are tested
    # Of a pretrained backbone, whose features are computed beforehand:
    weights: dict | None = None  # where they came from
    values: dict[str, np.ndarray] = field(default_factory=dict)  # float16 [1 + copies, images, features]: plain, then augmented copies
    deviation: float | None = None  # of the features of all REAL images that can be drawn
    computing: keras.Model | None = None  # the backbone, in the precision of the training's features
    few: dict = field(default_factory=dict)  # (source, seed) -> features of the many copies of a small budget's images
    drawn: dict = field(default_factory=dict)  # what was drawn last from the Gaussian: images or their features, and classes
    first_phases: dict = field(default_factory=dict)  # weights after the first phase of an arm, which all budgets share
    trainees: dict = field(default_factory=dict)  # compiled classifiers, by all that they are compiled with


def _decode(splits: Splits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels of the REAL and FAKE training images and of the test images; the bytes of their files are let go."""
    pixels = tuple(decoding.decode(part.contents, part.filepaths, ", ".join(name))[0] for name, part in splits.items())
    splits.update({name: replace(part, contents=()) for name, part in splits.items()})
    return pixels


def _prepare(runs: list[Run], splits: Splits, decoded: Callable, chosen: argparse.Namespace) -> Prepared:
    """From the images to the inputs of the training and of the test, once for all runs of a classifier.

    The features of a pretrained backbone are computed beforehand, for each image and, if a run that is to be done takes them, for its
    augmented copies. `runs` are all tuning or all not.
    """
    architecture, seconds = runs[0].architecture, {}
    chosen.precision = chosen.precision or precision.fastest()
    with timed(seconds, "preparing"):
        real_pixels, fake_pixels, test_pixels = decoded()
        real, fake, test = (splits[part] for part in PARTS)
        held_out = metadata.validation_rows(len(real.rows))
        if is_tuning(runs[0]):
            test = replace(real, split="validation", rows=real.rows[:held_out], fingerprint=f"{real.fingerprint} first")
            test_pixels = real_pixels[:held_out]
        labels = {part.source: part.labels for part in (real, fake)}
        usable = {"REAL": np.arange(held_out, len(real.rows)), "FAKE": np.arange(len(fake.rows))}
        copies = dict.fromkeys(usable, protocol.COPIES)
        if runs[0].settings.get("variant") == OWN:
            for source, most in (("REAL", protocol.OWN_PHOTOGRAPHS), ("FAKE", protocol.OWN_FAKE)):
                rows = usable[source]
                usable[source] = np.sort(rows[budgets.draw(labels[source][rows], most, protocol.SEED, source)])
            copies["FAKE"] = fake_copies(len(usable["FAKE"]))
        pixels = {"REAL": real_pixels, "FAKE": fake_pixels}
        backbone = backbone_of(architecture, chosen, architectures.STANDARDISED)
        inputs = Inputs(backbone, labels, usable, pixels, test_pixels)
        if ARCHITECTURES[architecture].is_pretrained:
            with architectures.precision(chosen.precision):  # for the training's features, not for those that are tested
                inputs.computing = backbone_of(architecture, chosen)
            is_augmented = any(run.arm.augmented for run in runs if why(run, chosen.fresh))
            for part, first in ((real, held_out), (fake, 0)):
                number = copies[part.source] if is_augmented else 0
                rows, fingerprint = slice(first, None), part.fingerprint + (f" from {first}" if first else "")
                if len(usable[part.source]) < len(part.rows) - first:  # some of them
                    rows, first = usable[part.source], 0
                    fingerprint = f"rows {budgets.fingerprint(rows)} of {part.fingerprint}"
                inputs.values[part.source] = np.zeros((1 + number, len(part.rows), *backbone.output_shape[1:]), np.float16)
                for copy, values in zip([None, *range(number)], inputs.values[part.source], strict=True):
                    label = f"{part.source} {architecture}" + ("" if copy is None else f", copy {copy + 1} of {number}")
                    log.info("  %s: features", label)
                    values[rows] = _features(pixels[part.source][rows], fingerprint, label, inputs, chosen, copy, first)
            inputs.test = features.of_images(backbone, test_pixels, test.fingerprint, chosen.folders, f"REAL {architecture}, test")
            inputs.deviation = round(float(inputs.values["REAL"][0, usable["REAL"]].std(dtype=np.float64)), 3)
            inputs.weights, inputs.backbone = weights_of(backbone, chosen), None
    return Prepared(inputs, seconds, test)


def _features(
    images: np.ndarray, fingerprint: str, label: str, inputs: Inputs, chosen: argparse.Namespace, copy: int | None, first: int = 0
) -> np.ndarray:
    """A pretrained backbone's features of images or of their augmented copies with a number, float16 [n, features]; kept in files.

    The images are the rows of their source from `first` on.
    """
    if copy is not None:
        images = augmentation.copies(images, first, copy, not chosen.no_flip)
        fingerprint += f" copy {copy}, shift {protocol.SHIFT}, flip {not chosen.no_flip}"
    return features.of_images(inputs.computing, images, fingerprint, chosen.folders, label).astype(np.float16)


@dataclass(frozen=True)
class Pool:
    """What a run's batches take from one source."""

    rows: np.ndarray  # that are used, int64
    labels: np.ndarray  # of all rows of the source
    take: Callable[[np.ndarray, np.random.Generator], np.ndarray]  # rows of a batch -> inputs of the classifier, augmented if the arm is


def drawn(run: Run, source: str, inputs: Inputs, size: int | None = None) -> np.ndarray:
    """The rows that a run may learn from, or `size` of them: as its budget says of the source that its arm counts, else its settings."""
    size = size or run.settings["images" if source == run.arm.counts else "fake_images"]
    usable = inputs.usable[source]
    return usable[budgets.draw(inputs.labels[source][usable], size, run.settings["seed"], source)]


def _pool(run: Run, source: str, inputs: Inputs, chosen: argparse.Namespace) -> Pool:
    """What a run takes from one source: its photographs, its generated images, or draws from the Gaussian of its photographs."""
    settings = run.settings
    if source == GAUSSIAN:
        pixels, labels = _from_gaussian(run, inputs)
        rows = np.arange(len(labels))
    else:
        pixels, labels, rows = inputs.pixels[source], inputs.labels[source], drawn(run, source, inputs)
    if inputs.computing is None and run.arm.augmented:
        flip, rotation = settings["flip"], settings.get("rotation", 0)
        return Pool(rows, labels, lambda batch, random: augmentation.augment(pixels[batch], random, flip, rotation))
    if inputs.computing is None or source == GAUSSIAN:
        return Pool(rows, labels, lambda batch, _: pixels[batch])
    values = inputs.values[source]
    if not run.arm.augmented:
        return Pool(rows, labels, lambda batch, _: values[0, batch])
    if source != run.arm.counts or settings["copies"] <= protocol.COPIES:
        return Pool(rows, labels, lambda batch, random: values[random.integers(1, len(values), len(batch)), batch])
    many, place = _many_copies(run, inputs, chosen), np.empty(len(labels), int)
    place[rows] = np.arange(len(rows))
    return Pool(rows, labels, lambda batch, random: many[random.integers(0, settings["copies"], len(batch)), place[batch]])


def _from_gaussian(run: Run, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Draws from the Gaussian of a run's photographs, and their classes; those of the last run are kept for the next arm.

    Of a pretrained backbone, their features, float16 [draws, features]: of draws that are augmented once, if the arm is augmented.
    """
    settings, is_augmented = run.settings, run.arm.augmented and inputs.computing is not None
    key = (*(settings[name] for name in ("seed", "images", "draws")), is_augmented)
    if key not in inputs.drawn:
        rows = drawn(run, "REAL", inputs)
        pixels, labels = gaussian.draw(inputs.pixels["REAL"][rows], inputs.labels["REAL"][rows], settings["draws"], settings["seed"])
        if is_augmented:
            pixels = augmentation.copies(pixels, first=0, number=0, flip=settings["flip"])
        if inputs.computing is not None:
            pixels = features.compute(inputs.computing, pixels, "  features of the Gaussian's images").astype(np.float16)
        inputs.drawn = {key: (pixels, labels)}
    return inputs.drawn[key]


def _many_copies(run: Run, inputs: Inputs, chosen: argparse.Namespace) -> np.ndarray:
    """Features of the many augmented copies of a small budget's images, float16 [copies, images, features].

    They are computed for the largest small budget, which begins with all smaller ones.
    """
    source, seed, number = run.arm.counts, run.settings["seed"], run.settings["copies"]
    if (source, seed) not in inputs.few:
        inputs.few = {known: values for known, values in inputs.few.items() if known[1] == seed}  # the seeds come one by one
        most = min(protocol.FEW, len(inputs.usable[source]))
        every = drawn(run, source, inputs, most)
        fingerprint = f"rows {budgets.fingerprint(every)} of {run.data[f'{source} train']['sha256']}"
        label = f"{source} {run.architecture}, seed {seed}"
        log.info("  %s: features of %d augmented copies of %s images", label, number, f"{most:,}")
        pixels = inputs.pixels[source][every]
        inputs.few[source, seed] = np.stack([_features(pixels, fingerprint, label, inputs, chosen, copy) for copy in range(number)])
    return inputs.few[source, seed]


# --------------------------------------------------------------------------------------------------------------- the training


def _train(chosen: argparse.Namespace, run: Run, prepared: Prepared, _make: Callable, seconds: Seconds) -> tuple[np.ndarray, dict]:
    """Train one classifier, phase by phase, and have it answer the test."""
    inputs, settings, phases = prepared.inputs, run.settings, run.arm.phases
    seed, counted, classes = settings["seed"], run.arm.counts, prepared.test.classes
    # Of the training: float32 for what gains nothing by another one.
    of_training = settings.get("precision", chosen.precision if ARCHITECTURES[run.architecture].convolutions else precision.FLOAT32)

    def classifier() -> keras.Model:
        """With new weights: on features the head alone, on pixels the whole."""
        shape = inputs.backbone.output_shape[1:] if inputs.backbone else inputs.test.shape[1:]
        head = architectures.head(run.architecture, shape, len(classes), architectures.STANDARDISED, inputs.deviation)
        return architectures.Classifier(inputs.backbone, head).whole(run.architecture)

    def trainee(steps: int, peak: float) -> training.Trainee:
        """For a phase of so many steps; the same for all runs, because TensorFlow keeps some MB of each that is compiled."""
        key = (of_training, steps, peak, settings["weight_decay"])
        if key not in inputs.trainees:
            with architectures.precision(of_training):
                model = classifier()
            inputs.trainees[key] = training.compile_by_steps(model, settings | {"learning_rate": peak}, steps)
        return inputs.trainees[key]

    with timed(seconds, "training"):
        pools = {source: _pool(run, source, inputs, chosen) for source in run.arm.sources}
        keras.utils.set_random_seed(seed)  # right before the classifier is built, as in experiment 1
        tested = classifier()  # in float32 always
        weights = tested.get_weights()
        history, steps = {}, settings["steps"] // len(phases)
        for number, sources in enumerate(phases):
            share = round(protocol.BATCH_SIZE * settings.get("fake_share", 0))
            shares = {sources[0]: protocol.BATCH_SIZE - share, sources[1]: share} if len(sources) > 1 else {sources[0]: protocol.BATCH_SIZE}
            of_steps = {name: budgets.batches(pools[name].rows, name, images, steps, seed, number) for name, images in shares.items()}

            def make(step, of_steps=of_steps, number=number):
                random = np.random.default_rng([seed, number, int(step)])
                picked = {source: rows[step] for source, rows in of_steps.items()}
                taken = [pools[source].take(rows, random) for source, rows in picked.items()]
                return np.concatenate(taken), np.concatenate([pools[source].labels[rows] for source, rows in picked.items()])

            # A first phase on FAKE images alone is the same for all budgets of photographs: its result is kept.
            peak = settings["learning_rate"] * (settings["second_rate"] if number else 1)
            key = (sources, seed, run.arm.augmented, of_training, settings.get("fake_images"), settings["weight_decay"], peak, steps)
            kept = inputs.first_phases if sources == ("FAKE",) and counted == "REAL" else {}
            if key not in kept:
                kept[key] = training.train_by_steps(trainee(steps, peak), weights, batches.made(make, steps))
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
        "budget": {name: {"images": len(pool.rows), "sha256": budgets.fingerprint(pool.rows)} for name, pool in pools.items()},
        "training": {"steps": settings["steps"], "precision": of_training, "history": history},
    }
    facts["budget"].pop(GAUSSIAN, None)
    unlabelled = inputs.usable["REAL"][:NORMALISED_BY]
    if counted == "FAKE" and architectures.normalise_by(tested, inputs.pixels["REAL"][unlabelled]):
        right = features.compute(tested, inputs.test).argmax(1) == prepared.test.labels
        facts["normalised_by_photographs"] = {"accuracy": float(right.mean()), "photographs": len(unlabelled)}
    if inputs.weights:
        facts |= {"weights": inputs.weights, "features": {"precision": chosen.precision, "deviation": inputs.deviation}}
    return probabilities, facts
