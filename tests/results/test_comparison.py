"""Our scores beside the published ones and beside each other."""

import numpy as np
import pandas as pd
import pytest

from cifake import protocol
from cifake.results import comparison, records, scores, table
from cifake.system.paths import Folders

KEY = ("FAKE", "LeNet", "FAKE")  # published: 0.84 and 0.84


@pytest.fixture
def folders(tmp_path) -> Folders:
    return Folders(tmp_path / "images", tmp_path / "output")


def add(folders: Folders, score: float, seed: int, *, source: str = "FAKE", is_plain: bool = True, fingerprint: str = "", **more) -> None:
    """Write as much of a record of LeNet as the table of runs needs; `fingerprint`: that of its images, if they are not CIFAKE's."""
    named = {"accuracy": score, "macro_f1": score, "weighted_f1": score, "by_class": {}}
    known = {split: fingerprint or protocol.CIFAKE_FINGERPRINTS[source, split] for split in protocol.SPLITS}
    record = {
        "architecture": "LeNet",
        "source": source,
        "classes": list(protocol.CIFAKE_CLASSES),
        "settings": {"seed": seed, "precision": "float32"},
        "data": {split: {"images": 4, "sha256": sha256} for split, sha256 in known.items()},
        "model": {},
        "training": {},
        "test": {"source": source, "images": 4},
        "scores": named | {f"{name}_interval": [score - 0.01, score + 0.01] for name in ("accuracy", "macro_f1")},
        "predictions": {},
    }
    path = folders.classifier("E1", source, "LeNet", None if is_plain else seed)["record"]
    path.parent.mkdir(parents=True, exist_ok=True)
    records.write(record | more, path)


def published(folders: Folders) -> list:
    runs = table.load(folders)
    return list(comparison.published(table.plain(runs, "E1"), table.alike(runs, table.images_of(runs))).itertuples())


def test_one_run_is_compared_by_its_bootstrap_interval(folders):
    add(folders, 0.88, 129)
    rows = published(folders)
    assert [(row.label, row.published, row.here) for row in rows] == [("macro F1", 0.84, 0.88), ("accuracy", 0.84, 0.88)]
    assert (rows[0].trained_on, rows[0].architecture, rows[0].tested_on) == KEY
    assert (rows[0].low, rows[0].high) == pytest.approx((0.87, 0.89))
    assert not rows[0].is_inside


def test_several_seeds_are_compared_by_where_another_run_would_lie(folders):
    for seed, score in enumerate((0.82, 0.88, 0.85)):
        add(folders, score, seed, is_plain=False)
    row = published(folders)[0]
    assert pd.isna(row.here)
    assert row.runs == [0.82, 0.88, 0.85]
    assert (row.low, row.high) == pytest.approx(scores.another_run([0.82, 0.88, 0.85]))
    assert row.is_inside


def test_the_plain_run_counts_as_its_seed_and_once(folders):
    add(folders, 0.85, 1)
    add(folders, 0.85, 1, is_plain=False)
    add(folders, 0.88, 2, is_plain=False)
    row = published(folders)[0]
    assert (row.here, row.runs) == (0.85, [0.85, 0.88])


@pytest.mark.parametrize(("score", "is_inside"), [(0.8549, True), (0.8551, False)])
def test_two_published_decimals_count_as_what_they_may_stand_for(folders, score, is_inside):
    add(folders, score, 129)
    assert published(folders)[0].is_inside == is_inside


@pytest.mark.parametrize("other", [{"fingerprint": "0" * 64}, {"weights": {"origin": "random weights", "sha256": ""}}])
def test_other_images_and_other_weights_are_not_compared(folders, other):
    add(folders, 0.88, 129, **other)
    assert published(folders) == []


def test_pairs_are_compared_image_by_image(folders):
    """Two classifiers on the same REAL images: as McNemar counts them, from the bits that their records keep."""
    real, fake = (np.array(hits, bool) for hits in ([1, 1, 1, 0], [0, 0, 1, 1]))
    data = {split: {"images": 4, "sha256": split} for split in protocol.SPLITS}
    add(folders, 0.75, 129, source="REAL", data=data, predictions={"correct": scores.packed(real)})
    of_fake = {"data": data, "test": {"source": "REAL", "images": 4}, "predictions": {"correct": scores.packed(fake)}}
    add(folders, 0.5, 129, **of_fake)
    (pair,) = comparison.paired(table.plain(table.load(folders), "E1")).itertuples()
    assert (pair.tested_on, pair.first, pair.second, pair.images) == ("REAL", "REAL LeNet", "FAKE LeNet", 4)
    assert (pair.accuracy_first, pair.accuracy_second) == (0.75, 0.5)
    assert (pair.only_first_right, pair.only_second_right, pair.p) == (2, 1, 1)

    others = data | {"test": {"images": 4, "sha256": "of other images"}}
    add(folders, 0.5, 129, **of_fake | {"data": others})
    assert comparison.paired(table.plain(table.load(folders), "E1")).empty
