"""The naming rule and the CSVs: the published ones from CIFAKE's file names, and a sentence for all that does not fit."""

import csv
import hashlib
import shutil

import pytest
from conftest import file_name, refused, script
from hypothesis import given
from hypothesis import strategies as st

from cifake import metadata, protocol
from cifake.errors import StudyError

# Of the CSVs that the original study published.
PUBLISHED = {
    ("FAKE", "train"): "bc4714b5c8d7d93c3cef18bf128055358b4a1e2bca1340d0aa87079f4d8e206e",
    ("FAKE", "test"): "76bac8a8cfc11fa013609528aa836fe61b57c5a7c7b34991f0d82b8839bd6ed1",
    ("REAL", "train"): "e27eaedfe208bd3b9dd774f9a336f19533bee0b96482814f0b139da772d26730",
    ("REAL", "test"): "435fe05dfea81f7b7d7b7daf05f222d7b796b25821bd720879ee00e8f227e910",
}
CIFAKE_NUMBERS = {
    ("FAKE", "train"): range(1000, 6000),
    ("FAKE", "test"): range(1000),
    ("REAL", "train"): range(5000),
    ("REAL", "test"): range(1000),
}


def cifake_names(source: str, split: str) -> list[str]:
    """The names of CIFAKE's files: FAKE test images are numbered without zeros in front, REAL ones with four digits."""
    names = []
    for image in CIFAKE_NUMBERS[source, split]:
        stem = str(image) if source == "FAKE" else f"{image:04d}"
        names += [f"{stem}.jpg", *(f"{stem} ({number}).jpg" for number in range(2, 11))]
    return sorted(names)


@pytest.mark.parametrize(("source", "split"), PUBLISHED)
def test_cifakes_names_give_the_published_csvs(source, split):
    rows = metadata.make_rows(cifake_names(source, split), source, split, protocol.CIFAKE_CLASSES)
    assert hashlib.sha256(metadata.csv_text(rows).encode()).hexdigest() == PUBLISHED[source, split]


@given(st.integers(0, 99_999), st.integers(1, 200), st.sampled_from(["jpg", "JPG", "jpeg", "png"]))
def test_the_number_in_parentheses_is_the_class(image, number, ending):
    stem = f"{image}" if number == 1 else f"{image} ({number})"
    assert metadata.class_number(f"{stem}.{ending}") == number


@given(st.text(max_size=20))
def test_any_other_name_is_told_apart_or_has_a_class(name):
    number = metadata.class_number(name)
    assert (number is None) == (metadata.NAMING_RULE.fullmatch(name) is None)
    assert number is None or number >= 1


@pytest.mark.parametrize(
    "name",
    [
        "1000 (0).jpg",
        "1000(2).jpg",
        "1000 (2).gif",
        "cat.jpg",
        "1000 (2).jpg.bak",
        "",
        "1000 (02).jpg",
        "\u0661.jpg",
        "1.jpg\n",
    ],
)
def test_names_that_break_the_rule(name):
    assert metadata.class_number(name) is None


ROWS = st.lists(st.tuples(st.integers(0, 9999), st.integers(1, 10)), min_size=1, max_size=50, unique=True).map(
    lambda images: metadata.make_rows([file_name(*image) for image in images], "FAKE", "train", protocol.CIFAKE_CLASSES)
)


@given(ROWS)
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "train.csv"
    assert metadata.write_csv(path, rows)
    assert not metadata.write_csv(path, rows)
    assert metadata.read_csv(path, protocol.CIFAKE_CLASSES) == rows


def write_all(folders) -> None:
    for source in protocol.SOURCES:
        for split in protocol.SPLITS:
            names, _ = metadata.list_images(folders, source, split)
            rows = metadata.make_rows(names, source, split, metadata.class_names(folders))
            metadata.write_csv(folders.metadata(source, split), rows)


def test_files_of_systems_are_passed_over(small):
    for name in ("Thumbs.db", ".DS_Store", "._1000.jpg", "desktop.ini"):
        (small.split("FAKE", "train") / name).write_bytes(b"x")
    result = script("create_metadata.py", "--images", small.images, "--output", small.output)
    assert result.returncode == 0, result.stderr
    assert "Passed over 4 file(s)" in result.stdout
    assert len(metadata.read_split(small, "FAKE", "train").rows) == 100


def test_images_that_occur_more_than_once_are_found_and_listed(small):
    fake_train, fake_test, real_train = (
        small.split(*place) for place in (("FAKE", "train"), ("FAKE", "test"), ("REAL", "train"))
    )
    shutil.copy(fake_train / "0001 (3).jpg", fake_test / "0001 (3).jpg")  # birds in training and test
    shutil.copy(fake_train / "0002 (6).jpg", fake_train / "0003 (6).jpg")  # three times one dog
    shutil.copy(fake_train / "0002 (6).jpg", fake_train / "0004 (6).jpg")
    shutil.copy(fake_train / "0005.jpg", real_train / "0005.jpg")  # in both sources
    result = script("create_metadata.py", "--images", small.images, "--output", small.output)
    assert result.returncode == 0, result.stderr
    assert "1 image(s) occur more than once within FAKE train (3 files, byte for byte the same): dog 1" in result.stdout
    assert "1 image(s) occur more than once in FAKE train and FAKE test (2 files" in result.stdout
    assert "1 image(s) occur more than once in REAL train and FAKE train (2 files" in result.stdout
    with small.duplicates.open(encoding="utf-8", newline="") as file:
        listed = [(row["label"], row["filepath"]) for row in csv.DictReader(file)]
    assert len(listed) == 7
    assert ("bird", "images/test/FAKE/0001 (3).jpg") in listed
    assert ("dog", "images/train/FAKE/0004 (6).jpg") in listed


def test_without_equal_images_it_says_so(small):
    result = script("create_metadata.py", "--images", small.images, "--output", small.output)
    assert "No image occurs more than once." in result.stdout
    assert small.duplicates.read_text(encoding="utf-8") == "sha256,label,filepath\n"


def test_a_missing_folder_is_named(small):
    shutil.rmtree(small.split("REAL", "test"))
    refused(script("create_metadata.py", "--images", small.images, "--output", small.output), "images/test/REAL")
    assert not small.output.exists()  # nothing is written unless all is well


def test_a_strange_file_is_named_and_nothing_is_written(small):
    (small.split("REAL", "test") / "holiday.jpg").write_bytes(b"x")
    result = script("create_metadata.py", "--images", small.images, "--output", small.output)
    refused(result, "holiday.jpg", "naming rule")
    assert not small.output.exists()


def test_many_faults_are_counted_and_ten_are_named(small):
    for number in range(25):
        (small.split("REAL", "train") / f"stranger {number:02d}.jpg").write_bytes(b"x")
    with pytest.raises(StudyError) as problem:
        metadata.list_images(small, "REAL", "train")
    assert "25 file(s)" in str(problem.value)
    assert str(problem.value).count("stranger") == 10
    assert "and 15 more" in str(problem.value)


def test_a_class_beyond_the_classes(small):
    (small.split("REAL", "train") / "0000 (11).jpg").write_bytes(b"x")
    refused(
        script("create_metadata.py", "--images", small.images, "--output", small.output), "0000 (11).jpg", "10 classes"
    )


def test_own_class_names(small):
    small.class_list.write_text("\ufeffzero\none\n\ntwo \n", encoding="utf-8")
    assert metadata.class_names(small) == ("zero", "one", "two")
    for text, words in (("cat\ncat\n", "cat twice"), ("cat\n", "names 1 class;"), ("", "names 0 classes")):
        small.class_list.write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match=words):
            metadata.class_names(small)


HEADER = "filename,class,label,filepath\n"
SPOILT = {
    "another header": ("name,class\n", "begin with the columns"),
    "nothing": ("", "begin with the columns"),
    "an unknown label": (HEADER + "1.jpg,1,plane,images/train/FAKE/1.jpg\n", "the label 'plane'"),
    "a class that is not the label's": (HEADER + "1.jpg,2,airplane,images/train/FAKE/1.jpg\n", "the class 2 and not 1"),
    "a path that leads up": (HEADER + "1.jpg,1,airplane,images/../../1.jpg\n", "outside the images folder"),
    "an absolute path": (HEADER + "1.jpg,1,airplane,/etc/1.jpg\n", "outside the images folder"),
    "a path of another file": (HEADER + "1.jpg,1,airplane,images/train/FAKE/2.jpg\n", "not that of the file '1.jpg'"),
    "a short line": (HEADER + "1.jpg,1\n", "Line 2 of"),
    "an open quote": (HEADER + '"1.jpg,1,airplane', "not a CSV"),
    "bytes that are no text": (b"\xff\xfe\x00", "not a CSV"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_spoilt_csv_is_told_in_a_sentence(tmp_path, fault):
    text, words = SPOILT[fault]
    path = tmp_path / "train.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StudyError, match=words) as problem:
        metadata.read_csv(path, protocol.CIFAKE_CLASSES)
    assert "create_metadata.py" in str(problem.value)


@given(st.binary(max_size=300))
def test_no_bytes_in_place_of_a_csv_end_in_another_exception(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "train.csv"
    path.write_bytes(HEADER.encode() + content)
    try:
        metadata.read_csv(path, protocol.CIFAKE_CLASSES)
    except StudyError as problem:
        assert "train.csv" in str(problem)


def test_a_csv_must_fit_its_folder(small):
    write_all(small)
    before = metadata.read_split(small, "FAKE", "test")
    image = small.split("FAKE", "test") / file_name(0, 3)
    content = image.read_bytes()
    image.unlink()
    with pytest.raises(StudyError, match=r"lists file\(s\) that are not there, 1 in all"):
        metadata.read_split(small, "FAKE", "test")
    image.write_bytes(content)
    assert metadata.read_split(small, "FAKE", "test") == before
    (image.parent / "7777.jpg").write_bytes(content)
    with pytest.raises(StudyError, match=r"does not list file\(s\) that are there, 1 in all"):
        metadata.read_split(small, "FAKE", "test")


def test_the_fingerprint_follows_contents_and_labels(small):
    write_all(small)
    before = metadata.read_split(small, "FAKE", "test").fingerprint
    image = small.split("FAKE", "test") / file_name(0, 3)
    image.write_bytes(image.read_bytes() + b"x")
    assert metadata.read_split(small, "FAKE", "test").fingerprint != before


def test_every_class_needs_images_in_the_validation_share(small):
    for image in range(2):  # the first fifth of 10 images a class
        (small.split("FAKE", "train") / file_name(image, 4)).unlink()
    write_all(small)
    with pytest.raises(StudyError, match="no image of cat in the validation share"):
        metadata.read_split(small, "FAKE", "train")


def test_a_missing_csv_names_the_script_that_makes_it(small):
    refused(
        script("classify_NN.py", "-data", "FAKE", "--images", small.images, "--output", small.output),
        "create_metadata.py",
    )
