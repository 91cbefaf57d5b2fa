"""The state of a training between two epochs, on disk: training.py writes it after each epoch and continues from it."""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cifake.system.files import write_whole
from cifake.system.paths import shown

log = logging.getLogger(__name__)
PARTS = ("weights", "optimiser", "best_weights")


@dataclass
class Training:
    """How far a training has come: all that its next epoch depends on."""

    history: list[dict[str, float]] = field(default_factory=list)  # by epoch: loss, accuracy, val_loss, val_accuracy
    best: float | None = None  # validation accuracy
    best_epoch: int = 0  # from 0
    wait: int = 0  # epochs since the best
    stopped_early: bool = False
    seconds: float = 0.0  # over all sittings
    weights: list[np.ndarray] = field(default_factory=list)
    optimiser: list[np.ndarray] = field(default_factory=list)
    best_weights: list[np.ndarray] = field(default_factory=list)


def save(path: Path, key: str, training: Training) -> None:
    """Write a checkpoint whole. `key` names what it belongs to: settings and data."""
    state = {"key": key, **vars(training)}
    arrays = {f"{part}_{number}": values for part in PARTS for number, values in enumerate(state.pop(part))}
    write_whole(path, lambda draft: np.savez(draft, state=np.array(json.dumps(state)), **arrays))


def load(path: Path, key: str) -> Training | None:
    """The training in a checkpoint, or None if there is none that is whole and belongs to `key`."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:  # verifies the zip format's own checksums
            arrays = {name: file[name] for name in file.files}
        state = json.loads(str(arrays.pop("state")))
        belongs_to = state.pop("key")
        # np.savez keeps the order in which the arrays were given
        parts = {part: [values for name, values in arrays.items() if name.rpartition("_")[0] == part] for part in PARTS}
        training = Training(**state, **parts)
    except Exception as problem:  # zip, numpy and JSON have many of their own for damaged bytes
        log.info("%s is damaged (%s); this training starts again", shown(path), problem)
        return None
    if belongs_to != key:
        log.info("%s belongs to other settings or images; this training starts again", shown(path))
        return None
    return training
