"""The short answer for anybody's generated images: its runs, its limits and its page, on made images of two classes."""

import csv
import shutil
from pathlib import Path

import pytest
from conftest import make_images, script

import worth_of_fake
from cifake import protocol
from cifake.data.arms import ALONE, AUGMENTED, BY_NAME, GAUSSIAN_MIXED, MIXED
from cifake.experiments import e3
from cifake.models.architectures import ARCHITECTURES
from cifake.pages import e3 as pages
from cifake.pages.study import Study
from cifake.results import records, table
from cifake.system import options
from cifake.system.paths import Folders

WHOLE = {"REAL": [*protocol.BUDGETS], "FAKE": [*protocol.BUDGETS, 50_000]}  # those of CIFAKE
PHOTOGRAPHS, COPIES = 60, 2


def choose(*words: str):
    uses = "models seeds part steps no_flip shard weights precision images output fresh dry_run verbose"
    return options.parse("", uses, models=list(ARCHITECTURES), precision="float32", arguments=["--part", protocol.OWN, *words])


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Folders:
    """VGG16 with random weights on 80 images of each source, of which it may take 60 photographs and 40 draws; two seeds."""
    place = tmp_path_factory.mktemp("own")
    images = make_images(place / "images_mine", train=50, test=10, classes=2)
    (images / "classes.txt").write_text("red\ngreen\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "BUDGETS", (30, PHOTOGRAPHS, 80))
        patch.setattr(protocol, "OWN_PHOTOGRAPHS", PHOTOGRAPHS)
        patch.setattr(protocol, "OWN_COPIES", COPIES * 100)
        patch.setattr(protocol, "OWN_DRAWS", 40)
        patch.setattr(protocol, "COPIES", 3)
        patch.setattr(e3, "OF_OWN", {name: sizes and (30, PHOTOGRAPHS) for name, sizes in e3.OF_OWN.items()})
        chosen = choose("--images", str(images), "--steps", "40", "--seeds", "1", "2", "--weights", "random")
        ended = script("create_metadata.py", "--images", images, "--output", chosen.folders.output)
        assert ended.returncode == 0, ended.stderr
        e3.train_missing(chosen)
        worth_of_fake.answer_for_own(chosen)
    return chosen.folders


def test_results_have_a_folder_of_their_own_beside_the_images(study):
    assert study.output == study.images.with_name("results_images_mine")
    assert choose().folders.output == Folders().images.with_name("results_images")
    assert choose("--output", "elsewhere").folders.output == Path("elsewhere").resolve()


def test_a_run_keeps_within_the_limits_and_says_so(study):
    found = [records.read(path, "E3") for path in study.records("E3")]
    assert len(found) == 2 * (2 * 2 + 2 + 3 * 2)  # seeds; photographs alone, generated ones alone, mixed and the Gaussians
    for record in found:
        settings, arm = record["settings"], BY_NAME[record["arm"]]
        assert settings["photographs"] == PHOTOGRAPHS
        assert record["budget"].get("REAL", {"images": 0})["images"] <= PHOTOGRAPHS
        assert settings.get("draws", 0) <= 40
        assert settings.get("copies") == (None if not arm.augmented else COPIES if arm.counts == "FAKE" else 3)
    largest = {
        record["budget"]["REAL"]["sha256"] for record in found if (record["arm"], record["settings"]["images"]) == (AUGMENTED, PHOTOGRAPHS)
    }
    assert len(largest) == 2  # the same photographs, in another order


def test_the_page_says_what_they_are_worth_and_is_one_file(study):
    page = study.worth.read_text(encoding="utf-8")
    for words in ("images_mine", "100 of them", "mixed into 30 photographs", "fewer steps", "coverage, red", "% right"):
        assert words in page
    assert "<th>Stable Diffusion" not in page  # its images were compared with other photographs
    assert "http" not in page.replace("http-equiv", "")
    assert list(table.load(study, "E3")["variant"].unique()) == [protocol.OWN]


def test_it_is_no_part_of_the_experiment_and_takes_little_of_it():
    everything = e3.runs_of(options.parse("", "", arguments=["--models", "VGG16"]), WHOLE)
    assert not any(run.settings.get("variant") == protocol.OWN for run in everything)
    runs = e3.runs_of(choose(), WHOLE)
    assert {run.architecture for run in runs} == {"VGG16"}
    assert max(run.settings["images"] for run in runs if run.arm.counts == "REAL") == 10_000
    assert {run.settings["images"] for run in runs if run.arm.name in (MIXED, GAUSSIAN_MIXED)} == {100, 1_000, 10_000}
    assert [e3.fake_copies(number) for number in (5_000, 40_000, 50_000, 200_000)] == [8, 2, 2, 1]


def test_others_add_their_generator_to_the_table_by_a_copy_of_their_runs(study, tmp_path):
    folders = Folders(study.images, tmp_path / "output")
    shutil.copytree(study.results("E3"), folders.results("E3"))
    (folders.results("E3") / "generators").mkdir()
    shutil.copy(study.runs("E3"), folders.results("E3") / "generators" / "Mine 2.csv")
    rows = pages.by_generator(Study(folders, table.load(folders, "E3")))
    assert list(rows.index) == ["Mine 2"]
    assert rows.loc["Mine 2", "images"] == "100"
    with study.runs("E3").open(encoding="utf-8") as file:
        assert ALONE in {row["trained_on"] for row in csv.DictReader(file)}
