"""download_data.py and cifake.data.kaggle: CIFAKE arrives whole or not at all, and nothing else is touched. No network is used."""

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import zipfile
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
    monkeypatch.setattr(kaggle, "file_names", lambda: SMALL)


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    """kagglehub's cache with the whole data set."""
    monkeypatch.setattr(kaggle, "_download", lambda _: tmp_path / "cache")
    return lay_out(tmp_path / "cache")


@pytest.fixture
def folders(tmp_path) -> Folders:
    return Folders(tmp_path / "images", tmp_path)


@pytest.fixture
def offline(monkeypatch) -> None:
    """Nothing is to be downloaded."""
    monkeypatch.delattr(kaggle, "_download")


# ------------------------------------------------------------------------------------------------ a download that goes well


def test_the_expected_names_are_those_of_the_published_metadata(monkeypatch):
    monkeypatch.undo()
    assert set(kaggle.file_names()) == set(SMALL)
    for part, names in kaggle.file_names().items():
        split, source = part.split("/")
        assert names == set(cifake_names(source, split))


def test_the_download_is_put_in_the_study_s_layout(folders, kept):
    assert kaggle.bring(folders) == [folders.images / part for part in SMALL]
    assert contents(folders.images) == contents(kept)
    assert sorted(path.name for path in folders.images.iterdir()) == ["test", "train"]
    for source in protocol.SOURCES:
        for split in protocol.SPLITS:
            assert metadata.rows_of(folders, source, split, protocol.CIFAKE_CLASSES)


def test_deleting_kagglehub_s_copy_leaves_the_images(folders, kept):
    kaggle.bring(folders)
    before = contents(folders.images)
    shutil.rmtree(kept)
    assert contents(folders.images) == before


@pytest.mark.usefixtures("offline")
def test_images_that_are_all_there_are_not_fetched_again(folders, caplog):
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


@pytest.mark.usefixtures("offline")
def test_a_dry_run_downloads_and_writes_nothing(folders, caplog):
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


@pytest.mark.parametrize("calls", [5, 100])
def test_a_disk_that_fills_up_while_files_are_gathered_leaves_no_part_of_a_folder(folders, kept, monkeypatch, calls):
    copy, copied = shutil.copyfile, []

    def fill_up(kept: Path, path: Path) -> None:
        if len(copied) == calls:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        copied.append(path)
        copy(kept, path)

    with monkeypatch.context() as full, pytest.raises(OSError, match="No space left"):
        full.setattr(shutil, "copyfile", fill_up)
        kaggle.bring(folders)
    assert not any(folders.images.iterdir())
    kaggle.bring(folders)
    assert contents(folders.images) == contents(kept)


@pytest.mark.parametrize("moves", range(3))
def test_a_start_that_was_killed_between_two_renames_is_done_again(folders, kept, monkeypatch, moves):
    lay_out(folders.images)
    for part in ("train/FAKE", "test/REAL", "test/FAKE"):
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


def test_kagglehub_s_own_cache_that_lost_files_is_not_used(folders, server):
    kaggle.bring(folders)
    shutil.rmtree(folders.images)
    next((folders.output / "hub").rglob("0008.jpg")).unlink()
    (cache,) = (folders.output / "hub").rglob("versions/3")
    assert f"{cache} is not the published data set; delete that folder and run" in failure(folders)
    shutil.rmtree(cache)
    kaggle.bring(folders)
    assert len(server.ranges) == 2
    assert contents(folders.images) == contents(folders.output / "packed")


def failure(folders: Folders) -> str:
    """The sentence of a download that fails: it names the ways on and leaves the images folder alone."""
    with pytest.raises(StudyError) as answer:
        kaggle.bring(folders)
    sentence = str(answer.value)
    for part in (kaggle.ADDRESS, str(folders.images), "bash run.sh --demo"):
        assert part in sentence
    assert "\n" not in sentence
    assert not any(folders.images.glob("*"))
    return sentence


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "Kaggle refused it; renew or delete your credentials"),
        (403, "Kaggle refused it; renew or delete your credentials"),
        (404, "error 404; wait a few minutes, or look for it in a browser"),
        (503, "error 503; wait a few minutes"),
    ],
)
def test_an_answer_that_is_no_download_has_its_own_remedy(folders, server, caplog, status, words):
    server.status = status
    sentence = failure(folders)
    assert words in sentence
    assert "Error" not in sentence and "Resource" not in sentence  # the library's words
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
        assert "what arrived, or ~/.kaggle/kaggle.json, is damaged" in failure(folders)
        assert not list((folders.output / "hub").rglob("*.archive"))
    server.body = server.whole
    kaggle.bring(folders)
    assert contents(folders.images) == contents(folders.output / "packed")


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"username": "me"}', "\ud800"])
def test_broken_credentials_are_named(folders, server, text):
    path = folders.output / "kaggle" / "kaggle.json"
    path.parent.mkdir()
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert "kaggle.json, is damaged" in failure(folders)
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


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("train/REAL/9999.jpg", r"train/REAL \(0 of CIFAKE's 40 files and 1 others\)"),
        ("train/REAL/0008.jpg", r"train/REAL \(1 of CIFAKE's 40 files and 0 others\)"),  # one's own, or a copy by hand that was cut short
        ("train/FAKE/deeper/1000.jpg", "train/FAKE"),
        ("classes.txt", "classes.txt"),  # classes of one's own mean images of one's own
    ],
)
def test_other_images_are_named_and_left_before_anything_is_downloaded(folders, name, named):
    path = folders.images / name
    path.parent.mkdir(parents=True)
    path.write_text("cat\ndog\n")
    for dry_run in (True, False):
        with pytest.raises(StudyError, match=f"something else than CIFAKE, which stays as it is: .*{named}"):
            kaggle.bring(folders, dry_run)
    assert contents(folders.images) == {name: b"cat\ndog\n"}


# --------------------------------------------------------------------------------------------------------------- the script

STUB = """\
import time
from types import SimpleNamespace

config = SimpleNamespace(get_cache_folder=lambda: "cache")


def dataset_download(handle):
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
        ("raise RuntimeError('Could not determine home directory.')", "set the environment variable HOME"),
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
