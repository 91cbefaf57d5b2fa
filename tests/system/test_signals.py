"""Ctrl-C and SIGTERM at any moment: the right exit code at once, a sentence and no traceback, no process left."""

import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import REPOSITORY, left_behind, run, words_of

from cifake import protocol
from cifake.models.architectures import ARCHITECTURES

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SCRIPTS = sorted((REPOSITORY / "src").glob("*.py"))


def launch(command: list, **more: str) -> subprocess.Popen:
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


def wait_for_the_first_import(process: subprocess.Popen) -> None:
    """Wait until a script answers signals itself, by its caught ones; before, in its first 20 ms, the interpreter does."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():  # macOS has no /proc
        time.sleep(0.5)
        return
    while process.poll() is None:
        caught = next((line for line in status.read_text().splitlines() if line.startswith("SigCgt")), "SigCgt: 0")
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def stop_after(command: list, number: signal.Signals, seconds: float) -> bool:
    """Start a script, send it a signal some seconds after its first import, check how it ends; False if it had ended before."""
    process = launch(command)
    wait_for_the_first_import(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    process.send_signal(number)
    began = time.monotonic()
    output, errors = process.communicate(timeout=60)
    where = f"{number.name} after {seconds:.3f} s: {output}{errors}"
    if process.returncode == 0:
        return False
    assert time.monotonic() - began < 3, where
    assert process.returncode == CODES[number], where
    assert "Traceback" not in errors, where
    assert len(errors.strip().splitlines()) == 1 and errors.strip().startswith("Stopped"), where
    return True


@pytest.mark.parametrize(
    ("architecture", "moments"), [("VGG16", 4), *(pytest.param(name, 40, marks=pytest.mark.long) for name in ARCHITECTURES)]
)
def test_a_signal_at_any_moment_ends_a_training_at_once(start, new_study, architecture, moments, counted):
    """In TensorFlow's import, decoding, features, training, testing and writing; the moments are spread over the whole.

    What a stopped training leaves in part, the next start removes.
    """
    folders, chance = new_study(), random.Random(protocol.SEED)
    stopped = 0
    for moment in range(moments):
        seconds = 8 * (moment + chance.random()) / moments
        number = list(CODES)[moment % 2]
        stopped += stop_after([sys.executable, *words_of(architecture, folders)], number, seconds)
    assert stopped >= moments / 3
    ended = start(words_of(architecture, folders), folders.output)
    assert ended["code"] == 0, ended["stderr"]
    assert left_behind(folders) == []
    if moments > 5:
        counted(f"classify_{architecture}.py: {stopped} signals; none left a traceback, and the next start left no file in part")


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_signal_in_the_first_moment(path, number):
    """Before the script's other imports, too. On a busy machine the script may have ended before the signal comes: up to ten tries."""
    assert any(stop_after([sys.executable, path, "--help"], number, 0) for _ in range(10))


@pytest.mark.parametrize("number", CODES)
def test_a_signal_after_all_is_done_changes_nothing(number):
    """While Python ends, which takes TensorFlow's libraries a while."""
    program = (
        "import atexit, os, sys; sys.path.insert(0, 'src'); from cifake.system import command; "
        f"atexit.register(os.kill, os.getpid(), {int(number)}); command.run(lambda: None)"
    )
    ended = run(sys.executable, "-c", f"import os; os.chdir({str(REPOSITORY)!r}); {program}")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("number", CODES)
def test_a_stopped_runner_leaves_no_training_behind(new_study, number):
    """A signal to the runner alone, as a cluster sends it, in the seconds in which the training imports TensorFlow."""
    folders = new_study()
    environment = {"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"}
    options = ["--images", folders.images, "--output", folders.output]
    process = launch(["bash", REPOSITORY / "run-NN.sh", *options], env=environment)
    while process.stdout.readline() != "FAKE NN\n":  # the images are read; what comes next is the import
        assert process.poll() is None, process.stderr.read()
    assert len(processes_of(folders.output)) >= 2
    began = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 3
    assert process.returncode == CODES[number]
    assert "Stopped before FAKE NN was complete; the same command continues there." in errors
    assert "run-NN.sh stopped at step 2 of 3 (NN on FAKE); the same command continues there." in " ".join(errors.split())
    assert "Traceback" not in errors
    time.sleep(0.2)
    assert processes_of(folders.output) == []


def processes_of(folder: Path) -> list[str]:
    """The command lines of living processes that name a folder."""
    lines = subprocess.run(["ps", "-ww", "-eo", "stat=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if str(folder) in line and not line.startswith("Z")]
