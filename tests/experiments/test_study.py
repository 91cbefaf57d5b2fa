"""The whole study on a few made images by the real run.sh, and what it leaves: records, tables, figures and the report."""

import base64
import io
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, called, done, left_behind, make_images, refused, run
from PIL import Image

from cifake import protocol
from cifake.models.architectures import OF_EXPERIMENT_1
from cifake.system.paths import Folders

NAMES = [f"{source}_{architecture}" for architecture in OF_EXPERIMENT_1 for source in protocol.SOURCES]
TRAINING, RANDOM, BEST = ("-epochs", "2"), ("--weights", "random"), ("--best", "3")
TESTED = 20  # images of each source
each_classifier = pytest.mark.parametrize("name", NAMES)


def runner(name: str, *options: str | Path) -> subprocess.CompletedProcess:
    return run("bash", REPOSITORY / name, *options, PYTHON=sys.executable)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Folders:
    """The whole study, once; only to be read."""
    place = tmp_path_factory.mktemp("whole study")
    folders = Folders(make_images(place / "images", train=10, test=TESTED // 10), place / "output")
    result = runner("run.sh", "--images", folders.images, "--output", folders.output, *TRAINING, *RANDOM, *BEST)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return folders


@pytest.fixture
def copied(study, tmp_path) -> Folders:
    """A copy, to be changed."""
    shutil.copytree(study.output, tmp_path / "output")
    return Folders(study.images, tmp_path / "output")


def record_of(folders: Folders, name: str, experiment: str = "E1") -> dict:
    return json.loads(folders.classifier(experiment, *name.split("_"))["record"].read_text(encoding="utf-8"))


def table_of(path: Path) -> pd.DataFrame:
    """The cells of a table of GitHub's markdown, as text."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|:"))
    return pd.DataFrame(rows, columns=head).set_index(head[0])


def test_all_of_it_is_written_and_nothing_else_is_left(study):
    for experiment in ("E1", "E2"):
        for name in NAMES:
            for path in study.classifier(experiment, *name.split("_")).values():
                is_gallery = path.name.endswith("mistakes.png")  # of the classifiers that are shown
                assert path.exists() or is_gallery, path
    tables = ["E1_visualisations/all_metrics_table.txt", "E2_visualisations/FAKE_metrics_table.txt"]
    for name in (*tables, "E1_visualisations/runs.csv", "E2_visualisations/runs.csv", "E2_visualisations/report.html"):
        assert (study.output / name).stat().st_size > 0
    pictures = list(study.output.glob("E*/*.png"))
    for picture in pictures:
        with Image.open(picture) as image:
            assert min(image.size) > 300, picture
    assert {f"{name}_confusions.png" for name in OF_EXPERIMENT_1} <= {picture.name for picture in pictures}
    assert left_behind(study) == []


@each_classifier
def test_a_record_tells_what_its_files_show(study, name):
    record, files = record_of(study, name), study.classifier("E1", *name.split("_"))
    scores, training = record["scores"], record["training"]
    assert f"accuracy                           {scores['accuracy']:.2f}        {TESTED}" in files["metrics"].read_text(encoding="utf-8")
    assert record["settings"]["seed"] == protocol.SEED
    history = pd.read_csv(files["history"])
    assert len(history) == training["epochs"] == 2
    assert history["val_accuracy"][training["best_epoch"] - 1] == history["val_accuracy"].max()
    predictions = pd.read_csv(files["predictions"])
    assert (predictions["label"] == predictions["predicted"]).mean() == pytest.approx(scores["accuracy"])
    assert np.trace(scores["confusion_matrix"]) == pytest.approx(TESTED * scores["accuracy"])
    low, high = scores["accuracy_interval"]
    assert low <= scores["accuracy"] <= high


@each_classifier
def test_experiment_2_tests_the_same_classifier_on_the_other_source(study, name):
    own, crossed = record_of(study, name), record_of(study, name, "E2")
    assert crossed["test"]["source"] != own["test"]["source"] == own["source"]
    assert crossed["model"] == own["model"]
    assert crossed["data"]["train"] == own["data"]["train"]
    assert crossed["data"]["test"] != own["data"]["test"]
    predictions = pd.read_csv(study.classifier("E2", *name.split("_"))["predictions"])
    assert predictions["filepath"].str.startswith(f"images/test/{crossed['test']['source']}/").all()
    assert (predictions["label"] == predictions["predicted"]).mean() == pytest.approx(crossed["scores"]["accuracy"])


@pytest.mark.parametrize(("experiment", "table", "names"), [("E1", "all_metrics", NAMES), ("E2", "FAKE_metrics", NAMES[1::2])])
def test_tables_have_the_scores_of_the_records(study, experiment, table, names):
    cells = table_of(study.visualisations(experiment) / f"{table}_table.txt")
    assert len(cells.columns) == len(names)
    for column, name in zip(cells, names, strict=True):
        assert column.startswith(name.replace("_", " "))
        assert ("random weights" in column) == ("VGG16" in name)
        scores = record_of(study, name, experiment)["scores"]
        expected = {"Accuracy": scores["accuracy"], "Macro_Avg": scores["macro_f1"], "Airplane": scores["by_class"]["airplane"]["f1"]}
        assert cells[column][list(expected)].to_dict() == {row: f"{score:.3f}" for row, score in expected.items()}


@pytest.mark.parametrize("experiment", ["E1", "E2"])
def test_runs_csv_has_a_row_for_each_run_with_the_scores_of_its_record(study, experiment):
    rows = pd.read_csv(study.runs(experiment))
    assert list(rows["trained_on"] + "_" + rows["architecture"]) == NAMES
    for row, name in zip(rows.to_dict("records"), NAMES, strict=True):
        record = record_of(study, name, experiment)
        assert (row["experiment"], row["seed"], row["tested_on"]) == (experiment, protocol.SEED, record["test"]["source"])
        for score in ("accuracy", "macro_f1", "weighted_f1"):
            assert row[score] == pytest.approx(record["scores"][score], rel=1e-12)
        assert [row["accuracy_low"], row["accuracy_high"]] == pytest.approx(record["scores"]["accuracy_interval"], rel=1e-12)


def pixels_of(content: bytes) -> bytes:
    return Image.open(io.BytesIO(content)).convert("RGB").tobytes()


def test_the_report_shows_the_figures_and_needs_nothing_from_outside(study):
    page = study.report.read_text(encoding="utf-8")
    shown = {pixels_of(base64.b64decode(text)) for text in re.findall(r'src="data:image/\w+;base64,([^"]+)"', page)}
    assert {pixels_of(path.read_bytes()) for path in study.output.glob("E*_visualisations/*.png")} <= shown
    assert page.count("<img ") == len(re.findall(r' alt="[^"]{20,}"', page))
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>]*)""", page)
    assert [address for address in addresses if not address.startswith(("data:", "#"))] == []
    assert len(page.encode()) < 2_000_000
    for name in NAMES:
        assert f"{record_of(study, name)['scores']['accuracy']:.3f}" in page


def test_a_second_run_changes_no_file(start, study):
    """Nothing is trained or tested again; what is drawn again is the same to the last byte."""

    def files() -> dict[Path, tuple]:
        paths = (path for path in study.output.rglob("*") if path.is_file())
        return {path: (path.read_bytes(), "visualisations" in str(path) or path.stat().st_mtime_ns) for path in paths}

    before = files()
    done(start, "create_metadata.py", study)
    for name, source in itertools.product(OF_EXPERIMENT_1, protocol.SOURCES):
        words = [*TRAINING, *(RANDOM if name == "VGG16" else ())]
        assert "epoch" not in done(start, f"classify_{name}.py", study, "-data", source, *words)["stdout"]
    done(start, "visualise.py", study)
    for name in ("final_evaluate.py", "write_report.py"):
        done(start, name, study, *BEST)
    assert files() == before


def test_fewer_of_the_best_are_shown_if_so_asked(start, copied):
    done(start, "final_evaluate.py", copied, "--best", "1")
    scores = {name: record_of(copied, name)["scores"]["macro_f1"] for name in NAMES[1::2]}
    (title,) = table_of(copied.visualisations("E2") / "FAKE_metrics_table.txt")
    assert title.startswith(max(scores, key=scores.get).replace("_", " "))


def test_without_experiment_1_there_is_no_report(start, new_study):
    folders = new_study()
    refused(called(start, "write_report.py", folders), "E1_results")
    assert not folders.report.exists()


def test_a_dry_run_writes_nothing(new_study):
    folders = new_study()
    before = sorted(folders.output.rglob("*"))
    result = runner("run.sh", "--dry-run", *RANDOM, "--images", folders.images, "--output", folders.output)
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(folders.output.rglob("*")) == before
