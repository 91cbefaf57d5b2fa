"""The report: the committed one in a browser, and those of studies that lack something."""

import itertools
import math
import shutil
from pathlib import Path

import pytest
from browser import browse

from cifake import protocol
from cifake.data import budgets, digits
from cifake.pages import e3, report
from cifake.pages.study import Study
from cifake.results import records, table
from cifake.system.paths import Folders


def copy_of(folders: Folders, seeds: tuple[int, ...]) -> None:
    """The committed replicates of NN with some seeds, without a plain run."""
    for seed in seeds:
        for source in ("REAL", "FAKE"):
            there, here = (place.classifier("E1", source, "NN", seed) for place in (Folders(), folders))
            here["record"].parent.mkdir(parents=True, exist_ok=True)
            for kind in ("record", "history"):
                shutil.copy(there[kind], here[kind])


def test_the_report_that_is_there():
    """The committed one, or that of the user's own run."""
    browse(Folders().report)


@pytest.mark.parametrize("seeds", [(130,), (130, 131)], ids=str)
def test_a_study_without_the_plain_seed_has_a_report(tmp_path, seeds):
    folders = Folders(output=tmp_path)
    copy_of(folders, seeds)
    assert "FAKE NN" in report.page(Study(folders, table.load(folders)))


def test_a_demo_says_on_top_that_it_answers_nothing(tmp_path):
    folders = Folders(output=tmp_path)
    copy_of(folders, (130,))
    assert "Nothing on this page answers" not in report.page(Study(folders, table.load(folders)))
    for path in folders.records("E1"):
        text = path.read_text(encoding="utf-8")
        for name, digit in zip(records.read(path)["classes"], digits.CLASSES, strict=True):
            text = text.replace(f'"{name}"', f'"{digit}"')
        path.write_text(text, encoding="utf-8")
    page = report.page(Study(folders, table.load(folders)))
    assert page.index("Nothing on this page answers") < page.index('class="answer"')
    assert "<img" in page


def made_runs(folders: Folders, seeds: tuple[int, ...]) -> list[Path]:
    """Made records of experiment 3 on CIFAKE: accuracy rises with the photographs, and by augmentation; gives their paths."""
    arms = ("REAL", "REAL + augmentation", "FAKE + augmentation", "REAL + FAKE + augmentation")
    for images, arm, seed in itertools.product((100, 1_000, 10_000), arms, seeds):
        accuracy = 0.1 * math.log10(images) + 0.05 * ("augmentation" in arm) + 0.001 * (seed % 3)
        if "FAKE" in arm:  # mixed in, generated images help 100 photographs, and harm 10,000
            accuracy += (0.1 * (3 - math.log10(images)) - 0.0001 * seed % 0.001) if "REAL" in arm else -0.1
        steps = budgets.steps_of(images, protocol.STEPS)
        by_class = dict.fromkeys(protocol.CIFAKE_CLASSES, accuracy)
        names = [f"{arm.split()[0]} train", "REAL test"]
        path = folders.e3_run("LeNet", arm, images, seed)["record"]
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "architecture": "LeNet",
            "arm": arm,
            "classes": protocol.CIFAKE_CLASSES,
            "settings": {"seed": seed, "arm": arm, "images": images, "steps": steps, "batch_size": 64, "flip": True},
            "data": {name: known(name) for name in names},
            "budget": {names[0].split()[0]: {"images": images, "sha256": ""}},
            "training": {"steps": steps, "precision": "float32", "history": {"loss": [1.0] * 20, "accuracy": [0.5] * 20}},
            "test": {"source": "REAL", "images": 10_000},
            "scores": {"accuracy": accuracy, "macro_f1": accuracy, "recall": by_class, "f1": by_class},
        }
        records.write(record, path)
    return folders.records("E3")


def known(part: str) -> dict:
    """Number and fingerprint of CIFAKE's images of a part, such as REAL train."""
    source, split = part.split()
    return {"images": 50_000 if split == "train" else 10_000, "sha256": protocol.CIFAKE_FINGERPRINTS[source, split]}


def test_a_stray_record_of_experiment_3_does_not_stop_the_report(tmp_path, caplog):
    folders = Folders(output=tmp_path)
    copy_of(folders, (130,))
    damaged, other, *_ = made_runs(folders, (129,))
    damaged.write_text("{", encoding="utf-8")
    record = records.read(other, "E3")
    record["data"]["REAL test"]["sha256"] = "0" * 64
    records.write(record, other)
    caplog.set_level("INFO")
    study = Study(folders, table.load(folders))
    assert "Experiment 3" in report.page(study)
    assert len(study.all_e3) == len(folders.records("E3")) - 2
    assert damaged.name in caplog.text and "left out" in caplog.text


def test_two_seeds_have_no_verdicts_and_no_interval(tmp_path):
    folders = Folders(output=tmp_path)
    made_runs(folders, (129, 130, 131))
    runs = table.load(folders, "E3")
    few, all_seeds = (Study(folders, runs[runs["seed"].isin(seeds)]) for seeds in ((129, 130), (129, 130, 131)))
    assert len(e3.verdicts(all_seeds)) and not len(e3.verdicts(few))
    assert any("[" in line for line in e3.answers(all_seeds)) and not any("[" in line for line in e3.answers(few))
    assert e3.advice(few).empty
    advice = e3.advice(all_seeds)
    assert advice["do"].to_dict() == {"none": "collect some", "100": "mix in", "1,000": "leave out", "10,000": "leave out"}
    assert advice.loc["100", "generated mixed in"] == "+10"
