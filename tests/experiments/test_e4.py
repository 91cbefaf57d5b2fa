"""Experiment 4 by its script, on made images: what it writes, what it keeps, and what it says if something is missing."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, called, done, refused, run

from cifake import protocol
from cifake.data import appearance, metadata
from cifake.experiments import e4, measurements
from cifake.models.architectures import OF_EXPERIMENT_1
from cifake.results import records, table
from cifake.system import options
from cifake.system.paths import Folders, stem

WORDS = ["-epochs", "1", "--weights", "random"]
SEEDS = ["--seeds", "129", "8"]
CHANGED = [f"FAKE with REAL {what}" for what in e4.MATCHED]
MATCHED = [f"REAL or FAKE, {what} matched" for what in e4.MATCHED]


@pytest.fixture(scope="module")
def before(start, few_images, csvs, tmp_path_factory) -> Folders:
    """Experiments 1 and 2 as far as experiment 4 takes them, for all three classifiers."""
    folders = Folders(few_images, tmp_path_factory.mktemp("before"))
    (folders.output / "images").symlink_to(csvs)
    for name in ("NN", "LeNet", "VGG16"):
        for source in protocol.SOURCES:
            done(start, f"classify_{name}.py", folders, "-data", source, *WORDS[: None if name == "VGG16" else -2])
    done(start, "final_evaluate.py", folders)
    return folders


@pytest.fixture(scope="module")
def study(start, before, tmp_path_factory) -> Folders:
    """All of experiment 4, once; only to be read."""
    folders = copied(before, tmp_path_factory.mktemp("study"))
    done(start, "real_or_fake.py", folders, *WORDS, *SEEDS)
    return folders


def copied(folders: Folders, place) -> Folders:
    shutil.copytree(folders.output, place / "output", symlinks=True)
    return Folders(folders.images, place / "output")


def files_of(folders: Folders) -> dict[str, bytes]:
    """All that experiment 4 has written."""
    return {
        path.relative_to(folders.output).as_posix(): path.read_bytes()
        for place in (folders.results("E4"), folders.visualisations("E4"))
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def split(source: str, images: int) -> metadata.Split:
    rows = tuple(metadata.Row(f"{image}.jpg", 1 + image % 2, "class", f"images/train/{source}/{image}.jpg") for image in range(images))
    return metadata.Split(
        source, "train", ("a", "b"), rows, tuple(f"{source} {image}".encode() for image in range(images)), f"{source} {images}"
    )


def test_both_sources_are_interleaved_so_that_each_part_has_both():
    both = e4.joined(split("REAL", 40), split("FAKE", 20))
    assert both.classes == protocol.SOURCES
    for part in (slice(0, 12), slice(12, 60)):  # the validation share, and the rest
        assert (both.labels[part] == 0).sum() == 2 * (both.labels[part] == 1).sum()
    assert all(content.decode().startswith(row.label) for row, content in zip(both.rows, both.contents, strict=True))
    assert both.fingerprint != e4.joined(split("REAL", 40), split("FAKE", 21)).fingerprint


def test_all_of_it_is_written(study):
    written = files_of(study)
    for name in ("NN", "LeNet", "VGG16"):
        assert f"E4_results/REAL_or_FAKE_{name}_metrics.txt" in written
        assert f"E4_results/replicates/seed-8/REAL_or_FAKE_{name}_record.json" in written
    pictures = {
        "labels",
        "labels_by_eye",
        "Grad-CAM_FAKE_LeNet",
        "Grad-CAM_FAKE_VGG16",
        "Grad-CAM_REAL_or_FAKE_LeNet",
        "Grad-CAM_REAL_or_FAKE_VGG16",
    }
    for name in pictures:
        assert written[f"E4_results/{name}.png"].startswith(b"\x89PNG")
        assert f"E4_results/{name}.json" in written
    for name in (*CHANGED, *e4.TAUGHT, *MATCHED):
        assert f"E4_results/{stem(name)}_LeNet_metrics.txt" in written
    for name in ("calibration_VGG16", "offsets_LeNet", "linear_heads_VGG16", "last_layers_LeNet", "replicates/seed-8/last_layers_LeNet"):
        assert f"E4_results/{name}.json" in written
    drawn = {name.split("/")[1] for name in written if name.startswith("E4_visualisations")}
    assert drawn == {
        "REAL_or_FAKE.png", "REAL_or_FAKE_table.txt", "coverage.png", "coverage_table.txt", "spectrum.png", "colours_table.txt",
        "changed_table.txt", "labels_table.txt", "runs.csv", "coverage_correlations_table.txt", "offsets_table.txt", "linear_table.txt",
        "last_layers_table.txt", "calibration.png", "calibration_table.txt",
    }  # fmt: skip


def test_a_record_tells_how_well_each_class_is_told_apart(study):
    files = study.classifier("E4", protocol.REAL_OR_FAKE, "LeNet")
    record, answers = records.read(files["record"], "E4"), pd.read_csv(files["predictions"])
    is_right = answers["label"] == answers["predicted"]
    assert record["scores"]["accuracy"] == is_right.mean()
    assert record["classes"] == ["REAL", "FAKE"]
    of_class_2 = answers["filepath"].str.contains("(2)", regex=False)
    name = protocol.CIFAKE_CLASSES[1]
    for source in protocol.SOURCES:
        assert record["by_object"][name][source] == is_right[of_class_2 & (answers["label"] == source)].mean()
    probability_of_fake = answers["probability_of_label"].where(answers["label"] == "FAKE", 1 - answers["probability_of_label"])
    fake, real = (probability_of_fake[answers["label"] == source].to_numpy() for source in ("FAKE", "REAL"))
    by_hand = (fake[:, None] > real).mean() + (fake[:, None] == real).mean() / 2
    assert record["auc"] == pytest.approx(by_hand, abs=1e-3)  # the file has six decimals
    assert "trained to tell REAL from FAKE, tested on 40 test images" in files["metrics"].read_text(encoding="utf-8")


def test_what_is_trained_on_changed_images_is_tested_on_real_ones(study):
    scores, names = {}, [*CHANGED, *e4.TAUGHT]
    for name in names:
        record = records.read(study.classifier("E4", name, "LeNet")["record"], "E4")
        assert record["test"] == {"source": "REAL", "images": 20}
        scores[name] = record["predictions"]["sha256"]
    assert len(set(scores.values())) == 4
    rows = pd.read_csv(study.visualisations("E4") / "runs.csv").query("trained_on in @names")
    assert sorted(rows["seed"]) == [8] * 4 + [129] * 4
    assert set(rows["tested_on"]) == {"REAL"}
    assert set(rows["real_images"]) == {0}


def test_all_fake_images_are_matched_by_one_change_and_all_are_saved_again():
    both = {name: e4.joined(split("REAL", images), split("FAKE", images)) for name, images in (("train", 30), ("test", 20))}
    random = np.random.default_rng(1)
    pixels = {name: random.integers(0, 256, (len(part.rows), *protocol.IMAGE_SHAPE), np.uint8) for name, part in both.items()}
    for name, part in both.items():
        pixels[name][part.labels == 1] //= 2  # FAKE is darker
    changed, labels = e4._matched(both, e4.MATCHED["colours"], pixels, both["train"].labels)
    assert np.array_equal(labels, both["train"].labels)
    for name, part in both.items():
        assert np.array_equal(changed[name][part.labels == 0], appearance.saved_again(pixels[name][part.labels == 0]))
        assert changed[name][part.labels == 1].mean() == pytest.approx(pixels["train"][both["train"].labels == 0].mean(), abs=4)


def test_coverage_and_labels_are_about_every_class(study):
    for name, parts in (("coverage", lambda found: found), ("labels", lambda found: found["FAKE"]["by_class"])):
        found = json.loads(study.finding(name)["record"].read_text(encoding="utf-8"))["found"]
        assert list(parts(found)) == list(protocol.CIFAKE_CLASSES), name
    lines = (study.visualisations("E4") / "labels_table.txt").read_text(encoding="utf-8").splitlines()
    record = records.read(study.classifier("E2", "REAL", _classifier(study))["record"], "E2")
    assert f"{100 - 100 * record['scores']['accuracy']:.1f}%" in lines[2]


def test_trainings_with_other_settings_are_not_averaged(study, tmp_path, caplog):
    folders = copied(study, tmp_path)
    other = folders.classifier("E4", protocol.REAL_OR_FAKE, "NN", 8)["record"]
    record = records.read(other, "E4")
    record["settings"]["epochs_at_most"] = 5
    records.write(record, other)
    runs = table.load(folders, "E4")
    members = runs[(runs["architecture"] == "NN") & (runs["trained_on"] == protocol.REAL_OR_FAKE)]
    caplog.set_level("INFO")
    assert list(table.alike(members, table.images_of(runs))["seed"]) == [129]
    assert "left out" in caplog.text and "REAL or FAKE NN, seed 8" in caplog.text


def test_the_plain_run_has_the_studys_seed(tmp_path):
    for words, seeds in (([], protocol.SEEDS), (["--seed", "7"], (7,)), (["--seeds", "7", "129"], (7, 129))):
        chosen = options.parse("", "", arguments=[*words, "--output", str(tmp_path)])
        runs = [run for members, *_ in e4._trainings(["NN"], {}, chosen) for run in members]
        assert {run.settings["seed"]: "replicates" in run.files["record"].parts for run in runs} == {seed: seed != 129 for seed in seeds}


def _classifier(study: Folders) -> str:
    """Which REAL classifier the labels are about."""
    return json.loads(study.finding("labels")["record"].read_text(encoding="utf-8"))["settings"]["classifier"].split()[-1]


def test_a_second_start_changes_no_file_and_needs_no_model(start, study, tmp_path):
    folders = copied(study, tmp_path)
    written = files_of(folders)
    for name in ("NN", "LeNet", "VGG16"):
        folders.classifier("E1", "FAKE", name)["model"].unlink()
    ended = done(start, "real_or_fake.py", folders, *WORDS, *SEEDS)
    assert files_of(folders) == written
    assert ended["stdout"].count("done already") == 29
    assert "epoch" not in ended["stdout"]


def test_a_measurement_is_made_again_if_anything_that_it_depends_on_has_changed(start, study, tmp_path):
    folders = copied(study, tmp_path)
    paths, settings, data = folders.finding("labels", picture=True), {"of": "something"}, {"REAL test": {"images": 1, "sha256": ""}}
    record = {"settings": settings, "data": data, "found": {}}
    records.write(record, paths["record"])
    assert not measurements.is_stale(paths, settings, data)
    assert measurements.is_stale(paths, settings | {"sure": 1}, data)
    assert measurements.is_stale(paths, settings, data | {"FAKE test": {}})
    paths["record"].write_bytes(paths["record"].read_bytes()[:-9])  # damaged
    assert measurements.is_stale(paths, settings, data)
    paths["picture"].unlink()
    expected = {name: content for name, content in files_of(study).items() if "labels" in name}
    ended = done(start, "real_or_fake.py", folders, *WORDS, *SEEDS)
    assert ended["stdout"].count("done already") == 28
    assert {name: content for name, content in files_of(folders).items() if "labels" in name} == expected


def test_the_committed_measurements_count_as_done():
    """With the settings of today; the classifiers that they are about are those of the committed records, whose models are not needed."""
    chosen = options.parse("", "", arguments=[])
    wanted = [one for one in e4._before_training(OF_EXPERIMENT_1, {}, chosen) if one.files(chosen.folders)["record"].exists()]
    assert [one.name for one in wanted if measurements.is_stale(one.files(chosen.folders), one.settings, {})] == []
    assert {"calibration LeNet", "coverage", "detection", "labels", "linear heads VGG16"} <= {one.name for one in wanted}


def test_a_missing_classifier_is_named_before_anything_is_trained(start, before, tmp_path):
    folders = copied(before, tmp_path)
    folders.classifier("E1", "FAKE", "LeNet")["model"].unlink()
    ended = called(start, "real_or_fake.py", folders, *WORDS, "--models", "LeNet")
    refused(ended, "FAKE LeNet is needed for experiment 4", "bash run-LeNet.sh")
    assert "epoch" not in ended["stdout"]


def test_the_report_has_a_section(start, study, tmp_path):
    folders = copied(study, tmp_path)
    done(start, "write_report.py", folders)
    page = folders.report.read_text(encoding="utf-8")
    assert "Experiment 4: what sets them apart?" in page
    assert page.count("Grad-CAM: the brighter a place") == 4  # two figures, caption and alt text


def test_a_photo_is_told_apart_and_explained(study, few_images, tmp_path):
    picture = next((few_images / "test" / "FAKE").iterdir())
    model, explained = study.classifier("E4", protocol.REAL_OR_FAKE, "LeNet")["model"], tmp_path / "explained.png"
    words = [sys.executable, REPOSITORY / "src" / "predict.py"]
    result = run(*words, model, picture, "--explain", explained)
    assert result.returncode == 0, result.stderr
    assert "REAL or FAKE LeNet, which knows 2 classes" in result.stdout
    assert explained.read_bytes().startswith(b"\x89PNG")
    refused(run(*words, model.with_name("REAL_or_FAKE_NN.keras"), picture, "--explain", tmp_path / "nn.png"), "no convolutions")
    refused(run(*words, model, picture, "--explain", tmp_path / "photo.jpg"), "name a PNG file")
    assert np.array_equal(sorted(path.name for path in tmp_path.iterdir()), ["explained.png"])
