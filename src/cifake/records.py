"""Records: what was trained on what, how, and how it scored. Every table, figure and decision downstream is made from them."""

import json
import re
from pathlib import Path

from cifake import protocol
from cifake.errors import StudyError
from cifake.folders import Folders, shown

# What every record holds; anything else in it is for people.
KEYS = {"architecture", "source", "classes", "settings", "training", "test", "scores", "model"}


def name_of(record: dict) -> str:
    """A classifier as tables and sentences name it: FAKE LeNet."""
    return f"{record['source']} {record['architecture']}"


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
    kind = "" if record["classes"] == list(protocol.CIFAKE_CLASSES) else f" of {len(record['classes'])} classes"
    return (
        f"{record['architecture']} trained on {record['source']} images{kind}, tested on {test['images']:,} {test['source']} test images."
        f"{start}\n"
        f"Seed {settings['seed']}; {training['epochs']} of at most {settings['epochs_at_most']} epochs, the weights of epoch "
        f"{training['best_epoch']} (validation accuracy {training['best_validation_accuracy']:.4f}).\n"
        f"Accuracy {_with_interval(scores, 'accuracy')}, macro F1 {_with_interval(scores, 'macro_f1')}: 95 % intervals from "
        f"{scores['resamples']:,} bootstrap resamples of the test images.\n"
    )


def _with_interval(scores: dict, name: str) -> str:
    low, high = scores[f"{name}_interval"]
    return f"{scores[name]:.4f} ({low:.4f} to {high:.4f})"


def write(record: dict, path: Path) -> None:
    """Write a record at a path."""
    path.write_text(text_of(record), encoding="utf-8")


def read(path: Path) -> dict:
    """A record. Raises StudyError where the file is damaged or no record."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        record = None
    if not isinstance(record, dict) or not record.keys() >= KEYS:
        raise StudyError(f"{shown(path)} is damaged or no record; delete it and run the same command again.")
    return record


def e1_path(folders: Folders, source: str, architecture: str) -> Path:
    """Where experiment 1 keeps the record of a classifier."""
    return folders.e1_results / f"{source}_{architecture}_record.json"


def all_e1(folders: Folders) -> tuple[dict[tuple[str, str], dict], list[str]]:
    """The records of experiment 1 by (source, architecture), in the study's order, and the names of the classifiers without one.

    Raises StudyError where the records disagree on the classes.
    """
    there, missing = {}, []
    for architecture in protocol.ARCHITECTURES:
        for source in protocol.SOURCES:
            path = e1_path(folders, source, architecture)
            if path.exists():
                there[source, architecture] = read(path)
            else:
                missing.append(f"{source} {architecture}")
    if len({tuple(record["classes"]) for record in there.values()}) > 1:
        raise StudyError(
            f"The records in {shown(folders.e1_results)} do not agree on the classes; train all classifiers anew with: bash run.sh"
        )
    return there, missing
