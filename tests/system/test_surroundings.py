"""Other people's machines: no variable, settings file or closed stream changes a number or a figure, or ends in a traceback."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import conftest
import keras
import numpy as np
import pytest

from cifake import protocol
from cifake.models import architectures, features
from cifake.system import devices
from cifake.system.errors import StudyError
from cifake.system.files import checksum_of_arrays

PIXELS = np.zeros((2, *protocol.IMAGE_SHAPE), np.uint8)


# ---- settings of the libraries


def hostile(folder: Path) -> dict[str, str]:
    """Variables that would change or end a training, and the files that they name; `folder` becomes the working folder."""
    (folder / "keras.json").write_text('{"floatx": "float64", "epsilon": 1, "image_data_format": "channels_first", "backend": "torch"}')
    (folder / "matplotlibrc").write_text("savefig.bbox: tight\nfont.size: 40\nfont.family: no such font\naxes.formatter.use_locale: True\n")
    (folder / "config").mkdir()
    (folder / "config" / "matplotlibrc").write_text("text.usetex: True\nbackend: no such backend\n")
    (folder / "sitecustomize.py").write_text("import pwd\n\n\ndef nobody(_):\n    raise KeyError\n\n\npwd.getpwuid = nobody\n")
    return {
        "PYTHONPATH": str(folder),  # for sitecustomize.py: a user without a home folder
        "KERAS_HOME": str(folder),
        "KERAS_BACKEND": "torch",
        "KERAS_FLOATX": "float16",
        "KERAS_NNX_ENABLED": "true",
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "TF_USE_LEGACY_KERAS": "1",
        "MPLBACKEND": "no such backend",
        "MPLCONFIGDIR": str(folder / "config"),
    }


def test_settings_of_keras_and_matplotlib_change_no_byte(start, new_study, tmp_path, monkeypatch):
    usual, strange = new_study(), new_study()
    words = conftest.words_of("NN", usual)
    ended = start(words, usual.output)
    assert ended["code"] == 0, ended["stderr"]
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("HOME", raising=False)
    result = conftest.run(sys.executable, *conftest.words_of("NN", strange), **hostile(elsewhere))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    by_kind = usual.classifier("E1", "FAKE", "NN")
    for kind in ("metrics", "history", "curve", "mistakes", "predictions"):
        assert strange.classifier("E1", "FAKE", "NN")[kind].read_bytes() == by_kind[kind].read_bytes(), kind
    record = json.loads(by_kind["record"].read_text(encoding="utf-8"))
    assert record["arithmetic"]["threads"] == devices.cores()
    assert record["settings"].keys().isdisjoint({"arithmetic", "device"})


def test_a_tilde_without_a_home_folder_is_told_in_a_sentence():
    conftest.refused(conftest.script("create_metadata.py", "--images", "~no-such-user/images"), "--images", "home directory")


# ---- the machine


def test_a_record_tells_what_the_last_digits_depend_on(monkeypatch):
    for name in [name for name in os.environ if name.startswith(devices.VARIABLES)]:  # this machine's own
        monkeypatch.delenv(name)
    for name, value in {"TF_VAR_password": "secret", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "7"}.items():
        monkeypatch.setenv(name, value)
    told = devices.description("CPU (2 cores)")["arithmetic"]
    assert told["threads"] == 7
    assert told["variables"] == {"TF_NUM_INTRAOP_THREADS": "7"}  # Terraform's, which may be secrets, and those of the log are not told
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "many")  # which TensorFlow ignores
    assert devices.description("CPU (2 cores)")["arithmetic"]["threads"] == devices.cores()


def test_the_program_is_a_commit_of_this_repository_or_unknown(tmp_path, monkeypatch):
    def git(*words: object) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", *identity, *map(str, words)], capture_output=True, text=True, check=True).stdout.strip()

    def program(repository: Path) -> str:
        monkeypatch.setattr(devices, "REPOSITORY", repository)
        return devices.program.__wrapped__()

    study = tmp_path / "study"
    (study / "src").mkdir(parents=True)
    (study / "src" / "a.py").touch()
    assert program(study) == "unknown"
    git("init", "-q", study)
    assert program(study) == "unknown"  # nothing is committed
    git("-C", study, "add", "src")
    git("-C", study, "commit", "-qm", "code")
    commit = git("-C", study, "log", "-1", "--format=%h")
    (study / "results").touch()
    git("-C", study, "add", "results")
    git("-C", study, "commit", "-qm", "results")
    git("clone", "-q", "--depth", "1", study.as_uri(), tmp_path / "shallow")
    shutil.copytree(study / "src", study / "part" / "src")
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert program(study) == commit
    assert program(tmp_path / "shallow") == "unknown"
    assert program(study / "part") == "unknown"  # within another repository
    (study / "src" / "a.py").write_text("edited")
    assert program(study) == f"{commit}-dirty"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program(study) == "unknown"  # no git


# ---- weights


def stand_in(**_) -> keras.Model:
    """A small network in place of VGG16."""
    return keras.Sequential([keras.Input(protocol.IMAGE_SHAPE), keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D()])


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """A file of the stand-in's weights, which is also what there is to download; Keras' folder is empty."""
    monkeypatch.setattr(keras.applications, "VGG16", stand_in)
    path = tmp_path / "own.weights.h5"
    stand_in().save_weights(path)
    monkeypatch.setattr(architectures, "KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(architectures, "PUBLISHED", "published.weights.h5")
    monkeypatch.setattr(architectures, "PUBLISHED_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    monkeypatch.setattr(architectures, "PUBLISHED_ADDRESS", path.as_uri())
    return path


def test_weights_that_are_not_finite_are_refused_before_training(weights):
    network = stand_in()
    kernel, bias = network.get_weights()
    kernel[1, 1, 1, 1] = np.nan
    network.set_weights([kernel, bias])
    network.save_weights(weights)
    with pytest.raises(StudyError, match=r"own\.weights\.h5 is damaged: a weight in it is not finite; name another file with --weights"):
        architectures.backbone("VGG16", str(weights))
    with pytest.raises(StudyError, match="not all outputs are finite"):
        features.compute(network, PIXELS)
    network.save(weights.with_name("model.keras"))
    with pytest.raises(StudyError, match=r"model\.keras is not loaded: a weight in it is not finite"):
        architectures.load(weights.with_name("model.keras"))


def test_weights_that_are_not_the_published_ones_are_named(weights, caplog, monkeypatch):
    caplog.set_level("INFO")
    backbone = architectures.backbone("VGG16", str(weights))
    assert "own.weights.h5 does not hold the published ImageNet weights" in caplog.text
    caplog.clear()
    monkeypatch.setattr(protocol, "IMAGENET_CHECKSUM", checksum_of_arrays(backbone.get_weights()))
    architectures.backbone("VGG16", str(weights))
    assert not caplog.text


def test_a_damaged_copy_of_the_published_weights_is_downloaded_again(weights, tmp_path, monkeypatch):
    copy = tmp_path / "keras" / "models" / "published.weights.h5"
    copy.parent.mkdir(parents=True)
    (tmp_path / "page.html").write_text("Sign in")
    for name, words in (("no network", "URL fetch failure"), ("page.html", "corrupted file")):
        copy.write_bytes(weights.read_bytes()[:-1000])
        with monkeypatch.context() as offline, pytest.raises(StudyError) as told:
            offline.setattr(architectures, "PUBLISHED_ADDRESS", (tmp_path / name).as_uri())
            architectures.backbone("VGG16", "imagenet")
        remedies = ("again when there is a network", "by hand", "--weights PATH", "VGG16_WEIGHTS=PATH")
        assert all(word in str(told.value) for word in (words, *remedies)), told.value
    architectures.backbone("VGG16", "imagenet")
    assert copy.read_bytes() == weights.read_bytes()
    weights.unlink()
    architectures.backbone("VGG16", "imagenet")  # without a download


def test_a_character_that_the_terminal_lacks_loses_no_line():
    program = "import logging; from cifake.system import command; command.run(lambda: logging.getLogger('cifake').info('FAKE→REAL 0.384'))"
    variables = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(conftest.REPOSITORY / "src")}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=variables)
    assert ended.stdout == "FAKE\\u2192REAL 0.384\n"
