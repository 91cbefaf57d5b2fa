"""What a drawing script leaves of pages that were there before."""

import shutil

import pytest
from conftest import REPOSITORY, done

from cifake.results import records
from cifake.system.paths import Folders

STALE = (
    "seeds_metrics_table.txt",
    "published.png",
    "published.txt",
    "learning_curves.png",
    "VGG16_histories.png",
    "own.txt",
    "accuracy.png",
)


@pytest.fixture
def own_study(tmp_path) -> Folders:
    """The committed NN on REAL as if its images were a user's own, beside pages of the repository's and of the user's."""
    folders = Folders(output=tmp_path)
    for name in ("record", "history"):
        source, target = (place.classifier("E1", "REAL", "NN")[name] for place in (Folders(output=REPOSITORY), folders))
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
    record = records.read(target.with_name("REAL_NN_record.json"))
    record["data"]["train"]["sha256"] = "0" * 64
    records.write(record, target.with_name("REAL_NN_record.json"))
    for experiment in ("E1", "E2", "E3"):
        folders.visualisations(experiment).mkdir()
        for name in STALE:
            (folders.visualisations(experiment) / name).touch()
    return folders


def test_a_page_without_anything_to_show_is_removed_from_its_own_folder_alone(start, own_study):
    ended = done(start, "visualise.py", own_study)
    left = {path.name for path in own_study.visualisations("E1").iterdir()}
    drawn = {"NN_histories.png", "NN_confusions.png", "all_metrics_table.txt", "leak_table.txt", "runs.csv"}
    assert left == drawn | {"own.txt", "published.png", "published.txt", "accuracy.png"}  # the last three are names of other experiments
    assert ended["stdout"].count("Removed ") == 3
    for experiment in ("E2", "E3"):
        assert {path.name for path in own_study.visualisations(experiment).iterdir()} == set(STALE)
