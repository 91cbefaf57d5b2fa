"""Experiment 2 by final_evaluate.py: which classifiers are tested on the other source, when again, and what is refused."""

import shutil

import pytest
from conftest import called, done, refused

from cifake.results import records
from cifake.system.paths import Folders


@pytest.fixture(scope="module")
def trained(start, few_images, csvs, tmp_path_factory) -> Folders:
    """NN trained on FAKE with two seeds, for one epoch; to be copied."""
    folders = Folders(few_images, tmp_path_factory.mktemp("trained"))
    shutil.copytree(csvs, folders.output / "images")
    done(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", "1", "--seeds", "129", "130")
    return folders


@pytest.fixture
def study(trained, tmp_path) -> Folders:
    """A copy of it."""
    shutil.copytree(trained.output, tmp_path / "study")
    return Folders(trained.images, tmp_path / "study")


def test_a_classifier_that_is_trained_again_is_tested_again(start, study, tmp_path):
    ended = done(start, "final_evaluate.py", study)
    assert "FAKE NN on REAL" in ended["stdout"]
    assert "FAKE NN, seed 130 on REAL" in ended["stdout"]
    model = study.classifier("E1", "FAKE", "NN")["model"]
    model.rename(tmp_path / "elsewhere.keras")
    assert "2 of 2 runs: done already" in done(start, "final_evaluate.py", study)["stdout"]  # what is tested needs no model

    done(start, "classify_NN.py", study, "-data", "FAKE", "-epochs", "2")
    ended = done(start, "final_evaluate.py", study)
    assert "1 of 2 runs: done already" in ended["stdout"]
    e1, e2 = (records.read(study.classifier(name, "FAKE", "NN")["record"], name) for name in ("E1", "E2"))
    assert e1["model"] == e2["model"]
    assert e2["training"]["epochs"] == 2


def test_seeds_test_those_replicates_alone(start, study):
    done(start, "final_evaluate.py", study, "--seeds", "130")
    assert study.classifier("E2", "FAKE", "NN", 130)["record"].exists()
    assert len(study.records("E2")) == 1
    assert not (study.visualisations("E2") / "FAKE_metrics_table.txt").exists()  # that is the plain run's
    refused(called(start, "final_evaluate.py", study, "--seeds", "131"), "no replicate with these seeds", "run-LeNet.sh")


def test_replicates_without_their_classifiers_are_one_line(start, study):
    """As in a clone, which has the records of all seeds and no classifier until run.sh trains the plain ones."""
    done(start, "classify_NN.py", study, "-data", "FAKE", "-epochs", "1", "--seeds", "131")
    done(start, "final_evaluate.py", study)
    for seed in (130, 131):
        study.classifier("E1", "FAKE", "NN", seed)["model"].unlink()
        study.classifier("E2", "FAKE", "NN", seed)["predictions"].unlink()
    kept = study.classifier("E2", "FAKE", "NN", 130)["record"].read_bytes()
    ended = done(start, "final_evaluate.py", study)["stdout"]
    assert "FAKE NN, seed 130 on REAL and 1 more: not tested, because " in ended
    assert ended.count("not tested") == 1
    assert study.classifier("E2", "FAKE", "NN", 130)["record"].read_bytes() == kept


def test_what_is_missing_is_named(start, study):
    study.classifier("E1", "FAKE", "NN")["model"].unlink()
    refused(called(start, "final_evaluate.py", study), "FAKE_NN.keras", "is missing", "run-NN.sh")
    for path in study.records("E1"):
        path.unlink()
    refused(called(start, "final_evaluate.py", study), "has no record", "run-LeNet.sh")
