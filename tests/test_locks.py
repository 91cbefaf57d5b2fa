"""Two runs at once: different classifiers side by side, the same one once, and a dead process holds nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, left_behind, refused, run, words_of

from cifake import records
from cifake.errors import StudyError
from cifake.folders import Folders
from cifake.runs import alone


def test_the_same_classifier_is_refused_and_the_process_named_until_it_dies(new_study):
    """Real processes: the first is held still in its training, then killed; the lock that it leaves holds nothing."""
    folders = new_study()
    command = [sys.executable, *map(str, words_of("NN", folders))]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    while "training at most" not in first.stdout.readline():
        assert first.poll() is None
    first.send_signal(signal.SIGSTOP)
    try:
        refused(
            run(*command),
            f"FAKE NN is being worked on by process {first.pid} in",
            "wait for it, end it, or name another",
        )
        with alone(folders, "REAL NN"), alone(folders, "FAKE LeNet"):  # others are free
            pass
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    lock = folders.unfinished / "FAKE_NN.lock"
    assert lock.read_text(encoding="utf-8") == f"process {first.pid}"
    with alone(folders, "FAKE NN"):
        assert lock.read_text(encoding="utf-8") == f"process {os.getpid()}"


def test_a_lock_is_free_after_an_error(tmp_path):
    folders = Folders(tmp_path, tmp_path)
    for _ in range(2):
        with pytest.raises(StudyError, match="of the block"), alone(folders, "FAKE NN"):
            raise StudyError("of the block")


def test_different_classifiers_train_side_by_side_with_metadata_and_figures(new_study):
    """All at once into one output folder; none disturbs another, and the figures are of what was whole when they were drawn."""
    folders = new_study()
    options = ["--images", folders.images, "--output", folders.output]
    commands = [words_of(architecture, folders) for architecture in ("NN", "LeNet")]
    commands += [[REPOSITORY / "src" / "create_metadata.py", *options]] * 2
    processes = [start(command) for command in commands]
    for process in processes[2:]:
        assert_ended_well(process)
    assert_ended_well(processes[0])
    drawing = [
        start([REPOSITORY / "src" / name, *options]) for name in ("visualise.py", "visualise.py", "final_evaluate.py")
    ]
    for process in (*processes[1:2], *drawing):
        assert_ended_well(process)
    for architecture in ("NN", "LeNet"):
        assert records.read(folders.e1_results / f"FAKE_{architecture}_record.json")["architecture"] == architecture
    for picture in folders.output.glob("E?_visualisations/*.png"):
        assert picture.read_bytes().endswith(b"IEND\xaeB`\x82"), picture
    assert left_behind(folders) == []


def start(words: list[str | Path]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def assert_ended_well(process: subprocess.Popen) -> None:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
