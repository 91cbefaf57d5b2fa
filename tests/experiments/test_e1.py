"""Experiment 1, one classifier at a time: seeds, precision, what a record says, and what is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import called, done, make_images, refused
from PIL import Image

from cifake.pages import e1 as pages
from cifake.pages import style
from cifake.results import histories, records
from cifake.system.paths import Folders

SAME = ("metrics", "history", "predictions")  # what two trainings with one seed have byte for byte in common


@pytest.fixture
def classify(start) -> Callable[..., dict]:
    """A function that trains a classifier on FAKE; it must end well, and gives what was printed."""

    def train(architecture: str, folders: Folders, *options: object) -> dict:
        weights = ["--weights", "random"] if architecture == "VGG16" else []
        return done(start, f"classify_{architecture}.py", folders, "-data", "FAKE", *weights, *options)

    return train


def place(folders: Folders, architecture: str, seed: int | None = None) -> dict[str, Path]:
    return folders.classifier("E1", "FAKE", architecture, seed)


def record_of(folders: Folders, architecture: str, seed: int | None = None) -> dict:
    return records.read(place(folders, architecture, seed)["record"])


def same_of(folders: Folders, architecture: str, seed: int | None = None) -> list[bytes]:
    return [place(folders, architecture, seed)[kind].read_bytes() for kind in SAME]


def with_csvs(start, folders: Folders) -> Folders:
    done(start, "create_metadata.py", folders)
    return folders


@pytest.fixture(scope="module")
def trained(start, few_images, csvs, tmp_path_factory) -> Folders:
    """NN trained on FAKE with two seeds; to be copied."""
    folders = Folders(few_images, tmp_path_factory.mktemp("trained") / "output")
    shutil.copytree(csvs, folders.output / "images")
    done(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", "2", "--seeds", "129", "130")
    return folders


@pytest.fixture
def seeds(trained, tmp_path) -> Folders:
    """A copy of it."""
    shutil.copytree(trained.output, tmp_path / "seeds")
    return Folders(trained.images, tmp_path / "seeds")


def column_of(path: Path) -> dict[str, str]:
    """The first column of a table: the text by the row's name, and the column's own by ""."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict([cell.strip() for cell in line.split("|")[1:3]] for line in lines if line.startswith("|"))


def test_a_curve_drawn_from_the_files_is_the_runs_own(seeds, tmp_path):
    files = seeds.classifier("E1", "FAKE", "NN")
    record = records.read(files["record"])
    style.save(pages.history(record, histories.read(files["history"], record)), tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == files["curve"].read_bytes()


def test_the_plain_run_counts_as_its_seed_and_the_others_are_replicates(start, seeds, classify):
    results, table = seeds.results("E1"), seeds.visualisations("E1") / "seeds_metrics_table.txt"
    assert [record_of(seeds, "NN", seed)["settings"]["seed"] for seed in (None, 130)] == [129, 130]
    assert [path.name for path in (results / "replicates").iterdir()] == ["seed-130"]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in results.rglob("*.*")}
    ended = classify("NN", seeds, "-epochs", "2", "--seeds", "131", "130", "129")
    assert "2 of 3 runs: done already with these settings" in ended["stdout"]
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert {path.name for path in (results / "replicates" / "seed-131").iterdir()} == {path.name for path in results.glob("*.*")}
    assert record_of(seeds, "NN", 131)["model"]["file"] == "models/replicates/seed-131/FAKE_NN.keras"

    done(start, "visualise.py", seeds)
    shown = column_of(table)
    scores = [record_of(seeds, "NN", seed)["scores"]["accuracy"] for seed in (None, 130, 131)]
    spread = f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}"
    assert (shown[""], shown["Accuracy"], shown["Seeds"]) == ("FAKE NN", spread, "129 to 131")

    classify("NN", seeds, "-epochs", "1", "--seeds", "131")
    ended = done(start, "visualise.py", seeds)
    assert "left out, because settings or images are not those of the other runs: FAKE NN, seed 131" in ended["stdout"]
    assert column_of(table)["Seeds"] == "129, 130"


def test_one_seed_has_one_result_whatever_came_before_it(start, seeds, classify):
    """130 was trained after 129 in one process; now it is trained alone, by --seed, and leaves 129's results where they are."""
    before, replicate = same_of(seeds, "NN"), same_of(seeds, "NN", 130)
    record = place(seeds, "NN")["record"].read_bytes()
    ended = classify("NN", seeds, "-epochs", "2", "--seed", "130", "--fresh")
    assert "FAKE NN, seed 130: --fresh; replacing its results" in ended["stdout"]
    assert same_of(seeds, "NN", 130) == replicate != before
    assert same_of(seeds, "NN") == before
    assert place(seeds, "NN")["record"].read_bytes() == record
    done(start, "final_evaluate.py", seeds, "--seeds", "130")
    assert [path.parent.name for path in seeds.records("E2")] == ["seed-130"]


def test_visualise_works_with_what_is_there(start, seeds, new_study):
    refused(called(start, "visualise.py", new_study()), "holds no record", "run-NN.sh")
    ended = done(start, "visualise.py", seeds)
    assert "Not trained yet without --seeds: REAL NN, REAL LeNet, FAKE LeNet, REAL VGG16, FAKE VGG16" in ended["stdout"]
    assert {path.name for path in seeds.visualisations("E1").glob("*.png")} == {"examples.png", "NN_confusions.png", "learning_curves.png"}


@pytest.mark.parametrize(
    ("architecture", "precision"),
    [("NN", "mixed_bfloat16"), ("LeNet", "mixed_bfloat16"), ("VGG16", "mixed_bfloat16"), ("LeNet", "mixed_float16")],
)
def test_a_training_in_mixed_precision_gives_a_float32_model_with_the_records_scores(new_study, classify, architecture, precision):
    folders = new_study()
    classify(architecture, folders, "-epochs", "1", "--precision", precision)
    record, files = record_of(folders, architecture), place(folders, architecture)
    assert record["settings"]["precision"] == precision
    assert f"trained in {precision}" in files["metrics"].read_text(encoding="utf-8")
    model = keras.models.load_model(files["model"])
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} <= {"float32", "uint8"}
    assert {weights.dtype for weights in model.weights} == {"float32"}
    by_image = pd.read_csv(files["predictions"])
    pixels = [np.asarray(Image.open(folders.images / Path(name).relative_to("images"))) for name in by_image["filepath"]]
    probabilities = np.asarray(model(np.stack(pixels)))
    assert probabilities.dtype == np.float32
    predicted = np.array(record["classes"])[probabilities.argmax(1)]
    assert np.mean(predicted == by_image["label"]) == pytest.approx(record["scores"]["accuracy"])
    again = classify(architecture, folders, "-epochs", "1", "--dry-run")
    assert "would be trained (done before with other settings (precision))" in again["stdout"]


def test_scores_without_trained_test_images(start, small, classify):
    for name in ("0000.jpg", "0001 (4).jpg"):
        shutil.copy(small.split("FAKE", "train") / name, small.split("FAKE", "test") / name)
    classify("NN", with_csvs(start, small), "-epochs", "1")
    record, files = record_of(small, "NN"), place(small, "NN")
    by_image = pd.read_csv(files["predictions"])
    kept = by_image[~by_image["filepath"].isin(["images/test/FAKE/0000.jpg", "images/test/FAKE/0001 (4).jpg"])]
    assert len(kept) == 18
    assert record["leak"]["images"] == 2
    assert record["leak"]["without"]["accuracy"] == pytest.approx((kept["label"] == kept["predicted"]).mean())
    assert "Without the 2 test images" in files["metrics"].read_text(encoding="utf-8")


def test_a_damaged_image_ends_a_training_before_it_begins(start, small):
    image = next(small.split("FAKE", "train").iterdir())
    image.write_bytes(image.read_bytes()[:300])
    ended = called(start, "classify_NN.py", with_csvs(start, small), "-data", "FAKE")
    refused(ended, "1 image(s) cannot be decoded", image.name)
    assert not small.results("E1").exists()


def test_own_classes_reach_reports_and_model(start, tmp_path, classify):
    folders = Folders(make_images(tmp_path / "images", train=20, test=5, classes=3), tmp_path / "output")
    folders.class_list.write_text("red\ngreen\nblue\n", encoding="utf-8")
    classify("NN", with_csvs(start, folders), "-epochs", "1")
    assert record_of(folders, "NN")["classes"] == ["red", "green", "blue"]
    assert "green" in place(folders, "NN")["metrics"].read_text(encoding="utf-8")


def test_weights_that_are_missing_stop_only_what_needs_them(start, new_study):
    folders = new_study()
    environment = {"VGG16_WEIGHTS": "/no/such/file.h5"}
    assert called(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", 1, **environment)["code"] == 0
    refused(called(start, "classify_VGG16.py", folders, "-data", "FAKE", **environment), "VGG16_WEIGHTS", "/no/such/file.h5")
    assert called(start, "classify_VGG16.py", folders, "-data", "FAKE", "-epochs", 1, "--weights", "random", **environment)["code"] == 0
