"""What figures do with names that are longer than CIFAKE's."""

import warnings

import numpy as np

from cifake.pages import figures


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
