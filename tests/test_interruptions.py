"""Trainings that are killed, many times over: in any epoch, between any two writes, at any moment; they come to the same bytes.

`bash test.sh` kills a few of them, `bash test.sh --long` at every single operation on files.
"""

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY, make_images, script

from cifake import protocol
from cifake.folders import Folders

EPOCHS = 3
COMPARED = ("metrics.txt", "history.csv", "predictions.csv")
Start = Callable[..., dict]  # what disturbed.py answers to a request


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """A function that has disturbed.py run a script to its end, or to where it is disturbed."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("disturbed.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def ask(words: list, below: Path, kind: str | None = None, number: int = 0, seconds: float | None = None) -> dict:
        request = {"words": [str(word) for word in words], "below": str(below), "kind": kind, "number": number}
        server.stdin.write(json.dumps(request | {"seconds": seconds}) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    yield ask
    server.stdin.close()
    server.wait(timeout=60)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """100 training and 20 test images, two batches an epoch: what is tested is what happens between the steps."""
    return make_images(tmp_path_factory.mktemp("few images"), train=10, test=2)


def words_of(architecture: str, folders: Folders) -> list:
    """How FAKE is trained for some epochs."""
    options = ["-data", "FAKE", "-epochs", EPOCHS, "--weights", "random"]
    folder_options = ["--images", folders.images, "--output", folders.output]
    return [REPOSITORY / "src" / f"classify_{architecture}.py", *options, *folder_options]


@pytest.fixture
def new_study(images, tmp_path) -> Callable[[], Folders]:
    """A function that gives a study with its CSVs and nothing else, each time another one."""
    numbers = itertools.count()
    made = script("create_metadata.py", "--images", images, "--output", tmp_path / "csvs")
    assert made.returncode == 0, made.stderr

    def make() -> Folders:
        folders = Folders(images, tmp_path / f"study {next(numbers)}")
        folders.output.mkdir()
        (folders.output / "images").symlink_to(tmp_path / "csvs" / "images")
        return folders

    return make


def results(architecture: str, folders: Folders) -> dict[str, bytes]:
    """The files that have to be the same, byte for byte."""
    return {ending: (folders.e1_results / f"FAKE_{architecture}_{ending}").read_bytes() for ending in COMPARED}


def left_behind(folders: Folders) -> list[str]:
    """Checkpoints, drafts and staged files that are still there."""
    return [
        str(path.relative_to(folders.output))
        for path in folders.output.rglob("*")
        if path.name.startswith(".") or "checkpoint" in path.name
    ]


def moments(operations: list[str]) -> list[int]:
    """Which operations to die at, counted from 1: all, but of the writes to one file only the first, the second and the last."""
    chosen, number = [], 0
    for operation, run in itertools.groupby(operations):
        numbers = [number := number + 1 for _ in run]
        chosen += {numbers[0], numbers[min(1, len(numbers) - 1)], numbers[-1]} if "write" in operation else numbers
    return sorted(chosen)


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


@pytest.mark.parametrize("architecture", protocol.ARCHITECTURES)
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
@pytest.mark.parametrize("architecture", protocol.ARCHITECTURES)
def test_a_training_can_die_at_any_operation_and_any_moment(start, new_study, architecture, capsys):
    """At each operation in turn, then at a random moment of the start that goes on; the third is left alone."""
    expected, ended, seconds = undisturbed(start, architecture, new_study())
    chance, deaths, by_time = random.Random(protocol.SEED), 0, 0
    numbers = moments(ended["operations"])
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
        deaths, by_time = deaths + 1, by_time + (second != 0)

    folders = new_study()
    in_a_row = kill_until_through(start, architecture, folders, itertools.count(1))
    assert results(architecture, folders) == expected
    assert left_behind(folders) == []
    with capsys.disabled():
        print(
            f"\nFAKE {architecture}: killed {deaths} times at an operation, {by_time} times at a random moment, {in_a_row} times in one "
            "training; nothing was lost"
        )


@pytest.mark.long
@pytest.mark.parametrize("architecture", protocol.ARCHITECTURES)
def test_a_script_that_is_killed_at_random_moments_comes_to_the_same_bytes(start, new_study, architecture, capsys):
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
    with capsys.disabled():
        print(f"\nclassify_{architecture}.py: killed {deaths} times at a random moment; nothing was lost")
