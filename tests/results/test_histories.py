"""The published learning curves, and those of several seeds side by side."""

import pandas as pd
import pytest

from cifake import protocol
from cifake.results import histories
from cifake.system.paths import Folders


def test_the_published_histories_are_as_long_as_published():
    for (trained_on, architecture, tested_on), scores in protocol.PUBLISHED.items():
        if trained_on == tested_on:
            history = histories.published(architecture, trained_on)
            assert list(history.index) == list(range(1, scores["epochs"] + 1))
    fake_lenet = histories.published("LeNet", "FAKE")
    assert fake_lenet.loc[11, ["loss", "accuracy"]].round(3).to_list() == [0.428, 0.850]
    assert histories.published("Tiny", "FAKE").empty


def test_seeds_stand_side_by_side_as_far_as_each_went(tmp_path):
    folders, rows = Folders(tmp_path, tmp_path), []
    for seed, epochs in ((129, 2), (130, 3)):
        is_plain = seed == 129
        path = folders.classifier("E1", "FAKE", "NN", None if is_plain else seed)["history"]
        path.parent.mkdir(parents=True, exist_ok=True)
        history = histories.table([dict.fromkeys(histories.COLUMNS, seed / 100 + epoch) for epoch in range(epochs)])
        histories.write(history, path)
        record = {"architecture": "NN", "training": {"epochs": epochs}}
        rows.append({"is_plain": is_plain, "seed": seed, "trained_on": "FAKE", "architecture": "NN", "record": record})
    values = histories.over_seeds(folders, pd.DataFrame(rows))["val_accuracy"]
    assert list(values.columns) == [129, 130]
    assert values[130].to_list() == pytest.approx([1.3, 2.3, 3.3])
    assert values[129].dropna().to_list() == pytest.approx([1.29, 2.29])
