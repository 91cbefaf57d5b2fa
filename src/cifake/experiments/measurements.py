"""One way to measure something, which experiment 4's measurements share: is it done already, decode, measure, write numbers and picture.

A measurement is not a run: nothing is trained by the study's protocol, and its record says what was measured on what.
"""

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cifake import protocol
from cifake.data import decoding, metadata
from cifake.experiments.runs import data_of, model_fault
from cifake.models import architectures
from cifake.models.architectures import Classifier
from cifake.pages import style
from cifake.results import records
from cifake.system import devices, files
from cifake.system.errors import StudyError
from cifake.system.options import with_folders
from cifake.system.paths import Folders

log = logging.getLogger(__name__)

Splits = dict[tuple[str, str], metadata.Split]  # by source and split
Pixels = dict[tuple[str, str], np.ndarray]  # uint8 [n, 32, 32, 3], likewise
Found = tuple[dict, Figure | None]  # what the record says, and the picture


@dataclass(frozen=True)
class Measurement:
    """Something to measure on some parts of the images."""

    name: str
    settings: dict  # all that its numbers depend on beside the images
    parts: tuple[tuple[str, str], ...]
    measure: Callable[[Pixels], Found]
    picture: bool = False
    seed: int = protocol.SEED  # any other has a place of its own

    def files(self, folders: Folders) -> dict[str, Path]:
        return folders.finding(self.name, None if self.seed == protocol.SEED else self.seed, picture=self.picture)


def do(wanted: Measurement, splits: Splits, chosen: argparse.Namespace) -> None:
    """Measure, unless that is done; write what was found, and its picture."""
    paths, title = wanted.files(chosen.folders), wanted.name + (f", seed {wanted.seed}" if wanted.seed != protocol.SEED else "")
    data = data_of({f"{source} {split}": splits[source, split] for source, split in wanted.parts})
    if not (chosen.fresh or is_stale(paths, wanted.settings, data)):
        log.info("%s: done already with these settings; --fresh does it again.", title)
        return
    log.info("%s", title)
    devices.prepare(chosen.verbose)
    pixels = {part: decoding.decode(splits[part].contents, splits[part].filepaths, ", ".join(part))[0] for part in wanted.parts}
    found, figure = wanted.measure(pixels)
    with files.together(list(paths.values())) as make:
        if figure:
            make(paths["picture"], lambda path: style.save(figure, path))
        record = {"settings": wanted.settings, "data": data, "found": found, "program": devices.program()}
        make(paths["record"], lambda path: records.write(record, path))


def is_stale(paths: dict[str, Path], settings: dict, data: dict) -> bool:
    """Whether a measurement is missing, damaged, or one with other settings or images; `data` is empty if they have not been read."""
    try:
        record = records.read(paths["record"], "E4")
    except (StudyError, FileNotFoundError):
        return True
    is_other = record["settings"] != settings or (data and record["data"] != data)
    return is_other or not all(path.exists() for path in paths.values())


def settings_of(record: dict) -> dict:
    """Which classifier a measurement is about."""
    return {"classifier": records.name_of(record), "predictions": record["predictions"]["sha256"]}


def loaded(record: dict, chosen: argparse.Namespace) -> Classifier:
    """The classifier of a record. Raises StudyError if it is not there."""
    path = chosen.folders.output / record["model"]["file"]
    if fault := model_fault(path, record):
        command = with_folders(f"bash run-{record['architecture']}.sh")
        raise StudyError(f"{records.name_of(record)} is needed for experiment 4: {fault}; train it with: {command}")
    return architectures.load(path)
