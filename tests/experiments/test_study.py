"""The whole study on a small made data set, by the real run.sh, and what it leaves: records, tables, figures and the report."""

import base64
import csv
import io
import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import browse
from conftest import REPOSITORY, called, done, make_images, refused, run
from PIL import Image

import write_report
from cifake import protocol
from cifake.models.architectures import ARCHITECTURES
from cifake.results import records
from cifake.system.paths import ENDINGS, KINDS, Folders

NAMES = [f"{source}_{architecture}" for architecture in ARCHITECTURES for source in protocol.SOURCES]
OPTIONS = ["-epochs", "2", "--weights", "random", "--seed", "7", "--best", "3"]


def runner(name: str, *options: str | Path) -> subprocess.CompletedProcess:
    return run("bash", REPOSITORY / name, *options, PYTHON=sys.executable)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> tuple[Folders, subprocess.CompletedProcess]:
    """The whole study, once, for the tests that only look at it. It has just enough images for experiment 3."""
    place = tmp_path_factory.mktemp("whole study")
    folders = Folders(make_images(place / "images", train=13, test=2), place / "output")
    return folders, runner("run.sh", "--images", folders.images, "--output", folders.output, *OPTIONS)


def copy_of(folders: Folders, output: Path) -> Folders:
    """A copy of a study without its pictures, which take a report most of its time."""
    shutil.copytree(folders.output, output, ignore=shutil.ignore_patterns("*.png"))
    return Folders(folders.images, output)


@pytest.fixture
def copied(study, tmp_path) -> Folders:
    """A copy, to be changed."""
    return copy_of(study[0], tmp_path / "output")


def record_of(folders: Folders, name: str, experiment: str = "E1") -> dict:
    return records.read(folders.classifier(experiment, *name.split("_"))["record"], experiment)


def rows_of(path: Path) -> dict[str, list[str]]:
    """The cells of a table of GitHub's markdown, by the name of the row."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")][2:]
    return {name: cells for name, *cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}


def columns_of(path: Path) -> list[str]:
    """The names of the columns of such a table."""
    return [cell.strip() for cell in path.read_text(encoding="utf-8").splitlines()[0].strip("|").split("|")[1:]]


def test_the_whole_study_runs_and_says_so(study):
    folders, result = study
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Step 10 of 10" in result.stdout
    assert "complete" in result.stdout.splitlines()[-3]
    assert "Traceback" not in result.stderr
    for experiment in ("E1", "E2"):
        expected = {f"{name}_{ENDINGS[kind]}" for name in NAMES for kind in KINDS[experiment]}
        assert {path.name for path in folders.results(experiment).iterdir()} == expected
    assert {path.name for path in folders.visualisations("E1").iterdir()} == {
        *(f"{name}_confusions.png" for name in ARCHITECTURES),
        "all_metrics_table.txt",
        "leak_table.txt",
        "learning_curves.png",
        "runs.csv",
    }
    assert {path.name for path in folders.visualisations("E2").iterdir()} == {
        "FAKE_metrics_table.txt",
        "FAKE_to_REAL.png",
        "FAKE_to_REAL_confusions.png",
        "both_directions.png",
        "overview_table.txt",
        "paired_tests.txt",
        "report.html",
        "runs.csv",
    }
    for picture in pictures_of(folders):
        with Image.open(picture) as image:
            assert min(image.size) > 300
    assert not list(folders.output.rglob(".*")), "drafts or staged files were left"
    assert not list(folders.unfinished.glob("*checkpoint*"))


def pictures_of(folders: Folders) -> list[Path]:
    """The figures of both experiments, and the gallery of what the first of the best FAKE classifiers gets wrong on REAL."""
    drawn = [folders.visualisations(experiment).glob("*.png") for experiment in ("E1", "E2")]
    return [*itertools.chain(*drawn), folders.classifier("E2", "FAKE", "NN")["mistakes"]]


@pytest.mark.parametrize("name", NAMES)
def test_a_record_tells_what_its_files_show(study, name):
    folders, _ = study
    record, files = record_of(folders, name), folders.classifier("E1", *name.split("_"))
    metrics = files["metrics"].read_text(encoding="utf-8")
    scores = record["scores"]
    assert f"accuracy                           {scores['accuracy']:.2f}        20" in metrics
    assert "Seed 7; 2 of at most 2 epochs" in metrics
    assert "Guessing gives an accuracy of 0.1." in metrics
    assert record["settings"]["seed"] == 7
    with files["history"].open(encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    assert len(history) == record["training"]["epochs"] == 2
    best = float(history[record["training"]["best_epoch"] - 1]["val_accuracy"])
    assert best == max(float(row["val_accuracy"]) for row in history)
    with files["predictions"].open(encoding="utf-8", newline="") as file:
        predictions = list(csv.DictReader(file))
    hits = np.mean([row["label"] == row["predicted"] for row in predictions])
    assert hits == pytest.approx(scores["accuracy"])
    assert np.trace(scores["confusion_matrix"]) == pytest.approx(20 * scores["accuracy"])
    low, high = scores["accuracy_interval"]
    assert low <= scores["accuracy"] <= high


@pytest.mark.parametrize("name", NAMES)
def test_experiment_2_tests_the_same_classifier_on_the_other_source(study, name):
    folders, _ = study
    own, crossed = record_of(folders, name), record_of(folders, name, "E2")
    assert crossed["test"]["source"] != own["test"]["source"] == own["source"]
    assert crossed["model"] == own["model"]
    assert crossed["data"]["train"] == own["data"]["train"]
    assert crossed["data"]["test"] != own["data"]["test"]
    predictions = pd.read_csv(folders.classifier("E2", *name.split("_"))["predictions"])
    assert predictions["filepath"].str.startswith(f"images/test/{crossed['test']['source']}/").all()
    assert (predictions["label"] == predictions["predicted"]).mean() == pytest.approx(crossed["scores"]["accuracy"])


def test_the_tables_are_the_records(study):
    folders, _ = study
    for experiment, table, names in (("E1", "all_metrics", NAMES), ("E2", "FAKE_metrics", NAMES[1::2])):
        path = folders.visualisations(experiment) / f"{table}_table.txt"
        assert columns_of(path) == [name.replace("_", " ") + " (random weights)" * ("VGG16" in name) for name in names]
        rows = rows_of(path)
        for number, name in enumerate(names):
            scores = record_of(folders, name, experiment)["scores"]
            assert [rows[line][number] for line in ("Accuracy", "Macro_Avg", "Weighted_Avg", "Airplane", "Epochs")] == [
                *(f"{scores[score]:.3f}" for score in ("accuracy", "macro_f1", "weighted_f1")),
                f"{scores['by_class']['airplane']['f1']:.3f}",
                "2",
            ]
    assert "random weights" in (folders.results("E1") / "FAKE_VGG16_metrics.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("experiment", ["E1", "E2"])
def test_runs_csv_has_a_row_for_each_run_with_the_scores_of_its_record(study, experiment):
    folders, _ = study
    rows = pd.read_csv(folders.visualisations(experiment) / "runs.csv", float_precision="round_trip").to_dict("records")
    assert [f"{row['trained_on']}_{row['architecture']}" for row in rows] == NAMES
    for row, name in zip(rows, NAMES, strict=True):
        record = record_of(folders, name, experiment)
        scores = record["scores"]
        assert (row["experiment"], row["seed"], row["tested_on"]) == (experiment, 7, record["test"]["source"])
        assert [row[score] for score in ("accuracy", "macro_f1", "weighted_f1")] == [
            scores[score] for score in ("accuracy", "macro_f1", "weighted_f1")
        ]
        assert [row["accuracy_low"], row["accuracy_high"]] == scores["accuracy_interval"]
        assert row["f1_airplane"] == scores["by_class"]["airplane"]["f1"]


def test_paired_tests_are_those_of_the_predictions(study):
    folders, _ = study
    first, second = (
        pd.read_csv(folders.classifier(experiment, source, "LeNet")["predictions"], index_col="filepath").query("label == predicted").index
        for experiment, source in (("E1", "REAL"), ("E2", "FAKE"))
    )
    rows = rows_of(folders.visualisations("E2") / "paired_tests.txt")
    assert len(rows) == 2 * 15  # each two of six classifiers, on both sources
    cells = rows["REAL LeNet and FAKE LeNet, on REAL"]
    assert cells[2:4] == [str(len(first.difference(second))), str(len(second.difference(first)))]


def test_both_directions_show_the_records(study):
    folders, _ = study
    there, back = (
        [record_of(folders, f"{source}_LeNet", experiment)["scores"]["accuracy"] for experiment in ("E1", "E2")]
        for source in ("FAKE", "REAL")
    )
    overview = rows_of(folders.visualisations("E2") / "overview_table.txt")["LeNet"]
    assert [cell.split(";")[0] for cell in overview] == [f"{accuracy:.3f}" for accuracy in (*there, *back[::-1])]


def pixels_of(content: bytes) -> bytes:
    return Image.open(io.BytesIO(content)).convert("RGB").tobytes()


def shown_in(page: str) -> set[bytes]:
    """The pixels of the images of a page."""
    return {pixels_of(base64.b64decode(text)) for text in re.findall(r'src="data:image/webp;base64,([^"]+)"', page)}


def test_the_report_shows_all_and_needs_nothing_from_outside(study):
    folders, _ = study
    page, pictures = folders.report.read_text(encoding="utf-8"), pictures_of(folders)
    assert len(pictures) == 4 + 3 + 1
    assert shown_in(page) == {pixels_of(picture.read_bytes()) for picture in pictures}
    assert page.count("<img ") == len(pictures) == len(re.findall(r' alt="[^"]{20,}"', page))
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>]*)""", page)
    inside = {address.removeprefix("#") for address in addresses if not address.startswith("data:")}
    assert inside == set(re.findall(r'<h2 id="([^"]+)"', page)) == {"E1", "E2", "appendix"}
    assert "<script" not in page
    assert len(page.encode()) < 2_000_000
    for name in NAMES:
        assert f"{record_of(folders, name)['scores']['accuracy']:.3f}" in page
    assert "tensorflow" in page
    assert "random weights" in page


def test_the_report_in_a_browser(study):
    browse(study[0].report)


def test_a_report_reads_each_record_once(copied, monkeypatch):
    read, paths = records.read, []
    monkeypatch.setattr(records, "read", lambda path, experiment="E1": paths.append(path) or read(path, experiment))
    monkeypatch.setattr(sys, "argv", ["write_report.py", "--output", str(copied.output)])
    write_report.main()
    assert sorted(paths) == sorted(copied.records("E1") + copied.records("E2"))
    assert len(paths) == 2 * len(NAMES)


def test_a_second_run_changes_no_file(start, study):
    """Nothing is trained or tested again; what is drawn again is the same to the last byte."""
    folders, _ = study
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folders.output.rglob("*") if path.is_file()}
    training = [(f"classify_{name}.py", "-data", source) for name in ARCHITECTURES for source in ("FAKE", "REAL")]
    for name, *words in (("create_metadata.py",), *training, ("visualise.py",), ("final_evaluate.py",), ("write_report.py",)):
        ended = done(start, name, folders, *OPTIONS, *words)
        if words:
            assert f"{words[-1]} {name[9:-3]}: done already with these settings; --fresh does it again." in ended["stdout"]
    after = {path: path.read_bytes() for path in folders.output.rglob("*") if path.is_file()}
    assert after == {path: content for path, (content, _) in before.items()}
    drawn = [folders.visualisations(experiment) for experiment in ("E1", "E2")]
    for path, (_, time) in before.items():
        assert path.parent in drawn or path.stat().st_mtime_ns == time


def test_fewer_of_the_best_are_shown_if_so_asked(start, copied):
    done(start, "final_evaluate.py", copied, "--best", "1")
    scores = {name: record_of(copied, name)["scores"]["macro_f1"] for name in NAMES[1::2]}
    (title,) = columns_of(copied.visualisations("E2") / "FAKE_metrics_table.txt")
    assert title.startswith(max(scores, key=scores.get).replace("_", " "))


@pytest.fixture(scope="module")
def with_e3(start, study, tmp_path_factory) -> Folders:
    """The study with a little of experiment 3."""
    folders = copy_of(study[0], tmp_path_factory.mktemp("with E3") / "output")
    done(start, "worth_of_fake.py", folders, "--models", "NN", "--seeds", "1", "--steps", "20", "--part", "main", "--shard", "1/9")
    return folders


def test_the_report_shows_experiment_3_if_it_is_about_the_same_images(start, study, with_e3):
    assert "Experiment 3" not in study[0].report.read_text(encoding="utf-8")
    done(start, "write_report.py", with_e3)
    page = with_e3.report.read_text(encoding="utf-8")
    assert pixels_of((with_e3.visualisations("E3") / "accuracy.png").read_bytes()) in shown_in(page)
    assert "trained for 20 steps" in page
    assert ">100<" in page and "100.0" not in page  # numbers of images are whole, also beside experiments 1 and 2

    for path in with_e3.records("E3"):
        record = records.read(path, "E3")
        record["data"]["REAL test"]["sha256"] = "0" * 64
        records.write(record, path)
    done(start, "write_report.py", with_e3)
    assert "Experiment 3" not in with_e3.report.read_text(encoding="utf-8")


def test_without_experiment_1_there_is_no_report(start, with_e3, tmp_path):
    folders = Folders(with_e3.images, tmp_path / "output")
    folders.output.mkdir()
    refused(called(start, "write_report.py", folders), "holds no record", "run-NN.sh")
    shutil.copytree(with_e3.results("E3"), folders.results("E3"))
    assert "No report" in done(start, "write_report.py", folders)["stdout"]
    assert not folders.report.exists()


def test_a_dry_run_writes_nothing(new_study):
    folders = new_study()
    before = sorted(folders.output.rglob("*"))
    result = runner("run.sh", "--dry-run", "--images", folders.images, "--output", folders.output)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "FAKE VGG16: would be trained (not done yet)" in result.stdout
    assert sorted(folders.output.rglob("*")) == before
