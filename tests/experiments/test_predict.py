"""predict.py: the likeliest classes of your own pictures, by the names in the model's record."""

import csv
import io
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import predict
from cifake.data import decoding
from cifake.models import architectures
from cifake.results import records
from cifake.system import devices
from cifake.system.errors import StudyError
from cifake.system.files import checksum
from cifake.system.paths import REPOSITORY

CLASSES = ["café", "dark", "bright, very", "fourth"]


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
    return folder


def picture(path: Path, size: tuple[int, int], grey: int) -> None:
    Image.new("RGB", size, (grey,) * 3).save(path)


@pytest.fixture
def here(monkeypatch, caplog) -> Callable[..., str]:
    """The script's main function in this process; gives what it prints."""

    def call(folder: Path, *arguments: str) -> str:
        caplog.clear()
        caplog.set_level("INFO", "predict")
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["predict.py", *arguments])
        predict.main()
        return "".join(f"{record.getMessage()}\n" for record in caplog.records)

    return call


@pytest.fixture
def whole(start, monkeypatch) -> Callable[..., dict]:
    """The whole script: its exit code, and what it prints where."""

    def call(folder: Path, *arguments: str) -> dict:
        monkeypatch.chdir(folder)
        return start([REPOSITORY / "src" / "predict.py", *arguments], folder)

    return call


def test_a_table_of_the_three_likeliest_classes(study, here):
    printed = here(study, "models/FAKE_NN.keras", "dark.png", "bright photo.jpg", "see-through.png")
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


def softmax(values: list[float]) -> np.ndarray:
    powers = np.exp(np.array(values))
    return powers / powers.sum()


def test_csv_and_nothing_else(study, whole):
    ended = whole(study, "models/FAKE_NN.keras", "bright photo.jpg", "dark.png", "--csv")
    assert (ended["code"], ended["stderr"]) == (0, "")
    rows = list(csv.reader(io.StringIO(ended["stdout"])))
    assert rows[0] == ["image", "rank", "class", "probability"]
    assert [row[:3] for row in rows[1:4]] == [
        ["bright photo.jpg", "1", "bright, very"],
        ["bright photo.jpg", "2", "café"],
        ["bright photo.jpg", "3", "dark"],
    ]
    assert [row[0] for row in rows[4:]] == ["dark.png"] * 3
    assert ended["operations"] == []
    # Keras' weights of red, green and blue add up to 0.9999.
    np.testing.assert_allclose([float(row[3]) for row in rows[1:4]], softmax([2, -1.5, -2, -8])[:3], atol=1e-4)


def test_a_model_taken_elsewhere_with_its_record_works_and_sees_what_the_study_sees(study, tmp_path, here):
    """Without images folder, results folder or repository in sight; the numbers are those of the model on the decoded picture."""
    for file in ("models/FAKE_LeNet.keras", "E1_results/FAKE_LeNet_record.json"):
        shutil.copy(study / file, tmp_path)
    noise = np.random.default_rng(1).integers(0, 256, (50, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    printed = here(tmp_path, "FAKE_LeNet.keras", "noise.png", "--csv")
    pixels, _ = decoding.decode_any((tmp_path / "noise.png").read_bytes())
    expected = keras.models.load_model(study / "models/FAKE_LeNet.keras").predict(pixels[None], verbose=0)[0]
    for rank, row in enumerate(csv.DictReader(io.StringIO(printed))):
        number = np.argsort(-expected)[rank]
        assert row["class"] == CLASSES[number]
        assert abs(float(row["probability"]) - expected[number]) < 1e-5


def test_with_a_damaged_picture_the_good_ones_are_predicted_and_the_exit_code_is_2(study, whole):
    ended = whole(study, "models/FAKE_NN.keras", "cut.jpg", "bright photo.jpg", "dark.png", "--csv")
    assert ended["code"] == 2
    assert ended["stderr"] == "predict.py: cut.jpg: damaged, or not a JPEG or PNG; save again or leave out.\n"
    assert ended["stdout"] == whole(study, "models/FAKE_NN.keras", "bright photo.jpg", "dark.png", "--csv")["stdout"]


@pytest.mark.parametrize("good", [[], ["dark.png"]])
def test_all_damaged_pictures_are_named(study, here, caplog, good):
    with pytest.raises(StudyError) as answer:
        here(study, "models/FAKE_NN.keras", "cut.jpg", *good, "text.png")
    first, *named = str(answer.value).splitlines()
    assert first.startswith("2 files: damaged")
    assert named == ["  cut.jpg", "  text.png"]
    assert [line.split()[0] for line in caplog.text.splitlines() if "dark.png" in line] == good


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("models/FAKE_NN.keras", "dark.png", "nowhere.jpg"), "There is no file nowhere.jpg"),
        (("models/REAL_NN.keras", "dark.png"), "There is no file models/REAL_NN.keras"),
        (("dark.png", "models/FAKE_NN.keras"), "dark.png is a picture; name the model first, then the pictures"),
        (("bright photo.jpg", "dark.png"), "bright photo.jpg is a picture; name the model first"),
    ],
)
def test_what_is_not_there_or_not_a_model_is_named(study, here, arguments, sentence):
    with pytest.raises(StudyError, match=sentence):
        here(study, *arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"), [((), "MODEL, IMAGE"), (("models/FAKE_NN.keras", "dark.png", "--cvs"), "did you mean --csv?")]
)
def test_wrong_options_are_answered(study, here, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as end:
        here(study, *arguments)
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_model_without_a_record_is_refused(study, tmp_path, here):
    shutil.copy(study / "models/FAKE_NN.keras", tmp_path)
    with pytest.raises(StudyError, match=r"copy FAKE_NN_record\.json"):
        here(tmp_path, "FAKE_NN.keras", str(study / "dark.png"))


def test_the_record_of_another_model_is_not_believed(study, tmp_path, here):
    shutil.copy(study / "models/FAKE_LeNet.keras", tmp_path / "FAKE_NN.keras")
    shutil.copy(study / "E1_results/FAKE_NN_record.json", tmp_path)
    with pytest.raises(StudyError, match=r"belongs to another FAKE_NN\.keras"):
        here(tmp_path, "FAKE_NN.keras", str(study / "dark.png"))


def test_a_damaged_model_is_named(study, tmp_path, here):
    model = tmp_path / "FAKE_NN.keras"
    model.write_bytes(zlib.compress(b"not a model"))
    record = records.read(study / "E1_results/FAKE_NN_record.json")
    record["model"]["sha256"] = checksum(model)
    records.write(record, tmp_path / "FAKE_NN_record.json")
    with pytest.raises(StudyError, match=r"FAKE_NN\.keras is not loaded"):
        here(tmp_path, "FAKE_NN.keras", str(study / "dark.png"))


def test_a_dry_run_predicts_nothing(study, here):
    assert here(study, "models/FAKE_NN.keras", "dark.png", "--dry-run") == "FAKE NN: would look at 1 picture(s)\n"


def test_help_is_instant(study):
    code = (
        "import sys, runpy\nsys.argv = ['predict.py', '--help']\n"
        f"sys.path.insert(0, {str(REPOSITORY / 'src')!r})\n"
        f"try:\n    runpy.run_path({str(REPOSITORY / 'src' / 'predict.py')!r}, run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "assert not {'numpy', 'tensorflow', 'keras', 'PIL'} & sys.modules.keys()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=study, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert "*.png --csv" in ended.stdout
