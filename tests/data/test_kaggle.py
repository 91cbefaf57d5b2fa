"""download_data.py and cifake.data.kaggle, with the real kagglehub and no server: CIFAKE arrives whole, and nothing else is touched."""

import errno
import io
import zipfile
from pathlib import Path

import pytest
import requests
import urllib3
from conftest import refused, script

from cifake.data import kaggle
from cifake.system.errors import StudyError
from cifake.system.paths import Folders


class Body(io.BytesIO):
    """The body of an answer; the connection breaks after some bytes of it."""

    def stream(self, _size: int, **_):
        yield self.read(self.cut)
        if self.read(1):
            raise urllib3.exceptions.ProtocolError("Connection broken")


class Server:
    """Answers kagglehub in Kaggle's place."""

    def __init__(self):
        self.files = {f"{part}/{number}.jpg": f"{part} {number}".encode() for part, many in kaggle.IMAGES.items() for number in range(many)}
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(name, content)
        self.whole = self.body = packed.getvalue()
        self.cut, self.status, self.ranges = -1, 200, []

    def send(self, request: requests.PreparedRequest, **_) -> requests.Response:
        self.ranges.append(request.headers.get("Range"))
        response = requests.Response()
        response.status_code, response.url, response.request = self.status, request.url, request
        response.headers.update({"Content-Length": str(len(self.body)), "Accept-Ranges": "bytes"})
        response.raw = Body(self.body[int((self.ranges[-1] or "bytes=0-")[6:-1]) :])
        response.raw.cut = self.cut
        return response


@pytest.fixture
def server(tmp_path, monkeypatch) -> Server:
    """No credentials, a CIFAKE of 180 files, and a server that is answered for."""
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_API_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("KAGGLEHUB_CACHE", "DISABLE_KAGGLE_CACHE", "DISABLE_COLAB_CACHE"):
        monkeypatch.setenv(name, "")  # kaggle.py sets them; monkeypatch puts them back
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(kaggle, "IMAGES", {"train/REAL": 60, "train/FAKE": 60, "test/REAL": 30, "test/FAKE": 30})
    server = Server()
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda _, request, **words: server.send(request, **words))
    return server


@pytest.fixture
def folders(tmp_path) -> Folders:
    (tmp_path / "images").mkdir()
    return Folders(tmp_path / "images", tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def failure(folders: Folders) -> str:
    """The sentence of a download that fails: it names the other ways, and no image is there."""
    with pytest.raises(StudyError) as answer:
        kaggle.download(folders)
    sentence = str(answer.value)
    assert all(part in sentence for part in (kaggle.ADDRESS, str(folders.images), "bash run.sh --demo"))
    assert "\n" not in sentence
    assert not any((folders.images / part).exists() for part in kaggle.IMAGES)
    return sentence


def test_cifake_arrives_once(folders, server):
    assert kaggle.download(folders) == [folders.images / part for part in kaggle.IMAGES]
    assert contents(folders.images) == server.files
    (folders.images / "test" / "FAKE" / ".DS_Store").touch()
    assert kaggle.download(folders) == []
    assert len(server.ranges) == 1


@pytest.mark.usefixtures("server")
def test_only_what_is_missing_is_put_there(folders):
    kaggle.download(folders)
    mine = folders.images / "train" / "REAL" / "0.jpg"
    mine.write_bytes(b"as it is")
    (folders.images / "test" / "FAKE").rename(folders.images / "elsewhere")
    (folders.images / "test" / "FAKE").mkdir()
    (folders.images / "test" / "FAKE" / ".DS_Store").touch()
    assert kaggle.download(folders) == [folders.images / "test" / "FAKE"]
    assert mine.read_bytes() == b"as it is"
    assert contents(folders.images / "test" / "FAKE") == contents(folders.images / "elsewhere")


def test_a_download_that_was_cut_off_goes_on(folders, server):
    server.cut = 5_000
    assert "Connection broken" in failure(folders)
    server.cut, server.ranges = -1, []
    kaggle.download(folders)
    assert server.ranges == [None, "bytes=5000-"]
    assert contents(folders.images) == server.files


def test_a_full_disk_or_a_stop_between_two_folders_costs_no_second_download(folders, server, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def move(origin: Path, place: Path) -> None:
        if place.parent.name == "test":
            raise KeyboardInterrupt
        origin.rename(place)

    with monkeypatch.context() as disk:
        disk.setattr(zipfile.ZipFile, "extractall", full)
        assert "No space left on device" in failure(folders)
    with monkeypatch.context() as stop, pytest.raises(KeyboardInterrupt):
        stop.setattr(kaggle.shutil, "move", move)
        kaggle.download(folders)
    asked = len(server.ranges)
    assert kaggle.download(folders) == [folders.images / "test" / "REAL", folders.images / "test" / "FAKE"]
    assert contents(folders.images) == server.files
    assert len(server.ranges) == asked


@pytest.mark.parametrize("body", [b"<html>Please sign in</html>", b"PK\x03\x04 cut", b""])
def test_a_damaged_archive_is_downloaded_again(folders, server, body):
    server.body = body
    failure(folders)
    server.body = server.whole
    kaggle.download(folders)
    assert contents(folders.images) == server.files


@pytest.mark.parametrize("status", [403, 404, 503])
def test_an_answer_that_is_no_download_is_told_in_kagglehubs_words(folders, server, status):
    server.status = status
    assert str(status) in failure(folders)


@pytest.mark.usefixtures("server")
def test_an_archive_of_other_files_is_refused(folders, monkeypatch):
    monkeypatch.setitem(kaggle.IMAGES, "test/FAKE", 31)
    assert "test/FAKE has 30 files in place of 31" in failure(folders)


@pytest.mark.parametrize("dry_run", [True, False])
def test_other_images_are_named_and_left(folders, server, dry_run):
    mine = folders.images / "train" / "REAL" / "0001.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(StudyError, match="train/REAL holds 1 files where CIFAKE has 60, and stays as it is"):
        kaggle.download(folders, dry_run)
    assert contents(folders.images) == {"train/REAL/0001.jpg": b"mine"}
    assert not server.ranges


def test_a_dry_run_writes_nothing_and_a_named_folder_has_to_exist(tmp_path):
    (tmp_path / "images").mkdir()
    ended = script("download_data.py", "--images", tmp_path / "images", "--output", tmp_path, "--dry-run")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "images/train/REAL" in ended.stdout and "would be downloaded" in ended.stdout
    assert not any((tmp_path / "images").iterdir())
    refused(script("download_data.py", "--images", tmp_path / "nowhere"), "There is no folder", "--images")
