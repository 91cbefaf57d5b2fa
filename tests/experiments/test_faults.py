"""What is finished stays, what was interrupted goes on with the same command, and nothing half-written is taken for a result."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import called, done, file_name, refused, run, words_of

from cifake.system.paths import Folders

SAME = ("metrics", "history", "predictions")  # of two trainings with one seed, byte for byte
MOUNTED = r"""
mount -t tmpfs -o size="$SIZE" tmpfs "$PLACE" && cp -a "$STUDY/." "$PLACE" || exit 99
code=0
"$@" || code=$?
cp -a "$PLACE/." "$AFTER"
exit $code
"""


def launch(words: list) -> subprocess.Popen:
    """Start a script in a process of its own that answers Ctrl-C, even if the tests run in the background, where it is ignored."""
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def results_of(folders: Folders, architecture: str) -> list[bytes]:
    return [folders.classifier("E1", "FAKE", architecture)[kind].read_bytes() for kind in SAME]


def files_of(output: Path) -> dict[str, bytes]:
    """All files that are no checkpoints or caches."""
    paths = (path for path in output.rglob("*") if path.is_file() and "unfinished" not in path.parts)
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def trained(start, new_study) -> Folders:
    """NN on FAKE, two epochs."""
    folders = new_study()
    done(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", 2)
    return folders


def wait_for(process: subprocess.Popen, words: str) -> None:
    """Wait until a script prints a line with these words."""
    assert any(words in line for line in process.stdout), process.stderr.read()


def test_a_killed_training_continues_to_the_same_bytes(start, new_study):
    whole, cut = new_study(), new_study()
    assert start(words_of("LeNet", whole, epochs=6))["code"] == 0
    with launch(words_of("LeNet", cut, epochs=6)) as process:
        wait_for(process, "epoch  2:")
        process.kill()
    assert not cut.classifier("E1", "FAKE", "LeNet")["record"].exists()
    again = start(words_of("LeNet", cut, epochs=6))
    assert again["code"] == 0, again["stderr"]
    assert "epoch  1:" not in again["stdout"]
    assert results_of(cut, "LeNet") == results_of(whole, "LeNet")
    assert files_of(cut.output).keys() == files_of(whole.output).keys()


def test_results_without_their_record_are_made_again(start, trained):
    """As a kill leaves them between the renames."""
    before = results_of(trained, "NN")
    files = trained.classifier("E1", "FAKE", "NN")
    files["record"].unlink()
    files["metrics"].write_text("of another training")
    done(start, "classify_NN.py", trained, "-data", "FAKE", "-epochs", 2)
    assert files["record"].exists()
    assert results_of(trained, "NN") == before


@pytest.mark.parametrize(("number", "code", "moment"), [(signal.SIGINT, 130, "epoch  1:"), (signal.SIGTERM, 143, "")])
def test_a_stopped_training_ends_with_the_usual_code_and_no_traceback(new_study, number, code, moment):
    folders = new_study()
    with launch(words_of("LeNet", folders, epochs=1000)) as process:
        wait_for(process, moment)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert errors.strip() and "Traceback" not in errors, errors
    assert not folders.results("E1").exists()


def test_a_full_disk_is_one_sentence_and_leaves_the_earlier_results(trained, tmp_path):
    in_a_namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or run(*in_a_namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt").returncode:
        pytest.skip("this system lets nobody but the administrator mount a small disk")
    place, after = tmp_path / "place", tmp_path / "after"
    place.mkdir()
    after.mkdir()
    before = files_of(trained.output)
    room = sum(-(-len(content) // 4096) * 4096 for content in before.values()) + 100 * 4096  # for folders, and some files
    words = [sys.executable, *words_of("NN", Folders(trained.images, place), epochs=3)]
    surroundings = {"SIZE": str(room), "STUDY": str(trained.output), "PLACE": str(place), "AFTER": str(after)}
    ended = run(*in_a_namespace, "bash", "-c", MOUNTED, "bash", *words, **surroundings)
    refused(ended, "No space left")
    assert files_of(after) == before


def test_damaged_images_are_named_before_anything_is_trained(start, small):
    folder = small.split("FAKE", "train")
    whole = (folder / file_name(0, 1)).read_bytes()
    damaged = {file_name(0, 2): whole[:500], file_name(1, 3): b"", file_name(2, 4): b"<html>"}
    for name, content in damaged.items():
        (folder / name).write_bytes(content)
    done(start, "create_metadata.py", small)
    refused(called(start, "classify_NN.py", small, "-data", "FAKE"), *damaged)
    assert not small.results("E1").exists()


def test_a_damaged_record_is_named(start, trained):
    record = trained.classifier("E1", "FAKE", "NN")["record"]
    record.write_bytes(record.read_bytes()[:-40])
    refused(called(start, "visualise.py", trained), record.name)
