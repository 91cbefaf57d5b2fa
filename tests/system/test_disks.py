"""Disks that fill, drives that are lost, folders that cannot be written to: a sentence, exit code 2, and all that was there intact.

disturbed.py has an operation on files fail that the system would let pass; if the system lets us, real small and read-only
disks are mounted, too. `bash test.sh` tries a few, `bash test.sh --long` has every operation fail.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import REPOSITORY, Start, done, moments, words_of

from cifake.system import files
from cifake.system.paths import Folders

SEVERAL_WAYS = [("NN", kind) for kind in ("full disk", "lost drive", "failed rename")]
Undisturbed = Callable[[str], tuple[list[str], dict[str, bytes]]]


@pytest.fixture(scope="module")
def earlier(start, few_images, tmp_path_factory) -> Folders:
    """A study that has NN on FAKE, after one epoch, with all that is made of it."""
    folders = Folders(few_images, tmp_path_factory.mktemp("earlier"))
    done(start, "create_metadata.py", folders)
    done(start, "classify_NN.py", folders, "-data", "FAKE", "-epochs", 1)
    done(start, "visualise.py", folders)
    done(start, "final_evaluate.py", folders)
    return folders


@pytest.fixture(scope="module")
def undisturbed(start, earlier, tmp_path_factory) -> Undisturbed:
    """A function that trains a classifier over the earlier results: its operations on files, and all comparable files after it."""

    @functools.cache
    def train(architecture: str) -> tuple[list[str], dict[str, bytes]]:
        folders = Folders(earlier.images, tmp_path_factory.mktemp("undisturbed") / "copy")
        shutil.copytree(earlier.output, folders.output)
        ended = start(words_of(architecture, folders), folders.output)
        assert ended["code"] == 0, ended["stderr"]
        return ended["operations"], comparable(contents(folders))

    return train


@pytest.fixture
def copy(earlier, tmp_path) -> Callable[[], Folders]:
    """A function that gives a copy of the earlier study, in place of the one before."""

    def make() -> Folders:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(earlier.output, tmp_path / "copy")
        return Folders(earlier.images, tmp_path / "copy")

    return make


def contents(folders: Folders) -> dict[str, bytes]:
    """All files of a study but the locks, and what an interrupted training is continued from."""
    return {
        str(path.relative_to(folders.output)): path.read_bytes()
        for path in folders.output.rglob("*")
        if path.is_file() and path.parent != folders.unfinished
    }


def comparable(files: dict[str, bytes]) -> dict[str, bytes]:
    """Those which are the same bytes in each run; the others tell times."""
    return {name: content for name, content in files.items() if not name.endswith((".keras", "_record.json"))}


def temporary(folders: Folders) -> list[str]:
    """Drafts and staged files."""
    return [path.name for path in folders.output.rglob(".*")]


def spoken(errors: str, *words: str) -> bool:
    """Whether a script has said one sentence, with one of these words in it."""
    return errors.count("\n") == 1 and "Traceback" not in errors and any(word in errors for word in words)


WORDS = {
    "full disk": ["No space left on device; free some space", "the new results are complete"],
    "lost drive": ["Input/output error", "check the disk or the connection to it"],
    "failed rename": ["Input/output error", "the new results are complete"],
}


def check_failing(start: Start, copy: Callable[[], Folders], undisturbed: Undisturbed, architecture: str, kind: str, every: int) -> int:
    """Have a training over the earlier results fail at each operation, or at each n-th (`every`). Gives how many failed."""
    before, (operations, after) = contents(copy()), undisturbed(architecture)
    numbers = moments(operations)
    if kind == "failed rename":
        numbers = [number for number in numbers if "rename" in operations[number - 1]]
    failed = 0
    for number in numbers[every // 2 :: every]:
        folders = copy()
        words = words_of(architecture, folders)
        where = f"{kind} at operation {number}, {operations[number - 1]}"
        result = start(words, folders.output, kind, number)
        if result["code"] == 0:  # what would have failed comes later and is not needed: removing what is not there
            assert comparable(contents(folders)) == after, where
            continue
        failed += 1
        assert result["code"] == 2, f"{where}: {result['stderr']}"
        assert spoken(result["stderr"], *WORDS[kind]), f"{where}: {result['stderr']}"
        now = {name: content for name, content in contents(folders).items() if not Path(name).name.startswith(".")}
        if "the new results are complete" not in result["stderr"]:
            assert now == before, where
        for name, content in comparable(now).items():
            assert content in (before.get(name), after.get(name)), f"{where}: {name} is neither old nor new"
        if kind == "full disk":  # the next start continues a training that was cut: see test_interruptions.py
            assert temporary(folders) == [], where
            continue
        again = start(words, folders.output)
        assert again["code"] == 0, f"{where}: {again['stderr']}"
        assert comparable(contents(folders)) == after, where
        assert temporary(folders) == [], where
    return failed


@pytest.mark.parametrize(("architecture", "kind"), SEVERAL_WAYS)
def test_a_disk_that_fails_leaves_the_earlier_results(start, copy, undisturbed, architecture, kind):
    assert check_failing(start, copy, undisturbed, architecture, kind, every=6 if kind == "failed rename" else 30) >= 2


@pytest.mark.long
@pytest.mark.parametrize(("architecture", "kind"), [*SEVERAL_WAYS, ("LeNet", "full disk"), ("VGG16", "full disk")])
def test_a_disk_can_fail_at_any_operation(start, copy, undisturbed, architecture, kind, counted):
    failed = check_failing(start, copy, undisturbed, architecture, kind, every=1)
    assert failed > 5
    counted(f"FAKE {architecture}, {kind}: {failed} faults; nothing was lost")


def check_drawing(start: Start, copy: Callable[[], Folders], name: str, every: int) -> int:
    """Have the disk be full at each operation of a script that draws or tests, or at each n-th (`every`). Gives how often it ended.

    Each of its files is then the old one or the new one.
    """
    folders = copy()
    options = ["--images", folders.images, "--output", folders.output, "--fresh"]
    words = [REPOSITORY / "src" / name, *options]
    if name == "create_metadata.py":
        shutil.rmtree(folders.output / "images")
    before = contents(folders)
    ended = start(words, folders.output)
    assert ended["code"] == 0, ended["stderr"]
    after = contents(folders)
    numbers, failed = moments(ended["operations"]), 0
    for number in numbers[every // 2 :: every]:
        folders = copy()
        if name == "create_metadata.py":
            shutil.rmtree(folders.output / "images")
        where = f"{name}, full disk at operation {number}, {ended['operations'][number - 1]}"
        result = start(words, folders.output, "full disk", number)
        if result["code"] == 0:
            continue
        failed += 1
        assert result["code"] == 2, f"{where}: {result['stderr']}"
        assert spoken(result["stderr"], *WORDS["full disk"]), f"{where}: {result['stderr']}"
        assert temporary(folders) == [], where
        now = contents(folders)
        assert now.keys() >= before.keys(), where
        for file, content in comparable(now).items():
            assert content in (before.get(file), after.get(file)), f"{where}: {file} is neither old nor new"
    return failed


SCRIPTS = ["create_metadata.py", "visualise.py", "final_evaluate.py"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_full_disk_leaves_csvs_figures_and_tables_whole(start, copy, name):
    assert check_drawing(start, copy, name, every=32) >= 1


@pytest.mark.long
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_disk_can_be_full_at_any_operation_of_a_script(start, copy, name, counted):
    failed = check_drawing(start, copy, name, every=1)
    assert failed > 5
    counted(f"{name}: {failed} full disks; nothing was lost")


MOUNTED = r"""
mount -t tmpfs -o "size=$SIZE" tmpfs "$PLACE" && cp -a "$STUDY/." "$PLACE" || exit 99
[ "$MODE" = rw ] || mount -o remount,ro "$PLACE" || exit 99
code=0
"$@" || code=$?
cp -a "$PLACE/." "$AFTER"
exit $code
"""


def on_a_disk_of_its_own(folders: Folders, place: Path, after: Path, size: int, mode: str) -> subprocess.CompletedProcess:
    """Train NN in a copy of a study on a disk of `size` bytes, mounted at `place` and copied to `after` at the end."""
    for folder in (place, after):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    surroundings = {"SIZE": str(size), "STUDY": str(folders.output), "PLACE": str(place), "AFTER": str(after), "MODE": mode}
    command = [sys.executable, *map(str, words_of("NN", Folders(folders.images, place)))]
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", MOUNTED, "bash", *command],
        env=os.environ | surroundings,
        capture_output=True,
        text=True,
        timeout=300,
    )


def needs_mounts() -> None:
    """Skip a test if the system does not let us mount; what disturbed.py does is tested anyway."""
    try:
        allowed = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True
        ).returncode
    except FileNotFoundError:
        allowed = 1
    if allowed != 0:
        pytest.skip("this system lets nobody but the administrator mount disks")


def check_small_disks(earlier: Folders, tmp_path: Path, sizes: int) -> int:
    """Train on real disks that have room for the earlier results, and for this or that part of the new ones."""
    used = sum(-(-len(content) // 4096) * 4096 for content in contents(earlier).values()) + 40 * 4096
    failed = 0
    for number in range(sizes):
        size = used + int(4_500_000 * (number + 0.25) / sizes)  # what a whole run needs at most, its checkpoint among it
        result = on_a_disk_of_its_own(earlier, tmp_path / "place", tmp_path / "after", size, "rw")
        assert result.returncode in (0, 2), f"{size} bytes: {result.stderr}"
        if result.returncode == 2:
            failed += 1
            assert spoken(result.stderr, *WORDS["full disk"]), f"{size} bytes: {result.stderr}"
            assert contents(Folders(earlier.images, tmp_path / "after")) == contents(earlier)
            assert temporary(Folders(earlier.images, tmp_path / "after")) == []
    return failed


def test_a_small_disk_that_is_full_leaves_the_earlier_results(earlier, tmp_path):
    needs_mounts()
    assert check_small_disks(earlier, tmp_path, sizes=1) >= 1


@pytest.mark.long
def test_small_disks_of_many_sizes_leave_the_earlier_results(earlier, tmp_path, counted):
    needs_mounts()
    failed = check_small_disks(earlier, tmp_path, sizes=40)
    counted(f"{failed} small disks were full; nothing was lost")


def test_a_read_only_folder_is_named(earlier, tmp_path):
    needs_mounts()
    result = on_a_disk_of_its_own(earlier, tmp_path / "place", tmp_path / "after", 50_000_000, "ro")
    assert result.returncode == 2, result.stderr
    assert spoken(result.stderr, "Read-only file system; name a folder that can be written to with --output"), result.stderr
    assert contents(Folders(earlier.images, tmp_path / "after")) == contents(earlier)


def test_drafts_of_a_file_with_signs_of_patterns_in_its_name_are_removed(tmp_path):
    path = tmp_path / "a**b[c].png"
    draft = tmp_path / f".{path.stem}.{os.uname().nodename}-{2**22 + 1}.draft.png"  # beyond the largest number of a process
    draft.touch()
    files.write_text(path, "whole")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
