"""All runs as one table: each record is read once and becomes a row. Tables, figures and choices are made from it."""

import hashlib
import json
import logging
from collections import Counter, defaultdict

import pandas as pd

from cifake import protocol
from cifake.data import budgets
from cifake.data.arms import ARMS
from cifake.models.architectures import ARCHITECTURES
from cifake.results import records
from cifake.system.errors import StudyError
from cifake.system.options import with_folders
from cifake.system.paths import KINDS, Folders, shown

log = logging.getLogger(__name__)

Images = dict[str, dict]  # number and fingerprint by part, such as FAKE test

IMAGENET_WEIGHTS = "ImageNet weights"  # as records name them
VALIDATION = "REAL validation"  # images, on which experiment 3's tuning is tested
CLASSIFIER = ["experiment", "architecture", "trained_on"]


def load(folders: Folders, *experiments: str) -> pd.DataFrame:
    """The records of some experiments (all without names), a row each, in the study's order; docs/results.md explains the columns.

    Beside the columns of runs.csv there is `record`, a dict. A damaged record of experiment 3 or 4 is named in the log and left out; one
    of experiments 1 and 2 raises StudyError, because all pages rest on them.
    """
    rows = []
    for experiment in experiments or KINDS:
        for path in folders.records(experiment):
            try:
                record = records.read(path, experiment)
            except StudyError as problem:
                if experiment in ("E1", "E2"):
                    raise
                log.info("Left out: %s", problem)
                continue
            rows.append(_row(experiment, record) | {"is_plain": path.parents[1].name != "replicates", "record": record})
    if not rows:
        return pd.DataFrame(columns=["experiment", "seed"])
    table = pd.DataFrame(rows)
    classes = plain(table, "E1", "E2")["record"].map(lambda record: tuple(record["classes"]))
    if classes.nunique() > 1:
        raise StudyError(
            f"The records in {shown(folders.results('E1'))} are of images with different classes; train all classifiers again with: "
            f"{with_folders('bash run.sh --fresh')}"
        )
    table["architecture"] = _in_order(table["architecture"], ARCHITECTURES)
    table["tested_on"] = _in_order(table["tested_on"], [*protocol.SOURCES, protocol.REAL_OR_FAKE, VALIDATION])
    arms = {arm.name: number for number, arm in enumerate(ARMS)}  # REAL and FAKE first; what is not among them sorts last
    table = table.assign(order=table["trained_on"].map(arms), is_replicate=~table["is_plain"])
    keys = ["experiment", "architecture", "variant", "order", "trained_on", "images", "is_replicate", "seed"]
    table = table.sort_values(keys, kind="stable", ignore_index=True).drop(columns=["order", "is_replicate"])
    # A plain run counts as its seed: an equal copy below replicates/ would count it twice.
    return table.drop_duplicates([*CLASSIFIER, "variant", "images", "seed", "outcome"], ignore_index=True)


def _in_order(names: pd.Series, known) -> pd.Categorical:
    return pd.Categorical(names, [*known, *sorted(set(names) - set(known))], ordered=True)


def _row(experiment: str, record: dict) -> dict:
    """What a record says, as columns."""
    settings, data, training, scores = (record[key] for key in ("settings", "data", "training", "scores"))
    if experiment == "E3":
        counts = {source: part["images"] for source, part in record["budget"].items()}
    elif experiment == "E4":
        sources = protocol.SOURCES if records.is_teller(record) else ["FAKE"]
        counts = {source: data[f"{source} train"]["images"] for source in sources}
    else:
        counts = {record["source"]: data["train"]["images"]}
    leak = record.get("leak", {})
    without = leak.get("without", scores if leak.get("images") == 0 else {})
    f1 = scores.get("f1", {}) if experiment == "E3" else {name: part["f1"] for name, part in scores["by_class"].items()}
    ends = [(name, number, end) for name in ("accuracy", "macro_f1") for number, end in enumerate(("low", "high"))]
    return {
        "experiment": experiment,
        "architecture": record["architecture"],
        "trained_on": record["arm"] if experiment == "E3" else record["source"],
        "variant": settings.get("variant", ""),
        "images": settings.get("images"),
        "real_images": counts.get("REAL", 0),
        "fake_images": counts.get("FAKE", 0),
        "seed": settings["seed"],
        "tested_on": VALIDATION if experiment == "E3" and "REAL test" not in data else record["test"]["source"],
        "test_images": record["test"]["images"],
        "classes": len(record["classes"]),
        **{name: scores.get(name) for name in ("accuracy", "macro_f1", "weighted_f1")},
        **{f"{name}_{end}": scores[f"{name}_interval"][number] for name, number, end in ends if f"{name}_interval" in scores},
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
        **{f"f1_{name}": value for name, value in f1.items()},
        "program": record.get("program"),
        "device": record.get("device"),
        "outcome": _outcome(experiment, record),
    }


def _outcome(experiment: str, record: dict) -> str:
    """A short checksum of all that scores depend on but the seed (in experiment 3: but the run)."""
    is_e3, settings = experiment == "E3", dict(record["settings"])
    left_out = {"weights"} | (records.RUN_OF_E3 if is_e3 else {"seed"})
    if is_e3:
        settings["steps"] /= budgets.steps_of(settings["images"], protocol.STEPS)
    depends_on = {
        "settings": {name: value for name, value in settings.items() if name not in left_out},
        "classes": record["classes"],
        "weights": record.get("weights", {}).get("sha256"),  # by their values, wherever they came from
    } | ({} if is_e3 else {"data": record["data"]})
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:12]


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
    rows = table[table["experiment"] == experiment].drop(columns="record").dropna(axis=1, how="all")
    # convert_dtypes, because whole numbers are floats wherever another experiment has none.
    return rows.convert_dtypes().to_csv(index=False, lineterminator="\n")


def plain(table: pd.DataFrame, *experiments: str) -> pd.DataFrame:
    """The plain run's rows of some experiments, a row for each classifier."""
    return table[table["is_plain"] & table["experiment"].isin(experiments)]


def images_of(table: pd.DataFrame) -> Images:
    """The study's images by part, such as FAKE test: those of experiment 1, or of most runs if there is none of it."""
    rows, found = table[table["experiment"] == "E1"], defaultdict(Counter)
    rows = rows[rows["is_plain"]] if len(rows) and rows["is_plain"].any() else rows
    for row in (rows if len(rows) else table).itertuples():
        for part, known in row.record["data"].items():
            found[f"{row.trained_on} {part}" if row.experiment == "E1" else part][known["images"], known["sha256"]] += 1
    return {part: dict(zip(("images", "sha256"), counts.most_common(1)[0][0], strict=True)) for part, counts in found.items()}


def are_of(images: Images, data: Images) -> bool:
    """Whether what a record of experiment 3 or 4 says of its data are the study's images; parts that the study lacks may be any."""
    return all(images.get(part, known) == known for part, known in data.items())


def alike(rows: pd.DataFrame, images: Images, seeds: list[int] | None = None) -> pd.DataFrame:
    """The rows that can be compared and averaged, of the given seeds or of all.

    A row is left out, and named in the log, if its settings or images are not those of its classifier's plain run (without one, and in
    experiment 3, of most runs), or if it is about other images than the study.
    """
    rows = rows[rows["seed"].isin(seeds)] if seeds else rows
    if rows.empty:
        return rows
    arm = rows["trained_on"].mask(rows["experiment"] == "E3", "")  # whose arms differ in settings that are no part of the outcome
    is_stranger = rows["experiment"].isin(("E3", "E4")) & ~rows["record"].map(lambda record: are_of(images, record["data"]))
    for _, group in rows.groupby(["experiment", "architecture", "variant", arm], observed=True):
        known = group[group["is_plain"]] if group["is_plain"].any() else group
        is_stranger[group.index] |= group["outcome"] != known["outcome"].mode()[0]
    for experiment, group in rows[is_stranger].groupby("experiment"):
        names = [f"{row.trained_on} {row.architecture}, seed {row.seed}" for row in group.itertuples()]
        listed = "; ".join(names[:3]) + (", and more" if len(names) > 3 else "")
        log.info("Experiment %s: left out, because settings or images are not those of the other runs: %s", experiment[1:], listed)
    return rows[~is_stranger]


def best(table: pd.DataFrame, number: int) -> list[str]:
    """The architectures of the best FAKE classifiers by macro F1 on FAKE, in the study's order."""
    on_fake = plain(table, "E1").query("trained_on == 'FAKE'")
    chosen = set(on_fake.nlargest(number, "macro_f1")["architecture"])
    return [name for name in on_fake["architecture"] if name in chosen]
