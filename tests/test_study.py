"""The real shell scripts, end to end, on a small made data set; then what a user does next, and what goes wrong."""

import csv
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, make_images, refused, run, script
from PIL import Image
from test_metadata import PUBLISHED

from cifake import protocol
from cifake.folders import Folders

NAMES = [f"{source}_{architecture}" for architecture in protocol.ARCHITECTURES for source in protocol.SOURCES]


def runner(name: str, *options: str | Path) -> subprocess.CompletedProcess:
    return run("bash", REPOSITORY / name, *options, PYTHON=sys.executable)


@pytest.fixture(scope="module")
def study(images, tmp_path_factory) -> tuple[Folders, subprocess.CompletedProcess]:
    """The whole study, once, for the tests that only look at it."""
    folders = Folders(images, tmp_path_factory.mktemp("whole study"))
    options = ["--images", images, "--output", folders.output, "-epochs", "2", "--weights", "random", "--seed", "7"]
    return folders, runner("run.sh", *options, "--models", "LeNet", "VGG16")


def record_of(folders: Folders, name: str) -> dict:
    return json.loads((folders.e1_results / f"{name}_record.json").read_text(encoding="utf-8"))


def test_the_whole_study_runs_and_says_so(study):
    folders, result = study
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Step 9 of 9" in result.stdout
    assert "complete" in result.stdout.splitlines()[-2]
    assert "Traceback" not in result.stderr
    assert {path.name for path in folders.e1_results.iterdir()} == {
        f"{name}_{ending}"
        for name in NAMES
        for ending in ("metrics.txt", "predictions.csv", "history.csv", "history.png", "record.json")
    }
    assert {path.name for path in folders.e1_visualisations.iterdir()} == {
        "NN_histories.png",
        "LeNet_histories.png",
        "VGG16_histories.png",
        "all_metrics_table.txt",
    }
    assert {path.name for path in folders.e2_results.iterdir()} == {
        f"FAKE_{name}_{ending}"
        for name in ("LeNet", "VGG16")
        for ending in ("metrics.txt", "predictions.csv", "record.json")
    }
    assert {path.name for path in folders.e2_visualisations.iterdir()} == {"FAKE_metrics_table.txt", "FAKE_to_REAL.png"}
    for picture in [*folders.e1_visualisations.glob("*.png"), *folders.e2_visualisations.glob("*.png")]:
        with Image.open(picture) as image:
            assert min(image.size) > 500
    assert not list(folders.output.rglob(".*")), "drafts or staged files were left"
    assert not list(folders.unfinished.glob("*checkpoint*"))


@pytest.mark.parametrize("name", NAMES)
def test_a_record_tells_what_its_files_show(study, name):
    folders, _ = study
    record = record_of(folders, name)
    metrics = (folders.e1_results / f"{name}_metrics.txt").read_text(encoding="utf-8")
    scores = record["scores"]
    assert f"accuracy                           {scores['accuracy']:.2f}       100" in metrics
    assert "Seed 7; 2 of at most 2 epochs" in metrics
    assert record["settings"]["seed"] == 7
    with (folders.e1_results / f"{name}_history.csv").open(encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    assert len(history) == record["training"]["epochs"] == 2
    best = float(history[record["training"]["best_epoch"] - 1]["val_accuracy"])
    assert best == max(float(row["val_accuracy"]) for row in history)
    with (folders.e1_results / f"{name}_predictions.csv").open(encoding="utf-8", newline="") as file:
        predictions = list(csv.DictReader(file))
    hits = np.mean([row["label"] == row["predicted"] for row in predictions])
    assert hits == pytest.approx(scores["accuracy"])
    assert np.trace(scores["confusion_matrix"]) == pytest.approx(100 * scores["accuracy"])
    low, high = scores["accuracy_interval"]
    assert low <= scores["accuracy"] <= high


def test_random_weights_are_named_wherever_they_count(study):
    folders, _ = study
    assert "random weights" in (folders.e1_results / "FAKE_VGG16_metrics.txt").read_text(encoding="utf-8")
    for table in (
        folders.e1_visualisations / "all_metrics_table.txt",
        folders.e2_visualisations / "FAKE_metrics_table.txt",
    ):
        assert "FAKE VGG16 (random weights)" in table.read_text(encoding="utf-8")


def test_the_tables_are_the_records(study):
    folders, _ = study
    lines = (folders.e1_visualisations / "all_metrics_table.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 + 6
    for line, name in zip(lines[2:], NAMES, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        record = record_of(folders, name)
        assert cells[0].startswith(name.replace("_", " "))
        assert cells[1] == f"{record['scores']['by_class']['airplane']['f1']:.3f}"
        assert cells[-4:] == [
            *(f"{record['scores'][score]:.3f}" for score in ("accuracy", "macro_f1", "weighted_f1")),
            "2",
        ]


def test_a_second_run_trains_nothing(study):
    folders, _ = study
    before = {path: path.stat().st_mtime_ns for path in folders.e1_results.iterdir()}
    options = ["--images", folders.images, "--output", folders.output, "-epochs", "2", "--seed", "7"]
    result = runner("run-NN.sh", *options)
    assert result.returncode == 0, result.stderr
    assert "FAKE NN: already trained with these settings; --fresh trains again." in result.stdout
    assert {path: path.stat().st_mtime_ns for path in folders.e1_results.iterdir()} == before


@pytest.fixture(scope="module")
def prepared(images, tmp_path_factory) -> Folders:
    """A study with its CSVs and nothing else."""
    folders = Folders(images, tmp_path_factory.mktemp("prepared"))
    assert script("create_metadata.py", "--images", images, "--output", folders.output).returncode == 0
    return folders


def copy_of(prepared: Folders, folder: Path) -> Folders:
    shutil.copytree(prepared.output, folder)
    return Folders(prepared.images, folder)


def classify(architecture: str, folders: Folders, *options: str) -> subprocess.CompletedProcess:
    words = ["-data", "FAKE", "--images", folders.images, "--output", folders.output, "--weights", "random", *options]
    return script(f"classify_{architecture}.py", *words)


@pytest.mark.parametrize("architecture", ["NN", "LeNet"])
def test_the_same_seed_gives_the_same_bytes(prepared, tmp_path, architecture):
    given = []
    for number, seed in enumerate(("129", "129", "130")):
        folders = copy_of(prepared, tmp_path / str(number))
        result = classify(architecture, folders, "-epochs", "2", "--seed", seed)
        assert result.returncode == 0, result.stderr
        endings = ("metrics.txt", "history.csv", "predictions.csv")
        given.append([(folders.e1_results / f"FAKE_{architecture}_{ending}").read_bytes() for ending in endings])
    assert given[0] == given[1]
    assert given[0][1] != given[2][1]


def test_a_training_that_is_stopped_says_so_and_goes_on_to_the_same_bytes(prepared, tmp_path):
    whole, cut = copy_of(prepared, tmp_path / "whole"), copy_of(prepared, tmp_path / "cut")
    assert classify("LeNet", whole, "-epochs", "12").returncode == 0
    epochs = record_of(whole, "FAKE_LeNet")["training"]["epochs"]
    command = [sys.executable, str(REPOSITORY / "src" / "classify_LeNet.py"), "-data", "FAKE", "-epochs", "12"]
    process = subprocess.Popen(
        [*command, "--images", cut.images, "--output", cut.output],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "epoch 1:" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - start < 3
    assert process.returncode == 143
    assert "of FAKE LeNet; bash run.sh goes on from there." in errors
    assert "Traceback" not in errors
    assert not cut.e1_results.exists()
    result = classify("LeNet", cut, "-epochs", "12")
    assert result.returncode == 0, result.stderr
    assert epochs == 1 or "FAKE LeNet: goes on after epoch" in result.stdout
    for ending in ("metrics.txt", "history.csv", "predictions.csv"):
        name = f"FAKE_LeNet_{ending}"
        assert (cut.e1_results / name).read_bytes() == (whole.e1_results / name).read_bytes()


def test_visualise_works_with_what_is_there(prepared, tmp_path):
    folders = copy_of(prepared, tmp_path / "some")
    refused(script("visualise.py", "--output", folders.output), "holds no record", "run-NN.sh")
    refused(script("final_evaluate.py", "--output", folders.output), "no record of a FAKE classifier")
    assert classify("NN", folders, "-epochs", "1").returncode == 0
    result = script("visualise.py", "--output", folders.output)
    assert result.returncode == 0, result.stderr
    assert "Not trained yet: REAL NN, REAL LeNet, FAKE LeNet, REAL VGG16, FAKE VGG16" in result.stdout
    assert [path.name for path in folders.e1_visualisations.glob("*.png")] == ["NN_histories.png"]
    (folders.models / "FAKE_NN.keras").unlink()
    refused(
        script("final_evaluate.py", "--images", folders.images, "--output", folders.output),
        "FAKE_NN.keras",
        "run-NN.sh",
    )


def test_a_damaged_image_ends_a_training_before_it_begins(tmp_path):
    folders = Folders(make_images(tmp_path / "images", train=10, test=2), tmp_path / "output")
    image = next(folders.split("FAKE", "train").iterdir())
    image.write_bytes(image.read_bytes()[:300])
    assert script("create_metadata.py", "--images", folders.images, "--output", folders.output).returncode == 0
    refused(classify("NN", folders), "1 image(s) cannot be decoded", image.name)
    assert not folders.e1_results.exists()


def test_own_classes_reach_reports_and_model(tmp_path):
    folders = Folders(make_images(tmp_path / "images", train=20, test=5, classes=3), tmp_path / "output")
    folders.class_list.write_text("red\ngreen\nblue\n", encoding="utf-8")
    assert script("create_metadata.py", "--images", folders.images, "--output", folders.output).returncode == 0
    result = classify("NN", folders, "-epochs", "1")
    assert result.returncode == 0, result.stderr
    assert record_of(folders, "FAKE_NN")["classes"] == ["red", "green", "blue"]
    assert "green" in (folders.e1_results / "FAKE_NN_metrics.txt").read_text(encoding="utf-8")


def test_a_dry_run_writes_nothing(prepared, tmp_path):
    folders = copy_of(prepared, tmp_path / "dry")
    before = sorted(folders.output.rglob("*"))
    result = runner("run.sh", "--dry-run", "--images", folders.images, "--output", folders.output)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "FAKE VGG16: would be trained (not trained yet)" in result.stdout
    assert sorted(folders.output.rglob("*")) == before


def test_the_real_cifake_gives_the_published_csvs(tmp_path):
    """An extra check, where CIFAKE is: in images/, or packed in the folder beside the repository that its developers share."""
    images, packed = REPOSITORY / "images", REPOSITORY.parent / "shared" / "data" / "cifake.tar.xz"
    if not (images / "train" / "FAKE").is_dir():
        if not packed.exists():
            pytest.skip("CIFAKE is not here; the checksums are tested with generated file names")
        images = tmp_path / "images"
        images.mkdir()
        subprocess.run(["tar", "-xJf", packed, "-C", images], check=True)
    assert script("create_metadata.py", "--images", images, "--output", tmp_path / "output").returncode == 0
    for (source, split), checksum in PUBLISHED.items():
        content = (tmp_path / "output" / "images" / "metadata" / source / f"{split}.csv").read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum
