"""The naming rule and the CSVs: CIFAKE's file names give the published ones, and what does not fit is named in a sentence."""

import csv
import hashlib
import re
import shutil

import pytest
from conftest import file_name, refused, script
from hypothesis import given
from hypothesis import strategies as st

from cifake import protocol
from cifake.data import metadata
from cifake.system.errors import StudyError
from cifake.system.files import write_text
from cifake.system.paths import Folders

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
    """The names of CIFAKE's files: numbers of REAL images have four digits, FAKE test images no leading zeros."""
    names = []
    for image in CIFAKE_NUMBERS[source, split]:
        stem = str(image) if source == "FAKE" else f"{image:04d}"
        names += [f"{stem}.jpg", *(f"{stem} ({number}).jpg" for number in range(2, 11))]
    return sorted(names)


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


@given(st.text(max_size=20))
def test_any_other_name_is_told_apart_or_has_a_class(name):
    number = metadata.class_number(name)
    assert (number is None) == (metadata.NAMING_RULE.fullmatch(name) is None)
    assert number is None or number >= 1


@pytest.mark.parametrize(
    "name", ["1000 (0).jpg", "1000(2).jpg", "1000 (2).gif", "cat.jpg", "1000 (2).jpg.bak", "", "1000 (02).jpg", "\u0661.jpg", "1.jpg\n"]
)
def test_names_that_break_the_rule(name):
    assert metadata.class_number(name) is None


def write_all(folders: Folders) -> None:
    for source in protocol.SOURCES:
        for split in protocol.SPLITS:
            rows = metadata.rows_of(folders, source, split, metadata.class_names(folders))
            write_text(folders.metadata(source, split), metadata.csv_text(rows))


def test_files_of_systems_are_passed_over(small):
    for name in ("Thumbs.db", ".DS_Store", "._1000.jpg", "desktop.ini"):
        (small.split("FAKE", "train") / name).write_bytes(b"x")
    result = script("create_metadata.py", "--images", small.images, "--output", small.output)
    assert result.returncode == 0, result.stderr
    assert "Passed over 4 file(s)" in result.stdout
    assert len(metadata.read_split(small, "FAKE", "train").rows) == 100


def test_images_that_occur_more_than_once_are_found_and_listed(small):
    fake_train, fake_test, real_train = (small.split(*place) for place in (("FAKE", "train"), ("FAKE", "test"), ("REAL", "train")))
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
        metadata.rows_of(small, "REAL", "train", protocol.CIFAKE_CLASSES)
    assert "25 file(s)" in str(problem.value)
    assert str(problem.value).count("stranger") == 10
    assert "and 15 more" in str(problem.value)


def test_a_class_beyond_the_classes(small):
    (small.split("REAL", "train") / "0000 (11).jpg").write_bytes(b"x")
    refused(script("create_metadata.py", "--images", small.images, "--output", small.output), "0000 (11).jpg", "10 classes")


def test_own_class_names(tmp_path):
    folders = Folders(tmp_path, tmp_path)
    folders.class_list.write_text("\ufeffzero\none\n\ntwo \n", encoding="utf-8")
    assert metadata.class_names(folders) == ("zero", "one", "two")
    folders.class_list.write_bytes(b"cat\r\ndog" + b"x" * 37)
    assert metadata.class_names(folders) == ("cat", "dog" + "x" * 37)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat\ncat\n", "names cat twice"),
        ("cat\n", "names 1 class;"),
        ("", "names 0 classes"),
        ("cat\ndog|wolf\n", r"the class name 'dog\|wolf'; use at most 40 characters"),
        ("cat\ndog\u2028wolf\n", r"the class name 'dog\\u2028wolf'; .* line breaks"),
        ("cat\n" + "d" * 41, "at most 40 characters"),
    ],
)
def test_class_names_that_do_not_fit_are_told(tmp_path, text, words):
    (tmp_path / "classes.txt").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=words) as problem:
        metadata.class_names(Folders(tmp_path, tmp_path))
    assert "classes.txt" in str(problem.value)
    assert len(str(problem.value).splitlines()) == 1


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Folders:
    """Two test images, of two classes whose names need quotes in a CSV; each test writes the CSV anew."""
    folders = Folders(tmp_path_factory.mktemp("tiny"), tmp_path_factory.mktemp("output"))
    folders.split("FAKE", "test").mkdir(parents=True)
    for name in ("1.jpg", "1 (2).jpg"):
        (folders.split("FAKE", "test") / name).write_bytes(b"read, but not decoded")
    folders.class_list.write_text('cat\n"dog", or wolf\n', encoding="utf-8")
    folders.metadata("FAKE", "test").parent.mkdir(parents=True)
    return folders


HEADER, DOG, CAT = CSV = (
    "filename,class,label,filepath\n",
    '1 (2).jpg,2,"""dog"", or wolf",images/test/FAKE/1 (2).jpg\n',
    "1.jpg,1,cat,images/test/FAKE/1.jpg\n",
)
WHOLE = "".join(CSV)
SPOILT = {
    "another header": ("name,class\n" + DOG + CAT, r"2 faults.*\n  lacks filename,class,label,filepath\n  has 'name,class'$"),
    "nothing": ("", "3 faults.*\n  lacks filename.*\n  lacks 1 .*\n  lacks 1.jpg,1,cat,images/test/FAKE/1.jpg$"),
    "an unknown label": (WHOLE.replace("cat", "lion"), "\n  lacks 1.jpg,1,cat,.*\n  has '1.jpg,1,lion,.*"),
    "a class that is not the label's": (WHOLE.replace("1,cat", "2,cat"), "\n  has '1.jpg,2,cat"),
    "a path that leads up": (WHOLE.replace("FAKE/1.jpg", "FAKE/../1.jpg"), r"\n  has '.*\.\./1\.jpg'$"),
    "an absolute path": (WHOLE.replace("images/test/FAKE/1.jpg", "/etc/1.jpg"), "\n  has '1.jpg,1,cat,/etc/1.jpg'$"),
    "a path of another file": (WHOLE.replace("\n1.jpg", "\n2.jpg"), "\n  has '2.jpg"),
    "a short line": (HEADER + DOG + "1.jpg,1\n", "\n  has '1.jpg,1'$"),
    "an open quote": (HEADER + DOG + '"1.jpg,1,cat', "\n  has '\"1.jpg,1,cat'$"),
    "a line too many": (WHOLE + CAT, "another order, or one is there twice"),
    "another order": (HEADER + CAT + DOG, "another order, or one is there twice"),
    "bytes that are no text": (b"\xff\xfe\x00", "4 faults"),
    "a byte that is no text": (WHOLE.encode().replace(b"cat", b"c\xe4t"), "\n  has '1.jpg,1,c\ufffdt"),
}


@pytest.mark.parametrize("text", [WHOLE, WHOLE.replace("\n", "\r\n"), WHOLE.rstrip(), WHOLE + "\n"])
def test_a_csv_that_fits_may_have_other_line_ends(tiny, text):
    tiny.metadata("FAKE", "test").write_bytes(text.encode())
    split = metadata.read_split(tiny, "FAKE", "test")
    assert metadata.csv_text(split.rows) == WHOLE
    assert split.numbers == [1, 0]


@pytest.mark.parametrize("fault", SPOILT)
def test_a_spoilt_csv_is_told_in_a_sentence(tiny, fault):
    text, words = SPOILT[fault]
    path = tiny.metadata("FAKE", "test")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StudyError, match=re.compile(words, re.DOTALL)) as problem:
        metadata.read_split(tiny, "FAKE", "test")
    assert str(path) in str(problem.value) and "create_metadata.py" in str(problem.value)


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)))
def test_no_bytes_in_place_of_a_csv_end_in_another_exception(tiny, content, start, end):
    path = tiny.metadata("FAKE", "test")
    path.write_bytes(WHOLE.encode()[:start] + content + WHOLE.encode()[end:])
    try:
        assert metadata.csv_text(metadata.read_split(tiny, "FAKE", "test").rows) == WHOLE
    except StudyError as problem:
        assert "test.csv" in str(problem)


def test_a_csv_must_fit_its_folder(small):
    write_all(small)
    before = metadata.read_split(small, "FAKE", "test")
    image = small.split("FAKE", "test") / file_name(0, 3)
    content = image.read_bytes()
    image.unlink()
    with pytest.raises(StudyError, match=r"1 faults.*\n  has .*FAKE/0000 \(3\)\.jpg'$"):
        metadata.read_split(small, "FAKE", "test")
    image.write_bytes(content)
    assert metadata.read_split(small, "FAKE", "test") == before
    (image.parent / "7777.jpg").write_bytes(content)
    with pytest.raises(StudyError, match=r"1 faults.*\n  lacks .*FAKE/7777\.jpg$"):
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
    with pytest.raises(StudyError, match=r"no image of cat in the validation share.*or name your own classes in .*classes\.txt"):
        metadata.read_split(small, "FAKE", "train")
    small.class_list.write_text("\n".join(protocol.CIFAKE_CLASSES))
    with pytest.raises(StudyError, match=r"no image of cat .* add images of each class and run again"):
        metadata.read_split(small, "FAKE", "train")


def test_a_missing_csv_names_the_script_that_makes_it(small):
    refused(script("classify_NN.py", "-data", "FAKE", "--images", small.images, "--output", small.output), "create_metadata.py")
