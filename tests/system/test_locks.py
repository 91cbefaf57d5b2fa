"""Two runs at once: different classifiers side by side, the same one once, and a dead process holds nothing."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest
from conftest import EPOCHS, REPOSITORY, done, left_behind, refused, run, words_of

from cifake.experiments import e1
from cifake.results import records
from cifake.system import command
from cifake.system.errors import StudyError
from cifake.system.files import staged
from cifake.system.locks import BusyError, alone
from cifake.system.paths import Folders


def test_the_same_classifier_is_refused_and_the_process_named_until_it_dies(new_study):
    """Real processes: the first is held still in its training, then killed; the lock that it leaves holds nothing."""
    folders = new_study()
    command = [sys.executable, *map(str, words_of("NN", folders))]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    while first.stdout.readline() != "FAKE NN\n":  # it has begun this run
        assert first.poll() is None
    first.send_signal(signal.SIGSTOP)
    host = os.uname().nodename
    try:
        refused(run(*command), f"FAKE NN is being worked on by process {first.pid} on {host};", "wait for it, end it, or name another")
        with alone(folders, "REAL NN"), alone(folders, "FAKE LeNet"):  # others are free
            pass
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    lock = folders.unfinished / "FAKE_NN.lock"
    assert lock.read_text(encoding="utf-8") == f"process {first.pid} on {host}"
    with alone(folders, "FAKE NN"):
        assert lock.read_text(encoding="utf-8") == f"process {os.getpid()} on {host}"


def test_a_lock_is_free_after_an_error(tmp_path):
    folders = Folders(tmp_path, tmp_path)
    for _ in range(2):
        with pytest.raises(StudyError, match="of the block"), alone(folders, "FAKE NN"):
            raise StudyError("of the block")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    folders = Folders(tmp_path, tmp_path)
    with pytest.raises(OSError, match=os.strerror(number)) as caught, alone(folders, "FAKE NN"):
        raise AssertionError("the block was entered")
    sentence = command._sentence(caught.value)
    assert f"unfinished: {os.strerror(number)}; name a folder on a disk that has locks with --output, and run" in sentence


def test_different_classifiers_train_side_by_side_with_metadata_and_figures(start, new_study):
    """All at once into one output folder; none disturbs another, and the figures are of what was whole when they were drawn."""
    folders = new_study()
    done(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", EPOCHS)
    names = ["create_metadata.py", "create_metadata.py", "visualise.py", "visualise.py", "final_evaluate.py"]
    scripts = [words_of("LeNet", folders), [REPOSITORY / "src" / "classify_NN.py", "-data", "REAL", "-epochs", EPOCHS]]
    scripts += [[REPOSITORY / "src" / name] for name in names]
    options = ["--images", folders.images, "--output", folders.output]
    first, *others = [[*words, *options] for words in scripts]
    ended = start(first, folders.output, beside=others)
    assert (ended["code"], ended["stderr"]) == (0, ""), ended["stdout"] + ended["stderr"]
    for name in ("FAKE_NN", "FAKE_LeNet", "REAL_NN"):
        assert records.name_of(records.read(folders.results("E1") / f"{name}_record.json")) == name.replace("_", " ")
    pictures = list(folders.output.glob("E?_visualisations/*.png"))
    assert pictures
    for picture in pictures:
        assert picture.read_bytes().endswith(b"IEND\xaeB`\x82"), picture
    assert left_behind(folders) == []


def test_results_of_experiment_2_are_finished_only_where_nobody_tests(tmp_path):
    folders = Folders(tmp_path, tmp_path)
    paths = list(folders.classifier("E2", "FAKE", "NN").values())
    paths[0].parent.mkdir()
    for path in paths:
        staged(path).write_text("complete")
    with alone(folders, "FAKE NN on REAL"), pytest.raises(BusyError, match="FAKE NN on REAL"):
        e1.finish_interrupted(folders, "E1", "E2")
    assert not any(path.exists() for path in paths)
    e1.finish_interrupted(folders, "E1", "E2")
    assert all(path.read_text() == "complete" for path in paths)
