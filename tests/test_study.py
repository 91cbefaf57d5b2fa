"""The real shell scripts, end to end, on a small made data set; then what a user does next, and what goes wrong."""

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, make_images, refused, run, script
from PIL import Image
from test_metadata import PUBLISHED
from test_report import browse

from cifake import grid, protocol, records, worth
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
    assert "Step 10 of 10" in result.stdout
    assert "complete" in result.stdout.splitlines()[-2]
    assert "Traceback" not in result.stderr
    assert {path.name for path in folders.e1_results.iterdir()} == {
        f"{name}_{ending}"
        for name in NAMES
        for ending in ("metrics.txt", "predictions.csv", "mistakes.png", "history.csv", "history.png", "record.json")
    }
    assert {path.name for path in folders.e1_visualisations.iterdir()} == {
        *(f"{name}_{kind}.png" for name in protocol.ARCHITECTURES for kind in ("histories", "confusions")),
        "all_metrics_table.txt",
        "leak_table.txt",
    }
    assert {path.name for path in folders.e2_results.iterdir()} == {
        f"{name}_{ending}"
        for name in NAMES
        for ending in ("metrics.txt", "predictions.csv", "mistakes.png", "record.json")
    }
    assert {path.name for path in folders.e2_visualisations.iterdir()} == {
        "FAKE_metrics_table.txt",
        "FAKE_to_REAL.png",
        "FAKE_to_REAL_confusions.png",
        *(f"{name}_both_directions.{ending}" for name in protocol.ARCHITECTURES for ending in ("png", "txt")),
        "overview_table.txt",
        "paired_tests.txt",
        "report.html",
    }
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


@pytest.mark.parametrize("name", NAMES)
def test_experiment_2_tests_the_same_classifier_on_the_other_source(study, name):
    folders, _ = study
    own = record_of(folders, name)
    crossed = json.loads((folders.e2_results / f"{name}_record.json").read_text(encoding="utf-8"))
    assert crossed["test"]["source"] != own["test"]["source"] == own["source"]
    assert crossed["model"] == own["model"]
    assert crossed["data"]["train"] == own["data"]["train"]
    assert crossed["data"]["test"] != own["data"]["test"]
    predictions = pd.read_csv(folders.e2_results / f"{name}_predictions.csv")
    assert predictions["filepath"].str.startswith(f"images/test/{crossed['test']['source']}/").all()
    assert (predictions["label"] == predictions["predicted"]).mean() == pytest.approx(crossed["scores"]["accuracy"])


def test_paired_tests_are_those_of_the_predictions(study):
    folders, _ = study
    first, second = (
        pd.read_csv(place / f"{name}_predictions.csv", index_col="filepath").query("label == predicted").index
        for place, name in ((folders.e1_results, "REAL_LeNet"), (folders.e2_results, "FAKE_LeNet"))
    )
    table = (folders.e2_visualisations / "paired_tests.txt").read_text(encoding="utf-8")
    line = next(line for line in table.splitlines() if line.startswith("| REAL LeNet and FAKE LeNet, on REAL "))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[3:5] == [str(len(first.difference(second))), str(len(second.difference(first)))]


def test_both_directions_show_the_records(study):
    folders, _ = study
    table = (folders.e2_visualisations / "LeNet_both_directions.txt").read_text(encoding="utf-8")
    on_fake = record_of(folders, "FAKE_LeNet")["scores"]["accuracy"]
    on_real = json.loads((folders.e2_results / "FAKE_LeNet_record.json").read_text(encoding="utf-8"))
    line = table.splitlines()[-1]
    assert line.startswith("| trained on FAKE")
    assert [cell.split()[0] for cell in line.strip("|").split("|")[1:]] == [
        f"{on_real['scores']['accuracy']:.3f}",
        f"{on_fake:.3f}",
        f"{on_fake - on_real['scores']['accuracy']:.3f}",
    ]


def pixels_of(content: bytes) -> bytes:
    return Image.open(io.BytesIO(content)).convert("RGB").tobytes()


def test_the_report_shows_all_and_needs_nothing_from_outside(study):
    folders, _ = study
    page = folders.report.read_text(encoding="utf-8")
    pictures = [
        *folders.e1_visualisations.glob("*.png"),
        *folders.e2_visualisations.glob("*.png"),
        *folders.e1_results.glob("*_mistakes.png"),
        *folders.e2_results.glob("*_mistakes.png"),
    ]
    assert len(pictures) == 6 + 5 + 6 + 6
    shown = [base64.b64decode(text) for text in re.findall(r'src="data:image/webp;base64,([^"]+)"', page)]
    assert {pixels_of(image) for image in shown} == {pixels_of(picture.read_bytes()) for picture in pictures}
    assert page.count("<img ") == len(pictures) == len(re.findall(r' alt="[^"]{20,}"', page))
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>]{0,10})""", page)
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert "<script" not in page
    for name in NAMES:
        assert f"{record_of(folders, name)['scores']['accuracy']:.3f}" in page
    assert "tensorflow" in page
    assert "random weights" in page


def test_the_report_in_a_browser(study):
    browse(study[0].report)


def test_the_report_shows_experiment_3_where_it_is_about_the_same_images(study, tmp_path, monkeypatch):
    folders = copy_of(study[0], tmp_path / "output")
    assert "Experiment 3" not in folders.report.read_text(encoding="utf-8")
    options = ["--images", folders.images, "--output", folders.output]
    small = ["--models", "NN", "--seeds", "1", "--steps", "10"]
    result = script("worth_of_fake.py", *options, *small)
    assert result.returncode == 0, result.stderr
    assert script("write_report.py", *options).returncode == 0
    page = folders.report.read_text(encoding="utf-8")
    figure = pixels_of((folders.e3_visualisations / "accuracy.png").read_bytes())
    shown = [base64.b64decode(text) for text in re.findall(r'src="data:image/webp;base64,([^"]+)"', page)]
    assert figure in map(pixels_of, shown)
    assert "NN: 9 runs of 10 steps" in page
    assert "They do not say how much generated images help" not in page

    # The largest budget is compared with experiment 1's classifier, which trained for two epochs of five steps.
    monkeypatch.setattr(protocol, "BUDGETS", (100, 300))
    members = grid.all_of(folders)["NN"]
    here = next(record for record in members if (record["arm"], record["settings"]["real_images"]) == ("REAL", 300))
    there = record_of(folders, "REAL_NN")
    (sentence,) = (line for line in worth.sentences(folders, "NN", members) if "experiment 1" in line)
    here_and_there = [record["scores"]["accuracy"] for record in (here, there)]
    assert sentence.startswith(
        "NN on 300 REAL images: {:.3f} (1 seed); experiment 1's REAL NN: {:.3f} (1 seed); a difference of {:+.3f}. Here 240 images were "
        "for training, 60 for validation, for 10 steps; there 320 and 80, for 10 steps.".format(
            *here_and_there, here_and_there[0] - here_and_there[1]
        )
    )
    best = [record["training"]["best_validation_accuracy"] for record in (here, there)]
    assert sentence.endswith("was {:.3f} here, and {:.3f} there in the first 10 steps.".format(*best))

    for path in folders.e3_results.rglob("*_record.json"):
        record = records.read(path, records.E3_KEYS)
        record["data"]["REAL test"]["sha256"] = "0" * 64
        records.write(record, path)
    assert script("write_report.py", *options).returncode == 0
    assert "Experiment 3" not in folders.report.read_text(encoding="utf-8")


def test_without_experiment_1_there_is_no_report(study, tmp_path):
    folders = Folders(study[0].images, tmp_path / "output")
    shutil.copytree(study[0].output / "images", folders.output / "images")
    refused(script("write_report.py", "--output", folders.output), "holds no record", "run-NN.sh")
    small = ["--models", "NN", "--seeds", "1", "--steps", "10"]
    assert script("worth_of_fake.py", "--images", folders.images, "--output", folders.output, *small).returncode == 0
    result = script("write_report.py", "--output", folders.output)
    assert result.returncode == 0, result.stderr
    assert "No report" in result.stdout
    assert not folders.report.exists()


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


def test_seeds_give_replicates_and_leave_the_plain_run_alone(prepared, tmp_path):
    folders = copy_of(prepared, tmp_path / "seeds")
    assert classify("NN", folders, "-epochs", "2", "--seed", "7").returncode == 0
    plain = {path: path.read_bytes() for path in folders.e1_results.iterdir()}
    result = classify("NN", folders, "-epochs", "2", "--seeds", "8", "7")
    assert result.returncode == 0, result.stderr
    assert {path: path.read_bytes() for path in folders.e1_results.iterdir() if path.is_file()} == plain
    assert "FAKE NN, seed 7: taken from the plain run" in result.stdout
    taken = {path.name: path.read_bytes() for path in folders.replicate(7).e1_results.iterdir()}
    assert taken.keys() == {path.name for path in folders.replicate(8).e1_results.iterdir()}
    model = folders.replicate(7).models / "FAKE_NN.keras"
    assert model.read_bytes() == (folders.models / "FAKE_NN.keras").read_bytes()
    assert record_of(folders.replicate(7), "FAKE_NN")["model"]["file"] == "models/replicates/seed-7/FAKE_NN.keras"

    result = classify("NN", folders, "-epochs", "2", "--seeds", "8", "7", "--fresh")
    assert "taken from" not in result.stdout
    for ending in ("metrics.txt", "history.csv", "predictions.csv"):
        trained = (folders.replicate(7).e1_results / f"FAKE_NN_{ending}").read_bytes()
        assert trained == taken[f"FAKE_NN_{ending}"], "one seed, one result, whatever came before"

    again = classify("NN", folders, "-epochs", "2", "--seeds", "7", "8")
    assert again.stdout.count("already trained with these settings") == 2

    assert script("visualise.py", "--output", folders.output).returncode == 0
    table = (folders.e1_visualisations / "seeds_metrics_table.txt").read_text(encoding="utf-8")
    cells = [cell.strip() for cell in table.splitlines()[2].strip("|").split("|")]
    scores = [record_of(folders.replicate(seed), "FAKE_NN")["scores"]["accuracy"] for seed in (7, 8)]
    mean, deviation = sum(scores) / 2, abs(scores[0] - scores[1]) / np.sqrt(2)
    assert cells[0] == "FAKE NN"
    assert cells[-5] == f"{mean:.3f} ± {deviation:.3f}"
    assert cells[-1] == "2"

    result = script("final_evaluate.py", "--images", folders.images, "--output", folders.output, "--seeds", "7", "8")
    assert result.returncode == 0, result.stderr
    assert (folders.replicate(8).e2_results / "FAKE_NN_record.json").exists()
    assert not (folders.e2_visualisations / "FAKE_metrics_table.txt").exists()  # that is the plain run's

    assert classify("NN", folders, "-epochs", "1", "--seeds", "7").returncode == 0
    result = script("visualise.py", "--output", folders.output)
    assert "not shown beside it: FAKE NN" in result.stdout
    table = (folders.e1_visualisations / "seeds_metrics_table.txt").read_text(encoding="utf-8")
    assert table.splitlines()[2].split("|")[-2].strip() == "1"  # seed 8 alone is like the plain run
    both = ["--output", folders.output, "--seeds", "7", "8"]
    refused(script("visualise.py", *both), "differ in more than the seed", "replicates")


@pytest.mark.parametrize(
    ("architecture", "precision"),
    [("NN", "mixed_bfloat16"), ("LeNet", "mixed_bfloat16"), ("VGG16", "mixed_bfloat16"), ("LeNet", "mixed_float16")],
)
def test_a_training_in_mixed_precision_gives_a_float32_model_with_the_records_scores(
    prepared, tmp_path, architecture, precision
):
    folders = copy_of(prepared, tmp_path / "mixed")
    result = classify(architecture, folders, "-epochs", "1", "--precision", precision)
    assert result.returncode == 0, result.stderr
    record = record_of(folders, f"FAKE_{architecture}")
    assert record["settings"]["precision"] == precision
    metrics = (folders.e1_results / f"FAKE_{architecture}_metrics.txt").read_text(encoding="utf-8")
    assert f"trained in {precision}" in metrics
    model = keras.models.load_model(folders.models / f"FAKE_{architecture}.keras")
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} <= {"float32", "uint8"}
    assert {weights.dtype for weights in model.weights} == {"float32"}
    by_image = pd.read_csv(folders.e1_results / f"FAKE_{architecture}_predictions.csv")
    pixels = [
        np.asarray(Image.open(folders.images / Path(name).relative_to("images"))) for name in by_image["filepath"]
    ]
    probabilities = model.predict(np.stack(pixels), verbose=0)
    assert probabilities.dtype == np.float32
    predicted = np.array(record["classes"])[probabilities.argmax(1)]
    assert np.mean(predicted == by_image["label"]) == pytest.approx(record["scores"]["accuracy"])
    again = classify(architecture, folders, "-epochs", "1")
    assert "other settings (precision)" in again.stdout


def test_a_classifier_that_is_trained_anew_is_tested_anew(prepared, tmp_path):
    folders = copy_of(prepared, tmp_path / "anew")
    options = ["--images", folders.images, "--output", folders.output]
    assert classify("NN", folders, "-epochs", "1").returncode == 0
    assert "FAKE NN on REAL" in script("final_evaluate.py", *options).stdout
    assert "FAKE NN: already tested on REAL images" in script("final_evaluate.py", *options).stdout
    (folders.models / "FAKE_NN.keras").rename(tmp_path / "elsewhere.keras")
    assert script("final_evaluate.py", *options).returncode == 0  # what was tested needs no model
    assert classify("NN", folders, "-epochs", "2").returncode == 0
    result = script("final_evaluate.py", *options)
    assert "already tested" not in result.stdout
    e1, e2 = (
        json.loads((place / "FAKE_NN_record.json").read_text()) for place in (folders.e1_results, folders.e2_results)
    )
    assert e1["model"]["sha256"] == e2["model"]["sha256"]


def test_scores_without_trained_test_images(tmp_path):
    folders = Folders(make_images(tmp_path / "images", train=10, test=2), tmp_path / "output")
    for name in ("0000.jpg", "0001 (4).jpg"):
        shutil.copy(folders.split("FAKE", "train") / name, folders.split("FAKE", "test") / name)
    assert script("create_metadata.py", "--images", folders.images, "--output", folders.output).returncode == 0
    assert classify("NN", folders, "-epochs", "1").returncode == 0
    record = record_of(folders, "FAKE_NN")
    by_image = pd.read_csv(folders.e1_results / "FAKE_NN_predictions.csv")
    kept = by_image[~by_image["filepath"].isin(["images/test/FAKE/0000.jpg", "images/test/FAKE/0001 (4).jpg"])]
    assert record["leak"]["images"] == 2
    assert record["leak"]["without"]["accuracy"] == pytest.approx((kept["label"] == kept["predicted"]).mean())
    assert "Without the 2 test images" in (folders.e1_results / "FAKE_NN_metrics.txt").read_text(encoding="utf-8")


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
    assert {path.name for path in folders.e1_visualisations.glob("*.png")} == {"NN_histories.png", "NN_confusions.png"}
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
    with (tmp_path / "output" / "images" / "metadata" / "duplicates.csv").open(encoding="utf-8", newline="") as file:
        assert len({row["sha256"] for row in csv.DictReader(file)}) == 920 + 38 + 378
