"""Experiment 3 end to end, on made data of two classes: one budget, 100 REAL images, and so five runs for each seed."""

import dataclasses
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, make_images, refused, run, script
from PIL import Image

import worth_of_fake
from cifake import arms, augmentation, grid, metadata, mixing, options, protocol, records
from cifake.errors import StudyError
from cifake.files import checksum, checksum_of_arrays
from cifake.folders import Folders

STEPS = "40"
CLASSIFIERS = ("--models", "LeNet", "VGG16")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Folders:
    """A data set with its CSVs and nothing else; only to be read."""
    place = tmp_path_factory.mktemp("experiment 3")
    folders = Folders(make_images(place / "images", train=60, test=15, classes=2), place / "output")
    folders.class_list.write_text("red\ngreen\n", encoding="utf-8")
    assert script("create_metadata.py", "--images", folders.images, "--output", folders.output).returncode == 0
    return folders


def copy_of(made: Folders, output: Path) -> Folders:
    shutil.copytree(made.output, output)
    return Folders(made.images, output)


def words_of(folders: Folders, *words: str) -> list[str]:
    return ["--images", str(folders.images), "--output", str(folders.output), "--steps", STEPS, *words]


def choose(folders: Folders, *words: str):
    return options.parse("", words_of(folders, "--weights", "random", *words))


@pytest.fixture(scope="module")
def study(made, tmp_path_factory) -> Folders:
    """LeNet, on pixels, and VGG16, on features, with one seed; to be looked at only."""
    folders = copy_of(made, tmp_path_factory.mktemp("study") / "output")
    mixing.train_missing(choose(folders, *CLASSIFIERS, "--seeds", "1"))
    return folders


def records_of(folders: Folders) -> dict[tuple[str, str], dict]:
    """The records by classifier and arm."""
    members = grid.all_of(folders).values()
    return {(record["architecture"], record["arm"]): record for found in members for record in found}


def scores_of(folders: Folders) -> dict[Path, dict]:
    """What two runs have to agree in, by record: all but times, memory and the code's commit."""
    passing = ("seconds", "memory_peak_megabytes", "code")
    return {
        path.relative_to(folders.e3_results): {
            key: value for key, value in records.read(path, records.E3_KEYS).items() if key not in passing
        }
        for path in folders.e3_results.rglob("*_record.json")
    }


def test_a_record_holds_what_its_run_was(study):
    there = records_of(study)
    assert len(there) == 2 * 5
    for (architecture, arm), record in there.items():
        size = 0 if arm == "FAKE" else 100
        stem = study.e3_results / architecture / "seed-1" / f"{arm.replace(' + ', '_')}_{size}"
        assert records.read(Path(f"{stem}_record.json"), records.E3_KEYS) == record
        by_image = pd.read_csv(f"{stem}_predictions.csv")
        assert (by_image["label"] == by_image["predicted"]).mean() == pytest.approx(record["scores"]["accuracy"])
        assert by_image["filepath"].str.startswith("images/test/REAL/").all()
        history = record["training"]["history"]
        assert record["training"]["best_validation_accuracy"] == max(history["val_accuracy"])
        assert record["training"]["best_step"] == record["settings"]["steps"] == int(STEPS)
        assert ("weights" in record) == (architecture == "VGG16")
        assert ("FAKE train" in record["data"]) == ("FAKE" in arm)


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ("REAL", {"REAL": (80, 20)}),
        ("REAL + augmentation", {"REAL": (80, 20)}),
        ("REAL + FAKE", {"REAL": (80, 20), "FAKE": (120, 0)}),
        ("REAL + FAKE + augmentation", {"REAL": (80, 20), "FAKE": (120, 0)}),
        ("FAKE", {"FAKE": (96, 24)}),
    ],
)
def test_each_arm_has_its_images_to_train_and_to_validate_on(study, arm, expected):
    there = records_of(study)
    budget, other = there["LeNet", arm]["budget"], there["VGG16", arm]["budget"]
    assert budget == other
    assert {source: (part["training"], part["validation"]) for source, part in budget.items()} == expected


def splits_of(folders: Folders) -> mixing.Splits:
    return {
        (source, split): metadata.read_split(folders, source, split)
        for source, split in (("REAL", "train"), ("FAKE", "train"), ("REAL", "test"))
    }


def test_batches_and_validation_hold_nothing_real_beyond_the_budget(made):
    splits = splits_of(made)
    for wanted in grid.runs_of(choose(made, "--models", "NN", "--seeds", "1"), [100]):
        drawn = mixing.budgets_of(wanted, splits)
        batches, validation = mixing.rows_of(drawn, {"REAL": 0, "FAKE": 120}, wanted)
        real, fake = set(batches[batches < 120]), set(batches[batches >= 120])
        assert len(batches) == int(STEPS)
        assert len(real) == (80 if wanted.arm.real else 0)
        assert len(fake) == {(True, True): 120, (False, True): 96, (True, False): 0}[wanted.arm.real, wanted.arm.fake]
        assert len(set(validation)) == (20 if wanted.arm.real else 24)
        assert not set(validation) & (real | fake)
        if wanted.arm.real:
            assert set(validation) < set(range(120))
            share = 32 if wanted.arm.fake else 64
            assert ((batches < 120).sum(1) == share).all()


def test_what_lies_beyond_the_budget_changes_no_score(study, made, tmp_path, monkeypatch):
    """Features beyond the budget, and of no copy but the image itself, are made to be no numbers: one of them would end the run."""
    folders, prepare = copy_of(made, tmp_path / "output"), mixing._prepare
    chosen = choose(folders, "--models", "VGG16", "--seeds", "1", "--shard", "2/5")  # REAL alone
    (wanted,) = grid.runs_of(chosen, [100])
    budget = mixing.budgets_of(wanted, splits_of(folders))["REAL"]

    def poisoned(*arguments):
        prepared = prepare(*arguments)
        beyond = np.ones(len(prepared.inputs), bool)
        beyond[np.concatenate([budget.training, budget.validation])] = False
        prepared.inputs[beyond] = np.nan
        return prepared

    monkeypatch.setattr(mixing, "_prepare", poisoned)
    mixing.train_missing(chosen)
    ((path, record),) = scores_of(folders).items()
    assert record["arm"] == "REAL"
    assert record == scores_of(study)[path]


def test_a_share_done_twice_gives_the_same_to_the_last_digit(study, made, tmp_path):
    """Done alone, and as one of all runs: REAL + FAKE + augmentation, which has most of chance in it."""
    folders = copy_of(made, tmp_path / "output")
    mixing.train_missing(choose(folders, *CLASSIFIERS, "--seeds", "1", "--shard", "5/5"))
    again, before = scores_of(folders), scores_of(study)
    assert [record["arm"] for record in again.values()] == ["REAL + FAKE + augmentation"] * 2
    assert again.items() <= before.items()  # the SHA-256 of the predictions is among it


def test_shares_are_disjoint_and_complete(made):
    everything = grid.runs_of(choose(made), list(protocol.BUDGETS))
    assert len(everything) == 25 * 5 + 25 * 3
    assert len({run.files["record"] for run in everything}) == len({run.name for run in everything}) == 200
    assert [run.architecture for run in everything] == ["VGG16"] * 125 + ["LeNet"] * 75
    for shares in (1, 2, 7, 8, 300):
        names = [
            run.name
            for share in range(1, shares + 1)
            for run in grid.runs_of(choose(made, "--shard", f"{share}/{shares}"), list(protocol.BUDGETS))
        ]
        assert sorted(names) == sorted(run.name for run in everything)


def test_what_is_there_is_kept_and_other_settings_are_done_anew(study, made, tmp_path, caplog):
    folders = Folders(made.images, tmp_path / "output")
    shutil.copytree(study.output, folders.output)
    before = {path: path.stat().st_mtime_ns for path in folders.e3_results.rglob("*") if path.is_file()}
    caplog.set_level("INFO")
    mixing.train_missing(choose(folders, *CLASSIFIERS, "--seeds", "1"))
    assert caplog.text.count("5 of 5 runs are there already and are kept") == 2
    assert {path: path.stat().st_mtime_ns for path in folders.e3_results.rglob("*") if path.is_file()} == before
    caplog.clear()
    grid.announce(choose(folders, *CLASSIFIERS, "--seeds", "1", "2"))
    assert "LeNet: of 10 runs 5 are there and 5 would be done, in about" in caplog.text
    chosen = choose(folders, "--models", "LeNet", "--seeds", "1", "--steps", "50")
    first = grid.runs_of(chosen, [100])[0]
    data = records.read(first.files["record"], records.E3_KEYS)["data"]
    assert grid.why(first, data, fresh=False) == "trained before with other settings (steps, validate_every)"
    assert grid.why(first, {}, fresh=False).startswith("trained before with other settings")
    first.files["record"].write_text("{", encoding="utf-8")
    assert grid.why(first, data, fresh=False) == "its record is damaged"


def test_figure_table_and_exchange_rate_are_those_of_the_records(study):
    written = worth_of_fake.draw(study)
    assert [path.name for path in written] == ["accuracy.png", "accuracy_table.txt", "worth_table.txt"]
    with Image.open(written[0]) as image:
        assert min(image.size) > 500
    table = written[1].read_text(encoding="utf-8")
    for (architecture, arm), record in records_of(study).items():
        line = next(line for line in table.splitlines() if line.startswith(f"| {architecture}, {arm} "))
        assert f" {record['scores']['accuracy']:.3f} " in line
    assert "LeNet: 5 runs of 40 steps, by one program" in written[2].read_text(encoding="utf-8")


def test_a_grid_that_is_ended_loses_the_run_in_progress_and_no_other(made, tmp_path):
    folders = copy_of(made, tmp_path / "output")
    words = words_of(folders, "--models", "NN", "--seeds", "1")
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "src" / "worth_of_fake.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "run 2 of 5" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "the same command goes on from there" in errors
    before = {path: path.stat().st_mtime_ns for path in folders.e3_results.rglob("*_record.json")}
    assert len(before) in (2, 3)
    ended = run("bash", REPOSITORY / "run-E3.sh", *words, PYTHON=sys.executable)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"NN: [23] of 5 runs are there already", ended.stdout)
    assert "A budget of 300 REAL images is left out: it takes 150 images of each class, and there are 60 of one." in (
        ended.stdout
    )
    assert (
        before.items() <= {path: path.stat().st_mtime_ns for path in folders.e3_results.rglob("*_record.json")}.items()
    )
    assert len(scores_of(folders)) == 5
    assert not list(folders.output.rglob(".*")), "drafts or staged files were left"


def test_a_run_that_another_process_is_at_is_left_to_it(made, tmp_path, caplog):
    from cifake import runs

    folders = copy_of(made, tmp_path / "output")
    chosen = choose(folders, "--models", "NN", "--seeds", "1", "--shard", "1/5")
    (wanted,) = grid.runs_of(chosen, [100])
    caplog.set_level("INFO")
    with runs.alone(folders, wanted.name):
        mixing.train_missing(chosen)
    assert "Left out: NN, FAKE alone, seed 1 is being worked on by process" in caplog.text
    assert not scores_of(folders)


def test_records_that_differ_in_more_than_the_run_are_not_shown_together(study, tmp_path):
    folders = Folders(study.images, tmp_path / "output")
    shutil.copytree(study.e3_results, folders.e3_results)
    path = next((folders.e3_results / "LeNet").rglob("*_record.json"))
    record = records.read(path, records.E3_KEYS)
    record["settings"]["steps"] = 60
    records.write(record, path)
    with pytest.raises(Exception, match="differ in their settings or images"):
        grid.all_of(folders)


def test_a_mixture_is_refused_before_anything_is_trained(study, made, tmp_path):
    folders = Folders(made.images, tmp_path / "output")
    shutil.copytree(study.output, folders.output)
    before = {path: path.read_bytes() for path in folders.e3_results.rglob("*") if path.is_file()}
    for act in (mixing.train_missing, grid.announce):
        with pytest.raises(StudyError, match=r"LeNet.seed-1.FAKE_0_record.json.*\(steps, validate_every\).*--output"):
            act(choose(folders, "--models", "LeNet", "--seeds", "2", "--steps", "50"))
    images = splits_of(folders)
    images["REAL", "test"] = dataclasses.replace(images["REAL", "test"], fingerprint="of others")
    wanted = grid.runs_of(choose(folders, "--models", "LeNet", "--seeds", "2"), [100])
    with pytest.raises(StudyError, match=r"other settings \(images\)"):
        grid.refuse_a_mixture(folders, wanted, images)
    assert {path: path.read_bytes() for path in folders.e3_results.rglob("*") if path.is_file()} == before
    # All of them in other settings are no mixture, nor are more seeds in the same.
    grid.announce(choose(folders, *CLASSIFIERS, "--seeds", "1", "--steps", "50"))
    grid.announce(choose(folders, *CLASSIFIERS, "--seeds", "2"))


def test_the_published_weights_are_the_same_from_a_file_and_from_keras(made, tmp_path, monkeypatch):
    path, arrays = tmp_path / "weights.h5", [np.ones((3, 3), np.float32), np.zeros(3, np.float32)]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["input", "block1"]
        file.create_group("input").attrs["weight_names"] = []
        layer = file.create_group("block1")
        layer.attrs["weight_names"] = ["block1/kernel:0", "block1/bias:0"]
        for name, values in zip(layer.attrs["weight_names"], arrays, strict=True):
            layer[name] = values

    def weights() -> str:
        chosen = options.parse("", words_of(made, "--models", "VGG16", "--weights", str(path)))
        return grid.runs_of(chosen, [100])[0].settings["weights"]

    assert weights() == f"sha256 {checksum(path)}"
    monkeypatch.setattr(protocol, "IMAGENET_CHECKSUM", checksum_of_arrays(arrays))
    assert weights() == "imagenet"
    path.write_bytes(path.read_bytes()[:500])
    assert weights() == f"sha256 {checksum(path)}"


def test_too_few_images_and_wrong_options_are_told(small):
    assert script("create_metadata.py", "--images", small.images, "--output", small.output).returncode == 0
    for path in small.split("REAL", "train").glob("0009*"):
        path.unlink()
    assert script("create_metadata.py", "--images", small.images, "--output", small.output).returncode == 0
    place = ["--images", small.images, "--output", small.output]
    refused(script("worth_of_fake.py", *place), "too few for experiment 3", "100 images")


def test_augmentation_follows_from_its_key_and_keeps_what_it_should():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (50, *protocol.IMAGE_SHAPE)).astype(np.uint8)
    augment = augmentation.augmenter()
    first, again, other = (augment(pixels, np.array(key)).numpy() for key in ((1, 7), (1, 7), (1, 8)))
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({image.tobytes() for image in augment(np.repeat(pixels[:1], 50, 0), np.array([1, 1])).numpy()}) == 50
    even = np.full((20, *protocol.IMAGE_SHAPE), 77, np.uint8)
    assert np.array_equal(augment(even, np.array([1, 1])), even)  # no black borders, no shift of the colours


def test_a_flip_is_horizontal_and_no_image_is_moved_far():
    """A bright row at the top stays there: within 4 pixels of shift and what 15 degrees do to the image's edge."""
    pixels = np.zeros((200, *protocol.IMAGE_SHAPE), np.uint8)
    pixels[:, 3:5] = 255
    copies = augmentation.copies(pixels, 1, 0)
    weights = copies[..., 0].sum(2).astype(float)
    centres = (weights * np.arange(32)).sum(1) / weights.sum(1)
    assert centres.max() < 16
    assert not np.array_equal(copies, augmentation.copies(pixels, 2, 0))
    assert np.array_equal(copies, augmentation.copies(pixels, 1, 0))


def test_the_arms_have_their_names():
    assert [arm.name for arm in (*arms.WITH_REAL, arms.FAKE)] == [
        "REAL",
        "REAL + augmentation",
        "REAL + FAKE",
        "REAL + FAKE + augmentation",
        "FAKE",
    ]
