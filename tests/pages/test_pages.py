"""Figures and tables: what they hold for odd names, few epochs and few seeds, and what drawing leaves of pages that were there before."""

import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, done

from cifake.pages import e1, e2, page
from cifake.pages.study import Study
from cifake.results import histories, records, scores, table
from cifake.system.paths import Folders

COMMITTED = Folders(output=REPOSITORY)


@pytest.fixture
def own_study(tmp_path) -> Folders:
    """The committed NN on REAL as if its images were a user's own."""
    folders = Folders(output=tmp_path)
    for name in ("record", "history"):
        source, target = (place.classifier("E1", "REAL", "NN")[name] for place in (COMMITTED, folders))
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
    record = records.read(target.with_name("REAL_NN_record.json"))
    record["data"]["train"]["sha256"] = "0" * 64
    records.write(record, target.with_name("REAL_NN_record.json"))
    return folders


def test_a_page_without_anything_to_show_is_removed_from_its_own_folder_alone(start, own_study):
    stale = ("seeds_metrics_table.txt", "VGG16_confusions.png", "published.txt", "own.txt")
    for experiment in ("E1", "E2"):
        own_study.visualisations(experiment).mkdir()
        for name in stale:
            (own_study.visualisations(experiment) / name).touch()
    ended = done(start, "visualise.py", own_study)
    left = {path.name for path in own_study.visualisations("E1").iterdir()}
    drawn = {"NN_confusions.png", "learning_curves.png", "all_metrics_table.txt", "leak_table.txt", "runs.csv"}
    assert left == drawn | {"own.txt", "published.txt"}  # that of another experiment
    assert ended["stdout"].count("Removed ") == 2
    assert {path.name for path in own_study.visualisations("E2").iterdir()} == set(stale)


def test_experiment_2_is_drawn_without_images_and_models(start, tmp_path):
    """In a clone that has neither, from the records alone."""
    folders = Folders(tmp_path / "images", tmp_path / "output")
    for experiment in ("E1", "E2"):
        shutil.copytree(COMMITTED.results(experiment), folders.results(experiment))
    assert "drawn from the records" in done(start, "final_evaluate.py", folders)["stdout"]
    for path in folders.visualisations("E2").glob("*.txt"):
        assert path.stat().st_size > 100
    assert (folders.visualisations("E2") / "FAKE_to_REAL.png").exists()


def test_class_names_of_forty_letters_fit_into_confusion_matrices():
    classes = [f"{letter * 38} x" for letter in "abcdefghij"]
    record = {"classes": classes, "scores": {"confusion_matrix": np.eye(10, dtype=int).tolist()}}
    rows = pd.DataFrame([{"trained_on": "FAKE", "architecture": "NN", "tested_on": "FAKE", "record": record}])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns if there is no room for the layout
        figure = e1.confusions([rows, rows])
        figure.canvas.draw()
    labels = [label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels()) if label.get_text()]
    assert len(labels) >= 40
    for label in labels:
        box = label.get_window_extent()
        assert box.x0 >= figure.bbox.x0 and box.y0 >= figure.bbox.y0, label.get_text()


def test_the_last_row_of_a_confusion_matrix_has_each_class_share_of_all_answers():
    record = {"classes": ["cat", "dog"], "scores": {"confusion_matrix": [[8, 2], [7, 3]]}}
    seeds = [record, record | {"scores": {"confusion_matrix": [[10, 0], [5, 5]]}}]
    rows = pd.DataFrame([{"trained_on": "FAKE", "architecture": "NN", "tested_on": "REAL", "record": record} for record in seeds])
    above, below = e1.confusions([rows]).axes
    assert [text.get_text() for text in above.texts] == ["90", "10", "60", "40"]
    assert [text.get_text() for text in below.texts] == ["75", "25"]


def test_classes_with_the_names_of_other_rows_have_rows_of_their_own():
    rows = table.load(COMMITTED, "E1").rename(columns={"f1_cat": "f1_epochs", "f1_dog": "f1_seeds"})
    names = list(e1.metrics(rows).index)
    assert (names.count("Epochs"), names.count("Seeds")) == (2, 2)
    found = scores.scores(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ("macro avg", "accuracy"))
    assert found["by_class"]["macro avg"] == {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2}


@pytest.mark.parametrize("epochs", [1, 3, 40])
def test_the_axis_of_epochs_ends_where_the_training_did(epochs):
    rows = histories.table([dict.fromkeys(histories.COLUMNS, 1 / (1 + epoch)) for epoch in range(epochs)])
    figure = e1.history({"source": "FAKE", "architecture": "NN", "training": {"best_epoch": 1}}, rows)
    figure.canvas.draw()
    for panel in figure.axes:
        low, high = panel.get_xlim()
        ticks = [tick for tick in panel.get_xticks() if low <= tick <= high]
        assert ticks and all(tick == round(tick) for tick in ticks)
        assert epochs <= high < epochs * 1.1 + 1


@pytest.mark.parametrize(
    ("seeds", "words"),
    [([129], "seed 129"), ([130, 129], "seeds 129, 130"), ([131, 129, 130], "seeds 129 to 131"), ([1, 2, 5], "seeds 1, 2, 5")],
)
def test_an_average_names_its_seeds(seeds, words):
    assert page.seeds_of(seeds) == words


def test_two_seeds_have_no_interval_and_nothing_is_minus_zero():
    assert page.signed(pd.Series([0.1, 0.2])) == "+0.150"
    assert page.signed(pd.Series([0.1, 0.2, 0.15])).startswith("+0.150 [+0.0")
    assert page.signed(pd.Series([-0.0001, 0.0])) == "+0.000"


def test_the_accuracy_of_a_classifier_is_the_mean_of_its_seeds_everywhere():
    study = Study(COMMITTED, table.load(COMMITTED, "E1", "E2"))
    mean = study.runs.query("architecture == 'LeNet' and trained_on == 'FAKE' and tested_on == 'REAL'")["accuracy"].mean()
    assert e2.overview(study).loc["LeNet", "FAKE → REAL"].startswith(f"{mean:.3f} ±")
    assert any(f"{100 * mean:.0f}% of the photographs" in sentence for sentence in e2.answers(study))
    labels = [text.get_text() for text in e2.both_directions(study).axes[0].texts]
    assert f"{100 * mean:.0f}%" in labels
