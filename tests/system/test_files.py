"""Files are written whole, and those of a run together: full and read-only disks, faults at any step, and two starts at once."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import REPOSITORY, done, words_of

from cifake.experiments.runs import model_fault
from cifake.results import histories, records
from cifake.system import files
from cifake.system.paths import Folders


@pytest.fixture
def paths(tmp_path) -> list[Path]:
    """The files of a run, the record last, with what an earlier run has left in them."""
    names = [tmp_path / "models" / "a**b[c].keras", tmp_path / "results" / "history.csv", tmp_path / "results" / "record.json"]
    for path in names:
        path.parent.mkdir(exist_ok=True)
        path.write_text("old")
    return names


def write(paths: list[Path]) -> None:
    with files.together(paths) as make:
        for path in paths:
            make(path, lambda draft: draft.write_text("new"))


def there(paths: list[Path]) -> list[str | None]:
    return [path.read_text() if path.exists() else None for path in paths]


def fail_at(number: int) -> Callable:
    """Path.replace that fails at the n-th call."""
    calls, replace = [], Path.replace

    def failing(draft: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == number:
            raise OSError(5, "Input/output error", str(target))
        return replace(draft, target)

    return failing


def test_a_run_is_there_as_a_whole_or_without_its_record(paths, monkeypatch):
    for number in (1, 2, 3):
        with monkeypatch.context() as faulty, pytest.raises(OSError, match="Input/output"):
            faulty.setattr(Path, "replace", fail_at(number))
            write(paths)
        assert there(paths) == ["new"] * (number - 1) + ["old"] * (3 - number) + [None]
        assert not list(paths[0].parents[1].rglob(".*")), "drafts were left"
        for path in paths:
            path.write_text("old")
    write(paths)
    assert there(paths) == ["new"] * 3


@pytest.mark.parametrize("problem", [OSError, KeyboardInterrupt])
def test_a_run_that_fails_leaves_the_earlier_one(paths, problem):
    with pytest.raises(problem), files.together(paths) as make:
        make(paths[0], lambda draft: draft.write_text("new"))
        raise problem
    assert there(paths) == ["old"] * 3
    assert not list(paths[0].parents[1].rglob(".*")), "drafts were left"


def test_drafts_of_a_killed_start_go_after_an_hour_and_those_of_others_stay(paths):
    of_others, left = (paths[0].with_name(f".{paths[0].stem}.machine-{number}.draft.keras") for number in (1, 2))
    for path in (of_others, left):
        path.touch()
    os.utime(left, (time.time() - 2 * files.LEFT_BEHIND,) * 2)
    write(paths)
    assert of_others.exists()
    assert not left.exists()


def test_two_starts_with_other_settings_in_one_folder_leave_no_mixture(start, new_study):
    """At once, with other seeds and other numbers of epochs: each record fits its files, or counts as not done."""
    folders = new_study()
    runs = [words_of("NN", folders, epochs) + more for epochs in (1, 3) for more in ([], ["--seed", "130"])]
    assert start(runs[0], folders.output, beside=runs[1:])["code"] == 0
    for seed in (None, 130):
        paths = folders.classifier("E1", "FAKE", "NN", seed)
        record = records.read(paths["record"])
        if not model_fault(paths["model"], record):
            assert len(histories.read(paths["history"], record)) == record["settings"]["epochs_at_most"]
            assert files.checksum(paths["predictions"]) == record["predictions"]["sha256"]
    assert not list(folders.output.rglob(".*")), "drafts were left"


MOUNTED = r"""
mount -t tmpfs -o "size=$SIZE" tmpfs "$PLACE" && cp -a "$STUDY/." "$PLACE" || exit 99
[ "$MODE" = rw ] || mount -o remount,ro "$PLACE" || exit 99
code=0
"$@" || code=$?
cp -a "$PLACE/." "$AFTER"
exit $code
"""


@pytest.mark.parametrize(("size", "mode", "words"), [(1_000_000, "rw", "No space left on device"), (50_000_000, "ro", "Read-only")])
def test_a_disk_that_is_full_or_read_only_leaves_the_earlier_results(start, few_images, tmp_path, size, mode, words):
    """A real one, with `size` bytes beside the earlier results."""
    folders, place, after = Folders(few_images, tmp_path / "earlier"), tmp_path / "place", tmp_path / "after"
    done(start, "create_metadata.py", folders)
    done(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", 1)
    before = {path.relative_to(folders.output): path.read_bytes() for path in folders.output.rglob("*") if path.is_file()}
    for folder in (place, after):
        folder.mkdir()
    size += sum(-(-len(content) // 4096) * 4096 for content in before.values()) + 40 * 4096
    surroundings = {"SIZE": str(size), "STUDY": str(folders.output), "PLACE": str(place), "AFTER": str(after), "MODE": mode}
    command = [sys.executable, *map(str, words_of("NN", Folders(few_images, place)))]
    if shutil.which("unshare") is None:
        pytest.skip("this system has no unshare")
    mounted = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", MOUNTED, "bash", *command]
    result = subprocess.run(mounted, env=os.environ | surroundings, capture_output=True, text=True, timeout=300)
    if result.returncode in (1, 99):
        pytest.skip("this system lets nobody but the administrator mount disks")
    assert result.returncode == 2, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    left = {path.relative_to(after): path.read_bytes() for path in after.rglob("*") if path.is_file() and path.parent.name != "unfinished"}
    assert left == before


def test_scripts_run_side_by_side(start, new_study):
    """All at once into one output folder; none disturbs another, and the figures are of what was whole when they were drawn."""
    folders = new_study()
    done(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", 1)
    options = ["--images", folders.images, "--output", folders.output]
    names = ["create_metadata.py", "visualise.py", "visualise.py", "final_evaluate.py"]
    ended = start(words_of("LeNet", folders), folders.output, beside=[[REPOSITORY / "src" / name, *options] for name in names])
    assert ended["code"] == 0, ended["stdout"] + ended["stderr"]
    assert records.name_of(records.read(folders.results("E1") / "FAKE_LeNet_record.json")) == "FAKE LeNet"
    for picture in folders.output.glob("E?_visualisations/*.png"):
        assert picture.read_bytes().endswith(b"IEND\xaeB`\x82"), picture
    assert not list(folders.output.rglob(".*")), "drafts were left"
