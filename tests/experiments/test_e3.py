"""Experiment 3 end to end, on made data of two classes, with one budget and few copies."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import make_images, script

from cifake import protocol
from cifake.data import budgets, gaussian, metadata
from cifake.data.arms import ARMS, BY_NAME
from cifake.experiments import e3
from cifake.experiments.runs import why
from cifake.models import architectures, training
from cifake.models.architectures import ARCHITECTURES
from cifake.pages import e4_transfer
from cifake.pages.study import Study
from cifake.results import records, table, worth
from cifake.system import options
from cifake.system.paths import Folders

STEPS = "40"
BUDGET, EVERYTHING = 60, 80  # REAL and FAKE images; of 80 REAL ones, 16 are for validation
SIZES = {"REAL": [BUDGET], "FAKE": [BUDGET, EVERYTHING]}
WHOLE = {"REAL": [*protocol.BUDGETS], "FAKE": [*protocol.BUDGETS, 50_000]}  # those of CIFAKE
RUNS = len(ARMS) + 2  # the last two: all FAKE images alone


@pytest.fixture(scope="module", autouse=True)
def small_protocol() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "BUDGETS", (BUDGET,))
        patch.setattr(protocol, "COPIES", 2)
        patch.setattr(protocol, "FEW", BUDGET)
        patch.setattr(protocol, "COPIES_OF_FEW", 3)
        patch.setattr(protocol, "TUNED_AT", (BUDGET,))
        patch.setattr(e3, "FEWER_BUDGETS", (BUDGET,))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Folders:
    """A data set with its CSVs and nothing else; only to be read."""
    place = tmp_path_factory.mktemp("experiment 3")
    folders = Folders(make_images(place / "images", train=EVERYTHING // 2, test=10, classes=2), place / "output")
    folders.class_list.write_text("red\ngreen\n", encoding="utf-8")
    ended = script("create_metadata.py", "--images", folders.images, "--output", folders.output)
    assert ended.returncode == 0, ended.stderr
    return folders


def choose(folders: Folders, *words: str, seeds: tuple[str, ...] = ("1",)):
    places = ["--images", str(folders.images), "--output", str(folders.output)]
    arguments = [*places, "--steps", STEPS, "--weights", "random", "--seeds", *seeds, *words]
    uses = "models seeds part steps shard weights precision images output"
    return options.parse("", uses, models=list(ARCHITECTURES), precision="float32", arguments=arguments)


@pytest.fixture(scope="module")
def study(made, tmp_path_factory) -> Folders:
    """VGG16, on features, and NN, on pixels; to be looked at only."""
    folders = Folders(made.images, tmp_path_factory.mktemp("study") / "output")
    shutil.copytree(made.output, folders.output)
    e3.train_missing(choose(folders, "--models", "VGG16", "NN", "--part", "main"))
    return folders


def records_of(folders: Folders) -> dict[Path, dict]:
    """What two runs have to agree in, by record: all but times, memory and the program's version."""
    passing = ("seconds", "memory_peak_megabytes", "program")
    return {
        path.relative_to(folders.results("E3")): {name: value for name, value in records.read(path, "E3").items() if name not in passing}
        for path in folders.records("E3")
    }


def test_a_record_holds_what_its_run_was(study):
    there = {(record["architecture"], record["arm"], record["settings"]["images"]): record for record in records_of(study).values()}
    assert len(there) == RUNS + RUNS - 1  # VGG16 has no "Gaussian, then REAL"
    for (architecture, arm, size), record in there.items():
        entry = BY_NAME[arm]
        assert record["training"]["steps"] == record["settings"]["steps"] == int(STEPS)
        assert all(len(values) == 20 * len(entry.phases) for values in record["training"]["history"].values())
        assert ("weights" in record) == (architecture == "VGG16")
        assert ("FAKE train" in record["data"]) == ("FAKE" in entry.sources)
        assert ("REAL train" in record["data"]) == (entry.sources != ("FAKE",))
        expected = {source: size if source == entry.counts else EVERYTHING for source in entry.sources if source != protocol.GAUSSIAN}
        assert {source: part["images"] for source, part in record["budget"].items()} == expected
        if entry.sources != (protocol.GAUSSIAN,):
            assert record["budget"][entry.counts] == there["NN", entry.counts, size]["budget"][entry.counts]
        assert record["scores"]["accuracy"] == pytest.approx(np.mean(list(record["scores"]["recall"].values())))


def test_batch_normalisation_by_photographs_is_tried_where_only_fake_was_learned_from(made, tmp_path):
    folders = Folders(made.images, tmp_path / "output")
    shutil.copytree(made.output, folders.output)
    e3.train_missing(choose(folders, "--models", "AllConv", "--part", "main", seeds=("129",)))
    study = Study(folders, table.load(folders, "E3"))
    tried = {record["arm"]: record[e4_transfer.NORMALISED] for record in study.all_e3["record"] if e4_transfer.NORMALISED in record}
    assert tried.keys() == {"FAKE", "FAKE + augmentation"}
    assert all(found["photographs"] == BUDGET + 4 and 0 <= found["accuracy"] <= 1 for found in tried.values())
    assert list(e4_transfer.statistics_table(study).index) == [f"AllConv, 80 {arm}" for arm in sorted(tried)]


@pytest.mark.parametrize("arm", ["FAKE, then REAL + augmentation", "REAL + Gaussian + augmentation"])
@pytest.mark.parametrize("architecture", ["NN", "VGG16"])
def test_a_run_done_alone_gives_the_same_to_the_last_digit(study, tmp_path, architecture, arm):
    """Arms that have most of chance in them."""
    folders = Folders(study.images, tmp_path / "output")
    shutil.copytree(study.output, folders.output)
    path = folders.e3_run(architecture, arm, BUDGET, 1)["record"]
    path.unlink()
    e3.train_missing(choose(folders, "--models", architecture, "--part", "main"))
    assert path.exists()
    assert records_of(folders) == records_of(study)


def test_what_is_there_is_kept_and_other_settings_are_done_again(study):
    runs = e3.runs_of(choose(study, "--models", "NN", "--part", "main"), SIZES)
    assert not any(why(run, fresh=False) for run in runs)
    other = e3.runs_of(choose(study, "--models", "NN", "--part", "main", "--steps", "80"), SIZES)
    assert all("steps" in why(run, fresh=False) for run in other)
    assert not any(why(run, fresh=False) for run in e3.runs_of(choose(study, "--models", "NN", "--precision", "mixed_bfloat16"), SIZES))


def test_tuning_is_tested_on_the_validation_photographs_and_trained_on_none_of_them(made, tmp_path, monkeypatch):
    folders = Folders(made.images, tmp_path / "output")
    shutil.copytree(made.output, folders.output)
    (name, variant), *_ = e3.tuning("NN").items()
    monkeypatch.setattr(e3, "tuning", lambda _: {name: variant})
    seen, train = [], training.train_by_steps

    def spied(trainee, weights, data):
        seen.extend(image.tobytes() for images, _ in data.as_numpy_iterator() for image in images)
        return train(trainee, weights, data)

    monkeypatch.setattr(training, "train_by_steps", spied)
    monkeypatch.setattr(e3.augmentation, "augment", lambda images, *_: images)
    e3.train_missing(choose(folders, "--models", "NN", "--part", "tuning", seeds=("129",)))
    (record,) = records_of(folders).values()
    assert record["data"].keys() == {"REAL train"}
    assert record["test"]["images"] == EVERYTHING // 5
    assert list(table.load(folders, "E3")["tested_on"]) == [table.VALIDATION]  # no row of runs.csv passes for a test score
    split = metadata.read_split(folders, "REAL", "train")
    pixels, *_ = e3._decode({("REAL", "train"): split})
    held_out = {image.tobytes() for image in pixels[: EVERYTHING // 5]}
    assert len(set(seen)) == BUDGET
    assert not held_out & set(seen)


def test_shares_are_disjoint_and_complete(made):
    def wanted(*words: str) -> list[e3.Run]:
        return e3.runs_of(choose(made, *words, seeds=tuple(map(str, protocol.SEEDS))), WHOLE)

    everything = [run.title for run in wanted()]
    assert len(set(everything)) == len({run.files["record"] for run in wanted()}) == len(everything)
    for shares in (2, 7):
        titles = [run.title for share in range(1, shares + 1) for run in wanted("--shard", f"{share}/{shares}")]
        assert sorted(titles) == sorted(everything)


def test_tuning_belongs_to_the_first_seed_and_variants_to_the_first_three(made):
    def variants(seed: str, part: str) -> list[e3.Run]:
        return e3.runs_of(choose(made, "--models", "LeNet", "--part", part, seeds=(seed,)), WHOLE)

    assert variants("129", "tuning")
    assert variants("131", "sensitivity")
    assert not variants("132", "sensitivity")
    assert not variants("132", "tuning")
    assert variants("132", "main")


def test_steps_grow_with_the_images_and_split_into_two_phases_of_twenty_parts():
    assert [budgets.steps_of(size, 6_000) for size in (100, 3_000, 10_000, 40_000, 50_000)] == [6_000, 6_000, 12_000, 20_000, 20_000]
    assert all(budgets.steps_of(size, steps) % 40 == 0 for size in (100, 10_000, 40_000) for steps in (40, 240, 1_000))


def test_gaussian_images_have_the_photographs_mean_and_spread_and_follow_from_the_seed():
    random = np.random.default_rng(0)
    photographs = random.normal(np.linspace(80, 160, 32)[None, :, None, None], 20, (60, 32, 32, 3)).clip(0, 255).astype(np.uint8)
    labels = np.repeat([0, 1], 30)
    images, drawn = gaussian.draw(photographs, labels, 2_000, seed=1)
    assert images.shape == (2_000, 32, 32, 3)
    assert np.array_equal(np.bincount(drawn), [1_000, 1_000])
    for label in (0, 1):
        own, others = images[drawn == label].astype(float), photographs[labels == label].astype(float)
        assert np.abs(own.mean(0) - others.mean(0)).max() < 5
        assert own.std(0).mean() == pytest.approx(others.std(0).mean(), rel=0.1)
    assert np.array_equal(images, gaussian.draw(photographs, labels, 2_000, seed=1)[0])
    assert not np.array_equal(images, gaussian.draw(photographs, labels, 2_000, seed=2)[0])


@pytest.mark.parametrize("name", ["NN", "LeNet", "AllConv"])
def test_a_classifier_sees_standardised_pixels_of_raw_images(name):
    """The image of CIFAKE's mean colour is zero to it, so that its first layer sees nothing but its bias."""
    backbone = architectures.backbone(name, "", architectures.STANDARDISED)
    shape = backbone.output_shape[1:] if backbone else ()
    model = architectures.Classifier(backbone, architectures.head(name, shape, 10, architectures.STANDARDISED)).whole(name)
    mean = np.broadcast_to(np.rint(protocol.PIXEL_MEANS).astype(np.uint8), (1, 32, 32, 3))
    scaled = next(layer for layer in (backbone or model).layers if layer.__class__.__name__ == "Rescaling")
    seen = keras.Model(model.inputs if backbone is None else backbone.inputs, scaled.output)
    assert np.abs(seen.predict(mean, verbose=0)).max() < 0.02
    assert seen.predict(np.full((1, 32, 32, 3), 255, np.uint8), verbose=0).mean() == pytest.approx(2.13, abs=0.05)


def test_allconv_has_the_weights_that_its_description_states():
    assert architectures.head("AllConv", (), 10).count_params() == 296_002


def test_batch_normalisation_by_other_images_makes_these_mean_0_and_deviation_1():
    model = architectures.head("AllConv", (), 10, architectures.STANDARDISED)
    bright = np.random.default_rng(1).integers(128, 256, (50, *protocol.IMAGE_SHAPE), np.uint8)
    assert architectures.normalise_by(model, bright)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    normalised = keras.Model(model.input, first.output).predict(bright, verbose=0)
    assert np.abs(normalised.mean(axis=(0, 1, 2))).max() < 0.02
    assert np.abs(normalised.std(axis=(0, 1, 2)) - 1).max() < 0.1
    assert not architectures.normalise_by(architectures.head("LeNet", (), 10), bright)


def test_a_training_whose_loss_ends_above_its_lowest_has_diverged():
    falls = list(np.linspace(2, 0.01, 20))
    jumps, rises = [*falls[:10], 1.6, *falls[11:]], [*falls[:10], *[1.6] * 10]
    losses = {
        "a new phase begins higher": falls + falls,
        "it jumps and falls again": falls + jumps,
        "the first phase rises": rises + falls,
        "the second phase rises": falls + rises,
        "nothing is learned, nothing lost": [2.3] * 40,
    }
    records = {name: {"arm": "FAKE, then REAL", "training": {"history": {"loss": loss}}} for name, loss in losses.items()}
    diverged = [name for name, record in records.items() if worth.has_diverged(record)]
    assert diverged == ["the first phase rises", "the second phase rises"]


def test_an_only_e3_classifier_has_fewer_runs(made):
    runs = e3.runs_of(choose(made, "--models", "AllConv", seeds=tuple(map(str, protocol.SEEDS))), WHOLE)
    plain = [run for run in runs if "variant" not in run.settings]
    assert {run.settings["seed"] for run in plain} == set(protocol.SEEDS[: protocol.VARIED_SEEDS])
    assert ARCHITECTURES["AllConv"].only_e3
