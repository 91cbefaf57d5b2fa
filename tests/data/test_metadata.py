"""The naming rule and the CSVs: CIFAKE's file names give the published ones, and what does not fit is named in a sentence."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import file_name, refused, script
from hypothesis import given, settings
from hypothesis import strategies as st

from cifake import protocol
from cifake.data import metadata
from cifake.system.errors import StudyError
from cifake.system.files import write_text
from cifake.system.paths import REPOSITORY, Folders

# Of the CSVs that the original study published.
PUBLISHED = {
    ("FAKE", "train"): "bc4714b5c8d7d93c3cef18bf128055358b4a1e2bca1340d0aa87079f4d8e206e",
    ("FAKE", "test"): "76bac8a8cfc11fa013609528aa836fe61b57c5a7c7b34991f0d82b8839bd6ed1",
    ("REAL", "train"): "e27eaedfe208bd3b9dd774f9a336f19533bee0b96482814f0b139da772d26730",
    ("REAL", "test"): "435fe05dfea81f7b7d7b7daf05f222d7b796b25821bd720879ee00e8f227e910",
}
CIFAKE_NUMBERS = {("FAKE", "train"): range(1000, 6000), ("REAL", "train"): range(5000)}  # of train; of test, range(1000)


def cifake_names(source: str, split: str) -> list[str]:
    """The names of CIFAKE's files: numbers of REAL images have four digits, FAKE test images no leading zeros."""
    names = []
    for image in CIFAKE_NUMBERS.get((source, split), range(1000)):
        stem = str(image) if source == "FAKE" else f"{image:04d}"
        names += [f"{stem}.jpg", *(f"{stem} ({number}).jpg" for number in range(2, 11))]
    return names


@pytest.mark.parametrize(("source", "split"), PUBLISHED)
def test_cifakes_names_give_the_published_csvs(tmp_path, source, split):
    folders = Folders(tmp_path)
    folders.split(source, split).mkdir(parents=True)
    for name in cifake_names(source, split):
        (folders.split(source, split) / name).touch()
    rows = metadata.rows_of(folders, source, split, protocol.CIFAKE_CLASSES)
    assert hashlib.sha256(metadata.csv_text(rows).encode()).hexdigest() == PUBLISHED[source, split]


@given(st.integers(0, 99_999), st.integers(1, 200), st.sampled_from(["jpg", "JPG", "jpeg", "png"]))
def test_the_number_in_parentheses_is_the_class(image, number, ending):
    stem = f"{image}" if number == 1 else f"{image} ({number})"
    assert metadata.class_number(f"{stem}.{ending}") == number


@pytest.mark.parametrize(
    "name", ["1000 (0).jpg", "1000(2).jpg", "1000 (2).gif", "cat.jpg", "1000 (2).jpg.bak", "", "1000 (02).jpg", "\u0661.jpg", "1.jpg\n"]
)
def test_names_that_break_the_rule(name):
    assert metadata.class_number(name) is None


@settings(deadline=None)  # it makes files
@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda name: not set(name) & {0, 47}), max_size=4))
def test_any_file_names_are_images_or_refused(tmp_path_factory, names):
    """Whatever bytes a file system takes as a name: rows, or a sentence of characters that a terminal prints."""
    folders = Folders(tmp_path_factory.mktemp("names"))
    folder = folders.split("FAKE", "train")
    folder.mkdir(parents=True)
    for name in {*names, b"1000.jpg"} - {b".", b".."}:
        (folder / os.fsdecode(name)).touch()
    try:
        rows = metadata.rows_of(folders, "FAKE", "train", protocol.CIFAKE_CLASSES)
        there = {path.name for path in folder.iterdir()}
        assert {row.filename for row in rows} == {name for name in there if not metadata.LEFT_BY_SYSTEMS.fullmatch(name)}
        assert metadata.csv_text(rows).encode()
    except StudyError as problem:
        assert all(line.isprintable() for line in str(problem).split("\n"))


def made(folders: Folders) -> subprocess.CompletedProcess:
    """What create_metadata.py does with a study."""
    return script("create_metadata.py", "--images", folders.images, "--output", folders.output)


def with_csv(folders: Folders, split: str = "test") -> Folders:
    """The study, with the CSV of FAKE's images."""
    rows = metadata.rows_of(folders, "FAKE", split, metadata.class_names(folders))
    write_text(folders.metadata("FAKE", split), metadata.csv_text(rows))
    return folders


def test_equal_images_are_listed_and_files_of_systems_passed_over(small):
    fake_train, fake_test, real_train = (small.split(*place) for place in (("FAKE", "train"), ("FAKE", "test"), ("REAL", "train")))
    shutil.copy(fake_train / "0001 (3).jpg", fake_test / "0001 (3).jpg")  # birds in training and test
    shutil.copy(fake_train / "0002 (6).jpg", fake_train / "0003 (6).jpg")  # three times one dog
    shutil.copy(fake_train / "0002 (6).jpg", fake_train / "0004 (6).jpg")
    shutil.copy(fake_train / "0005.jpg", real_train / "0005.jpg")  # in both sources
    for name in ("Thumbs.db", ".DS_Store", "._1000.jpg", "desktop.ini"):
        (fake_train / name).write_bytes(b"x")
    result = made(small)
    assert result.returncode == 0, result.stderr
    assert "Passed over 4 file(s)" in result.stdout
    assert "1 image(s) occur more than once within FAKE train (3 files, byte for byte the same): dog 1" in result.stdout
    assert "1 image(s) occur more than once in FAKE train and FAKE test (2 files" in result.stdout
    assert "1 image(s) occur more than once in REAL train and FAKE train (2 files" in result.stdout
    listed = pd.read_csv(small.duplicates)
    assert list(listed.groupby("sha256").size().sort_values()) == [2, 2, 3]
    assert {"images/test/FAKE/0001 (3).jpg", "images/train/FAKE/0004 (6).jpg"} < {*listed["filepath"]}
    assert len(metadata.read_split(small, "FAKE", "train").rows) == 100


@pytest.mark.parametrize(
    ("name", "shown", "words"),
    [
        ("holiday.jpg", "holiday.jpg", "naming rule"),
        ("caf\udce9\n\x1b.jpg", r"caf\udce9\n\x1b.jpg", "naming rule"),
        ("0000 (11).jpg", "0000 (11).jpg", "10 classes"),
    ],
)
def test_a_strange_file_is_named_and_nothing_is_written(small, name, shown, words):
    (small.split("REAL", "test") / name).write_bytes(b"x")
    refused(made(small), words, shown)
    assert not small.output.exists()


def test_a_folder_whose_name_is_no_text_is_one_like_others(small):
    folders = Folders(small.images.rename(small.images.with_name("caf\udce9")), small.output)
    command = [sys.executable, REPOSITORY / "src" / "create_metadata.py", "--images", folders.images, "--output", folders.output]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert len(metadata.read_split(folders, "REAL", "test").rows) == 20


def test_a_missing_folder_or_one_behind_a_circle_of_links_is_named(small):
    shutil.rmtree(small.split("REAL", "test"))
    refused(made(small), "images/test/REAL", "--images")
    (small.images.parent / "circle").symlink_to("circle")
    refused(made(Folders(small.images.parent / "circle", small.output)), "circle")
    assert not small.output.exists()  # nothing is written unless all is well
    refused(made(Folders(small.images, small.images.parent / "circle")), "circle")


def test_own_class_names(tmp_path):
    folders = Folders(tmp_path, tmp_path)
    folders.class_list.write_text("\ufeffzero\none\n\ntwo \n", encoding="utf-8")
    assert metadata.class_names(folders) == ("zero", "one", "two")
    folders.class_list.write_bytes(b"cat\r\ndog" + b"x" * 37)
    assert metadata.class_names(folders) == ("cat", "dog" + "x" * 37)


@pytest.mark.parametrize(
    "text", ["cat\ncat\n", "cat\n", "", "cat\ndog|wolf\n", "cat\ndog\u2028wolf\n", "cat\n" + "d" * 41, "c\udce4t\ndog\n"]
)
def test_class_names_that_do_not_fit_are_told(tmp_path, text):
    (tmp_path / "classes.txt").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(StudyError, match=r"classes\.txt") as problem:
        metadata.class_names(Folders(tmp_path, tmp_path))
    assert len(str(problem.value).splitlines()) == 1


def test_a_csv_must_fit_its_folder(small):
    small.class_list.write_text('"red", or green\n' + "\n".join(protocol.CIFAKE_CLASSES[1:]))
    with_csv(small)
    before, path = metadata.read_split(small, "FAKE", "test"), small.metadata("FAKE", "test")
    assert list(before.labels[:10]) == [9, *range(1, 9), 0]  # 0000 (10).jpg, 0000 (2).jpg, ..., 0000.jpg
    whole, image = path.read_bytes(), small.split("FAKE", "test") / file_name(0, 3)
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert metadata.read_split(small, "FAKE", "test") == before
    for spoilt in (
        b"",
        b"\xff\xfe\x00",
        whole.replace(b"cat", b"c\xe4t"),
        whole.replace(b"FAKE/", b"FAKE/../"),
        whole + whole[-50:],
        whole,
    ):
        path.write_bytes(spoilt)
        if spoilt == whole:
            image.rename(image.with_name("7777.jpg"))
        with pytest.raises(StudyError, match=r"create_metadata\.py"):
            metadata.read_split(small, "FAKE", "test")


def test_the_fingerprint_follows_contents_and_labels(small):
    before = metadata.read_split(with_csv(small), "FAKE", "test").fingerprint
    image = small.split("FAKE", "test") / file_name(0, 3)
    image.write_bytes(image.read_bytes() + b"x")
    changed = metadata.read_split(small, "FAKE", "test").fingerprint
    image.rename(image.with_name("0000 (3).png"))  # another name, the same class and place
    assert changed == metadata.read_split(with_csv(small), "FAKE", "test").fingerprint != before


def test_all_images_that_cannot_be_read_are_listed(small, monkeypatch):
    """As the system answers if the permission is missing; an administrator may read all, so this is a stand-in."""
    with_csv(small)
    read, denied = Path.read_bytes, {file_name(0, 3), file_name(1, 4)}

    def read_some(path: Path) -> bytes:
        if path.name in denied:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_some)
    with pytest.raises(StudyError) as problem:
        metadata.read_split(small, "FAKE", "test")
    _, *lines = str(problem.value).splitlines()
    assert sorted(lines) == sorted(f"  images/test/FAKE/{name}: Permission denied" for name in denied)


def test_every_class_needs_images_in_the_validation_share(small):
    for image in range(2):  # the first fifth of 10 images a class
        (small.split("FAKE", "train") / file_name(image, 4)).unlink()
    with pytest.raises(StudyError, match="no image of cat in the validation share"):
        metadata.read_split(with_csv(small, "train"), "FAKE", "train")
