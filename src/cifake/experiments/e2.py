"""Experiment 2: every saved classifier on the test images of the other source. final_evaluate.py calls it."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from cifake import protocol
from cifake.data import metadata
from cifake.experiments.e1 import title_of
from cifake.experiments.runs import Prepared, Run, Trained, data_of, do, why
from cifake.results import records
from cifake.system import files
from cifake.system.errors import StudyError
from cifake.system.paths import shown

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
OWN_FACTS = ("seconds", "leak")  # of a record of experiment 1, which say nothing about the other source


def evaluate(trained: "pd.DataFrame", needed: list[str], chosen: argparse.Namespace) -> list[Path]:
    """Test classifiers of experiment 1, rows of the table of runs, unless that is done; gives the files written.

    Raises StudyError if the plain FAKE classifier of a `needed` architecture cannot be tested.
    """
    written = []
    for source in protocol.SOURCES:
        members = trained[trained["trained_on"] == records.other(source)]
        if len(members):
            written += _on_source(source, members, needed if source == "REAL" else [], chosen)
    return written


def _on_source(source: str, members: "pd.DataFrame", needed: list[str], chosen: argparse.Namespace) -> list[Path]:
    """Test classifiers on the test images of one source."""
    test = metadata.read_split(chosen.folders, source, "test")
    if list(test.classes) != members["record"].iloc[0]["classes"]:
        raise StudyError(
            f"The classes of the {source} test images are not those that the classifiers were trained on; train them again: bash run.sh"
        )
    wanted, of_e1 = [], {}
    for row in members.itertuples():
        fault = _model_fault(row.record, chosen)
        place = None if row.is_plain else row.seed
        run = Run(
            "E2",
            row.architecture,
            f"{title_of(row.trained_on, row.architecture, place)} on {source}",
            row.record["settings"],
            row.record["data"] | data_of({"test": test}),
            chosen.folders.classifier("E2", row.trained_on, row.architecture, place),
            row.record["model"],
            needs_predictions=fault is None,
        )
        if fault is None or not why(run, chosen.fresh):
            wanted.append(run)
            of_e1[run.title] = row.record
        elif row.is_plain and row.architecture in needed:
            raise StudyError(f"{row.trained_on} {row.architecture} cannot be tested: {fault}")
        else:
            log.info("%s: not tested: %s", run.title, fault)

    def prepare() -> Prepared:
        from cifake.system import devices

        device = devices.prepare(chosen.verbose)
        from cifake.data import decoding

        pixels, _ = decoding.decode(test.contents, test.filepaths, f"{source}, test")
        return Prepared(device, test, pixels, None, {})

    def answer(run: Run, prepared: Prepared) -> Trained:
        from cifake.models import architectures, features

        record = of_e1[run.title]
        facts = {name: value for name, value in record.items() if name not in OWN_FACTS} | {"data": run.data}

        def probabilities(_make):
            model = architectures.load(chosen.folders.output / record["model"]["file"])
            pixels, fingerprint = prepared.test_pixels, test.fingerprint
            return features.probabilities(model, pixels, fingerprint, chosen.folders, run.title), {}

        return Trained(facts, probabilities)

    return do(wanted, prepare, answer, chosen)


def _model_fault(record: dict, chosen: argparse.Namespace) -> str | None:
    """What is wrong with the saved model of a record, and the remedy; None if it is there and the right one."""
    path = chosen.folders.output / record["model"]["file"]
    if path.exists() and files.checksum(path) == record["model"]["sha256"]:
        return None
    what = "is not the model of its record" if path.exists() else "is not there (models are not in git)"
    return f"its saved model, {shown(path)}, {what}; train it with: bash run-{record['architecture']}.sh"
