"""What README.md promises: an architecture, an arm and a page are added by one entry in a table, and found in all that is made from it.

The entries are written into a copy of the programs, as a user would write them.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import REPOSITORY, make_images, run

from cifake.system.paths import Folders

MEAN_COLOUR = '''
def mean_colour(_weights, _scaling):
    """Three numbers of an image: its mean red, green and blue."""
    import keras

    images = raw_images()
    colours = keras.layers.Rescaling(protocol.PIXEL_SCALE)(keras.ops.cast(images, "float32"))
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(colours), name="backbone")


ARCHITECTURES = {
    "Tiny": Architecture("a hidden layer on the mean colour", backbone=mean_colour, e3_seconds=1),'''
ARMS = """ARMS = (
    Arm("REAL, then FAKE", (("REAL",), ("FAKE",)), line=":"),"""
PAGES = """PAGES = (
    Page(lambda study: study.plain[["architecture", "accuracy"]], "added_table.txt", "The accuracy of each classifier."),"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Folders:
    """Just enough images of two classes for experiment 3's smallest budget, 100."""
    place = tmp_path_factory.mktemp("extended study")
    folders = Folders(make_images(place / "images", train=65, test=10, classes=2), place / "output")
    folders.class_list.write_text("red\ngreen\n", encoding="utf-8")
    return folders


@pytest.fixture(scope="module")
def call(folders, tmp_path_factory) -> Callable[..., None]:
    """A function that runs a script of the extended copy on those images."""
    source = tmp_path_factory.mktemp("extended") / "src"
    shutil.copytree(REPOSITORY / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", source.parent)  # which names the release
    for name, entry in (("models/architectures.py", MEAN_COLOUR), ("data/arms.py", ARMS), ("pages/e1.py", PAGES)):
        path, table = source / "cifake" / name, entry.splitlines()[-2]
        text = path.read_text(encoding="utf-8")
        assert text.count(f"\n{table}\n") == 1, f"{name} has no table that begins with {table}"
        path.write_text(text.replace(f"\n{table}\n", f"\n{entry}\n"), encoding="utf-8")
    classify_nn = (source / "classify_NN.py").read_text(encoding="utf-8")
    (source / "classify_Tiny.py").write_text(re.sub(r"\bNN\b", "Tiny", classify_nn), encoding="utf-8")

    def run_script(name: str, *options: str) -> None:
        ended = run(sys.executable, source / name, *options, "--images", folders.images, "--output", folders.output)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    run_script("create_metadata.py")
    return run_script


def cells_of(path: Path) -> str:
    return re.sub(" +", " ", path.read_text(encoding="utf-8"))


def test_an_architecture_and_a_page_are_one_entry_each(call, folders):
    call("classify_Tiny.py", "-data", "FAKE", "-epochs", "20")
    call("visualise.py")
    files = folders.classifier("E1", "FAKE", "Tiny")
    assert [path for path in files.values() if not path.exists()] == []
    record = json.loads(files["record"].read_text(encoding="utf-8"))
    assert record["model"]["parameters"] == 3 * 128 + 128 + 128 * 2 + 2
    drawn = folders.visualisations("E1")
    assert list(drawn.glob("Tiny_*.png"))
    assert " FAKE Tiny |" in cells_of(drawn / "all_metrics_table.txt")
    assert f"| Tiny | {record['scores']['accuracy']}" in cells_of(drawn / "added_table.txt")
    (row,) = pd.read_csv(folders.runs("E1")).itertuples()
    assert (row.architecture, row.trained_on) == ("Tiny", "FAKE")


def test_an_arm_is_one_entry(call, folders):
    call("worth_of_fake.py", "--models", "Tiny", "--seeds", "1", "--steps", "40", "--part", "main")
    record = json.loads(folders.e3_run("Tiny", "REAL, then FAKE", 100, 1)["record"].read_text(encoding="utf-8"))
    assert {source: part["images"] for source, part in record["budget"].items()} == {"REAL": 100, "FAKE": 130}
    drawn = folders.visualisations("E3")
    assert "| Tiny, REAL, then FAKE |" in cells_of(drawn / "accuracy_table.txt")
    assert list(pd.read_csv(folders.runs("E3"))["trained_on"]).count("REAL, then FAKE") == 1
    assert (drawn / "accuracy.png").stat().st_size > 0
