"""What figures and tables do with names of classes that are not CIFAKE's."""

import warnings

import numpy as np
from conftest import REPOSITORY

from cifake.pages import figures, tables
from cifake.results import records, scores, table
from cifake.system.paths import Folders


def test_class_names_of_forty_letters_fit_into_confusion_matrices():
    classes = [f"{letter * 38} x" for letter in "abcdefghij"]
    scores = {"confusion_matrix": np.eye(10, dtype=int).tolist()}
    record = {"classes": classes, "source": "FAKE", "architecture": "NN", "test": {"source": "FAKE"}, "scores": scores}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns if there is no room for the layout
        figure = figures.confusions([record, record])
        figure.canvas.draw()
    page = figure.bbox
    labels = [label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels()) if label.get_text()]
    assert len(labels) >= 30
    for label in labels:
        box = label.get_window_extent()
        assert box.x0 >= page.x0 and box.y0 >= page.y0, label.get_text()


def test_classes_with_the_names_of_other_rows_have_rows_of_their_own():
    rows = table.load(Folders(output=REPOSITORY), "E1").rename(columns={"f1_cat": "f1_epochs", "f1_dog": "f1_seeds"})
    names = list(tables.metrics(rows).index)
    assert (names.count("Epochs"), names.count("Seeds")) == (2, 2)
    found = scores.scores(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ("macro avg", "accuracy"))
    assert found["by_class"]["macro avg"] == {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2}


def test_a_record_with_brackets_in_a_name_is_read_as_it_was_written(tmp_path):
    record = records.read(Folders(output=REPOSITORY).classifier("E1", "REAL", "NN")["record"])
    record |= {"classes": ["[ x ]", *record["classes"][1:]]}
    path = tmp_path / "record.json"
    records.write(record, path)
    assert records.read(path)["classes"][0] == "[ x ]"
