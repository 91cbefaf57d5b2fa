"""The history of a training as a table, an epoch a row: written with a run, read for the figures; and the published ones."""

from pathlib import Path

import numpy as np
import pandas as pd

from cifake.system.errors import StudyError
from cifake.system.options import with_folders
from cifake.system.paths import Folders, shown

COLUMNS = ["loss", "accuracy", "val_loss", "val_accuracy"]
PUBLISHED = Path(__file__).with_name("published_histories.csv")  # from the history files of MinaAlmasi/CIFAKE-image-classifiers (2023)


def table(rows: list[dict[str, float]]) -> pd.DataFrame:
    """Epochs as Keras logs them -> a row each, counted from 1, with loss and accuracy of training and validation.

    Six decimals, as in the file, so that a curve drawn from the file is the same: float32 has no more to give.
    """
    return pd.DataFrame(rows, columns=COLUMNS, index=pd.RangeIndex(1, len(rows) + 1, name="epoch")).round(6)


def write(history: pd.DataFrame, path: Path) -> None:
    history.to_csv(path, float_format="%.6f", lineterminator="\n")


def read(path: Path, record: dict) -> pd.DataFrame:
    """The history at a path, which belongs to a record of experiment 1. Raises StudyError if it is missing, damaged or another's."""
    try:
        history = pd.read_csv(path, index_col="epoch", dtype=float)
        epochs = list(range(1, record["training"]["epochs"] + 1))
        is_whole = list(history.index) == epochs and list(history) == COLUMNS and np.isfinite(history.to_numpy()).all()
    except Exception:  # pandas has many of its own for damaged text
        is_whole = False
    if not is_whole:
        command = with_folders(f"bash run-{record['architecture']}.sh --fresh --seeds {record['settings']['seed']}")
        raise StudyError(f"{shown(path)} is missing or damaged; train the classifier again with: {command}")
    return history


def published(architecture: str, trained_on: str) -> pd.DataFrame:
    """The original study's history of a classifier, an epoch a row; empty if it had no such classifier."""
    rows = pd.read_csv(PUBLISHED).query(f"architecture == '{architecture}' and source == '{trained_on}'")
    return rows.set_index("epoch")[COLUMNS]


def over_seeds(folders: Folders, rows: pd.DataFrame) -> pd.DataFrame:
    """The histories of one classifier's runs, rows of the table of runs: a column for each (measure, seed), an epoch a row."""
    paths = [folders.classifier("E1", row.trained_on, row.architecture, None if row.is_plain else row.seed) for row in rows.itertuples()]
    found = {row.seed: read(path["history"], row.record) for path, row in zip(paths, rows.itertuples(), strict=True)}
    return pd.concat(found, axis=1).swaplevel(axis=1)
