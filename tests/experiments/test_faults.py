"""What is read back is not trusted: damaged records, histories, checkpoints, features and models; odd names, links and folders."""

import re
import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import REPOSITORY, called, done, file_name, make_images, refused
from hypothesis import given
from hypothesis import strategies as st

from cifake import protocol
from cifake.data import metadata
from cifake.models import architectures, checkpoints, features
from cifake.results import histories, records
from cifake.system.errors import StudyError
from cifake.system.files import checksum
from cifake.system.paths import Folders

TRAINED = ("-data", "FAKE", "-epochs", 2)


@pytest.fixture(scope="module")
def trained(start, few_images, tmp_path_factory) -> Folders:
    """NN on FAKE with two seeds, drawn and tested on REAL; to be copied and damaged."""
    folders = Folders(few_images, tmp_path_factory.mktemp("trained"))
    done(start, "create_metadata.py", folders)
    done(start, "classify_NN.py", folders, *TRAINED, "--seeds", 129, 130)
    done(start, "final_evaluate.py", folders)
    done(start, "visualise.py", folders)
    return folders


@pytest.fixture
def study(trained, tmp_path) -> Folders:
    """A copy of it."""
    shutil.copytree(trained.output, tmp_path / "study")
    return Folders(trained.images, tmp_path / "study")


def is_refused(ended: dict, *words: str) -> None:
    """A script has ended with one sentence that holds these words, exit code 2 and no traceback."""
    refused(ended, *words)
    assert ended["stderr"].count("\n") == 1, ended["stderr"]


# ------------------------------------------------------------------------------------------- records, histories, predictions


@pytest.mark.parametrize("name", ["visualise.py", "final_evaluate.py"])
@pytest.mark.parametrize("place", ["E1_results/FAKE_NN_record.json", "E1_results/replicates/seed-130/FAKE_NN_record.json"])
def test_a_script_that_reads_a_damaged_record_names_it(start, study, name, place):
    path = study.output / place
    path.write_bytes(path.read_bytes()[:-40])
    before = {file: file.read_bytes() for file in study.output.rglob("*_*.*") if file.suffix != ".lock"}
    is_refused(called(start, name, study), f"{place} is damaged or not a record; delete it and run")
    assert {file: file.read_bytes() for file in study.output.rglob("*_*.*") if file.suffix != ".lock"} == before


def test_a_record_of_experiment_2_that_is_damaged_is_made_again(start, study):
    path = study.results("E2") / "FAKE_NN_record.json"
    whole = records.read(path, "E2")
    path.write_bytes(path.read_bytes()[:500])
    assert "FAKE NN on REAL: its record is damaged" in done(start, "final_evaluate.py", study)["stdout"]
    assert records.read(path, "E2")["scores"] == whole["scores"]


def test_a_classifier_with_a_damaged_record_is_trained_again(start, study):
    path = study.results("E1") / "FAKE_NN_record.json"
    whole = records.read(path)
    path.write_bytes(path.read_bytes()[:-40])
    asked = done(start, "classify_NN.py", study, *TRAINED, "--dry-run")
    assert "would be trained (its record is damaged)" in asked["stdout"]
    assert "FAKE NN: its record is damaged" in done(start, "classify_NN.py", study, *TRAINED)["stdout"]
    assert records.read(path)["scores"] == whole["scores"]


HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy\n1,2.0,0.1,2.1,0.2\n2,1.9,0.2,2.0,0.3\n"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no table",
        HISTORY[:-10],
        HISTORY.replace("2.1", ""),
        HISTORY.replace("2.1", "nan"),
        HISTORY.replace("2.1", "2,1"),
        HISTORY.replace("\n2,", "\n3,"),
        HISTORY.replace("loss", "lost"),
        HISTORY + "3,1.8,0.2,2.0,0.3\n",
        "\0" * 100,
        b"\xff\xfe" * 50,
    ],
)
def test_a_damaged_history_is_named(tmp_path, text):
    record = {"source": "FAKE", "architecture": "NN", "settings": {"seed": 7}, "training": {"epochs": 2}}
    path = tmp_path / "FAKE_NN_history.csv"
    path.write_text(HISTORY)
    assert len(histories.read(path, record)) == 2
    path.unlink()
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StudyError, match=r"FAKE_NN_history\.csv is missing or damaged; .*bash run-NN\.sh --fresh --seed 7$"):
        histories.read(path, record)


def test_damaged_predictions_of_experiment_2_are_made_again_and_those_of_experiment_1_are_not_read(start, study):
    of_e1, of_e2 = (study.results(experiment) / "FAKE_NN_predictions.csv" for experiment in ("E1", "E2"))
    whole = of_e2.read_bytes()
    for path in (of_e1, of_e2):
        path.write_bytes(path.read_bytes()[:200])

    def drawn() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in study.visualisations("E2").iterdir()}

    before = drawn()
    ended = done(start, "final_evaluate.py", study)
    assert "FAKE NN on REAL: its predictions are missing or damaged" in ended["stdout"]
    assert of_e2.read_bytes() == whole
    assert drawn() == before


def test_a_damaged_list_of_duplicates_is_made_again(start, study):
    whole = study.duplicates.read_bytes()
    study.duplicates.write_bytes(b"\xff" + whole[:9])
    done(start, "create_metadata.py", study)
    assert study.duplicates.read_bytes() == whole


# --------------------------------------------------------------------------------------------------- checkpoints and features


def damaged(content: bytes, times: int) -> list[bytes]:
    """Copies of a file with some bytes changed, cut off, left out or put in."""
    random = np.random.default_rng(protocol.SEED)
    copies = []
    for number in range(times):
        copy, place = bytearray(content), int(random.integers(len(content)))
        if number % 4 == 0:
            del copy[place:]
        elif number % 4 == 1:
            del copy[place : place + int(random.integers(1, 50))]
        else:
            # Half of them at the end, which holds the zip format's directory.
            place = place if number % 4 == 2 else len(content) - 1 - place % min(len(content), 2000)
            copy[place] ^= int(random.integers(1, 256))
        copies.append(bytes(copy))
    return copies


def test_a_damaged_checkpoint_is_noticed_or_whole(tmp_path):
    random = np.random.default_rng(0)
    arrays = [random.normal(size=size).astype(np.float32) for size in ((30, 20), (20,))]
    history = [{"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}]
    training = checkpoints.Training(history, 0.5, weights=arrays, optimiser=[np.array(3)], best_weights=arrays)
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, "key", training)
    noticed = 0
    for content in damaged(path.read_bytes(), 400):
        path.write_bytes(content)
        kept = checkpoints.load(path, "key")
        if kept is None:
            noticed += 1
            continue
        assert (kept.history, kept.best, kept.best_epoch, kept.wait, kept.stopped_early, kept.seconds) == (history, 0.5, 0, 0, False, 0.0)
        for part, expected in ((kept.weights, arrays), (kept.optimiser, [np.array(3)]), (kept.best_weights, arrays)):
            assert all(np.array_equal(ours, theirs) for ours, theirs in zip(part, expected, strict=True))
    assert noticed > 200


def test_damaged_features_are_noticed_or_whole(tmp_path):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    backbone = keras.Model(inputs, keras.layers.Dense(6)(inputs))
    values = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    folders = Folders(output=tmp_path)
    expected = features.of_images(backbone, values, "fingerprint", folders, "test")
    (path,) = folders.unfinished.glob("features_*.npz")
    for content in damaged(path.read_bytes(), 100):
        path.write_bytes(content)
        assert np.array_equal(features.of_images(backbone, values, "fingerprint", folders, "test"), expected)


# ------------------------------------------------------------------------------------------------------------------- models


def test_a_model_with_code_in_it_is_refused_by_the_scripts_and_not_run(start, study, tmp_path):
    """Even if its record vouches for it: a Lambda layer that would leave a file behind."""
    victim, name = tmp_path / "was run", str(tmp_path / "was run")
    pixels = keras.Input(protocol.IMAGE_SHAPE, dtype="uint8")
    code = keras.layers.Lambda(lambda x: (open(name, "w").close(), x)[1], output_shape=protocol.IMAGE_SHAPE)  # noqa: PTH123
    model = study.models / "FAKE_NN.keras"
    keras.Model(pixels, code(pixels)).save(model)
    victim.unlink(missing_ok=True)  # building the model has run it
    path = study.results("E1") / "FAKE_NN_record.json"
    record = records.read(path)
    record["model"]["sha256"] = checksum(model)
    records.write(record, path)
    is_refused(called(start, "final_evaluate.py", study), "FAKE_NN.keras is not loaded: it holds code, which is not run")
    picture = next(study.split("FAKE", "test").iterdir())
    is_refused(
        start([REPOSITORY / "src" / "predict.py", model, picture], tmp_path), "FAKE_NN.keras is not loaded: it holds code, which is not run"
    )
    assert not victim.exists()


def test_a_damaged_model_or_anothers_is_not_tested_and_trained_again(start, study):
    model = study.models / "FAKE_NN.keras"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    for wrong in (content, (study.models / "replicates" / "seed-130" / "FAKE_NN.keras").read_bytes()):
        model.write_bytes(wrong)
        ended = called(start, "final_evaluate.py", study, "--fresh")
        is_refused(ended, "FAKE_NN.keras is not the model of its record", "train it with: bash run-NN.sh")
    ended = done(start, "classify_NN.py", study, *TRAINED)
    assert "FAKE_NN.keras is not the model of its record" in ended["stdout"]
    architectures.load(model)


def test_no_pickle_and_a_keras_with_the_fixes():
    for path in (REPOSITORY / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text and "allow_pickle=True" not in text and "safe_mode=False" not in text, path
    requirements = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    version = re.search(r"^keras==(\d+)\.(\d+)\.(\d+)", requirements, re.MULTILINE)
    assert tuple(map(int, version.groups())) >= (3, 13, 2)


# ----------------------------------------------------------------------------------------------------- folders, names, images


def test_linked_folders_and_files_are_images_too(start, tmp_path):
    """images/train a link, as on a cluster where the data lie elsewhere."""
    elsewhere = make_images(tmp_path / "elsewhere", train=10, test=2)
    linked = tmp_path / "images"
    linked.mkdir()
    for split in protocol.SPLITS:
        (linked / split).symlink_to(elsewhere / split)
    command = 'source "$1/src/runner.sh"; has_images "$2"'
    for folder, code in ((linked, 0), (tmp_path / "nowhere", 1)):
        assert subprocess.run(["bash", "-c", command, "bash", REPOSITORY, folder]).returncode == code
    folders = Folders(linked, tmp_path / "output")
    done(start, "create_metadata.py", folders)
    assert len(metadata.read_split(folders, "FAKE", "train").rows) == 100


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda name: not set(name) & {0, 47}), max_size=4))
def test_any_file_names_are_images_or_refused(tmp_path_factory, names):
    """Whatever bytes a file system takes as a name: rows, or a sentence that can be printed."""
    folders = Folders(tmp_path_factory.mktemp("names"), Path("output"))
    folder = folders.split("FAKE", "train")
    folder.mkdir(parents=True)
    for name in {*names, b"1000.jpg"} - {b".", b".."}:
        (folder / name.decode("utf-8", "surrogateescape")).touch()
    try:
        rows = metadata.rows_of(folders, "FAKE", "train", protocol.CIFAKE_CLASSES)
        present = {path.name for path in folder.iterdir() if not metadata.LEFT_BY_SYSTEMS.fullmatch(path.name)}
        assert {row.filename for row in rows} == present
        assert metadata.csv_text(rows).encode()
    except StudyError as problem:
        assert "1000.jpg" not in str(problem).split(":\n")[-1]
        assert str(problem).encode("utf-8", "backslashreplace")


def test_a_name_that_is_no_text_is_printed_all_the_same(start, few_images, tmp_path):
    shutil.copytree(few_images, tmp_path / "images")
    folders = Folders(tmp_path / "images", tmp_path / "output")
    (folders.split("REAL", "train") / b"caf\xe9.jpg".decode("utf-8", "surrogateescape")).touch()
    ended = called(start, "create_metadata.py", folders)
    assert ended["code"] == 2
    assert "1 file(s) that break the naming rule" in ended["stderr"]
    assert "caf" in ended["stderr"]


def test_a_class_without_test_images_is_named(start, few_images, tmp_path):
    shutil.copytree(few_images, tmp_path / "images")
    folders = Folders(tmp_path / "images", tmp_path / "output")
    for image in range(2):
        (folders.split("FAKE", "test") / file_name(image, 6)).unlink()
    done(start, "create_metadata.py", folders)
    is_refused(called(start, "classify_NN.py", folders, "-data", "FAKE"), "no image of dog in the test images", "add images")


def test_all_unreadable_images_are_listed(study, monkeypatch):
    """As the system answers if the permission is missing; an administrator may read all, so this is a stand-in."""
    read = Path.read_bytes

    def denied(path: Path) -> bytes:
        if path.name in (file_name(0, 3), file_name(1, 4)):
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(StudyError) as problem:
        metadata.read_split(study, "FAKE", "test")
    assert "2 image(s) cannot be read; make them readable or copy them again" in str(problem.value)
    assert f"test/FAKE/{file_name(0, 3)}: Permission denied" in str(problem.value)


@pytest.mark.parametrize(
    ("path", "words"),
    [("train/FAKE/0000.jpg", "break the naming rule"), ("train", "There is no folder"), ("classes.txt", "Is a directory")],
)
def test_a_folder_in_place_of_a_file_or_the_other_way_round(start, few_images, tmp_path, path, words):
    shutil.copytree(few_images, tmp_path / "images")
    place = tmp_path / "images" / path
    if place.is_dir():
        shutil.rmtree(place)
        place.touch()
    else:
        place.unlink(missing_ok=True)
        place.mkdir()
    ended = called(start, "create_metadata.py", Folders(tmp_path / "images", tmp_path / "output"))
    assert ended["code"] == 2
    assert words in ended["stderr"]
    assert not (tmp_path / "output").exists()


def test_an_output_folder_that_is_a_file_is_named(start, few_images, tmp_path):
    (tmp_path / "output").write_text("mine")
    is_refused(called(start, "create_metadata.py", Folders(few_images, tmp_path / "output")), "output", "Not a directory")
    assert (tmp_path / "output").read_text() == "mine"


def test_images_that_are_not_all_damaged_in_the_same_way_are_told_together(start, few_images, tmp_path):
    """All that is wrong with the images of a split, in one message, before anything is trained."""
    shutil.copytree(few_images, tmp_path / "images")
    folders = Folders(tmp_path / "images", tmp_path / "output")
    folder = folders.split("FAKE", "train")
    whole = (folder / file_name(0, 1)).read_bytes()
    for number, content in enumerate([b"", b"GIF89a", whole[:400], b"<html>", *[whole[:500]] * 10]):
        (folder / file_name(number % 10, 2 + number // 10)).write_bytes(content)
    done(start, "create_metadata.py", folders)
    ended = called(start, "classify_NN.py", folders, "-data", "FAKE")
    assert ended["code"] == 2
    assert "14 image(s) cannot be decoded" in ended["stderr"]
    assert ended["stderr"].count("images/train/FAKE/") == 10
    assert "and 4 more" in ended["stderr"]
    assert not folders.results("E1").exists()
