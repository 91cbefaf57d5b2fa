"""create_demo.py and cifake.data.digits: the demo's data set fits the study, is the same each time, and harms no other."""

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import refused, script
from PIL import Image
from sklearn.linear_model import LogisticRegression

import create_demo
from cifake import protocol
from cifake.data import digits, metadata
from cifake.system.files import write_text
from cifake.system.paths import REPOSITORY, Folders


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    """The data set as this process makes it; the script is another one."""
    return digits.files()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The demo's folder of images, made by the script; only to be read."""
    output = tmp_path_factory.mktemp("demo")
    ended = script("create_demo.py", "--output", output)
    assert ended.returncode == 0, ended.stderr
    return output / "images"


def test_two_processes_make_the_same_bytes_and_a_second_start_changes_nothing(made, contents):
    there = files_of(made)
    assert {name: content for name, content in there.items() if name != create_demo.MARKER} == contents
    times = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    for options in ([], ["--dry-run"]):
        assert "the demo's images are there" in script("create_demo.py", "--output", made.parent, *options).stdout
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == times


def test_the_data_set_passes_the_checks_of_every_training(made, tmp_path):
    folders, labels = Folders(made, tmp_path), {}
    assert metadata.class_names(folders) == digits.CLASSES
    for source in protocol.SOURCES:
        for split in protocol.SPLITS:
            write_text(folders.metadata(source, split), metadata.csv_text(metadata.rows_of(folders, source, split, digits.CLASSES)))
            labels[source, split] = metadata.read_split(folders, source, split).labels  # refuses a class that is missing in a part
    for split, images in (("train", 1437), ("test", 360)):  # the two sources differ in nothing but how the images came about
        assert len(labels["REAL", split]) == images
        assert Counter(labels["REAL", split]) == Counter(labels["FAKE", split])


def test_what_one_learns_from_rendered_digits_holds_for_them_more_than_for_handwriting(contents):
    """Both above guessing (0.10), the second far below the first: the study's question, in the demo's data."""

    def read(folder: str) -> tuple[np.ndarray, list[int]]:
        names = [name for name in contents if name.startswith(folder)]
        images = [Image.open(io.BytesIO(contents[name])) for name in names]
        assert {(image.mode, image.size) for image in images} == {("RGB", (32, 32))}
        pixels = [np.asarray(image.convert("L").reduce(4)).ravel() / 255 for image in images]
        return np.stack(pixels), [metadata.class_number(Path(name).name) for name in names]

    model = LogisticRegression(max_iter=500).fit(*read("train/FAKE/"))
    on_rendered, on_handwritten = model.score(*read("test/FAKE/")), model.score(*read("test/REAL/"))
    assert on_rendered > 0.85
    assert 0.4 < on_handwritten < on_rendered - 0.2


@pytest.mark.parametrize("name", ["train/FAKE/1000.jpg", "notes.txt"])
def test_what_the_demo_did_not_make_is_left(tmp_path, name):
    (tmp_path / "mine" / name).parent.mkdir(parents=True)
    (tmp_path / "mine" / name).write_bytes(b"mine")
    refused(script("create_demo.py", "--images", tmp_path / "mine", "--output", tmp_path), "the demo did not make")
    assert files_of(tmp_path) == {f"mine/{name}": b"mine"}


def test_the_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    few = {"classes.txt": b"a\nb\n", "train/REAL/0000.jpg": b"1", "test/FAKE/0000.jpg": b"2"}
    monkeypatch.setattr(digits, "files", lambda: dict(few))
    images = tmp_path / "images"
    images.mkdir()  # an empty folder counts as none

    def full_disk(path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as broken, pytest.raises(OSError, match="No space left"):
        broken.setattr(Path, "write_bytes", full_disk)
        create_demo.write(images)
    assert [path.name for path in tmp_path.rglob("*")] == ["images"]
    (tmp_path / ".images.draft").mkdir()  # of a process that was killed
    (tmp_path / ".images.draft" / "9999.jpg").write_bytes(b"half")
    create_demo.write(images)
    assert create_demo.is_complete(images)
    assert files_of(tmp_path) == {
        f"images/{name}": content for name, content in (few | {create_demo.MARKER: create_demo.MARKER_TEXT}).items()
    }


def test_the_demo_never_goes_to_cifake_s_own_place(tmp_path):
    assert create_demo.demo_folders(Folders()) == Folders(REPOSITORY / "demo" / "images", REPOSITORY / "demo")
    assert create_demo.demo_folders(Folders(output=tmp_path)) == Folders(tmp_path / "images", tmp_path)
    assert create_demo.demo_folders(Folders(tmp_path / "a", tmp_path / "b")).images == tmp_path / "a"
