"""The table of runs: which rows can be averaged, and what is left out."""

import pandas as pd
import pytest

from cifake.results import records, table
from cifake.system.errors import StudyError
from cifake.system.paths import Folders

IMAGES = {"REAL test": {"images": 4, "sha256": "a"}}


def row(seed: int, outcome: str = "usual", experiment: str = "E1", trained_on: str = "FAKE", *, is_plain: bool = False, **part) -> dict:
    """As much of a row as is needed; `part`: what its record says of the REAL test images."""
    data = {"REAL test": IMAGES["REAL test"] | part}
    row = {"experiment": experiment, "architecture": "NN", "trained_on": trained_on, "variant": "", "seed": seed, "is_plain": is_plain}
    return row | {"outcome": outcome, "record": {"data": data}}


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([row(1, "other", is_plain=True), row(2), row(3), row(4, "other")], [1, 4]),  # the plain run says what is usual
        ([row(1, "other"), row(2), row(3)], [2, 3]),  # without one, most runs do
        ([row(1, trained_on="REAL", experiment="E3"), row(2, "other", "E3"), row(3, experiment="E3")], [1, 3]),  # whatever the arm
        ([row(1, experiment="E3"), row(2, experiment="E3", sha256="b")], [1]),  # other images than the study's
        ([row(1, experiment="E4", sha256="b")], []),
        ([row(1), row(2)], [1, 2]),
    ],
)
def test_a_stranger_is_left_out_and_named(rows, kept, caplog):
    caplog.set_level("INFO")
    assert table.alike(pd.DataFrame(rows), IMAGES)["seed"].to_list() == kept
    assert ("left out" in caplog.text) == (len(kept) < len(rows))


def test_seeds_that_are_asked_for_need_only_be_like_each_other():
    rows = pd.DataFrame([row(1, is_plain=True), row(2, "other"), row(3, "other")])
    assert table.alike(rows, IMAGES, [2, 3])["seed"].to_list() == [2, 3]


def test_the_study_s_images_are_those_of_experiment_1_or_of_most_runs():
    of_e3 = [row(1, experiment="E3", sha256="b"), row(2, experiment="E3"), row(3, experiment="E3")]
    assert table.images_of(pd.DataFrame(of_e3)) == IMAGES
    of_e1 = row(1) | {"trained_on": "REAL", "record": {"data": {"test": {"images": 4, "sha256": "c"}}}}
    assert table.images_of(pd.DataFrame([*of_e3, of_e1]))["REAL test"]["sha256"] == "c"


def test_a_damaged_record_of_experiment_1_is_refused_and_one_of_experiment_3_left_out(tmp_path, caplog):
    caplog.set_level("INFO")
    folders = Folders(output=tmp_path)
    for path in (folders.e3_run("NN", "REAL", 100, 1)["record"], folders.classifier("E1", "REAL", "NN")["record"]):
        path.parent.mkdir(parents=True)
        path.write_text('{"architecture": "NN"', encoding="utf-8")
    assert table.load(folders, "E3").empty
    assert "REAL_100_record.json is damaged" in caplog.text
    with pytest.raises(StudyError, match=r"REAL_NN_record\.json is damaged"):
        table.load(folders, "E1")


def test_a_record_with_brackets_in_a_name_is_read_as_it_was_written(tmp_path):
    record = records.read(Folders().classifier("E1", "REAL", "NN")["record"])
    record |= {"classes": ["[ x ]", *record["classes"][1:]]}
    records.write(record, tmp_path / "record.json")
    assert records.read(tmp_path / "record.json")["classes"][0] == "[ x ]"
