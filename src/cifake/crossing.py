"""Experiment 2: every saved classifier on the test images of the other source, FAKE ones on REAL and REAL ones on FAKE.

final_evaluate.py calls it. What needs TensorFlow is imported when there is something to test.
"""

import argparse
from pathlib import Path

from cifake import command, metadata, protocol, records, runs
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import checksum
from cifake.folders import Folders, shown


def evaluate(places: list[Folders], chosen: argparse.Namespace) -> None:
    """Test what has a record of experiment 1 in one of the places and is not tested yet; chosen.images holds the test images."""
    for source in protocol.SOURCES:
        members = [
            (place, record)
            for place in places
            for (trained_on, _), record in records.all_of(place)[0].items()
            if trained_on != source
        ]
        if members:
            _on_source(source, members, chosen)


def _on_source(source: str, members: list[tuple[Folders, dict]], chosen: argparse.Namespace) -> None:
    """Test the members, (place, record of experiment 1) each, on the test images of one source."""
    test = metadata.read_split(chosen.folders, source, "test")
    if list(test.classes) != members[0][1]["classes"]:
        raise StudyError(
            f"The classes of the {source} test images are not those that the classifiers were trained on; train them anew: bash run.sh"
        )
    waiting = []
    for place, record in members:
        with runs.alone(chosen.folders, f"{_title(place, record)} on {source}"):
            runs.finish_interrupted(list(records.e2_files(place, record["source"], record["architecture"]).values()))
        if not chosen.fresh and is_done(place, record, test.fingerprint):
            log.info("%s: already tested on %s images; --fresh tests again.", _title(place, record), source)
        elif fault := model_fault(place, record):
            log.info("%s: not tested on %s images: %s", _title(place, record), source, fault)
        else:
            waiting.append((place, record))
    if not waiting:
        return

    from cifake import devices

    device = devices.prepare(chosen.verbose)
    from cifake import architectures, features, images, testing

    pixels, _ = images.decode(test.contents, test.filepaths, f"{source}, test")
    for place, record in waiting:
        title = f"{_title(place, record)} on {source}"
        command.when_stopped(f"Stopped before {title} was tested; the same command starts this step again.")
        probabilities = features.probabilities(
            architectures.load(place.output / record["model"]["file"]),
            pixels,
            test.fingerprint,
            chosen.folders.unfinished,
            title,
        )
        untested = {key: value for key, value in record.items() if key not in ("seconds", "leak")}
        untested["data"] = record["data"] | {"test": {"images": len(test.rows), "sha256": test.fingerprint}}
        files = records.e2_files(place, record["source"], record["architecture"])
        with runs.alone(chosen.folders, title), runs.stage(list(files.values())) as make:
            tested, report = testing.write(make, files, untested, test, pixels, probabilities)
            tested |= devices.description(device)
            make(files["record"], lambda path, tested=tested: records.write(tested, path))
        log.info("\n%s\n%s", title, report)
        command.wrote(list(files.values()))


def is_done(place: Folders, record: dict, fingerprint: str) -> bool:
    """Whether experiment 2 has tested just this classifier on just these images; its predictions are there as long as its model is."""
    files = records.e2_files(place, record["source"], record["architecture"])
    if not files["record"].exists():
        return False
    try:
        tested = records.read(files["record"])
    except StudyError:
        return False
    kept = files["predictions"].exists() and checksum(files["predictions"]) == tested["predictions"]["sha256"]
    if not kept and model_path(place, record).exists():
        return False
    return tested["model"] == record["model"] and tested["data"]["test"]["sha256"] == fingerprint


def model_path(place: Folders, record: dict) -> Path:
    """Where the saved model of a record is."""
    return place.output / record["model"]["file"]


def model_fault(place: Folders, record: dict) -> str | None:
    """What is wrong with the saved model of a record, and the remedy; None where it is there and the right one."""
    path = model_path(place, record)
    if path.exists() and checksum(path) == record["model"]["sha256"]:
        return None
    what = "is not the model of its record" if path.exists() else "is not there (models are not in git)"
    return f"its saved model, {shown(path)}, {what}; train it with: bash run-{record['architecture']}.sh"


def _title(place: Folders, record: dict) -> str:
    """A classifier, and its seed where it is a replicate."""
    return records.name_of(record) + ("" if place.seed is None else f", seed {place.seed}")
