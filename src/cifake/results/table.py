"""All runs as one table: each record is read once and becomes a row. Tables, figures, sentences and choices are made from it."""

import hashlib
import json
import logging
from pathlib import Path

import pandas as pd

from cifake import protocol
from cifake.data.arms import ARMS
from cifake.models.architectures import ARCHITECTURES
from cifake.results import records
from cifake.system.errors import StudyError
from cifake.system.paths import KINDS, Folders, shown

log = logging.getLogger(__name__)

IMAGENET_WEIGHTS = "ImageNet weights"  # as records name them
VALIDATION = "REAL validation"  # images, on which experiment 3's tuning is tested
CLASSIFIER = ["experiment", "architecture", "trained_on"]
NOT_IN_CSV = ["record", "path"]


def load(folders: Folders, *experiments: str) -> pd.DataFrame:
    """The records of some experiments (all without names), a row each, in the study's order; docs/results.md explains the columns.

    Beside the columns of runs.csv there are `record`, a dict, and `path`. Raises StudyError if a record is damaged or has
    another's name, or if records disagree about the classes.
    """
    rows = []
    for experiment in experiments or KINDS:
        for path in folders.records(experiment):
            record = records.read(path, experiment)
            rows.append(_row(experiment, record) | _place(folders, experiment, record, path))
    if not rows:
        return pd.DataFrame(columns=["seed"])
    table = pd.DataFrame(rows)
    classes = table["record"].map(lambda record: tuple(record["classes"]))[table["experiment"].isin(("E1", "E2"))]
    if classes.nunique() > 1:
        path = table.loc[classes.drop_duplicates().index[1], "path"]
        raise StudyError(f"{shown(path)} has other classes than other records; train all classifiers again with: bash run.sh --fresh")
    order = [*ARCHITECTURES, *sorted(set(table["architecture"]) - set(ARCHITECTURES))]
    table["architecture"] = pd.Categorical(table["architecture"], order, ordered=True)
    table["tested_on"] = pd.Categorical(table["tested_on"], [*protocol.SOURCES, protocol.REAL_OR_FAKE, VALIDATION], ordered=True)
    arms = {arm.name: number for number, arm in enumerate(ARMS)}  # REAL and FAKE first; what is not among them sorts last
    table = table.assign(order=table["trained_on"].map(arms), is_replicate=~table["is_plain"])
    keys = ["experiment", "architecture", "variant", "order", "trained_on", "images", "is_replicate", "seed"]
    table = table.sort_values(keys, kind="stable", ignore_index=True).drop(columns=["order", "is_replicate"])
    # A plain run counts as its seed: an equal copy below replicates/ would count it twice.
    return table.drop_duplicates([*CLASSIFIER, "variant", "images", "seed", "outcome"], ignore_index=True)


def _row(experiment: str, record: dict) -> dict:
    """What a record says, as columns."""
    settings, training, scores = record["settings"], record["training"], record["scores"]
    data = record["data"]
    if experiment == "E3":
        counts = {source: record["budget"].get(source, {"images": 0})["images"] for source in protocol.SOURCES}
    elif record["source"] == protocol.REAL_OR_FAKE:
        counts = {source: data[f"{source} train"]["images"] for source in protocol.SOURCES}
    elif experiment == "E4":
        counts = {"REAL": 0, "FAKE": data["FAKE train"]["images"]}
    else:
        counts = {source: data["train"]["images"] * (source == record["source"]) for source in protocol.SOURCES}
    leak = record.get("leak", {})
    without = leak.get("without", scores if leak.get("images") == 0 else {})
    return {
        "experiment": experiment,
        "architecture": record["architecture"],
        "trained_on": record["arm"] if experiment == "E3" else record["source"],
        "variant": settings.get("variant", ""),
        "images": settings.get("images"),
        "real_images": counts["REAL"],
        "fake_images": counts["FAKE"],
        "seed": settings["seed"],
        "tested_on": VALIDATION if experiment == "E3" and "REAL test" not in data else record["test"]["source"],
        "test_images": record["test"]["images"],
        "classes": len(record["classes"]),
        **{name: scores[name] for name in ("accuracy", "macro_f1", "weighted_f1")},
        **{
            f"{name}_{end}": value
            for name in ("accuracy", "macro_f1")
            for end, value in zip(("low", "high"), scores[f"{name}_interval"], strict=True)
        },
        "test_images_trained_on": leak.get("images"),
        **{f"{name}_without_them": without.get(name) for name in ("accuracy", "macro_f1")},
        "auc": record.get("auc"),
        "epochs": training.get("epochs"),
        "best_epoch": training.get("best_epoch"),
        "steps": training.get("steps"),
        "validation_accuracy": training.get("best_validation_accuracy"),
        "precision": settings.get("precision", training.get("precision")),
        "weights": record.get("weights", {}).get("origin"),
        "is_cifake": _is_cifake(record),
        **{f"f1_{name}": part["f1"] for name, part in scores["by_class"].items()},
        "program": record.get("program"),
        "device": record.get("device"),
        "outcome": _outcome(experiment, record),
        "record": record,
    }


def _outcome(experiment: str, record: dict) -> str:
    """A short checksum of all that scores depend on but the seed (in experiment 3: but the run)."""
    is_e3 = experiment == "E3"
    left_out = {"weights"} | (records.RUN_OF_E3 if is_e3 else {"seed"})
    depends_on = {
        "settings": {name: value for name, value in record["settings"].items() if name not in left_out},
        "classes": record["classes"],
        "weights": record.get("weights", {}).get("sha256"),  # by their values, wherever they came from
    } | ({} if is_e3 else {"data": record["data"]})
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:12]


def _place(folders: Folders, experiment: str, record: dict, path: Path) -> dict:
    """Where a record is; StudyError if that is another's place."""
    seed = record["settings"]["seed"]
    if experiment == "E3":
        run = (record["architecture"], record["arm"], record["settings"]["images"], seed, record["settings"].get("variant", ""))
        places, name = [folders.e3_run(*run)["record"]], ", ".join(map(str, run))
    else:
        places = [
            folders.classifier(experiment, record["source"], record["architecture"], replicate)["record"] for replicate in (None, seed)
        ]
        name = f"{records.name_of(record)}, seed {seed}"
    if path not in places:
        raise StudyError(f"{shown(path)} is the record of {name}; delete it, or put it back under its own name.")
    return {"is_plain": path == places[0], "path": path}


def _is_cifake(record: dict) -> bool:
    """Whether all images are CIFAKE's own, and VGG16's weights, if it has any, the published ones."""
    known = {f"{source} {split}": sha256 for (source, split), sha256 in protocol.CIFAKE_FINGERPRINTS.items()}
    names = {"train": f"{record.get('source')} train", "test": f"{record['test']['source']} test"}  # E3's are spelled out
    images = all(known.get(names.get(name, name)) == part["sha256"] for name, part in record["data"].items())
    return images and record.get("weights", {}).get("origin", IMAGENET_WEIGHTS) == IMAGENET_WEIGHTS


def csv_text(table: pd.DataFrame, experiment: str) -> str:
    """An experiment's runs.csv: a tidy table for people's own analysis, scores in full; nothing in it tells the time of a run.

    Columns that none of the experiment's runs has a value for are left out.
    """
    rows = table[table["experiment"] == experiment].drop(columns=NOT_IN_CSV).dropna(axis=1, how="all")
    # convert_dtypes, because whole numbers are floats wherever another experiment has none.
    return rows.convert_dtypes().to_csv(index=False, lineterminator="\n")


def plain(table: pd.DataFrame, *experiments: str) -> pd.DataFrame:
    """The plain run's rows of some experiments, a row for each classifier."""
    return table[table["is_plain"] & table["experiment"].isin(experiments)]


def over_seeds(table: pd.DataFrame, seeds: list[int] | None = None) -> pd.DataFrame:
    """The rows of experiments 1 and 2 that can be averaged over seeds: those of the given seeds, or all that equal the plain run
    in everything but the seed; classifiers with one seed alone are left out.

    Raises StudyError if those of one classifier differ in more than the seed: their spread would mean nothing.
    """
    rows = alike(table[table["experiment"].isin(("E1", "E2"))], seeds)
    return rows.groupby(CLASSIFIER, observed=True).filter(lambda group: group["seed"].nunique() > 1) if len(rows) else rows


def alike(rows: pd.DataFrame, seeds: list[int] | None = None) -> pd.DataFrame:
    """The rows of the given seeds, or all but replicates that differ from their plain run in more than the seed.

    Raises StudyError if those of one classifier differ in more than the seed: their spread would mean nothing.
    """
    rows = rows[rows["seed"].isin(seeds)] if seeds else rows[~_is_stranger(rows)]
    mixed = rows.groupby(CLASSIFIER, observed=True)["outcome"].nunique()
    for experiment, architecture, source in mixed[mixed > 1].index:
        named = "" if experiment == "E4" else ", or name those that do with --seeds"
        raise StudyError(
            f"The replicates of {source} {architecture} in {experiment}_results/replicates differ in more than the seed; delete those "
            f"there that do not belong together{named}."
        )
    return rows


def _is_stranger(rows: pd.DataFrame) -> pd.Series:
    """Whether a replicate differs from the plain run of its classifier in more than the seed."""
    plain_outcome = rows["outcome"].where(rows["is_plain"])
    expected = plain_outcome.groupby([rows[name] for name in CLASSIFIER], observed=True).transform("first")
    return expected.notna() & (expected != rows["outcome"])


def name_strangers(table: pd.DataFrame, experiment: str) -> None:
    """Say of which classifiers a replicate is left out, because it differs from the plain run in settings or images."""
    rows = table[table["experiment"] == experiment]
    strangers = rows[_is_stranger(rows)]
    if names := dict.fromkeys(strangers["trained_on"] + " " + strangers["architecture"].astype(str)):
        log.info("Replicates with other settings or images than the plain run are left out: %s", ", ".join(names))


def best(table: pd.DataFrame, number: int) -> list[str]:
    """The architectures of the best FAKE classifiers by macro F1 on FAKE, in the study's order."""
    on_fake = plain(table, "E1").query("trained_on == 'FAKE'")
    chosen = set(on_fake.nlargest(number, "macro_f1")["architecture"])
    return [name for name in on_fake["architecture"] if name in chosen]


def experiment_3(table: pd.DataFrame) -> pd.DataFrame:
    """Experiment 3's rows, without the variants of its protocol.

    Raises StudyError if those of one classifier differ in more than run and seed.
    """
    # Experiment 1 has no number in this column, so that beside it those of experiment 3 are floats.
    rows = table[(table["experiment"] == "E3") & (table["variant"] == "")].astype({"images": int})
    for architecture, members in rows.groupby("architecture", observed=True):
        images = {(part, known["sha256"]) for record in members["record"] for part, known in record["data"].items()}
        if members["outcome"].nunique() > 1 or len(images) > len(dict(images)):
            raise StudyError(
                f"The records in {shown(members['path'].iloc[0].parents[1])} differ in their settings or images; make them alike with the "
                f"same options for all of {architecture}, or delete that folder."
            )
    return rows


def images_of_e1(table: pd.DataFrame) -> dict[str, dict]:
    """Number and fingerprint of experiment 1's images by part, such as FAKE test."""
    rows = table[table["experiment"] == "E1"]
    parts = zip(rows["trained_on"], rows["record"], strict=True)
    return {f"{source} {split}": part for source, record in parts for split, part in record["data"].items()}


def on_the_same_images(table: pd.DataFrame) -> pd.DataFrame:
    """The table without an experiment that is about other images than experiment 1: CIFAKE's are not shown beside a user's own."""
    known = images_of_e1(table)
    for experiment in ("E3", "E4"):
        rows = table[table["experiment"] == experiment]
        if not all(known.get(name, part) == part for record in rows["record"] for name, part in record["data"].items()):
            table = table.drop(index=rows.index)
    return table
