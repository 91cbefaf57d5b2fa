"""create_demo.py and cifake.data.digits: the demo's data set fits the study, is the same each time, and harms no other."""

import io
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import create_demo
from cifake import protocol
from cifake.data import digits, metadata
from cifake.system.files import write_text
from cifake.system.paths import REPOSITORY, Folders

PLACES = [(source, split) for source in protocol.SOURCES for split in protocol.SPLITS]


def start(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    """Run the script as a user would."""
    command = [sys.executable, str(REPOSITORY / "src" / "create_demo.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All files below a folder: name -> content and time of writing."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    """The data set as this process makes it; the script is another one."""
    return digits.files()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The folder that the script is started in, with --output demo; only to be read."""
    folder = tmp_path_factory.mktemp("made")
    ended = start("--output", "demo", folder=folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.rstrip().endswith("Wrote demo/: images")
    return folder


def test_the_data_set_passes_the_checks_of_every_training(made):
    folders = Folders(made / "demo" / "images", made / "out")
    assert metadata.class_names(folders) == digits.CLASSES
    for source, split in PLACES:
        rows = metadata.rows_of(folders, source, split, digits.CLASSES)
        write_text(folders.metadata(source, split), metadata.csv_text(rows))
        # Refuses a class that is missing from the validation share, the rows after it, or the test images.
        assert len(metadata.read_split(folders, source, split).rows) == {"train": 1437, "test": 360}[split]


def test_real_and_fake_have_the_same_digits(contents):
    names = {place: [Path(name).name for name in contents if name.startswith("/".join(place[::-1]))] for place in PLACES}
    for split in protocol.SPLITS:
        real, fake = (Counter(map(metadata.class_number, names[source, split])) for source in protocol.SOURCES)
        assert real == fake
        assert set(real) == set(range(1, 11))


def test_the_scans_can_be_read_back_from_the_jpegs_in_their_order(contents):
    levels, numbers = digits.handwritten()
    first_test_row = len(numbers) - 360
    for split, first in (("train", 0), ("test", first_test_row)):
        rows = range(first, first + 60)
        for row, name in zip(rows, digits.file_names([numbers[row] for row in rows]), strict=True):
            with Image.open(io.BytesIO(contents[f"{split}/REAL/{name}"])) as image:
                seen = np.asarray(image.convert("L").reduce(4), float) * 16 / 255
            assert metadata.class_number(name) == numbers[row] + 1
            assert np.abs(seen - levels[row]).max() < 1


def test_what_one_learns_from_rendered_digits_holds_for_them_more_than_for_handwriting(contents):
    """Both above guessing (0.10), the second far below the first: the study's question, in the demo's data."""
    from sklearn.linear_model import LogisticRegression

    def read(folder: str) -> tuple[np.ndarray, list[int]]:
        names = [name for name in contents if name.startswith(folder)]
        images = [np.asarray(Image.open(io.BytesIO(contents[name])).convert("L").reduce(4)).ravel() for name in names]
        return np.stack(images) / 255, [metadata.class_number(Path(name).name) for name in names]

    model = LogisticRegression(max_iter=500).fit(*read("train/FAKE/"))
    on_rendered, on_handwritten = model.score(*read("test/FAKE/")), model.score(*read("test/REAL/"))
    assert on_rendered > 0.85
    assert 0.4 < on_handwritten < on_rendered - 0.2


def test_two_processes_make_the_same_bytes(made, contents):
    folder = made / "demo" / "images"
    there = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert there.pop(create_demo.MARKER)
    assert there == contents


def test_a_second_start_changes_nothing(tmp_path):
    """Also after create_metadata.py, which writes to demo/images/metadata/."""
    for name in (create_demo.MARKER, "train/REAL/.DS_Store", "metadata/REAL/train.csv"):
        path = tmp_path / "demo" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"whatever")
    before = snapshot(tmp_path)
    ended = start("--output", "demo", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "demo/images: the demo's images are there\n")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["train/FAKE/1000.jpg", "notes.txt"])
def test_what_the_demo_did_not_make_is_left(tmp_path, name):
    mine = tmp_path / "data" / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    before = snapshot(tmp_path)
    ended = start("--images", "data", "--output", "demo", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "data holds something that the demo did not make" in ended.stderr
    assert snapshot(tmp_path) == before


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
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
    assert not any(images.iterdir())

    leftover = tmp_path / ".images.draft" / "train" / "REAL" / "9999.jpg"  # of a process that was killed
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    create_demo.write(images)
    assert create_demo.is_complete(images)
    assert {name: content for name, (content, _) in snapshot(images).items()} == few | {create_demo.MARKER: create_demo.MARKER_TEXT}
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_the_demo_never_goes_to_cifake_s_own_place(tmp_path):
    repository = Folders()
    assert create_demo.demo_folders(repository) == Folders(REPOSITORY / "demo" / "images", REPOSITORY / "demo")
    assert create_demo.demo_folders(Folders(repository.images, tmp_path)) == Folders(tmp_path / "images", tmp_path)
    assert create_demo.demo_folders(Folders(tmp_path / "a", tmp_path / "b")).images == tmp_path / "a"
