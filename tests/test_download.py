"""download_data.py and cifake.download: CIFAKE arrives whole or not at all, and nothing else is touched. No network is used."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cifake import download, metadata, protocol
from cifake.download import CIFAKE, Expected
from cifake.errors import StudyError
from cifake.folders import REPOSITORY, Folders


def csv_checksum(source: str, split: str, names: list[str]) -> str:
    """The checksum of a folder's CSV, written here by hand."""
    lines = ["filename,class,label,filepath"]
    for name in names:
        number = int(name[name.index("(") + 1 : name.index(")")]) if "(" in name else 1
        lines.append(f"{name},{number},{protocol.CIFAKE_CLASSES[number - 1]},images/{split}/{source}/{name}")
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def small(source: str, split: str, numbers: range) -> Expected:
    """A small folder's expectation."""
    names = Expected(numbers, 4, "").names
    return Expected(numbers, 4, csv_checksum(source, split, names))


SMALL = {
    (source, split): small(source, split, range(8, 12) if split == "train" else range(2))
    for source in protocol.SOURCES
    for split in protocol.SPLITS
}


def lay_out(folder: Path, leave_out: tuple[str, ...] = ()) -> Path:
    """What kagglehub's download makes: a folder with train/REAL and so on."""
    for (source, split), expected in SMALL.items():
        for name in expected.names:
            path = folder / split / source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if f"{split}/{source}/{name}" not in leave_out:
                path.write_bytes(f"image {split} {source} {name}".encode())
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_bar(names, _what):
    yield from names


def never(_again: bool) -> Path:
    raise AssertionError("nothing was to be downloaded")


@pytest.fixture
def kept(tmp_path) -> Path:
    """kagglehub's cache with the whole data set."""
    return lay_out(tmp_path / "cache")


@pytest.fixture
def folders(tmp_path) -> Folders:
    return Folders(tmp_path / "images", tmp_path)


def bring(folders: Folders, fetch: Callable[[bool], Path], progress=without_bar, dry_run: bool = False) -> list[Path]:
    return download.bring(folders, SMALL, fetch, progress, dry_run)


# What CIFAKE is


def test_the_expected_names_make_the_published_metadata():
    for (source, split), expected in CIFAKE.items():
        assert len(expected.names) == {"train": 50_000, "test": 10_000}[split]
        assert csv_checksum(source, split, expected.names) == expected.sha256
        assert download.is_whole(expected.names[::-1], (source, split), expected)
    assert set(CIFAKE) == {(source, split) for source in protocol.SOURCES for split in protocol.SPLITS}
    assert CIFAKE["FAKE", "test"].names[:3] == ["0 (10).jpg", "0 (2).jpg", "0 (3).jpg"]


def test_names_that_are_not_all_those_expected_are_not_whole():
    place, expected = next(iter(SMALL.items()))
    names = expected.names
    for wrong in (names[1:], [*names, "0000 (11).jpg"], [*names[1:], "9999.jpg"], [*names[1:], "strange.txt"], []):
        assert not download.is_whole(wrong, place, expected)


# A download that goes well


def test_the_download_is_put_in_the_study_s_layout(folders, kept):
    written = bring(folders, lambda _: kept)
    assert set(written) == {folders.split(*place) for place in SMALL}
    assert contents(folders.images) == contents(kept)
    assert sorted(path.name for path in folders.images.iterdir()) == ["test", "train"]
    for source, split in SMALL:
        names, _ = metadata.list_images(folders, source, split)
        assert metadata.make_rows(names, source, split, protocol.CIFAKE_CLASSES)


def test_deleting_kagglehub_s_copy_leaves_the_images(folders, kept):
    bring(folders, lambda _: kept)
    before = contents(folders.images)
    shutil.rmtree(kept)
    assert contents(folders.images) == before


def test_disks_without_links_get_copies(folders, kept, monkeypatch):
    def refuse(_path, _target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    bring(folders, lambda _: kept)
    assert contents(folders.images) == contents(kept)
    assert (folders.images / "train/REAL/0008.jpg").stat().st_nlink == 1


def test_images_that_are_all_there_are_not_fetched_again(folders, caplog):
    lay_out(folders.images)
    (folders.images / "train" / "REAL" / ".DS_Store").write_bytes(b"")
    (folders.images / "README.md").write_text("where to put them")
    caplog.set_level("INFO")
    assert bring(folders, never) == []
    assert [record.message for record in caplog.records] == [
        f"{folders.images}: CIFAKE is all there, 4 folders, 80 train and 40 test images"
    ]


def test_a_dry_run_downloads_and_writes_nothing(folders, caplog):
    caplog.set_level("INFO")
    assert bring(folders, never, dry_run=True) == []
    assert "would be downloaded" in caplog.text
    assert not folders.images.exists()


# Partial ones


def test_only_what_is_missing_is_put_there(folders, kept):
    lay_out(folders.images)
    shutil.rmtree(folders.images / "test" / "FAKE")
    untouched = folders.images / "train" / "FAKE"
    before = untouched.stat().st_ino
    assert bring(folders, lambda _: kept) == [folders.images / "test" / "FAKE"]
    assert contents(folders.images) == contents(kept)
    assert untouched.stat().st_ino == before


@pytest.mark.parametrize("cut_short", [b"", b"image tr"])
def test_a_copy_by_hand_that_was_interrupted_is_completed(folders, kept, cut_short):
    for name in SMALL["REAL", "train"].names[:7]:
        path = folders.images / "train" / "REAL" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"image train REAL {name}".encode())
    path.write_bytes(cut_short)
    bring(folders, lambda _: kept)
    assert contents(folders.images) == contents(kept)


def test_an_empty_file_makes_a_folder_incomplete(folders, kept):
    lay_out(folders.images)
    (folders.images / "train/REAL/0008.jpg").write_bytes(b"")
    assert bring(folders, lambda _: kept) == [folders.images / "train" / "REAL"]
    assert contents(folders.images) == contents(kept)


def test_a_start_that_died_while_copying_leaves_no_part_of_a_folder_and_is_continued(folders, kept, monkeypatch):
    class DiedError(BaseException):
        """As sudden as a killed process."""

    def die(names, what):
        for number, name in enumerate(names):
            if "FAKE" in what and number == 5:
                raise DiedError
            yield name

    with pytest.raises(DiedError):
        bring(folders, lambda _: kept, progress=die)
    assert not (folders.images / "train").exists() and not (folders.images / "test").exists()
    gathered = len(list((folders.images / ".download").rglob("*.jpg")))

    copied, copy = [], download._copy
    monkeypatch.setattr(download, "_copy", lambda source, target: (copied.append(target), copy(source, target)))
    bring(folders, lambda _: kept)
    assert contents(folders.images) == contents(kept)
    assert gathered >= 5
    assert len(copied) == 120 - gathered
    assert sorted(path.name for path in folders.images.iterdir()) == ["test", "train"]


def test_a_start_that_died_between_two_renames_is_continued(folders, kept, monkeypatch):
    lay_out(folders.images)
    (folders.images / "train/REAL/0008.jpg").unlink()
    rename = Path.rename

    def die(path, target):
        if ".download" in str(path):
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(Path, "rename", die)
        bring(folders, lambda _: kept)
    assert not (folders.images / "train" / "REAL").exists()
    bring(folders, lambda _: kept)
    assert contents(folders.images) == contents(kept)


def test_a_download_that_died_half_way_is_fetched_on_the_next_start(folders, tmp_path):
    def die(_again):
        folder = tmp_path / "cache" / "train" / "REAL"
        folder.mkdir(parents=True)
        (folder / "0008.jpg").write_bytes(b"image")
        raise ConnectionResetError("Connection reset by peer")

    with pytest.raises(StudyError, match="Connection reset by peer"):
        bring(folders, die)
    assert contents(folders.images) == {}
    bring(folders, lambda _: lay_out(tmp_path / "cache"))
    assert contents(folders.images) == contents(tmp_path / "cache")


def test_a_cache_that_lost_files_is_fetched_again(folders, tmp_path):
    asked = []

    def fetch(again):
        asked.append(again)
        return lay_out(tmp_path / "cache", leave_out=() if again else ("train/REAL/0008.jpg",))

    bring(folders, fetch)
    assert asked == [False, True]
    assert contents(folders.images) == contents(tmp_path / "cache")


@pytest.mark.parametrize("fault", ["train/REAL/0008.jpg", "test/FAKE/0001 (10).jpg"])
def test_a_download_that_stays_incomplete_is_never_used(folders, tmp_path, fault):
    with pytest.raises(StudyError, match="not the published data set"):
        bring(folders, lambda _: lay_out(tmp_path / "cache", leave_out=(fault,)))
    assert contents(folders.images) == {}


# Downloads that fail


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (ConnectionError("no route\nmore lines"), "(no route)"),
        (ValueError("Unsupported archive type."), "(Unsupported archive type.)"),
        (RuntimeError("\n\n404 Client Error.\n\nResource not found"), "(404 Client Error.)"),
        (TimeoutError(), "(TimeoutError)"),
    ],
)
def test_a_failed_download_names_its_reason_and_the_three_ways_on(folders, problem, reason):
    def fail(_again):
        raise problem

    with pytest.raises(StudyError) as answer:
        bring(folders, fail)
    sentence = str(answer.value)
    assert len(sentence.splitlines()) == 1
    for part in (
        reason,
        "again when there is a network",
        download.ADDRESS,
        *(str(folders.split(*place)) for place in SMALL),
        "bash run.sh --demo",
    ):
        assert part in sentence
    assert not any(folders.images.glob("*"))


def test_a_full_disk_is_not_taken_for_a_missing_network(folders):
    def fail(_again):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        bring(folders, fail)


# Images that are not CIFAKE's


def refused(folders: Folders, fetch: Callable[[bool], Path], named: str) -> None:
    """Check that other images are named, and left as they are."""
    before = contents(folders.images)
    with pytest.raises(StudyError, match="not CIFAKE's") as answer:
        bring(folders, fetch)
    assert named in str(answer.value)
    assert contents(folders.images) == before


@pytest.mark.parametrize("name", ["train/REAL/9999.jpg", "test/FAKE/cat.png", "train/FAKE/deeper/1000.jpg"])
def test_other_images_are_left_before_anything_is_downloaded(folders, name):
    path = folders.images / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    refused(folders, never, "/".join(name.split("/")[:3]))


def test_classes_of_one_s_own_mean_images_of_one_s_own(folders):
    folders.images.mkdir()
    folders.class_list.write_text("cat\ndog\n")
    refused(folders, never, "classes.txt")


def test_images_of_one_s_own_with_cifake_s_names_are_left(folders, kept):
    path = folders.images / "train" / "REAL" / "0008.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    refused(folders, lambda _: kept, "train/REAL/0008.jpg")


# The script


def start(folder: Path, kagglehub: str | None, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run the script as a user would, with a module in kagglehub's place."""
    modules = folder / "modules"
    modules.mkdir(exist_ok=True)
    (modules / "kagglehub.py").write_text("raise ImportError" if kagglehub is None else kagglehub)
    command = [sys.executable, str(REPOSITORY / "src" / "download_data.py"), "--images", "images", *arguments]
    environment = os.environ | {"PYTHONPATH": str(modules), "HOME": str(folder)} | variables
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_without_a_network_the_script_ends_with_code_2_and_one_sentence(tmp_path):
    ended = start(
        tmp_path,
        "def dataset_download(handle, force_download=False):\n"
        "    raise ConnectionError(f'no network for {handle} {force_download}')\n",
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("download_data.py: CIFAKE could not be downloaded (no network for birdy654/cifake-")
    assert ended.stderr.count("\n") == 1
    assert "images/train/REAL" in ended.stderr


def test_a_missing_kagglehub_is_told(tmp_path):
    ended = start(tmp_path, None)
    assert ended.returncode == 2
    assert "kagglehub" in ended.stderr and "requirements.txt" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_dry_run_needs_no_kagglehub(tmp_path):
    ended = start(tmp_path, None, "--dry-run")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "would be downloaded" in ended.stdout
    assert not (tmp_path / "images").exists()


def test_a_download_of_something_else_is_refused_after_a_second_try(tmp_path):
    lay_out(tmp_path / "cache")
    ended = start(
        tmp_path,
        "def dataset_download(handle, force_download=False):\n"
        f"    print('asked', force_download)\n    return {str(tmp_path / 'cache')!r}\n",
    )
    assert ended.returncode == 2
    assert [line for line in ended.stdout.splitlines() if "asked" in line] == ["asked False", "asked True"]
    assert "not the published data set" in ended.stderr
    assert not any((tmp_path / "images").glob("*"))


def test_a_signal_and_a_second_start(tmp_path):
    """While one process downloads, a second is turned away; SIGTERM ends the first at once, and the lock with it."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "kagglehub.py").write_text(
        "import time\ndef dataset_download(handle, force_download=False):\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-u", str(REPOSITORY / "src" / "download_data.py"), "--images", "images"]
    first = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(modules)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        lock, patience = tmp_path / "images" / ".download" / "lock", time.monotonic() + 30
        while not (lock.exists() and lock.read_text()) and time.monotonic() < patience:
            time.sleep(0.05)
        second = start(tmp_path, "def dataset_download(handle, force_download=False):\n    raise ConnectionError\n")
        assert (second.returncode, f"process {first.pid}" in second.stderr) == (2, True)
        first.send_signal(signal.SIGTERM)
        assert first.wait(10) == 143
    finally:
        first.kill()
        first.communicate()
    third = start(tmp_path, "def dataset_download(handle, force_download=False):\n    raise ConnectionError('none')\n")
    assert "(none)" in third.stderr
