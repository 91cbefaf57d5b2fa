"""Accuracy without the test images that are near-duplicates of training images; check_data.py calls it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cifake.data import metadata
from cifake.results import records, scores
from cifake.system.paths import Folders


def of_experiment_1(near: set[str], splits: Mapping[tuple[str, str], metadata.Split], folders: Folders) -> dict[str, dict]:
    """Accuracy with all test images and without those whose paths are `near`, by classifier: means over its seeds.

    predictions.csv is not in git, so which images a classifier has right comes from its record. Records of other images are left out.
    """
    found: dict[str, list[dict]] = {}
    for path in folders.records("E1"):
        record = records.read(path)
        test = splits[record["source"], "test"]
        is_near = np.isin(test.filepaths, list(near))
        if record["data"]["test"]["sha256"] == test.fingerprint and not is_near.all():
            is_right = scores.unpacked(record["predictions"]["correct"], len(is_near))
            row = {"seed": record["settings"]["seed"], "accuracy": is_right.mean(), "without": is_right[~is_near].mean()}
            found.setdefault(records.name_of(record), []).append(row)
    means = {name: pd.DataFrame(rows)[["accuracy", "without"]].mean() for name, rows in found.items()}
    return {name: {"seeds": len(rows), **means[name].round(4).to_dict()} for name, rows in found.items()}
