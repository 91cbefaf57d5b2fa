"""predict.py: the likeliest classes of your own pictures, by the names in the model's record."""

import csv
import io
import os
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import refused, run
from PIL import Image

import keep_classifiers
import predict
from cifake import protocol
from cifake.data import decoding
from cifake.models import architectures
from cifake.results import records
from cifake.system import devices
from cifake.system.errors import StudyError
from cifake.system.files import checksum
from cifake.system.paths import REPOSITORY, Folders

CLASSES = ["café", "dark", "bright, very", "fourth"]
NN = "models/FAKE_NN.keras"


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A folder with two tiny models and their records: LeNet's layers are not trained; NN's are set by hand.

    NN says 'dark' of dark pictures and 'bright, very' of bright ones.
    """
    devices.prepare()
    folder = tmp_path_factory.mktemp("study")
    (folder / "models").mkdir()
    (folder / "E1_results").mkdir()
    for architecture in ("NN", "LeNet"):
        keras.utils.set_random_seed(1)
        backbone = architectures.backbone(architecture, "random")
        features = (1024,) if backbone else (32, 32, 3)
        head = architectures.head(architecture, features, len(CLASSES))
        if architecture == "NN":
            hidden, output = head.get_layer("hidden"), head.get_layer("probabilities")
            hidden.set_weights([np.full((1024, 128), 1 / 1024, np.float32), np.zeros(128, np.float32)])
            kernel = np.tile(np.array([0, -4, 4, 1], np.float32) / 128, (128, 1))
            output.set_weights([kernel, np.array([-1.5, 2, -2, -9], np.float32)])
        model = folder / "models" / f"FAKE_{architecture}.keras"
        architectures.Classifier(backbone, head).whole(architecture).save(model)
        record = {key: {} for key in records.KEYS | records.OWN_KEYS["E1"]} | {
            "architecture": architecture,
            "source": "FAKE",
            "classes": CLASSES,
            "model": {"file": f"models/{model.name}", "sha256": checksum(model)},
        }
        records.write(record, folder / "E1_results" / f"{model.stem}_record.json")
    picture(folder / "dark.png", (3, 5), 0)
    picture(folder / "bright photo.jpg", (640, 211), 255)
    Image.new("LA", (7, 7), (0, 0)).save(folder / "see-through.png")  # nothing on white paper
    content = (folder / "bright photo.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(content[: len(content) // 3])
    (folder / "text.png").write_text("not a picture")
    (folder / "circle.jpg").symlink_to("circle.jpg")
    os.mkfifo(folder / "pipe.jpg")
    return folder


def picture(path: Path, size: tuple[int, int], grey: int) -> None:
    Image.new("RGB", size, (grey,) * 3).save(path)


@pytest.fixture
def here(monkeypatch, caplog, capfdbinary) -> Callable[..., str]:
    """The script's main function in this process; gives what it prints to the standard output."""

    def call(folder: Path, *arguments: str) -> str:
        caplog.clear()
        caplog.set_level("INFO", "predict")
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["predict.py", *arguments])
        predict.main()
        sys.stdout.flush()
        printed = capfdbinary.readouterr().out.decode("utf-8", "surrogateescape")
        return "".join(f"{record.getMessage()}\n" for record in caplog.records) + printed

    return call


def softmax(values: list[float]) -> np.ndarray:
    powers = np.exp(np.array(values))
    return powers / powers.sum()


def test_a_table_of_the_three_likeliest_classes(study, here):
    printed = here(study, NN, "dark.png", "bright photo.jpg", "see-through.png")
    title, _, head, *lines = printed.splitlines()
    assert "FAKE NN" in title
    # Exactly: softmax of (-1.5, 2, -2, -9) for black, of (-1.5, -2, 2, -8) for white.
    dark, bright = ([f"{100 * share:.1f}%" for share in softmax(values)] for values in ([2, -1.5, -2, -9], [2, -1.5, -2, -8]))
    assert lines[0].split() == ["dark.png", "dark", dark[0], "café", dark[1], "bright,", "very", dark[2]]
    assert lines[1].split() == ["bright", "photo.jpg", "bright,", "very", bright[0], "café", bright[1], "dark", bright[2]]
    assert lines[2].split()[1:4] == ["bright,", "very", bright[0]]
    starts = [head.index(title) for title in ("1st", "2nd", "3rd")]
    for line in lines:  # columns are aligned: a gap ends just where each begins
        assert all(line[at - 2 : at] == "  " and line[at] != " " for at in starts)


def test_csv_and_nothing_else_also_where_a_picture_is_damaged(study, start, monkeypatch):
    monkeypatch.chdir(study)
    ended = start([REPOSITORY / "src" / "predict.py", NN, "cut.jpg", "bright photo.jpg", "dark.png", "--csv"], study)
    refused(ended, "cut.jpg: truncated")
    rows = list(csv.reader(io.StringIO(ended["stdout"])))
    assert rows[0] == ["image", "rank", "class", "probability"]
    names = ["bright, very", "café", "dark"]
    assert [row[:3] for row in rows[1:4]] == [["bright photo.jpg", str(rank), name] for rank, name in enumerate(names, start=1)]
    assert [row[0] for row in rows[4:]] == ["dark.png"] * 3
    # Keras' weights of red, green and blue add up to 0.9999.
    np.testing.assert_allclose([float(row[3]) for row in rows[1:4]], softmax([2, -1.5, -2, -8])[:3], atol=1e-4)


def test_any_name_can_be_found_again_in_the_csv_and_commands_no_terminal(study, tmp_path, here):
    name = "caf\udce9\x1b[2J.png"
    shutil.copy(study / "dark.png", tmp_path / name)
    printed = here(tmp_path, str(study / NN), name, "--csv")
    assert [row["image"] for row in csv.DictReader(io.StringIO(printed))] == [name] * 3
    assert r"caf\udce9\x1b[2J.png" in here(tmp_path, str(study / NN), name)
    (tmp_path / name).write_text("damaged")
    with pytest.raises(StudyError, match=r"caf\\udce9\\x1b\[2J.png: not a JPEG or PNG"):
        here(tmp_path, str(study / NN), name)


@pytest.mark.parametrize(
    "places", [("", ""), ("elsewhere/models", "elsewhere/E4_results"), ("models/replicates/seed-130", "E1_results/replicates/seed-130")]
)
def test_a_model_taken_elsewhere_with_its_record_sees_what_the_study_sees(study, tmp_path, here, places):
    """Without images folder or repository in sight; the numbers are those of the model on the decoded picture."""
    for file, place in zip(("models/FAKE_LeNet.keras", "E1_results/FAKE_LeNet_record.json"), places, strict=True):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(study / file, tmp_path / place)
    noise = np.random.default_rng(1).integers(0, 256, (50, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    printed = here(tmp_path, str(Path(places[0], "FAKE_LeNet.keras")), "noise.png", "--csv")
    pixels, _ = decoding.decode_image((tmp_path / "noise.png").read_bytes())
    expected = keras.models.load_model(study / "models/FAKE_LeNet.keras").predict(pixels[None], verbose=0)[0]
    for rank, row in enumerate(csv.DictReader(io.StringIO(printed))):
        number = np.argsort(-expected)[rank]
        assert row["class"] == CLASSES[number]
        assert abs(float(row["probability"]) - expected[number]) < 1e-5


@pytest.mark.parametrize("good", [[], ["dark.png"]])
def test_all_damaged_pictures_are_named(study, here, caplog, good):
    with pytest.raises(StudyError) as answer:
        here(study, NN, "cut.jpg", *good, "text.png")
    assert str(answer.value).splitlines()[1:] == ["  cut.jpg: truncated", "  text.png: not a JPEG or PNG image"]
    assert [line.split()[0] for line in caplog.text.splitlines() if "dark.png" in line] == good


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((NN, "dark.png", "nowhere.jpg"), "There is no file nowhere.jpg"),
        ((NN, "models"), "models is a folder"),
        ((NN, "pipe.jpg"), r"pipe\.jpg is a pipe"),
        ((NN, "circle.jpg"), r"circle\.jpg cannot be read: Too many levels of symbolic links"),
        (("models/REAL_NN.keras", "dark.png"), r"There is no file models/REAL_NN\.keras; models are not in git"),
        (("models", "dark.png"), "models is a folder"),
        (("bright photo.jpg", NN), "FAKE_NN.keras is a model, not a picture; name one model, before the pictures"),
        ((NN,), "FAKE_NN.keras is a model, not a picture"),
        (("dark.png", "--explain", "new.png"), "--explain is about one model"),
        ((NN, "dark.png", "--explain", "why.jpg"), "name a PNG file"),
        ((NN, "dark.png", "--explain", "dark.png"), "is there already"),
        ((NN, "dark.png", "--explain", "new.png"), "no convolutions"),
    ],
)
def test_what_cannot_be_used_is_called_what_it_is(study, here, arguments, sentence):
    before = {path: path.read_bytes() for path in study.glob("*.png")}
    with pytest.raises(StudyError, match=sentence):
        here(study, *arguments)
    assert {path: path.read_bytes() for path in study.glob("*.png")} == before


def test_the_first_pictures_are_explained_in_a_new_file(study, tmp_path, here, monkeypatch):
    monkeypatch.setattr(predict, "EXPLAINED", 7)
    printed = here(study, "models/FAKE_LeNet.keras", *["dark.png"] * 8, "--csv", "--explain", str(tmp_path / "why.png"))
    assert len(printed.splitlines()) == 1 + 8 * 3
    with Image.open(tmp_path / "why.png") as figure:
        assert figure.width > 600
    assert [path.name for path in tmp_path.iterdir()] == ["why.png"]


def test_a_record_is_needed_and_that_of_another_model_is_not_believed(study, tmp_path, here):
    model = Path(shutil.copy(study / "models/FAKE_LeNet.keras", tmp_path / "FAKE_NN.keras"))
    with pytest.raises(StudyError, match=r"copy FAKE_NN_record\.json"):
        here(tmp_path, model.name, str(study / "dark.png"))
    shutil.copy(study / "E1_results/FAKE_NN_record.json", tmp_path)
    with pytest.raises(StudyError, match=r"belongs to another FAKE_NN\.keras"):
        here(tmp_path, model.name, str(study / "dark.png"))
    model.write_bytes(zlib.compress(b"not a model"))
    record = records.read(study / "E1_results/FAKE_NN_record.json") | {"model": {"sha256": checksum(model)}}
    records.write(record, tmp_path / "FAKE_NN_record.json")
    with pytest.raises(StudyError, match=r"FAKE_NN\.keras is not loaded"):
        here(tmp_path, model.name, str(study / "dark.png"))


def test_without_a_model_the_three_that_come_with_the_study_answer(study, here):
    printed = here(study, "dark.png", "bright photo.jpg")
    assert [line.split()[0] for line in printed.splitlines() if line] == ["image", "dark.png", "bright"]
    rows = list(csv.DictReader(io.StringIO(here(study, "dark.png", "--csv"))))
    classes = {
        name: {row["class"] for row in rows if row["classifier"] == name} for name in dict.fromkeys(row["classifier"] for row in rows)
    }
    assert list(classes) == ["REAL LeNet", "FAKE LeNet", "REAL or FAKE LeNet"]
    assert classes["REAL or FAKE LeNet"] == set(protocol.SOURCES)
    assert classes["REAL LeNet"] <= set(protocol.CIFAKE_CLASSES)


def test_a_classifier_is_kept_without_a_date_and_answers_as_before(study, start, tmp_path):
    """Twice from the same weights: the same bytes, and answers that are those of the model it was made from."""
    folders = Folders(tmp_path / "images", tmp_path)
    for experiment, source in keep_classifiers.KEPT:
        files = folders.classifier(experiment, source, "LeNet")
        for kind in ("model", "record"):
            files[kind].parent.mkdir(exist_ok=True)
        shutil.copy(study / "models/FAKE_LeNet.keras", files["model"])
        shutil.copy(study / "E1_results/FAKE_LeNet_record.json", files["record"])
    ready, words = tmp_path / "models" / "ready", [REPOSITORY / "src" / "keep_classifiers.py", "--output", tmp_path]
    assert start(words)["code"] == 0
    first = {path.name: path.read_bytes() for path in ready.iterdir()}
    assert len(first) == 2 * len(keep_classifiers.KEPT)
    for file in ("FAKE_LeNet.keras", "FAKE_LeNet_record.json"):  # a kept one, in place of the one that was trained
        shutil.copy(ready / file, tmp_path / ("models" if file.endswith("keras") else "E1_results") / file)
    assert start(words)["code"] == 0
    assert {path.name: path.read_bytes() for path in ready.iterdir()} == first
    noise = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)
    before, after = (
        architectures.load(path).head(noise).numpy() for path in (study / "models/FAKE_LeNet.keras", ready / "FAKE_LeNet.keras")
    )
    np.testing.assert_array_equal(before, after)


def test_a_dry_run_predicts_nothing_and_help_is_instant(study, here):
    assert here(study, NN, "dark.png", "--dry-run") == "FAKE NN: would look at 1 picture(s)\n"
    ended = run(sys.executable, "-X", "importtime", REPOSITORY / "src" / "predict.py", "--help")
    assert "*.png --csv" in ended.stdout
    assert not any(name in ended.stderr for name in ("numpy", "tensorflow", "PIL"))
