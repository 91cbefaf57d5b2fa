"""The runs of experiment 3, classifier x seed x budget of REAL images x arm: their settings, files, order, and what is missing.

Standard library only, but for a file of weights.
"""

import argparse
import hashlib
import itertools
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifake import arms, command, experiment, metadata, options, protocol, records, runs
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import checksum_of_arrays
from cifake.folders import REPOSITORY, Folders, shown

# The files on which the numbers of a run depend: all records of a finding come from the same ones.
CODE = (
    "architectures", "arms", "augmentation", "budgets", "devices", "evaluation", "experiment", "features", "grid", "images", "metadata",
    "mixing", "protocol", "training",
)  # fmt: skip

# The settings that are a run's own; in all others the runs of a classifier have to agree.
OWN = {"seed", "arm", "real_images", "flip", "shift", "rotation", "copies"}

# For --dry-run, on two quiet cores: seconds of a run of 5,000 steps, and images a second through VGG16's convolutions.
SECONDS_OF_RUN = {"VGG16": 6, "LeNet": 160, "NN": 15}
FEATURES_A_SECOND = 350


@dataclass(frozen=True)
class Run:
    """One training: what, on how many REAL images, with which seed and settings, and where its results go."""

    architecture: str
    arm: arms.Arm
    size: int  # REAL images; 0 where there are none
    seed: int
    settings: dict[str, Any]
    folder: Path

    @property
    def name(self) -> str:
        """As sentences name it: LeNet, REAL + FAKE, 1,000 REAL images, seed 129."""
        budget = f", {self.size:,} REAL images" if self.size else " alone"
        return f"{self.architecture}, {self.arm.name}{budget}, seed {self.seed}"

    @property
    def files(self) -> dict[str, Path]:
        """Its files by their kind, the record last."""
        stem = f"{self.arm.name.replace(' + ', '_')}_{self.size}"
        return {kind: self.folder / f"{stem}_{records.ENDINGS[kind]}" for kind in ("predictions", "record")}


def settings_of(architecture: str, arm: arms.Arm, size: int, seed: int, shared: dict, steps: int) -> dict:
    """All that a run's numbers depend on beside the images: what has to agree for its record to be kept.

    `shared` are the settings that the classifier has in experiment 1.
    """
    settings = {name: value for name, value in shared.items() if name not in ("epochs_at_most", "patience")}
    settings |= {"seed": seed, "arm": arm.name, "real_images": size, "steps": steps, "validate_every": interval(steps)}
    if arm.augmented:
        settings |= {"flip": "horizontal", "shift": protocol.SHIFT, "rotation": protocol.ROTATION}
        settings |= {"copies": protocol.COPIES} if architecture == "VGG16" else {}
    return settings


def interval(steps: int) -> int:
    """After how many steps a training of so many is validated."""
    return min(steps, protocol.VALIDATE_EVERY)


def runs_of(chosen: argparse.Namespace, sizes: list[int]) -> list[Run]:
    """The runs that the options ask for, in the order in which they are done: early ones show the whole picture for one seed."""
    cells = [(arms.FAKE, 0)] + [(arm, size) for size in sizes for arm in arms.WITH_REAL]
    wanted = []
    for architecture in chosen.models or protocol.WORTH_ARCHITECTURES:
        shared = experiment.settings_of(architecture, chosen, chosen.seed)
        # Of machines that share the grid, some may have the weights from a file, others from Keras.
        if "weights" in shared and _is_imagenet(Path(chosen.weights)):
            shared["weights"] = options.IMAGENET
        wanted += [
            Run(
                architecture,
                arm,
                size,
                seed,
                settings_of(architecture, arm, size, seed, shared, chosen.steps),
                chosen.folders.e3_results / architecture / f"seed-{seed}",
            )
            for seed in chosen.seeds or protocol.WORTH_SEEDS[architecture]
            for arm, size in cells
        ]
    number, shards = chosen.shard
    return wanted[number - 1 :: shards]


def _is_imagenet(path: Path) -> bool:
    """Whether a file holds the weights that Keras downloads, in the format of that download, whatever else its bytes are."""
    try:
        import h5py

        with h5py.File(path) as file:
            layers = [file[name] for name in file.attrs["layer_names"]]
            values = [layer[name][()] for layer in layers for name in layer.attrs["weight_names"]]
    except Exception:  # no file, another format, or no h5py yet; it has many of its own for damaged bytes
        return False
    return checksum_of_arrays(values) == protocol.IMAGENET_CHECKSUM


def why_not(size: int, images: list[int]) -> str | None:
    """Why no balanced budget of `size` can be drawn from so many images of each class, in words; None where it can be."""
    needed, least = -(-size // len(images)), round(1 / protocol.VALIDATION_SHARE)
    if needed > min(images):
        return f"it takes {needed:,} images of each class, and there are {min(images):,} of one"
    if size // len(images) < least:
        return f"it gives some of the {len(images)} classes fewer than {least} images, and so none for validation"
    return None


def sizes_of(rows: tuple[metadata.Row, ...], classes: tuple[str, ...]) -> list[int]:
    """The budgets that can be drawn from the REAL training images; the others are named. Raises StudyError where there is none."""
    images = Counter(row.label for row in rows)
    reasons = {size: why_not(size, [images[label] for label in classes]) for size in protocol.BUDGETS}
    for size, reason in reasons.items():
        if reason:
            log.info("A budget of %s REAL images is left out: %s.", f"{size:,}", reason)
    sizes = [size for size, reason in reasons.items() if reason is None]
    if not sizes:
        raise StudyError(
            f"The REAL training images are too few for experiment 3, whose smallest budget is {min(protocol.BUDGETS):,} images; add "
            "images of each class."
        )
    return sizes


def announce(chosen: argparse.Namespace) -> None:
    """--dry-run: how many runs are there and missing, and how long they take. Images are not read, so a change in them goes unseen."""
    rows, classes = {}, metadata.class_names(chosen.folders)
    for source in protocol.SOURCES:
        csv = chosen.folders.metadata(source, "train")
        rows[source] = tuple(metadata.read_csv(csv, classes)) if csv.exists() else ()
    sizes = sizes_of(rows["REAL"], classes) if rows["REAL"] else list(protocol.BUDGETS)
    wanted = runs_of(chosen, sizes)
    refuse_a_mixture(chosen.folders, wanted, None)
    copies = (1 + protocol.COPIES) * (sum(map(len, rows.values())) or 100_000)
    for architecture, members in itertools.groupby(wanted, lambda run: run.architecture):
        members = list(members)
        missing = sum(why(run, _data_as_recorded(run), chosen.fresh) is not None for run in members)
        seconds = missing * SECONDS_OF_RUN[architecture] * chosen.steps / protocol.STEPS
        seconds += copies / FEATURES_A_SECOND if architecture == "VGG16" and missing else 0
        log.info(
            "%s: of %d runs %d are there and %d would be done%s",
            architecture,
            len(members),
            len(members) - missing,
            missing,
            f", in about {command.spoken(seconds)} on two cores" if missing else "",
        )


def _data_as_recorded(run: Run) -> dict[str, dict]:
    """The images of a run as its record has them; nothing where it has none, or a damaged one."""
    try:
        return records.read(run.files["record"], records.E3_KEYS)["data"]
    except (OSError, StudyError):
        return {}


def why(run: Run, data: dict[str, dict], fresh: bool) -> str | None:
    """Why a run has to be done, in words; None where its record is just what is asked for."""
    return "--fresh" if fresh else runs.difference(run.files["record"], None, run.settings, data)


def data_of(run: Run, splits: dict[tuple[str, str], metadata.Split]) -> dict[str, dict]:
    """The images that a run takes from, and is tested on: number and fingerprint, as its record has them."""
    parts = {f"{source} train": splits[source, "train"] for source in run.arm.sources} | {
        "REAL test": splits["REAL", "test"]
    }
    return {name: {"images": len(part.rows), "sha256": part.fingerprint} for name, part in parts.items()}


def code() -> dict:
    """What tells the program of a run: the checksum of its files and, where they are in git unchanged, their last commit."""
    files = [REPOSITORY / "src" / "cifake" / f"{name}.py" for name in CODE]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files))
    changed, commit = _git("status", "--porcelain", "--", *files), _git("log", "-1", "--format=%H", "--", *files)
    return {"sha256": digest.hexdigest(), "commit": commit if commit and changed == "" else None}


def _git(*words: str | Path) -> str | None:
    """What git answers, without its line end; None where there is no git, or no repository."""
    try:
        return subprocess.run(
            ["git", "-C", REPOSITORY, *words], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _alike(settings: dict) -> dict:
    """The settings in which all runs of a classifier have to agree."""
    return {name: value for name, value in settings.items() if name not in OWN}


def refuse_a_mixture(folders: Folders, wanted: list[Run], splits: dict[tuple[str, str], metadata.Split] | None) -> None:
    """Raise StudyError where records of other settings, or other images, would be left beside the runs that are asked for.

    It is told before hours of training, and not after. Without `splits` the images are not compared.
    """
    for run in {run.architecture: run for run in wanted}.values():
        done = {other.files["record"] for other in wanted}
        place = folders.e3_results / run.architecture
        for path in sorted(place.glob("seed-*/*_record.json")):
            if path in done:
                continue
            record = records.read(path, records.E3_KEYS)
            there, here = _alike(record["settings"]), _alike(run.settings)
            other = [name for name in there | here if there.get(name) != here.get(name)]
            if splits and any(
                splits[tuple(part.split())].fingerprint != known["sha256"] for part, known in record["data"].items()
            ):
                other.append("images")
            if other:
                raise StudyError(
                    f"{shown(path)} is a run with other settings ({', '.join(other)}), and this start would leave it beside its own; name "
                    f"another folder with --output, or move {shown(place)} away."
                )


def all_of(folders: Folders) -> dict[str, list[dict]]:
    """All records by classifier, in the study's order. Raises StudyError where those of one differ in more than run and seed."""
    groups = {}
    for architecture in protocol.ARCHITECTURES:
        paths = sorted((folders.e3_results / architecture).glob("seed-*/*_record.json"))
        members = [records.read(path, records.E3_KEYS) for path in paths]
        kinds = {tuple(sorted(_alike(record["settings"]).items())) for record in members}
        images = {(part, known["sha256"]) for record in members for part, known in record["data"].items()}
        if len(kinds) > 1 or len(images) > len(dict(images)):
            raise StudyError(
                f"The records in {shown(folders.e3_results / architecture)} differ in their settings or images; make them alike with the "
                "same options for all, or delete that folder."
            )
        if members:
            groups[architecture] = members
    return groups
