"""Experiment 2: every saved classifier on the test images of the other source. final_evaluate.py calls it."""

import argparse
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cifake import protocol
from cifake.data import decoding, metadata
from cifake.experiments.e1 import title_of
from cifake.experiments.runs import Prepared, Run, Seconds, data_of, do, model_fault, timed, why
from cifake.models import architectures, features
from cifake.results import records
from cifake.system.errors import StudyError
from cifake.system.options import with_folders

log = logging.getLogger(__name__)
OWN_FACTS = ("seconds", "leak")  # of a record of experiment 1, which say nothing about the other source


def evaluate(trained: pd.DataFrame, needed: list[str], chosen: argparse.Namespace) -> list[Path]:
    """Test classifiers of experiment 1, rows of the table of runs, unless that is done; gives the files written.

    Raises StudyError if the plain FAKE classifier of a `needed` architecture cannot be tested.
    """
    written = []
    for source in protocol.SOURCES:
        members = trained[trained["trained_on"] == protocol.OTHER[source]]
        if members.empty:
            continue
        test = metadata.read_split(chosen.folders, source, "test")
        if list(test.classes) != members["record"].iloc[0]["classes"]:
            what = f"The classes of the {source} test images are not those that the classifiers were trained on"
            raise StudyError(f"{what}; train them again: {with_folders('bash run.sh')}")
        wanted, untested = [], []
        for row in members.itertuples():
            place = None if row.is_plain else row.seed
            title, data = title_of(row.trained_on, row.architecture, place, "E2"), row.record["data"] | data_of({"test": test})
            where = chosen.folders.classifier("E2", row.trained_on, row.architecture, place)
            run = Run("E2", row.architecture, title, row.record["settings"], data, where, row.record)
            fault = why(run, chosen.fresh) and model_fault(chosen.folders.output / row.record["model"]["file"], row.record)
            if not fault:
                wanted.append(run)
            elif row.is_plain and row.trained_on == "FAKE" and row.architecture in needed and (chosen.fresh or not _is_tested(run)):
                command = with_folders(f"bash run-{row.architecture}.sh")
                raise StudyError(f"FAKE {row.architecture} cannot be tested: {fault}; train it with: {command}")
            elif row.is_plain:
                log.info("%s: not tested: %s", title, fault)
            else:  # in a clone that is all replicates, so that they share a line
                untested.append((title, fault))
        if untested:
            (title, fault), more = untested[0], f" and {len(untested) - 1} more" if len(untested) > 1 else ""
            log.info("%s%s: not tested, because %s. Earlier results stay.", title, more, fault)
        written += do(wanted, partial(_prepare, test), partial(_answer, chosen), chosen)
    return written


def _is_tested(run: Run) -> bool:
    """Whether there is a record of this model's test on these images, so that pages can be drawn without the model, as in a clone."""
    try:
        record = records.read(run.files["record"], "E2")
    except (StudyError, FileNotFoundError):
        return False
    return (record["model"], record["data"]) == (run.of_e1["model"], run.data)


def _prepare(test: metadata.Split) -> Prepared:
    """From the bytes of the images to pixels."""
    pixels, _ = decoding.decode(test.contents, test.filepaths, f"{test.source}, test")
    return Prepared(None, {"training": 0.0}, test, pixels)


def _answer(chosen: argparse.Namespace, run: Run, prepared: Prepared, _make: Callable, seconds: Seconds) -> tuple[np.ndarray, dict]:
    """Have a saved model answer the test."""
    with timed(seconds, "testing"):
        model = architectures.load(chosen.folders.output / run.of_e1["model"]["file"])
        probabilities = features.probabilities(model, prepared.test_pixels, prepared.test.fingerprint, chosen.folders, run.title)
    return probabilities, {name: value for name, value in run.of_e1.items() if name not in OWN_FACTS} | {"data": run.data}
