"""What README.md promises: an architecture or an arm is added by one entry in a table, and found in all that is made from it."""

import logging
import sys
from collections.abc import Callable

import pandas as pd
import pytest
from conftest import done, make_images

import visualise
import worth_of_fake
from cifake import protocol
from cifake.data import arms
from cifake.data.arms import ARMS, Arm
from cifake.experiments import e1, e3
from cifake.models import architectures
from cifake.models.architectures import ARCHITECTURES, Architecture
from cifake.pages import e3 as pages
from cifake.pages.study import Study
from cifake.results import records, table
from cifake.system import options
from cifake.system.paths import Folders


def mean_colour(_weights: str):
    """A backbone that sees three numbers of an image: its mean red, green and blue."""
    import keras
    from keras import layers, ops

    images = architectures.raw_images()
    colours = layers.Rescaling(protocol.PIXEL_SCALE)(ops.cast(images, "float32"))
    return keras.Model(images, layers.GlobalAveragePooling2D()(colours), name="backbone")


TINY = Architecture("a hidden layer on the mean colour", backbone=mean_colour, convolutions=None, e3_seconds=1)


@pytest.fixture
def call(monkeypatch, caplog) -> Callable[..., str]:
    """A function that calls a script's main function with options; gives what it prints."""

    def run(main: Callable[[], object], folders: Folders, *options: str) -> str:
        caplog.clear()
        monkeypatch.setattr(sys, "argv", ["script.py", *options, "--images", str(folders.images), "--output", str(folders.output)])
        with caplog.at_level(logging.INFO):
            main()
        return caplog.text

    return run


def test_an_architecture_is_one_entry(new_study, monkeypatch, call):
    monkeypatch.setitem(ARCHITECTURES, "Tiny", TINY)
    folders = new_study()
    written = []
    # A classify script is these two lines: its docstring, and this.
    call(lambda: written.extend(e1.classify("Tiny", "Train and test Tiny.")), folders, "-data", "FAKE", "-epochs", "20")
    files = folders.classifier("E1", "FAKE", "Tiny")
    assert written == list(files.values())
    assert all(path.exists() for path in written)
    record = records.read(files["record"])
    assert record["model"]["parameters"] == 3 * 128 + 128 + 128 * 10 + 10
    assert record["scores"]["accuracy"] > 0.1  # the classes of the made images are colours

    assert "REAL Tiny" in call(visualise.main, folders)  # as not trained yet
    folder = folders.visualisations("E1")
    assert {path.name for path in folder.glob("Tiny_*")} == {"Tiny_confusions.png"}
    assert " FAKE Tiny |" in (folder / "all_metrics_table.txt").read_text(encoding="utf-8")
    (row,) = pd.read_csv(folder / "runs.csv", float_precision="round_trip").itertuples()
    assert (row.architecture, row.trained_on, row.accuracy) == ("Tiny", "FAKE", record["scores"]["accuracy"])


# The other way round than the arms that are there, so that nothing which is kept from their runs fits it.
REVERSED = Arm("REAL, then FAKE", (("REAL",), ("FAKE",)), line=":")


@pytest.fixture
def with_reversed(monkeypatch) -> Arm:
    """The table of arms with one more entry, in each module that has imported it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("cifake.") and getattr(module, "ARMS", None) is ARMS:
            monkeypatch.setattr(module, "ARMS", (*ARMS, REVERSED))
    return arms.ARMS[-1]


@pytest.fixture
def two_classes(start, tmp_path) -> Folders:
    """50 training and 10 test images of each source, 40 of the REAL ones for training."""
    folders = Folders(make_images(tmp_path / "images", train=25, test=5, classes=2), tmp_path / "output")
    folders.class_list.write_text("red\ngreen\n", encoding="utf-8")
    done(start, "create_metadata.py", folders)
    return folders


def test_an_arm_is_one_entry(two_classes, with_reversed, monkeypatch, call):
    monkeypatch.setattr(protocol, "BUDGETS", (20, 40))
    words = ["--models", "NN", "--seeds", "1", "--steps", "20", "--part", "main", "--shard"]

    def train(shard: str, *more: str) -> None:
        call(lambda: e3.train_missing(options.parse("", "")), two_classes, *words, shard, *more)

    train("9/20")  # the last run with 20 images
    train("18/20")  # the last with 40
    call(worth_of_fake.main, two_classes, *words, "1/9")  # and those of REAL
    there = {size: two_classes.e3_run("NN", with_reversed.name, size, 1)["record"] for size in (20, 40)}
    alone = {size: records.read(path, "E3") for size, path in there.items()}
    for size, record in alone.items():
        assert {source: part["images"] for source, part in record["budget"].items()} == {"REAL": size, "FAKE": 50}

    folder = two_classes.visualisations("E3")
    assert "| NN, REAL, then FAKE |" in (folder / "accuracy_table.txt").read_text(encoding="utf-8")
    assert list(pd.read_csv(folder / "runs.csv")["trained_on"]).count(with_reversed.name) == 2
    figure = pages.by_budget(Study(two_classes, table.load(two_classes, "E3")))
    assert with_reversed.name in [text.get_text() for text in figure.legends[0].get_texts()]
    assert ":" in [line.get_linestyle() for line in figure.axes[0].lines]

    # In one start with the other number of images, or after FAKE, then REAL, it has the same scores as alone.
    for shard in ("9/9", "4/5"):
        train(shard, "--fresh")
        for size, path in there.items():
            assert records.read(path, "E3")["predictions"] == alone[size]["predictions"], (shard, size)
