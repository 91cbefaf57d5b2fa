"""download_data.py and cifake.data.kaggle: CIFAKE arrives whole or not at all, and nothing else is touched. No network is used."""

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import urllib3
from test_metadata import cifake_names

from cifake import protocol
from cifake.data import kaggle, metadata
from cifake.system.errors import StudyError
from cifake.system.paths import REPOSITORY, Folders

SMALL = {
    f"{split}/{source}": kaggle._names(range(8, 12) if split == "train" else range(2), 4)
    for split in protocol.SPLITS
    for source in protocol.SOURCES
}


def lay_out(folder: Path, leave_out: str = "") -> Path:
    """What a download unpacks to: a folder with train/REAL and so on."""
    for part, names in SMALL.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        for name in names:
            if f"{part}/{name}" != leave_out:
                (folder / part / name).write_bytes(f"image {part} {name}".encode())
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def few_files(monkeypatch) -> None:
    """A CIFAKE of 120 files."""
    monkeypatch.setattr(kaggle, "CIFAKE", SMALL)


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    """kagglehub's cache with the whole data set."""
    fetches(monkeypatch, lambda _: tmp_path / "cache")
    return lay_out(tmp_path / "cache")


@pytest.fixture
def folders(tmp_path) -> Folders:
    return Folders(tmp_path / "images", tmp_path)


def fetches(monkeypatch, fetch: Callable[[bool], Path]) -> None:
    """Put a function in the place of kagglehub."""
    monkeypatch.setattr(kaggle, "_fetch", fetch)


def never(_again: bool) -> Path:
    raise AssertionError("nothing was to be downloaded")


# ------------------------------------------------------------------------------------------------ a download that goes well


def test_the_expected_names_are_those_of_the_published_metadata(monkeypatch):
    monkeypatch.undo()
    assert set(kaggle.CIFAKE) == set(SMALL)
    for part, names in kaggle.CIFAKE.items():
        split, source = part.split("/")
        assert names == set(cifake_names(source, split))


def test_the_download_is_put_in_the_study_s_layout(folders, kept):
    assert kaggle.bring(folders) == [folders.images / part for part in SMALL]
    assert contents(folders.images) == contents(kept)
    assert sorted(path.name for path in folders.images.iterdir()) == ["test", "train"]
    for source in protocol.SOURCES:
        for split in protocol.SPLITS:
            names, _ = metadata.list_images(folders, source, split)
            assert metadata.make_rows(names, source, split, protocol.CIFAKE_CLASSES)


def test_deleting_kagglehub_s_copy_leaves_the_images(folders, kept):
    kaggle.bring(folders)
    before = contents(folders.images)
    shutil.rmtree(kept)
    assert contents(folders.images) == before


def test_disks_without_links_get_copies(folders, kept, monkeypatch):
    def refuse(_path, _target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    kaggle.bring(folders)
    assert contents(folders.images) == contents(kept)
    assert (folders.images / "train/REAL/0008.jpg").stat().st_nlink == 1


def test_images_that_are_all_there_are_not_fetched_again(folders, monkeypatch, caplog):
    fetches(monkeypatch, never)
    lay_out(folders.images)
    (folders.images / "train" / "REAL" / ".DS_Store").write_bytes(b"")
    (folders.images / "README.md").write_text("where to put them")
    before = contents(folders.images)
    caplog.set_level("INFO")
    for dry_run in (False, True):
        caplog.clear()
        assert kaggle.bring(folders, dry_run) == []
        assert caplog.messages == [f"{folders.images}: CIFAKE is complete"]
    assert contents(folders.images) == before


def test_a_dry_run_downloads_and_writes_nothing(folders, monkeypatch, caplog):
    fetches(monkeypatch, never)
    caplog.set_level("INFO")
    assert kaggle.bring(folders, dry_run=True) == []
    assert "would be downloaded" in caplog.text
    assert not any(folders.output.iterdir())


# -------------------------------------------------------------------------------------- what is there in part, or was stopped


def test_only_what_is_missing_is_put_there(folders, kept):
    lay_out(folders.images)
    shutil.rmtree(folders.images / "test" / "FAKE")
    untouched = folders.images / "train" / "FAKE"
    before = untouched.stat().st_ino
    assert kaggle.bring(folders) == [folders.images / "test" / "FAKE"]
    assert contents(folders.images) == contents(kept)
    assert untouched.stat().st_ino == before


@pytest.mark.parametrize("cut_short", [b"", b"image tr"])
def test_a_copy_by_hand_that_was_interrupted_is_completed(folders, kept, cut_short):
    folder = folders.images / "train" / "REAL"
    folder.mkdir(parents=True)
    for name in sorted(SMALL["train/REAL"])[:7]:
        (folder / name).write_bytes((kept / "train" / "REAL" / name).read_bytes())
    (folder / name).write_bytes(cut_short)
    kaggle.bring(folders)
    assert contents(folders.images) == contents(kept)


def test_an_empty_file_makes_a_folder_incomplete(folders, kept):
    lay_out(folders.images)
    (folders.images / "train/REAL/0008.jpg").write_bytes(b"")
    assert kaggle.bring(folders) == [folders.images / "train" / "REAL"]
    assert contents(folders.images) == contents(kept)


@pytest.mark.parametrize("calls", [5, 100])
def test_a_disk_that_fills_up_while_files_are_gathered_leaves_no_part_of_a_folder(folders, kept, monkeypatch, calls):
    link, linked = kaggle._link, []

    def fill_up(kept: Path, path: Path) -> None:
        if len(linked) == calls:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        linked.append(path)
        link(kept, path)

    with monkeypatch.context() as full, pytest.raises(OSError, match="No space left"):
        full.setattr(kaggle, "_link", fill_up)
        kaggle.bring(folders)
    assert not any(folders.images.iterdir())
    kaggle.bring(folders)
    assert contents(folders.images) == contents(kept)


@pytest.mark.parametrize("moves", range(3))
def test_a_start_that_was_killed_between_two_renames_is_done_again(folders, kept, monkeypatch, moves):
    lay_out(folders.images, leave_out="train/FAKE/0009.jpg")
    for part in ("test/REAL", "test/FAKE"):
        shutil.rmtree(folders.images / part)
    move, moved = shutil.move, []

    def die(draft: Path, target: Path) -> None:
        if len(moved) == moves:
            shutil.copytree(folders.images / ".download", folders.output / "left")  # after SIGKILL nobody tidies up
            raise KeyboardInterrupt
        moved.append(target)
        move(draft, target)

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(shutil, "move", die)
        kaggle.bring(folders)
    (folders.output / "left").rename(folders.images / ".download")
    assert len(kaggle.bring(folders)) == 3 - moves
    assert contents(folders.images) == contents(kept)
    assert sorted(path.name for path in folders.images.iterdir()) == ["test", "train"]


def test_a_cache_that_lost_files_is_fetched_again(folders, tmp_path, monkeypatch):
    asked = []

    def fetch(again: bool) -> Path:
        asked.append(again)
        return lay_out(tmp_path / "cache", leave_out="" if again else "train/REAL/0008.jpg")

    fetches(monkeypatch, fetch)
    kaggle.bring(folders)
    assert asked == [False, True]
    assert contents(folders.images) == contents(tmp_path / "cache")


@pytest.mark.parametrize("fault", ["train/REAL/0008.jpg", "test/FAKE/0001 (10).jpg"])
def test_a_download_that_stays_incomplete_is_never_used(folders, tmp_path, monkeypatch, fault):
    fetches(monkeypatch, lambda _: lay_out(tmp_path / "cache", leave_out=fault))
    with pytest.raises(StudyError, match="not the published data set"):
        kaggle.bring(folders)
    assert not folders.images.exists()


# ------------------------------------------------------------------------------------------- the real kagglehub, without a server


class Server:
    """Answers kagglehub in the place of Kaggle."""

    def __init__(self, folder: Path):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in contents(lay_out(folder)).items():
                archive.writestr(name, content)
        self.whole = self.body = packed.getvalue()
        self.status, self.fault, self.cut = 200, None, None
        self.ranges = []  # asked for, None for all

    def send(self, request: requests.PreparedRequest, **_) -> requests.Response:
        self.ranges.append(request.headers.get("Range"))
        if self.fault:
            raise self.fault
        start = int((self.ranges[-1] or "bytes=0-")[6:-1])
        response = requests.Response()
        response.status_code, response.url, response.request = self.status, request.url, request
        response.headers.update({"Content-Length": str(len(self.body)), "Accept-Ranges": "bytes"})
        response.raw = Cut(self.body[start:], self.cut)
        return response


class Cut(io.BytesIO):
    """The body of an answer; the connection may break after some bytes."""

    def __init__(self, body: bytes, cut: int | None):
        super().__init__(body[:cut])
        self.breaks = cut is not None

    def stream(self, size: int, **_):
        while part := self.read(min(size, 1000)):
            yield part
        if self.breaks:
            raise urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead")


@pytest.fixture
def server(tmp_path, monkeypatch) -> Server:
    """No credentials, an empty cache, and a server that is answered for."""
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_API_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "kaggle"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    server = Server(tmp_path / "packed")
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda _, request, **words: server.send(request, **words))
    return server


def test_kagglehub_downloads_once_and_then_needs_no_network(folders, server):
    kaggle.bring(folders)
    assert contents(folders.images) == contents(folders.output / "packed")
    shutil.rmtree(folders.images)
    server.fault = AssertionError("the cache is complete")
    kaggle.bring(folders)
    assert contents(folders.images) == contents(folders.output / "packed")


def test_a_download_that_died_half_way_is_fetched_on_the_next_start(folders, server):
    server.cut = 5_000
    assert "cannot be reached" in failure(folders)
    server.cut, server.ranges = None, []
    kaggle.bring(folders)
    assert server.ranges == [None, "bytes=5000-"]
    assert contents(folders.images) == contents(folders.output / "packed")


def test_kagglehub_s_own_cache_that_lost_files_is_downloaded_again(folders, server):
    kaggle.bring(folders)
    shutil.rmtree(folders.images)
    next((folders.output / "hub").rglob("0008.jpg")).unlink()
    kaggle.bring(folders)
    assert len(server.ranges) == 2
    assert contents(folders.images) == contents(folders.output / "packed")


def failure(folders: Folders) -> str:
    """The sentence of a download that fails: it names the ways on and leaves the images folder alone."""
    with pytest.raises(StudyError) as answer:
        kaggle.bring(folders)
    sentence = str(answer.value)
    for part in (kaggle.ADDRESS, *(str(folders.images / part) for part in SMALL), "bash run.sh --demo"):
        assert part in sentence
    assert "\n" not in sentence
    assert not folders.images.exists()
    return sentence


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "Kaggle refused it; renew or delete your credentials"),
        (403, "Kaggle refused it; renew or delete your credentials"),
        (404, "Kaggle no longer has it; look for it in a browser"),
        (429, "too many requests from your network; wait a few minutes"),
        (503, "a problem of its own (error 503); wait a few minutes"),
    ],
)
def test_an_answer_that_is_no_download_has_its_own_remedy(folders, server, caplog, status, words):
    server.status = status
    sentence = failure(folders)
    assert words in sentence
    assert "Error" not in sentence and "Resource" not in sentence  # the library's words
    assert str(status) not in caplog.text
    caplog.set_level("DEBUG", "cifake")  # --verbose
    failure(folders)
    assert str(status) in caplog.text


@pytest.mark.parametrize("fault", [requests.ConnectionError("no route\nmore"), requests.ReadTimeout("slow"), TimeoutError()])
def test_no_network_is_told(folders, server, fault):
    server.fault = fault
    sentence = failure(folders)
    assert "Kaggle cannot be reached; check the network connection and run the same command again" in sentence
    assert "no route" not in sentence


@pytest.mark.parametrize("body", [b"<html>Please sign in</html>", b"PK\x03\x04 cut", b""])
def test_a_damaged_archive_is_downloaded_again_on_the_next_start(folders, server, body):
    server.body = body
    for _ in range(2):
        assert "what arrived is damaged" in failure(folders)
        assert not list((folders.output / "hub").rglob("*.archive"))
    server.body = server.whole
    kaggle.bring(folders)
    assert contents(folders.images) == contents(folders.output / "packed")


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"username": "me"}', "\ud800"])
def test_broken_credentials_are_named(folders, server, text):
    path = folders.output / "kaggle" / "kaggle.json"
    path.parent.mkdir()
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert f"your credentials in {path} cannot be read; correct or delete them" in failure(folders)
    assert not server.ranges


@pytest.mark.usefixtures("server")
def test_a_cache_folder_that_cannot_be_written_to_is_named(folders):
    (folders.output / "hub").write_text("a file")
    sentence = failure(folders)
    assert f"{folders.output / 'hub'}: Not a directory; allow writing" in sentence
    assert "KAGGLEHUB_CACHE" in sentence


@pytest.mark.usefixtures("server")
def test_a_full_disk_is_not_taken_for_a_missing_network(folders, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(zipfile.ZipFile, "extractall", full)
        sentence = failure(folders)
    assert "No space left on device" in sentence and "free 1 GB" in sentence
    assert "cannot be reached" not in sentence
    kaggle.bring(folders)
    assert contents(folders.images) == contents(folders.output / "packed")


# ------------------------------------------------------------------------------------------- images that are not CIFAKE's


def refused(folders: Folders, named: str) -> None:
    """Check that other images are named, and left as they are."""
    before = contents(folders.images)
    for dry_run in (True, False):
        with pytest.raises(StudyError, match="not CIFAKE's") as answer:
            kaggle.bring(folders, dry_run)
        assert named in str(answer.value)
    assert contents(folders.images) == before


@pytest.mark.parametrize("name", ["train/REAL/9999.jpg", "test/FAKE/cat.png", "train/FAKE/deeper/1000.jpg"])
def test_other_images_are_left_before_anything_is_downloaded(folders, monkeypatch, name):
    fetches(monkeypatch, never)
    path = folders.images / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    refused(folders, "/".join(name.split("/")[:3]))


def test_classes_of_one_s_own_mean_images_of_one_s_own(folders, monkeypatch):
    fetches(monkeypatch, never)
    folders.images.mkdir()
    folders.class_list.write_text("cat\ndog\n")
    refused(folders, "classes.txt")


@pytest.mark.usefixtures("kept")
def test_images_of_one_s_own_with_cifake_s_names_are_left(folders):
    path = folders.images / "train" / "REAL" / "0008.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(StudyError, match=r"not CIFAKE's, such as .*train/REAL/0008.jpg"):
        kaggle.bring(folders)
    assert contents(folders.images) == {"train/REAL/0008.jpg": b"mine"}


def test_what_a_killed_start_left_is_not_in_the_way_of_one_s_own_images(folders, monkeypatch):
    """run.sh takes a hidden folder for a download that was cut short; own images that came later are not to be called that."""
    fetches(monkeypatch, never)
    for part in (".download/train/REAL", "train/REAL"):
        (folders.images / part).mkdir(parents=True)
        (folders.images / part / "cat (1).jpg").write_bytes(b"mine")
    with pytest.raises(StudyError, match="not CIFAKE's"):
        kaggle.bring(folders)
    assert [path.name for path in folders.images.iterdir()] == ["train"]


# --------------------------------------------------------------------------------------------------------------- the script

STUB = """\
import time
from types import SimpleNamespace

config = SimpleNamespace(get_kaggle_credentials=lambda: None, get_cache_folder=lambda: "cache")


def dataset_download(handle, force_download=False):
    """


def command(*arguments: str) -> list[str]:
    """The script with folders of its own."""
    script = str(REPOSITORY / "src" / "download_data.py")
    return [sys.executable, "-u", script, "--images", "images", "--output", "out", *arguments]


def start(folder: Path, kagglehub: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run the script as a user would, with a module in kagglehub's place."""
    return subprocess.run(command(*arguments), cwd=folder, env=surroundings(folder, kagglehub), capture_output=True, text=True, timeout=60)


def surroundings(folder: Path, kagglehub: str) -> dict[str, str]:
    """The environment of a process that finds a module in kagglehub's place, and an images folder."""
    (folder / "images").mkdir(exist_ok=True)
    (folder / "modules").mkdir(exist_ok=True)
    (folder / "modules" / "kagglehub.py").write_text(kagglehub)
    return os.environ | {"PYTHONPATH": str(folder / "modules")}


@pytest.mark.parametrize(
    ("kagglehub", "words"),
    [
        (STUB + "raise ConnectionError('no route')", "could not be downloaded: Kaggle cannot be reached; check"),
        ("raise RuntimeError('Could not determine home directory.')", "set the environment variable HOME and run"),
        ("raise ModuleNotFoundError('No module', name='kagglehub')", "The library kagglehub is not installed"),
    ],
)
def test_the_script_ends_with_code_2_and_one_sentence(tmp_path, kagglehub, words):
    ended = start(tmp_path, kagglehub)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert words in ended.stderr
    assert not any((tmp_path / "images").iterdir())


def test_a_dry_run_needs_no_kagglehub_and_writes_nothing(tmp_path):
    ended = start(tmp_path, "raise ImportError", "--dry-run")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "images/train/REAL" in ended.stdout and "would be downloaded" in ended.stdout
    assert not any((tmp_path / "images").iterdir()) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_a_folder_that_the_user_names_has_to_exist(tmp_path, arguments):
    ended = start(tmp_path, "raise ImportError", "--images", "nowhere", *arguments)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "There is no folder nowhere; correct --images" in ended.stderr
    assert not (tmp_path / "nowhere").exists() and not (tmp_path / "out").exists()


def test_a_signal_and_a_second_start(tmp_path):
    """While one process downloads, a second is turned away; SIGTERM ends the first at once, and the lock with it."""
    first = subprocess.Popen(
        command(),
        cwd=tmp_path,
        env=surroundings(tmp_path, STUB + "print('asked'), time.sleep(60)"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "asked\n" in first.stdout
        second = start(tmp_path, STUB + "raise ConnectionError")
        assert (second.returncode, f"process {first.pid}" in second.stderr) == (2, True)
        first.send_signal(signal.SIGTERM)
        assert first.wait(10) == 143
        assert "the same command continues" in first.stderr.read()
    finally:
        first.kill()
        first.communicate()
    third = start(tmp_path, STUB + "raise ConnectionError")
    assert "cannot be reached" in third.stderr
    assert not any((tmp_path / "images").iterdir())
