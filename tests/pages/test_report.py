"""The report: the committed one in a browser, and those of studies that lack something."""

import shutil

import pytest
from browser import browse

from cifake.data import digits
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


def test_a_stray_record_of_experiment_3_does_not_stop_the_report(tmp_path, caplog):
    folders = Folders(output=tmp_path)
    copy_of(folders, (130,))
    there = Folders().records("E3")[:3]
    for path in there:
        target = tmp_path / path.relative_to(Folders().output)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    damaged, other, _ = (tmp_path / path.relative_to(Folders().output) for path in there)
    damaged.write_text("{", encoding="utf-8")
    record = records.read(other, "E3")
    record["data"]["FAKE train"]["sha256"] = "0" * 64
    records.write(record, other)
    caplog.set_level("INFO")
    study = Study(folders, table.load(folders))
    assert "Experiment 3" in report.page(study)
    assert len(study.all_e3) == 1
    assert damaged.name in caplog.text and "left out" in caplog.text


def test_two_seeds_have_no_verdicts_and_no_interval():
    runs = table.load(Folders(), "E3")
    few, all_seeds = (Study(Folders(), runs[runs["seed"].isin(seeds)]) for seeds in ((129, 130), runs["seed"].unique()))
    assert len(e3.verdicts(all_seeds)) and not len(e3.verdicts(few))
    assert any("[" in line for line in e3.answers(all_seeds)) and not any("[" in line for line in e3.answers(few))
