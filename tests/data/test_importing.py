"""import_images.py and cifake.data.importing: images as people have them become a data set that the study takes."""

import hashlib
import io
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import refused, script
from PIL import Image

import import_images
from cifake import protocol
from cifake.data import importing, metadata
from cifake.system.errors import StudyError
from cifake.system.files import write_text
from cifake.system.paths import Folders

# Of the first 623 bytes, up to the data of the scan, of each of CIFAKE's 120,000 files.
CIFAKE_HEADER = "939b3cd169d32b17a618cc80f53ff44c7905deb9901c27e3bc2a7c796d359a90"
OF_EACH = 12  # images of a class
LABELS = np.repeat(np.arange(10), OF_EACH)
PIXELS = np.random.default_rng(0).integers(0, 256, (len(LABELS), 48, 64, 3), np.uint8)


def export(folder: Path, names=protocol.CIFAKE_CLASSES, pixels: np.ndarray = PIXELS) -> Path:
    """Images as PNGs, a folder for each class."""
    for row, (label, image) in enumerate(zip(LABELS, pixels, strict=True)):
        path = folder / names[label] / f"{row:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def imported(*inputs: Path, split: str | None = None, like: Path | None = None) -> dict[str, bytes]:
    """The files that an import would write, without those that it links."""
    items = importing.find(inputs)
    classes = importing.class_names(items, inputs, like)
    return {name: importing.jpeg(item.read()) for name, item in importing.plan(items, classes, "FAKE", split, seed=129).items()}


@pytest.fixture
def started(monkeypatch) -> Callable[..., None]:
    """A function that does what the script does, in this process."""

    def start(*words: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", ["import_images.py", *map(str, words)])
        import_images.main()

    return start


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return export(tmp_path_factory.mktemp("generator"))


def test_a_folder_becomes_a_data_set_for_all_of_the_study(folder, images, tmp_path):
    ended = script("import_images.py", folder, "--like", images, "--output", tmp_path / "mine")
    assert ended.returncode == 0, ended.stderr
    folders = Folders(tmp_path / "mine", tmp_path / "results")
    assert not folders.class_list.exists()
    for source, split in itertools.product(protocol.SOURCES, protocol.SPLITS):
        rows = metadata.rows_of(folders, source, split, protocol.CIFAKE_CLASSES)
        write_text(folders.metadata(source, split), metadata.csv_text(rows))
        metadata.read_split(folders, source, split)  # refuses a class that is missing from a part
        originals = sorted(path.name for path in (images / split / source).iterdir())
        if source == "REAL":
            assert sorted(row.filename for row in rows) == originals
            assert all(path.samefile(images / split / source / path.name) for path in folders.split(source, split).iterdir())
        else:
            first = {"train": "1000", "test": "0"}[split]
            assert {f"{first}.jpg", f"{first} (10).jpg"} <= {row.filename for row in rows}
            assert len(rows) == {"train": 100, "test": 20}[split]


def test_folders_and_arrays_come_out_as_the_same_files(folder, tmp_path):
    scaled = (PIXELS / 255).astype(np.float32)
    np.save(tmp_path / "images.npy", 2 * scaled - 1)
    np.save(tmp_path / "labels.npy", LABELS[:, None])
    names = np.array([name.capitalize() for name in protocol.CIFAKE_CLASSES])
    (folder / "airplane" / "prompts.txt").write_text("a photograph of an airplane")
    expected = imported(folder)
    assert len(expected) == len(LABELS)
    assert imported(saved(tmp_path / "numbers.npz", arr_0=PIXELS, arr_1=LABELS)) == expected
    assert imported(saved(tmp_path / "names.npz", images=scaled, labels=names[LABELS])) == expected
    assert imported(tmp_path / "labels.npy", tmp_path / "images.npy") == expected


def test_a_jpeg_tells_nothing_of_where_its_pixels_are_from(tmp_path):
    pixels, exif = PIXELS[0], Image.Exif()
    exif[0x0112] = 6
    pictures = {
        "a.jpg": (pixels, {"quality": 95, "exif": exif, "comment": b"by a generator", "dpi": (72, 72), "icc_profile": b"profile"}),
        "b.png": (np.dstack([pixels, pixels[..., :1]]), {}),
        "c.webp": (pixels, {"xmp": b"<xmp/>"}),
        "d.gif": (pixels[..., 0], {}),
        "e.jpg": (pixels[:32, :32], {"quality": 75, "progressive": True}),
    }
    found = [importing.jpeg(pixels)]
    for name, (values, options) in pictures.items():
        Image.fromarray(values).save(tmp_path / name, **options)
        found.append(importing.jpeg((tmp_path / name).read_bytes()))
    for content in found:
        header, scan = content[:623], content[623:]
        assert hashlib.sha256(header).hexdigest() == CIFAKE_HEADER
        assert b"\xff\xe1" not in scan and scan.endswith(b"\xff\xd9")
    assert importing.jpeg(found[0]) == found[0]  # it would change if it were compressed again


def test_oblong_images_are_cut_to_their_middle_or_stretched():
    image = np.zeros((40, 120, 3), np.uint8)
    image[:, 40:80] = 200
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    for given in (image, file.getvalue()):
        cut, stretched = (np.asarray(Image.open(io.BytesIO(importing.jpeg(given, stretch)))) for stretch in (False, True))
        assert np.abs(cut.astype(int) - 200).max() < 3
        assert stretched[:, 16].mean() > 190 and stretched[:, [0, 31]].mean() < 10


def test_images_that_are_for_testing_stay_so(tmp_path):
    pixels = PIXELS[:, :32, :32]
    records = np.hstack([LABELS[:, None].astype(np.uint8), pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)])
    for name in ("data_batch_1", "data_batch_2", "test_batch"):
        records.tofile(tmp_path / f"{name}.bin")
    for part in protocol.SPLITS:
        export(tmp_path / "parts" / part, pixels=pixels)
    of_batches, of_folders = imported(tmp_path), imported(tmp_path / "parts")
    of_arrays = imported(saved(tmp_path / "x.npz", x_train=pixels, y_train=LABELS, x_test=pixels, y_test=LABELS))
    assert of_folders == of_arrays
    for files, train in ((of_batches, 2 * len(pixels)), (of_folders, len(pixels))):
        assert sum(name.startswith("train/") for name in files) == train
        assert sum(name.startswith("test/") for name in files) == len(pixels)
    assert set(imported(tmp_path, split="test")) == {name for name in of_batches if name.startswith("test/")}
    assert all(name.startswith("train/") for name in imported(tmp_path / "parts" / "test", split="train"))


def test_a_small_class_has_its_share_of_the_validation_images(tmp_path):
    few = np.concatenate([np.flatnonzero(LABELS == 3)[:10], *[np.flatnonzero(number == LABELS) for number in (5, 6)] * 20])
    labels = np.unique(LABELS[few], return_inverse=True)[1]
    names = np.array(["cat", "dog", "frog"])
    files = imported(saved(tmp_path / "few.npz", images=PIXELS[few], labels=names[labels]))
    train = sorted(Path(name).name for name in files if name.startswith("train/"))
    cats = [metadata.class_number(name) == 1 for name in train]
    first = metadata.validation_rows(len(train))
    assert sum(cats) == 9 and sum(cats[:first]) == 2


def test_classes_of_your_own_are_listed(folder, tmp_path, started):
    own = export(tmp_path / "own", [f"kind {number}" for number in range(10)])
    started(own, "--source", "REAL", "--output", tmp_path / "real")
    assert metadata.class_names(Folders(tmp_path / "real")) == tuple(f"kind {number}" for number in range(10))
    with pytest.raises(StudyError, match="airplane"):
        started(folder, "--like", tmp_path / "real", "--output", tmp_path / "both")
    started(own, "--like", tmp_path / "real", "--output", tmp_path / "both")
    both, real = contents(tmp_path / "both"), contents(tmp_path / "real")
    assert real.items() <= both.items() and len(both) == 2 * len(LABELS) + 1


def test_images_are_copied_where_links_fail(images, tmp_path, monkeypatch):
    monkeypatch.setattr(importing.os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    linked = importing.links(images, protocol.CIFAKE_CLASSES, ["train/FAKE/1000.jpg", "train/REAL/0000.jpg", "test/REAL/0000.jpg"])
    importing.write(tmp_path / "copy", protocol.CIFAKE_CLASSES, {}, linked, stretch=False)
    assert contents(tmp_path / "copy" / "test" / "FAKE") == contents(images / "test" / "FAKE")
    assert contents(tmp_path / "copy").keys() == linked.keys()


WRONG = {
    "floats to 255": {"x": PIXELS.astype(np.float32), "y": LABELS},
    "not a number": {"x": np.full(PIXELS.shape, np.nan, np.float16), "y": LABELS},
    "levels of 0 and 1": {"x": PIXELS // 128, "y": LABELS},
    "whole numbers of 64 bits": {"x": PIXELS.astype(int), "y": LABELS},
    "grey": {"x": PIXELS[..., 0], "y": LABELS},
    "four channels": {"x": np.concatenate([PIXELS, PIXELS[..., :1]], -1), "y": LABELS},
    "no images": {"x": PIXELS[:0], "y": LABELS[:0]},
    "no labels": {"x": PIXELS},
    "labels of others": {"x": PIXELS, "y": LABELS[1:]},
    "labels as floats": {"x": PIXELS, "y": LABELS.astype(float)},
    "one-hot labels": {"x": PIXELS, "y": np.eye(10, dtype=int)[LABELS]},
    "labels from 1": {"x": PIXELS, "y": LABELS + 1},
    "labels below 0": {"x": PIXELS, "y": LABELS - 1},
    "objects": {"x": PIXELS, "y": LABELS.astype(object)},
    "nine of a class": {"x": PIXELS[:-3], "y": LABELS[:-3]},
    "nothing": {},
}


@pytest.mark.parametrize("arrays", WRONG.values(), ids=WRONG)
def test_arrays_of_another_kind_are_refused(arrays, tmp_path):
    with pytest.raises(StudyError):
        imported(saved(tmp_path / "wrong.npz", **arrays))


def test_classes_that_do_not_match_are_named_with_the_nearest(images, tmp_path):
    names = ["aeroplane", *protocol.CIFAKE_CLASSES[1:9], "lorry"]
    with pytest.raises(StudyError, match=r"(?s)aeroplane.*airplane\?.*lorry$"):
        imported(export(tmp_path / "other", names), like=images)


def test_all_damaged_files_are_named_and_nothing_is_left(folder, images, tmp_path):
    broken = export(tmp_path / "broken")
    for path, content in {
        "cat/036.png": b"",
        "dog/060.png": b"text",
        "frog/072.png": (folder / "frog" / "072.png").read_bytes()[:4000],
    }.items():
        (broken / path).write_bytes(content)
    (tmp_path / ".mine.draft").mkdir()  # of a start that was killed
    ended = script("import_images.py", broken, "--like", images, "--output", tmp_path / "mine")
    refused(ended, "cat/036.png", "dog/060.png", "frog/072.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]


def test_a_folder_with_other_files_stays_as_it_is(folder, tmp_path, started):
    (tmp_path / "notes.txt").write_text("mine")
    new = tmp_path / "new"
    for words in (
        [folder, "--output", tmp_path],
        [folder],  # into the repository itself
        [folder, "--like", tmp_path, "--output", new],
        [folder, "--like", new, "--output", new],
        [new, "--output", new],
        [tmp_path / "notes.txt", "--output", new],
        [tmp_path, "--output", new],
    ):
        with pytest.raises(StudyError):
            started(*words)
    started(folder, "--output", new, "--dry-run")
    assert contents(tmp_path) == {"notes.txt": b"mine"}
