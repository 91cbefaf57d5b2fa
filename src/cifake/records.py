"""Records: what was trained on what, how, and how it scored. Every table, figure and decision downstream is made from them."""

import hashlib
import json
import re
from collections.abc import Callable, Set
from pathlib import Path

from cifake import protocol
from cifake.errors import StudyError
from cifake.folders import REPLICATES, Folders, shown

# The files of a run by their kind; experiment 2 has no history.
ENDINGS = {
    "metrics": "metrics.txt",
    "predictions": "predictions.csv",
    "mistakes": "mistakes.png",
    "history": "history.csv",
    "curve": "history.png",
    "record": "record.json",
}

# What every record holds; anything else in it is for people.
KEYS = {"architecture", "source", "classes", "settings", "data", "training", "test", "scores", "predictions", "model"}
E3_KEYS = KEYS - {"source", "model"} | {"arm", "budget", "code"}


def name_of(record: dict) -> str:
    """A classifier as tables and sentences name it: FAKE LeNet."""
    return f"{record['source']} {record['architecture']}"


def other(source: str) -> str:
    """FAKE for REAL and REAL for FAKE."""
    return next(name for name in protocol.SOURCES if name != source)


def text_of(record: dict) -> str:
    """A record as JSON for people too: a row of numbers stays on one line."""
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    return (
        re.sub(
            r"\[[^][{}]*\]",
            lambda row: re.sub(r"\s*\n\s*", " ", row.group()).replace("[ ", "[").replace(" ]", "]"),
            text,
        )
        + "\n"
    )


def sentences(record: dict) -> str:
    """What stands below a classification report: what was trained on what, tested on what, and how sure the scores are."""
    settings, training, test, scores = (record[key] for key in ("settings", "training", "test", "scores"))
    start = f" VGG16's convolutions: {record['weights']['origin']}, not trained." if "weights" in record else ""
    precision = "" if settings["precision"] == "float32" else f"trained in {settings['precision']}; "
    kind = "" if record["classes"] == list(protocol.CIFAKE_CLASSES) else f" of {len(record['classes'])} classes"
    return (
        f"{record['architecture']} trained on {record['source']} images{kind}, tested on {test['images']:,} {test['source']} test images."
        f"{start}\n"
        f"Seed {settings['seed']}; {precision}{training['epochs']} of at most {settings['epochs_at_most']} epochs, the weights of epoch "
        f"{training['best_epoch']} (validation accuracy {training['best_validation_accuracy']:.4f}).\n"
        f"Accuracy {_with_interval(scores, 'accuracy')}, macro F1 {_with_interval(scores, 'macro_f1')}: 95 % intervals from "
        f"{scores['resamples']:,} bootstrap resamples of the test images.\n"
        f"{_leak_sentence(record)}"
    )


def _leak_sentence(record: dict) -> str:
    """What the scores are without the test images that the classifier has been trained on; nothing where that is unknown."""
    leak = record.get("leak")
    if leak is None:
        return ""
    if leak["images"] == 0:
        return "None of the test images is byte for byte among the training images.\n"
    without = leak["without"]
    return (
        f"Without the {leak['images']:,} test images that are byte for byte among the training images: accuracy "
        f"{_with_interval(without, 'accuracy')}, macro F1 {_with_interval(without, 'macro_f1')}.\n"
    )


def _with_interval(scores: dict, name: str) -> str:
    low, high = scores[f"{name}_interval"]
    return f"{scores[name]:.4f} ({low:.4f} to {high:.4f})"


def _checksum(record: dict) -> str:
    """SHA-256 of all that a record says."""
    as_read = json.loads(json.dumps(record))  # keys that are numbers become text, and have another order then
    return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()


def write(record: dict, path: Path) -> None:
    """Write a record at a path, with its own checksum as the last entry."""
    path.write_text(text_of(record | {"sha256": _checksum(record)}), encoding="utf-8")


def read(path: Path, keys: Set[str] = KEYS) -> dict:
    """A record. Raises StudyError where the file is damaged or no record."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # what text and JSON that are none raise are ValueErrors
        record = None
    is_whole = isinstance(record, dict) and record.pop("sha256", None) == _checksum(record)
    if not is_whole or not record.keys() >= keys:
        raise StudyError(f"{shown(path)} is damaged or no record; delete it and run the same command again.")
    return record


def e1_files(folders: Folders, source: str, architecture: str) -> dict[str, Path]:
    """The result files of a classifier in experiment 1, tested on the source that it was trained on; the record last."""
    return {kind: folders.e1_results / f"{source}_{architecture}_{ending}" for kind, ending in ENDINGS.items()}


def e2_files(folders: Folders, source: str, architecture: str) -> dict[str, Path]:
    """The result files of a classifier in experiment 2, tested on the other source; the record last."""
    return {
        kind: folders.e2_results / f"{source}_{architecture}_{ending}"
        for kind, ending in ENDINGS.items()
        if kind not in ("history", "curve")
    }


def all_of(
    folders: Folders, files_of: Callable[[Folders, str, str], dict[str, Path]] = e1_files
) -> tuple[dict[tuple[str, str], dict], list[str]]:
    """The records of an experiment by (source, architecture), in the study's order, and the names of the classifiers without one.

    Raises StudyError where the records disagree on the classes, or one is another classifier's.
    """
    there, missing = {}, []
    for architecture in protocol.ARCHITECTURES:
        for source in protocol.SOURCES:
            path = files_of(folders, source, architecture)["record"]
            if path.exists():
                there[source, architecture] = record = read(path)
                if name_of(record) != f"{source} {architecture}":
                    raise StudyError(
                        f"{shown(path)} is the record of {name_of(record)}; delete it, or put it back under its own name."
                    )
            else:
                missing.append(f"{source} {architecture}")
    if len({tuple(record["classes"]) for record in there.values()}) > 1:
        raise StudyError(
            f"The records in {shown(path.parent)} do not agree on the classes; train all classifiers anew with: bash run.sh --fresh"
        )
    return there, missing


def over_seeds(
    folders: Folders,
    files_of: Callable[[Folders, str, str], dict[str, Path]] = e1_files,
    seeds: list[int] | None = None,
) -> dict[tuple[str, str], list[dict]]:
    """The records of replicates by (source, architecture), in the study's order, each a list in the order of the seeds.

    Those of the given seeds; without any, all that differ from the plain run, where there is one, in nothing but the seed. Raises
    StudyError where those of one classifier differ in more than the seed: their spread would mean nothing.
    """
    plain = {} if seeds else all_of(folders, files_of)[0]
    groups = {(source, architecture): [] for architecture in protocol.ARCHITECTURES for source in protocol.SOURCES}
    for seed in seeds or folders.replicates():
        for key, record in all_of(folders.replicate(seed), files_of)[0].items():
            if are_alike(record, plain.get(key, record)):
                groups[key].append(record)
    for (source, architecture), members in groups.items():
        if not all(are_alike(record, members[0]) for record in members):
            folder = files_of(folders, source, architecture)["record"].parent / REPLICATES
            raise StudyError(
                f"The replicates of {source} {architecture} in {shown(folder)} "
                "differ in more than the seed; name those that belong together with --seeds, or delete the others there."
            )
    return {key: members for key, members in groups.items() if members}


def left_out(folders: Folders) -> list[str]:
    """The classifiers of which a replicate differs from the plain run in settings or images, and so is not shown beside it."""
    there = all_of(folders)[0]
    strangers = {
        name_of(record)
        for seed in folders.replicates()
        for key, record in all_of(folders.replicate(seed))[0].items()
        if not are_alike(record, there.get(key, record))
    }
    return [name_of(record) for record in there.values() if name_of(record) in strangers]


def are_alike(one: dict, other: dict) -> bool:
    """Whether two records of a classifier differ in the seed at most, and in the scores and times that follow."""
    return _but_for_the_seed(one) == _but_for_the_seed(other)


def _but_for_the_seed(record: dict) -> dict:
    """All that the scores depend on, beside the seed; VGG16's weights by their values, wherever they came from."""
    settings = {name: value for name, value in record["settings"].items() if name not in ("seed", "weights")}
    weights = record.get("weights", {}).get("sha256")
    return {"settings": settings, "data": record["data"], "classes": record["classes"], "weights": weights}
