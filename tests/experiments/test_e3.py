"""Experiment 3 end to end, on made data of two classes, with one budget and few copies: ten runs of a classifier for each seed."""

import dataclasses
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, called, done, make_images, refused, run
from PIL import Image

from cifake import protocol
from cifake.data import augmentation, metadata
from cifake.data.arms import ARMS
from cifake.experiments import e3
from cifake.experiments.runs import why
from cifake.models import training
from cifake.models.architectures import ARCHITECTURES
from cifake.pages import e3 as pages
from cifake.pages import page
from cifake.pages.study import Study
from cifake.results import records, table
from cifake.system import locks, options
from cifake.system.errors import StudyError
from cifake.system.files import checksum, checksum_of_arrays, staged
from cifake.system.paths import Folders

STEPS = "20"
BUDGET, EVERYTHING = 60, 80  # REAL and FAKE images; of 80 REAL ones, 16 are for validation
SIZES = {"REAL": [BUDGET], "FAKE": [BUDGET, EVERYTHING]}
RUNS = 8 + 2  # the last two: all FAKE images alone
SHARE = "1/3"  # of NN's runs: REAL, FAKE, then REAL, REAL + FAKE + augmentation, FAKE + augmentation


@pytest.fixture(scope="module", autouse=True)
def small_protocol() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "BUDGETS", (BUDGET,))
        patch.setattr(protocol, "COPIES", 2)
        patch.setattr(protocol, "FEW", BUDGET)
        patch.setattr(protocol, "COPIES_OF_FEW", 3)
        patch.setattr(protocol, "TUNED_AT", (BUDGET,))
        yield


@pytest.fixture(scope="module")
def made(start, tmp_path_factory) -> Folders:
    """A data set with its CSVs and nothing else; only to be read."""
    place = tmp_path_factory.mktemp("experiment 3")
    folders = Folders(make_images(place / "images", train=EVERYTHING // 2, test=10, classes=2), place / "output")
    folders.class_list.write_text("red\ngreen\n", encoding="utf-8")
    done(start, "create_metadata.py", folders)
    return folders


def copy_of(folders: Folders, output: Path) -> Folders:
    shutil.copytree(folders.output, output)
    return Folders(folders.images, output)


def words_of(folders: Folders, *words: str) -> list[str]:
    return ["--images", str(folders.images), "--output", str(folders.output), "--steps", STEPS, "--seeds", "1", *words]


def choose(folders: Folders, *words: str):
    arguments = words_of(folders, "--weights", "random", "--part", "main", *words)
    return options.parse("", "", models=list(ARCHITECTURES), arguments=arguments)


@pytest.fixture(scope="module")
def study(made, tmp_path_factory) -> Folders:
    """VGG16, on features, and a third of NN, on pixels; to be looked at only."""
    folders = copy_of(made, tmp_path_factory.mktemp("study") / "output")
    e3.train_missing(choose(folders, "--models", "VGG16"))
    e3.train_missing(choose(folders, "--models", "NN", "--shard", SHARE))
    return folders


def records_of(folders: Folders) -> dict[tuple[str, str, int], dict]:
    """The records by classifier, arm and number of images."""
    rows = table.load(folders, "E3")
    return dict(zip(zip(rows["architecture"], rows["trained_on"], rows["images"], strict=True), rows["record"], strict=True))


def scores_of(folders: Folders) -> dict[Path, dict]:
    """What two runs have to agree in, by record: all but times, memory and the program's version."""
    passing = ("seconds", "memory_peak_megabytes", "program")
    return {
        path.relative_to(folders.results("E3")): {name: value for name, value in records.read(path, "E3").items() if name not in passing}
        for path in folders.records("E3")
    }


def times_of(folders: Folders) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folders.results("E3").rglob("*") if path.is_file()}


def splits_of(folders: Folders) -> e3.Splits:
    return {part: metadata.read_split(folders, *part) for part in e3.PARTS}


def test_a_record_holds_what_its_run_was(study):
    there = records_of(study)
    assert len(there) == RUNS + 4
    for (architecture, arm, size), record in there.items():
        files = study.e3_run(architecture, arm, size, 1)
        assert records.read(files["record"], "E3") == record
        by_image = pd.read_csv(files["predictions"])
        assert (by_image["label"] == by_image["predicted"]).mean() == pytest.approx(record["scores"]["accuracy"])
        assert by_image["filepath"].str.startswith("images/test/REAL/").all()
        assert record["training"]["steps"] == record["settings"]["steps"] == int(STEPS)
        assert all(len(values) == int(STEPS) for values in record["training"]["history"].values())
        assert ("weights" in record) == (architecture == "VGG16")
        assert ("FAKE train" in record["data"]) == ("FAKE" in arm)
        assert ("REAL train" in record["data"]) == ("REAL" in arm)


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_each_arm_has_its_number_of_images_the_same_for_all_classifiers_and_arms(study, arm):
    there = records_of(study)
    for size in SIZES[arm.counts]:
        budget = there["VGG16", arm.name, size]["budget"]
        expected = {source: size if source == arm.counts else EVERYTHING for source in arm.sources}
        assert {source: part["images"] for source, part in budget.items()} == expected
        assert budget[arm.counts] == there["VGG16", arm.counts, size]["budget"][arm.counts]
        assert there.get(("NN", arm.name, size), {"budget": budget})["budget"] == budget


@pytest.fixture
def prepared_with(monkeypatch):
    """A function that has what `change` does happen to the inputs of the trainings once they are prepared."""
    prepare = e3._prepare

    def set_change(change) -> None:
        def changed(*arguments):
            prepared = prepare(*arguments)
            change(prepared.inputs)
            return prepared

        monkeypatch.setattr(e3, "_prepare", changed)

    return set_change


@pytest.mark.parametrize("shard", [1, 7, 8, 10])  # REAL, REAL + FAKE + augmentation, FAKE, then REAL + augmentation, FAKE + augmentation
def test_what_lies_beyond_the_budget_changes_no_score(study, tmp_path, prepared_with, shard):
    """Features beyond the budget, the validation images' among them, are made NaN: one of them would end the run."""
    folders = copy_of(study, tmp_path / "output")
    chosen = choose(folders, "--models", "VGG16", "--shard", f"{shard}/{RUNS}")
    (wanted,) = e3.runs_of(chosen, SIZES, splits_of(folders))
    wanted.files["record"].unlink()

    def poison(inputs) -> None:
        beyond = np.ones(len(inputs.numbers), bool)
        beyond[np.concatenate(list(e3.drawn(wanted, inputs).values()))] = False
        assert beyond[: EVERYTHING // 5].all()
        inputs.values[:, beyond] = np.nan
        inputs.values[: 1 if wanted.arm.augmented else 0] = np.nan  # the image itself is not among its augmented copies

    prepared_with(poison)
    e3.train_missing(chosen)
    assert scores_of(folders) == scores_of(study)


@pytest.mark.parametrize(("architecture", "shard"), [("VGG16", 8), ("NN", 7)])
def test_a_run_done_alone_gives_the_same_to_the_last_digit(study, tmp_path, architecture, shard):
    """Arms that have most of chance in them: FAKE, then REAL + augmentation, and REAL + FAKE + augmentation."""
    folders = copy_of(study, tmp_path / "output")
    chosen = choose(folders, "--models", architecture, "--shard", f"{shard}/{RUNS}")
    (wanted,) = e3.runs_of(chosen, SIZES)
    before = wanted.files["record"].stat().st_mtime_ns
    e3.train_missing(choose(folders, "--models", architecture, "--shard", f"{shard}/{RUNS}", "--fresh"))
    assert wanted.files["record"].stat().st_mtime_ns != before
    assert scores_of(folders) == scores_of(study)  # the SHA-256 of the predictions is among it


def test_a_classifier_is_compiled_once_for_a_phase_of_each_length(made, tmp_path, monkeypatch):
    """TensorFlow keeps some MB of each that is compiled: over all runs of the experiment that were gigabytes."""
    compiled, compile_by_steps = [], training.compile_by_steps
    monkeypatch.setattr(training, "compile_by_steps", lambda *given: compiled.append(given[-1]) or compile_by_steps(*given))
    e3.train_missing(choose(copy_of(made, tmp_path / "output"), "--models", "NN", "--shard", SHARE))
    assert sorted(compiled) == [int(STEPS) // 2, int(STEPS)]


def test_tuning_is_tested_on_the_validation_images_and_trained_on_none_of_them(made, tmp_path, caplog):
    caplog.set_level("INFO")
    folders = copy_of(made, tmp_path / "output")
    (variant, *_) = e3.TUNING
    e3.train_missing(choose(folders, "--models", "NN", "--part", "tuning", "--shard", f"1/{len(e3.TUNING)}"))
    files = folders.e3_run("NN", "REAL + augmentation", BUDGET, 1, variant)
    record = records.read(files["record"], "E3")
    assert record["settings"]["learning_rate"] == protocol.RATES[0]
    assert record["data"].keys() == {"REAL train"}
    tested = list(pd.read_csv(files["predictions"])["filepath"])
    assert tested == list(pd.read_csv(folders.metadata("REAL", "train"))["filepath"])[: EVERYTHING // 5]
    assert list(table.load(folders, "E3")["tested_on"]) == ["REAL validation"]  # no row of runs.csv passes for a test score
    assert f"on {EVERYTHING // 5} REAL validation images" in caplog.text


def test_early_weights_are_chosen_on_images_that_are_not_trained_on(made, tmp_path, monkeypatch):
    monkeypatch.setattr(e3, "SENSITIVITY", {"early-weights": ({"early_weights": 0.2}, ("FAKE, then REAL + augmentation",), (BUDGET,))})
    given = []
    train = training.train_by_steps

    def spied(trainee, weights, data, *others):
        given.append((data, others[-1]))
        return train(trainee, weights, data, *others)

    monkeypatch.setattr(training, "train_by_steps", spied)
    folders = copy_of(made, tmp_path / "output")
    monkeypatch.setattr(augmentation, "augment", lambda images, *_: images)
    e3.train_missing(choose(folders, "--models", "NN", "--part", "sensitivity"))
    (_, nothing), (data, (held_out, numbers)) = given
    assert nothing is None
    assert len(held_out) == len(numbers) == BUDGET * 0.2
    seen = {image.tobytes() for images, _ in data.as_numpy_iterator() for image in images}
    assert len(seen) == BUDGET * 0.8
    assert not seen & {image.tobytes() for image in held_out}


def test_frozen_convolutions_stay_as_fake_made_them_and_the_dense_layers_learn(made, tmp_path, monkeypatch):
    monkeypatch.setattr(e3, "SENSITIVITY", {"frozen-convolutions": ({"frozen": True}, ("FAKE, then REAL",), (BUDGET,))})
    ends = []
    train = training.train_by_steps

    def spied(*given):
        ends.append(train(*given))
        return ends[-1]

    monkeypatch.setattr(training, "train_by_steps", spied)
    folders = copy_of(made, tmp_path / "output")
    e3.train_missing(choose(folders, "--models", "LeNet", "--part", "sensitivity"))
    (after_fake, _), (at_the_end, _) = ends
    same = [np.array_equal(before, after) for before, after in zip(after_fake, at_the_end, strict=True)]
    assert same == [True] * 4 + [False] * 4  # kernels and biases of two convolutions, then of two dense layers
    record = records.read(folders.e3_run("LeNet", "FAKE, then REAL", BUDGET, 1, "frozen-convolutions")["record"], "E3")
    assert record["settings"]["frozen"] is True


def test_shares_are_disjoint_and_complete(made):
    def wanted(*words: str) -> list[e3.Run]:
        chosen = choose(made, *words)
        chosen.seeds = chosen.part = None  # as without these options
        sizes = {"REAL": [BUDGET, 1_000, 10_000, 40_000], "FAKE": [BUDGET, 1_000, 10_000, 40_000, 50_000]}
        return e3.runs_of(chosen, sizes)

    everything = wanted()
    main, variants = 8 * 4 + 2, 2 * 2 + 2 * 2 + 2 * 6 + 3  # for each seed
    expected = len(ARCHITECTURES) * (len(protocol.SEEDS) * main + len(e3.TUNING) - 1 + protocol.VARIED_SEEDS * variants)
    expected += 2 * (1 + 2 * protocol.VARIED_SEEDS)  # NN and LeNet are also tried with rotation, and in float32
    expected += 3 * 2  # LeNet with convolutions that do not learn from REAL
    assert len(everything) == expected
    assert len({run.files["record"] for run in everything}) == len({run.title for run in everything}) == len(everything)
    for shares in (1, 2, 7, 8):
        titles = [run.title for share in range(1, shares + 1) for run in wanted("--shard", f"{share}/{shares}")]
        assert sorted(titles) == sorted(run.title for run in everything)


def test_what_is_there_is_kept_and_other_settings_are_done_again(study, tmp_path, caplog):
    folders = copy_of(study, tmp_path / "output")
    before = times_of(folders)
    caplog.set_level("INFO")
    e3.train_missing(choose(folders, "--models", "VGG16"))
    assert f"{RUNS} of {RUNS} runs: done already" in caplog.text
    assert times_of(folders) == before
    caplog.clear()
    e3.announce(choose(folders, "--models", "VGG16", "--seeds", "1", "2"))
    assert f"VGG16: of {2 * RUNS} runs {RUNS} are there and {RUNS} would be done, in about" in caplog.text
    chosen = choose(folders, "--models", "VGG16", "--steps", "40")
    first = e3.runs_of(chosen, SIZES, splits_of(folders))[0]
    assert why(first, fresh=False) == "done before with other settings (steps)"
    in_bfloat16 = choose(folders, "--models", "VGG16", "--precision", "mixed_bfloat16")
    assert not any(why(run, fresh=False) for run in e3.runs_of(in_bfloat16, SIZES, splits_of(folders)))
    first.files["record"].write_text("{", encoding="utf-8")
    assert why(first, fresh=False) == "its record is damaged"


def test_new_images_under_the_same_names_have_new_features(study, tmp_path):
    """Those of the copies that are kept for a small budget, too."""
    images = tmp_path / "images"
    shutil.copytree(study.images, images)
    for image in (images / "train" / "REAL").iterdir():
        shutil.copy(study.images / "train" / "FAKE" / image.name, image)
    words = ("--models", "VGG16", "--shard", f"5/{RUNS}")  # REAL + augmentation
    found = []
    for name, before in (("again", study), ("new", None)):
        folders = Folders(images, tmp_path / name)
        if before:
            shutil.copytree(before.models, folders.models)
        shutil.copytree(study.output / "images", folders.output / "images")
        (wanted,) = e3.runs_of(choose(folders, *words), SIZES)
        assert wanted.arm.name == "REAL + augmentation"
        e3.train_missing(choose(folders, *words))
        found.append(records.read(wanted.files["record"], "E3")["predictions"])
    assert found[0] == found[1]


def test_results_that_an_interruption_left_half_in_place_are_put_in_place(study, tmp_path):
    """Even if the earlier ones are what is asked for."""
    folders = copy_of(study, tmp_path / "output")
    path = folders.e3_run("VGG16", "REAL", BUDGET, 1)["record"]
    path.rename(staged(path))
    newer = records.read(staged(path), "E3") | {"device": "of the newer run"}
    records.write(newer, staged(path))
    records.write(newer | {"device": "of the earlier run"}, path)
    e3.train_missing(choose(folders, "--models", "VGG16"))
    assert records.read(path, "E3")["device"] == "of the newer run"
    assert not staged(path).exists()


def test_figure_tables_and_runs_csv_are_those_of_the_records(study):
    written = page.draw(Study(study, table.load(study, "E3")), "E3", pages.PAGES)
    names = ["accuracy.png", "accuracy_table.txt", "worth_table.txt", "runs.csv"]
    assert [path.name for path in written] == names  # verdicts need several seeds
    with Image.open(written[0]) as image:
        assert min(image.size) > 500
    lines = written[1].read_text(encoding="utf-8").splitlines()
    head, _, *cells = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    shown = {name: dict(zip(head[1:], row, strict=True)) for name, *row in cells}
    rows = pd.read_csv(written[-1], float_precision="round_trip").set_index(["architecture", "trained_on", "images"])
    there = records_of(study)
    assert set(rows.index) == there.keys()
    for (architecture, arm, size), record in there.items():
        scores, row = record["scores"], rows.loc[architecture, arm, size]
        assert shown[f"{architecture}, {arm}"][f"{size}"] == f"{scores['accuracy']:.3f}"
        assert [row["accuracy"], row["macro_f1"], row["accuracy_low"]] == [
            *(scores[name] for name in ("accuracy", "macro_f1")),
            scores["accuracy_interval"][0],
        ]
    assert f"VGG16: {RUNS} runs of {STEPS} steps, by " in written[2].read_text(encoding="utf-8")


def test_an_experiment_that_is_ended_loses_the_run_in_progress_and_no_other(start, tmp_path):
    """The real scripts, with the real budgets: 100 REAL images and ten runs, of which three are asked for."""
    folders = Folders(make_images(tmp_path / "images", train=65, test=5, classes=2), tmp_path / "output")
    folders.class_list.write_text("red\ngreen\n", encoding="utf-8")
    done(start, "create_metadata.py", folders)
    words = words_of(folders, "--models", "NN", "--part", "main", "--shard", "1/4")
    command = [sys.executable, str(REPOSITORY / "src" / "worth_of_fake.py"), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "run 1 of 3" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "the same command continues there" in errors
    before = times_of(folders)
    assert len(folders.records("E3")) in (1, 2)
    ended = run("bash", REPOSITORY / "run-E3.sh", *words, PYTHON=sys.executable)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"[12] of 3 runs: done already", ended.stdout)
    assert "Left out, because there are too few REAL images: budgets of 300, 1,000, 3,000, 10,000, 40,000." in ended.stdout
    assert before.items() <= times_of(folders).items()
    assert len(scores_of(folders)) == 3
    assert not list(folders.output.rglob(".*")), "drafts or staged files were left"


def test_a_run_that_another_process_is_doing_is_left_to_it(made, tmp_path, caplog):
    folders = copy_of(made, tmp_path / "output")
    chosen = choose(folders, "--models", "NN", "--shard", f"1/{RUNS - 1}")
    one, other = e3.runs_of(chosen, SIZES)
    caplog.set_level("INFO")
    with locks.alone(folders, one.title):
        e3.train_missing(chosen)
    assert "Left out: NN, REAL, 60 images, seed 1 is being worked on by process" in caplog.text
    assert folders.records("E3") == [other.files["record"]]
    with locks.alone(folders, one.title):  # also if a share has no other run of this classifier
        e3.train_missing(choose(folders, "--models", "NN", "--shard", f"1/{RUNS}"))
    assert folders.records("E3") == [other.files["record"]]


def test_records_that_differ_in_more_than_the_run_are_not_shown_together(study, tmp_path):
    folders = copy_of(study, tmp_path / "output")
    path = folders.e3_run("VGG16", "REAL", BUDGET, 1)["record"]
    record = records.read(path, "E3")
    record["settings"]["steps"] = 60
    records.write(record, path)
    assert len(Study(folders, table.load(folders, "E3")).all_e3) == len(folders.records("E3")) - 1


def test_a_mixture_is_refused_before_anything_is_trained(study, tmp_path):
    folders = copy_of(study, tmp_path / "output")
    before = times_of(folders)
    for act in (e3.train_missing, e3.announce):
        with pytest.raises(StudyError, match=r"VGG16.seed-1.FAKE_60_record.json.*\(steps\).*--output"):
            act(choose(folders, "--models", "VGG16", "--seeds", "2", "--steps", "40"))
    images = splits_of(folders)
    images["REAL", "test"] = dataclasses.replace(images["REAL", "test"], fingerprint="of others")
    chosen = choose(folders, "--models", "VGG16", "--seeds", "2")
    with pytest.raises(StudyError, match=r"other settings \(images\)"):
        e3.refuse_a_mixture(e3.runs_of(chosen, SIZES, images), chosen)
    with pytest.raises(StudyError, match=r"VGG16.seed-1.FAKE_60_record.json.*\(flip\).*--output"):
        e3.announce(choose(folders, "--models", "VGG16", "--part", "tuning", "--no-flip"))  # would be shown beside runs with flips
    assert times_of(folders) == before
    # All of them in other settings are no mixture, nor are more seeds in the same, nor variants, which differ by what they are for.
    e3.announce(choose(folders, "--models", "VGG16", "--part", "tuning"))
    e3.announce(choose(folders, "--models", "VGG16", "--steps", "40"))
    e3.announce(choose(folders, "--models", "VGG16", "NN", "--seeds", "2"))


def test_the_published_weights_are_the_same_from_a_file_and_from_keras(made, tmp_path, monkeypatch):
    path, arrays = tmp_path / "weights.h5", [np.ones((3, 3), np.float32), np.zeros(3, np.float32)]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["input", "block1"]
        file.create_group("input").attrs["weight_names"] = []
        layer = file.create_group("block1")
        layer.attrs["weight_names"] = ["block1/kernel:0", "block1/bias:0"]
        for name, values in zip(layer.attrs["weight_names"], arrays, strict=True):
            layer[name] = values

    def weights() -> str:
        return e3.runs_of(choose(made, "--models", "VGG16", "--weights", str(path)), SIZES)[0].settings["weights"]

    assert weights() == f"sha256 {checksum(path)}"
    monkeypatch.setattr(protocol, "IMAGENET_CHECKSUM", checksum_of_arrays(arrays))
    assert weights() == "imagenet"
    path.write_bytes(path.read_bytes()[:500])
    assert weights() == f"sha256 {checksum(path)}"


def test_too_few_images_are_told(start, new_study):
    refused(called(start, "worth_of_fake.py", new_study()), "too few for experiment 3", "100 images")
