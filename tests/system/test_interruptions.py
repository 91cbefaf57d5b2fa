"""Trainings that are killed many times: in any epoch, between any two writes, at any moment; the results are the same bytes.

`bash test.sh` kills a few of them, `bash test.sh --long` at every single operation on files.
"""

import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from conftest import EPOCHS, REPOSITORY, Start, done, left_behind, make_images, moments, words_of

from cifake import protocol
from cifake.models.architectures import ARCHITECTURES
from cifake.system.paths import Folders

COMPARED = ("metrics.txt", "history.csv", "predictions.csv")


def results(architecture: str, folders: Folders) -> dict[str, bytes]:
    """The files that have to be the same, byte for byte."""
    return {ending: (folders.results("E1") / f"FAKE_{architecture}_{ending}").read_bytes() for ending in COMPARED}


def undisturbed(start: Start, architecture: str, folders: Folders) -> tuple[dict[str, bytes], dict, float]:
    """The results of a training that nothing happens to, what the start said, and how many seconds it took."""
    began = time.monotonic()
    ended = start(words_of(architecture, folders), folders.output)
    seconds = time.monotonic() - began
    assert ended["code"] == 0, ended["stderr"]
    assert len(set(results(architecture, folders)["history.csv"].splitlines())) == 1 + EPOCHS
    assert left_behind(folders) == []
    return results(architecture, folders), ended, seconds


def kill_until_through(start: Start, architecture: str, folders: Folders, numbers: Iterator[int]) -> int:
    """Start a training again and again; each start dies at an operation of the given number, until one has fewer. Gives the deaths."""
    for deaths, number in enumerate(numbers):
        ended = start(words_of(architecture, folders), folders.output, "death", number)
        if ended["code"] != -signal.SIGKILL:
            assert ended["code"] == 0, ended["stdout"] + ended["stderr"]
            return deaths
    raise AssertionError("the training has not come through")


# VGG16 goes through all there is: features in files, training, testing.
@pytest.mark.parametrize("architecture", ["VGG16", *(pytest.param(name, marks=pytest.mark.long) for name in ("NN", "LeNet"))])
def test_a_training_that_is_killed_again_and_again_comes_to_the_same_bytes(start, new_study, architecture):
    expected, ended, _ = undisturbed(start, architecture, new_study())
    folders = new_study()
    # Of 16 parts of the first start: the sixth is in the training; in later starts, less is left to do before their ninth.
    part = len(ended["operations"]) // 16
    deaths = kill_until_through(start, architecture, folders, itertools.count(6 * part, 3 * part))
    assert deaths >= 2
    assert results(architecture, folders) == expected
    assert left_behind(folders) == []


@pytest.mark.long
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_training_can_die_at_any_operation_and_any_moment(start, new_study, architecture, counted):
    """At each operation in turn, then at a random moment of the second start, which continues; the third is left alone."""
    expected, ended, seconds = undisturbed(start, architecture, new_study())
    chance, deaths, by_time = random.Random(protocol.SEED), 0, 0
    numbers = moments(ended["operations"], after_flushes=False)
    for number in numbers:
        folders = new_study()
        words = words_of(architecture, folders)
        where = f"after a death at operation {number}, {ended['operations'][number - 1]}"
        assert start(words, folders.output, "death", number)["code"] == -signal.SIGKILL, where
        second = start(words, folders.output, seconds=chance.uniform(0, seconds))["code"]
        assert second in (0, -signal.SIGKILL), where
        third = start(words, folders.output)
        assert third["code"] == 0, f"{where}: {third['stderr']}"
        assert results(architecture, folders) == expected, where
        assert left_behind(folders) == [], where
        shutil.rmtree(folders.output)
        deaths, by_time = deaths + 1, by_time + (second != 0)

    folders = new_study()
    in_a_row = kill_until_through(start, architecture, folders, itertools.count(1))
    assert results(architecture, folders) == expected
    assert left_behind(folders) == []
    counted(
        f"FAKE {architecture}: killed {deaths} times at an operation, {by_time} times at a random moment, {in_a_row} times in one "
        "training; nothing was lost"
    )


@pytest.mark.long
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_script_that_is_killed_at_random_moments_comes_to_the_same_bytes(start, new_study, architecture, counted):
    """The script itself, from the interpreter's first moment on; what disturbed.py gives is what it gives."""
    expected, _, _ = undisturbed(start, architecture, new_study())
    whole, cut, chance = new_study(), new_study(), random.Random(protocol.SEED)
    began = time.monotonic()
    command = [sys.executable, *map(str, words_of(architecture, whole))]
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.monotonic() - began
    assert results(architecture, whole) == expected
    deaths = 0
    command = [sys.executable, *map(str, words_of(architecture, cut))]
    for _ in range(20):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=chance.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            deaths += 1
        process.wait()
        assert process.returncode in (0, -signal.SIGKILL)
    subprocess.run(command, check=True, capture_output=True)
    assert results(architecture, cut) == expected
    assert left_behind(cut) == []
    counted(f"classify_{architecture}.py: killed {deaths} times at a random moment; nothing was lost")


@pytest.fixture(scope="module")
def trained(start, few_images, tmp_path_factory) -> Folders:
    """NN on FAKE and its CSVs, to be drawn and tested on REAL."""
    folders = Folders(few_images, tmp_path_factory.mktemp("trained"))
    done(start, "create_metadata.py", folders)
    done(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", 1)
    return folders


def drawn(folders: Folders) -> dict[str, bytes]:
    """All files but those that tell times, and locks."""
    return {
        str(path.relative_to(folders.output)): path.read_bytes()
        for path in folders.output.rglob("*")
        if path.is_file() and path.suffix not in (".json", ".lock")
    }


@pytest.mark.parametrize(
    ("name", "every"),
    [
        *(("create_metadata.py", 12), ("visualise.py", 12), ("final_evaluate.py", 32)),
        *(pytest.param(name, 1, marks=pytest.mark.long) for name in ("create_metadata.py", "visualise.py", "final_evaluate.py")),
    ],
)
def test_a_script_that_draws_or_tests_is_killed_and_started_again(start, trained, tmp_path, name, every, counted):
    def copy() -> Folders:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(trained.output, tmp_path / "copy")
        if name == "create_metadata.py":
            shutil.rmtree(tmp_path / "copy" / "images")
        return Folders(trained.images, tmp_path / "copy")

    folders = copy()
    words = [REPOSITORY / "src" / name, "--images", folders.images, "--output", folders.output]
    ended = start(words, folders.output)
    assert ended["code"] == 0, ended["stderr"]
    expected = drawn(folders)
    numbers = moments(ended["operations"], after_flushes=False)[every // 2 :: every]
    assert numbers
    for number in numbers:
        folders = copy()
        where = f"after a death at operation {number}, {ended['operations'][number - 1]}"
        assert start(words, folders.output, "death", number)["code"] == -signal.SIGKILL, where
        again = start(words, folders.output)
        assert again["code"] == 0, f"{where}: {again['stderr']}"
        assert drawn(folders) == expected, where
        assert left_behind(folders) == [], where
    if every == 1:
        counted(f"{name}: killed {len(numbers)} times at an operation; nothing was lost")


def test_results_that_a_kill_left_half_in_place_are_not_read_mixed(start, trained, tmp_path):
    """Trained again and killed between two renames: the figures are drawn from the new results, all of them."""
    shutil.copytree(trained.output, tmp_path / "copy")
    folders = Folders(trained.images, tmp_path / "copy")
    operation = "rename E1_results/FAKE_NN_history.csv"
    assert start(words_of("NN", folders), folders.output, "death", operation)["code"] == -signal.SIGKILL
    assert left_behind(folders) != []
    done(start, "visualise.py", folders)
    table = (folders.visualisations("E1") / "all_metrics_table.txt").read_text(encoding="utf-8")
    (epochs,) = (line.split("|")[2].strip() for line in table.splitlines() if line.startswith("| Epochs"))
    assert epochs == str(EPOCHS)
    assert [name for name in left_behind(folders) if "checkpoint" not in name] == []
    assert "done already" in start(words_of("NN", folders), folders.output)["stdout"]
    assert left_behind(folders) == []


GRID = ["--models", "NN", "--seeds", "1", "--part", "main", "--steps", "20", "--shard", "1/4"]  # three of ten runs


@pytest.fixture(scope="module")
def grid(start, tmp_path_factory) -> Folders:
    """As few images as experiment 3 takes, and their CSVs; only to be read."""
    place = tmp_path_factory.mktemp("grid")
    folders = Folders(make_images(place / "images", train=13, test=2), place / "output")
    done(start, "create_metadata.py", folders)
    return folders


def grid_records(folders: Folders) -> dict[str, bytes]:
    """The records of experiment 3 that are in place."""
    return {path.name: path.read_bytes() for path in folders.results("E3").rglob("*_record.json") if path.name[0] != "."}


def grid_results(folders: Folders) -> dict[str, object]:
    """Predictions, and the records without what tells times: what has to be the same."""
    passing = ("seconds", "memory_peak_megabytes")
    there = {path.name: path.read_bytes() for path in folders.results("E3").rglob("*_predictions.csv")}
    for name, content in grid_records(folders).items():
        there[name] = {key: value for key, value in json.loads(content).items() if key not in (*passing, "sha256")}
    return there


@pytest.mark.parametrize("every", [48, pytest.param(1, marks=pytest.mark.long)], ids=["some", "all"])
def test_a_grid_that_dies_loses_the_run_in_progress_and_no_other(start, grid, tmp_path, every, counted):
    """At operations on files in turn; in the long form, again and again at random moments, too."""
    studies = itertools.count()

    def new_study() -> Folders:
        output = tmp_path / f"study {next(studies)}"
        shutil.copytree(grid.output, output)
        return Folders(grid.images, output)

    def words(folders: Folders) -> list:
        return [REPOSITORY / "src" / "worth_of_fake.py", "--images", folders.images, "--output", folders.output, *GRID]

    whole, began = new_study(), time.monotonic()
    ended = start(words(whole), whole.output)
    seconds = time.monotonic() - began
    assert ended["code"] == 0, ended["stderr"]
    expected, operations = grid_results(whole), ended["operations"]
    assert len(grid_records(whole)) == 3

    numbers = moments(operations, after_flushes=False)[every // 2 :: every]
    for number in numbers:
        folders = new_study()
        where = f"after a death at operation {number}, {operations[number - 1]}"
        assert start(words(folders), folders.output, "death", number)["code"] == -signal.SIGKILL, where
        before = grid_records(folders)
        through = [operation for operation in operations[: number - 1] if operation.startswith("rename E3_results")]
        assert len(before) == sum(operation.endswith("_record.json") for operation in through), where
        again = start(words(folders), folders.output)
        assert again["code"] == 0, f"{where}: {again['stderr']}"
        assert before.items() <= grid_records(folders).items(), where
        assert grid_results(folders) == expected, where
        assert left_behind(folders) == [], where
        shutil.rmtree(folders.output)

    if every > 1:
        return
    folders, chance, deaths = new_study(), random.Random(protocol.SEED), 0
    for _ in range(40):
        before = grid_records(folders)
        code = start(words(folders), folders.output, seconds=chance.uniform(0, seconds / 2))["code"]
        assert code in (0, -signal.SIGKILL)
        deaths += code != 0
        assert before.items() <= grid_records(folders).items()
    assert start(words(folders), folders.output)["code"] == 0
    assert grid_results(folders) == expected
    assert left_behind(folders) == []
    counted(f"experiment 3: killed {len(numbers)} times at an operation, {deaths} times at a random moment; nothing was lost")
