"""Records: what was trained on what, how, and how it scored. Every table, figure and decision is made from them."""

import json
import math
import re
from pathlib import Path

from cifake import protocol
from cifake.system.errors import StudyError
from cifake.system.paths import shown

# What every record holds, and what those of one experiment hold beside it; anything else is for people.
KEYS = {"architecture", "classes", "settings", "data", "training", "test", "scores"}
# Settings in which experiment 3's runs may differ, and are still of one protocol.
RUN_OF_E3 = {"seed", "arm", "images", "fake_images", "fake_share", "draws", "components", "second_rate", "shift", "copies", "fake_copies"}
OWN_KEYS = {"E3": {"arm", "budget"}}
OWN_KEYS |= {experiment: {"source", "model", "predictions"} for experiment in ("E1", "E2", "E4")}
FEW_STEPS = 300  # a training with fewer may not have begun to learn; this project's choice
NEAR = 0.15  # of accuracy above guessing
KEYS_OF_FINDING = {"settings", "data", "found"}  # of what experiment 4 measures without a training


def name_of(record: dict) -> str:
    """A classifier as tables and sentences name it: FAKE LeNet."""
    return f"{record['source']} {record['architecture']}"


def is_teller(record: dict) -> bool:
    """Whether a classifier of experiment 4 tells REAL from FAKE."""
    return record["source"].startswith(protocol.REAL_OR_FAKE)


def sentences(record: dict) -> str:
    """What stands below a classification report: what was trained on what, tested on what, and how sure the scores are."""
    settings, training, test, scores = (record[key] for key in ("settings", "training", "test", "scores"))
    start = f" VGG16's convolutions: {record['weights']['origin']}, not trained." if "weights" in record else ""
    precision = "" if settings["precision"] == "float32" else f"trained in {settings['precision']}; "
    kind = "" if record["classes"] == list(protocol.CIFAKE_CLASSES) else f" of {len(record['classes'])} classes"
    what = f"on {record['source']} images{kind}, tested on {test['images']:,} {test['source']} test images"
    if is_teller(record):
        changed = record["source"].removeprefix(protocol.REAL_OR_FAKE)
        what = f"to tell REAL from FAKE{changed}, tested on {test['images']:,} test images: area under the ROC curve {record['auc']:.4f}"
    return (
        f"{record['architecture']} trained {what}.{start}\n"
        f"Seed {settings['seed']}; {precision}{training['epochs']} of at most {settings['epochs_at_most']} epochs, the weights of epoch "
        f"{training['best_epoch']} (validation accuracy {training['best_validation_accuracy']:.4f}).\n"
        f"Accuracy {_with_interval(scores, 'accuracy')}, macro F1 {_with_interval(scores, 'macro_f1')}: 95 % intervals from "
        f"{scores['resamples']:,} bootstrap resamples of the test images. "
        f"Guessing gives an accuracy of {1 / len(record['classes']):.2g}.\n"
        f"{_leak_sentence(record)}{too_short(record)}"
    )


def too_short(record: dict) -> str:
    """That a training of experiment 1 was too short to say anything, if its accuracy is near guessing; nothing otherwise."""
    if "train" not in record["data"]:  # of experiment 4, whose trainings are longer
        return ""
    settings, guessing = record["settings"], 1 / len(record["classes"])
    images = record["data"]["train"]["images"] * (1 - settings["validation_share"])
    steps = record["training"]["epochs"] * math.ceil(images / settings["batch_size"])
    if steps >= FEW_STEPS or record["scores"]["accuracy"] > guessing + NEAR:
        return ""
    return (
        f"This training had {steps} steps, too few to learn anything: a score near guessing says nothing about the images. Use more of "
        "them, or more epochs (-epochs).\n"
    )


def _leak_sentence(record: dict) -> str:
    """The scores without the test images that the classifier was trained on; nothing if that is unknown."""
    leak = record.get("leak")
    if leak is None:
        return ""
    if leak["images"] == 0:
        return "None of the test images is byte for byte among the training images.\n"
    if "without" not in leak:
        return "All test images are byte for byte among the training images.\n"
    return (
        f"Without the {leak['images']:,} test images that are byte for byte among the training images: accuracy "
        f"{_with_interval(leak['without'], 'accuracy')}, macro F1 {_with_interval(leak['without'], 'macro_f1')}.\n"
    )


def _with_interval(scores: dict, name: str) -> str:
    low, high = scores[f"{name}_interval"]
    return f"{scores[name]:.4f} ({low:.4f} to {high:.4f})"


def write(record: dict, path: Path) -> None:
    """Write a record as JSON that people can read too, a row of numbers on one line."""
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    text = re.sub(r"\[\n *([^][{}]*?)\n *\]", lambda row: "[" + re.sub(r"\n *", " ", row[1]) + "]", text)
    path.write_text(f"{text}\n", encoding="utf-8")


def read(path: Path, experiment: str = "E1") -> dict:
    """A record of an experiment. Raises StudyError if the file is damaged or not a record."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # text that is not UTF-8 or not JSON raises ValueError
        record = None
    is_record = isinstance(record, dict) and record.keys() >= (KEYS_OF_FINDING if "found" in record else KEYS | OWN_KEYS[experiment])
    if not is_record:
        raise StudyError(f"{shown(path)} is damaged or not a record; delete it and run the same command again.")
    record.pop("sha256", None)  # of the record itself, in those of earlier versions
    return record
