"""Trainings that are killed or stopped: the same command comes to the same bytes; Ctrl-C and SIGTERM end with one line."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import REPOSITORY, words_of

from cifake.system.paths import Folders

COMPARED = ("metrics", "history", "predictions")
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def launch(command: list, **more) -> subprocess.Popen:
    """Start a command with Ctrl-C as a terminal has it: the tests themselves may run where it is ignored."""
    return subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **more,
    )


def interrupted(process: subprocess.Popen, when: str | float, number: signal.Signals) -> str:
    """Send a signal after a line that begins with some words, or after some seconds; gives the error output."""
    if isinstance(when, str):
        while not process.stdout.readline().lstrip().startswith(when):
            assert process.poll() is None, process.stderr.read()
    else:
        time.sleep(when)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == CODES.get(number, -number), errors
    assert "Traceback" not in errors
    return errors


@pytest.fixture(scope="module")
def expected(start, few_images, csvs, tmp_path_factory) -> Callable[[str], list[bytes]]:
    """A function that gives the results of an architecture's training that nothing happens to."""

    def train(architecture: str) -> list[bytes]:
        folders = Folders(few_images, tmp_path_factory.mktemp("whole"))
        (folders.output / "images").symlink_to(csvs)
        assert start(words_of(architecture, folders), folders.output)["code"] == 0
        return results(architecture, folders)

    return train


def results(architecture: str, folders: Folders) -> list[bytes]:
    return [folders.classifier("E1", "FAKE", architecture)[kind].read_bytes() for kind in COMPARED]


@pytest.mark.parametrize(("architecture", "number"), [("VGG16", signal.SIGKILL), ("LeNet", signal.SIGINT), ("NN", signal.SIGTERM)])
def test_an_interrupted_training_continues_to_the_same_bytes(start, new_study, expected, architecture, number):
    """After its first epoch, then while TensorFlow is imported, then not at all."""
    folders = new_study()
    command = [sys.executable, *words_of(architecture, folders)]
    errors = interrupted(launch(command), "epoch  1:", number)
    if number in CODES:
        assert "\nStopped; the same command continues" in errors
    assert not folders.results("E1").exists()
    interrupted(launch(command), 2.0, number)
    ended = start(words_of(architecture, folders), folders.output)
    assert ended["code"] == 0, ended["stderr"]
    assert "continues after epoch" in ended["stdout"]
    assert results(architecture, folders) == expected(architecture)
    assert [path.name for path in folders.unfinished.iterdir() if "features" not in path.name] == []


@pytest.mark.long
@pytest.mark.parametrize("number", CODES)
def test_a_signal_at_any_moment_ends_a_script_with_one_line(new_study, number):
    """In imports, decoding, features, training, testing and writing; from a quarter of a second on, when the script itself has begun."""
    folders = new_study()
    for moment in range(30):
        process = launch([sys.executable, *words_of("VGG16", folders), "--fresh"])
        time.sleep(0.25 + moment * 0.25)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, CODES[number]), errors  # 0 if it had ended
        assert "Traceback" not in errors
        assert errors.count("Stopped") == (process.returncode != 0)


def processes_of(folder: Path) -> list[str]:
    """The command lines of living processes that name a folder."""
    lines = subprocess.run(["ps", "-ww", "-eo", "stat=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if str(folder) in line and not line.startswith("Z")]


@pytest.mark.parametrize("number", CODES)
def test_a_stopped_runner_leaves_no_training_behind(new_study, number):
    """A signal to the runner alone, as a cluster sends it."""
    folders = new_study()
    environment = {"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"}
    process = launch(["bash", REPOSITORY / "run-NN.sh", "--images", folders.images, "--output", folders.output], env=environment)
    errors = interrupted(process, "epoch  1:", number)
    assert "run-NN.sh stopped at step 2 of 3 (NN on FAKE)" in " ".join(errors.split())
    time.sleep(0.2)
    assert processes_of(folders.output) == []
