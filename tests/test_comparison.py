"""Our scores beside the published ones, and what is said of them."""

import pytest

from cifake import comparison, protocol


def record(score: float, seed: int, source: str = "FAKE", data: str | None = None) -> dict:
    """As much of a record of FAKE LeNet as is compared."""
    fingerprints = {split: protocol.CIFAKE_FINGERPRINTS[source, split] for split in protocol.SPLITS}
    return {
        "source": source,
        "settings": {"seed": seed},
        "data": {split: {"sha256": data or fingerprints[split]} for split in protocol.SPLITS},
        "test": {"source": source},
        "scores": {
            "accuracy": score,
            "macro_f1": score,
            "accuracy_interval": [score - 0.01, score + 0.01],
            "macro_f1_interval": [score - 0.01, score + 0.01],
        },
    }


KEY = ("FAKE", "LeNet", "FAKE")  # published: 0.84 and 0.84


def test_one_run_is_compared_by_its_bootstrap_interval():
    rows = comparison.with_published({KEY: [record(0.88, 129)]}, {})
    assert [(row.label, row.published, row.here) for row in rows] == [
        ("macro F1", 0.84, 0.88),
        ("accuracy", 0.84, 0.88),
    ]
    assert rows[0].interval == pytest.approx([0.87, 0.89])
    assert not rows[0].inside
    assert "the published macro F1, 0.84, lies below 0.870 to 0.890" in comparison.sentences(rows)[0]


def test_several_seeds_are_compared_by_where_another_run_would_lie():
    runs = [record(score, seed) for seed, score in enumerate((0.82, 0.88, 0.85))]
    rows = comparison.with_published({}, {KEY: runs})
    assert rows[0].here is None
    assert rows[0].inside
    assert comparison.sentences(rows) == ["Every published score lies within its interval."]


@pytest.mark.parametrize(("score", "inside"), [(0.8549, True), (0.8551, False)])
def test_two_published_decimals_count_as_what_they_may_stand_for(score, inside):
    row = comparison.with_published({KEY: [record(score, 129)]}, {})[0]
    assert row.inside == inside


def test_other_images_are_not_compared():
    assert comparison.with_published({KEY: [record(0.88, 129, data="0" * 64)]}, {}) == []
    random = record(0.88, 129) | {"weights": {"origin": "random weights"}}
    assert comparison.with_published({KEY: [random]}, {}) == []
