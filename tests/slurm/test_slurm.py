"""slurm/: experiment 3 on a real Slurm (cluster.py), with a killed task and a second submission; and what needs no Slurm."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree

import pytest
from cluster import cluster, why_not
from conftest import REPOSITORY, make_images, refused, run, script

from cifake.experiments import e3
from cifake.models.architectures import ARCHITECTURES
from cifake.results import records
from cifake.system import options
from cifake.system.paths import Folders

RUNS = 10  # of one budget: eight arms, and two with all FAKE images
WORDS = ["--models", "NN", "--part", "main", "--seeds", "1", "--steps", "200"]
NO_SLURM = why_not()


@pytest.fixture
def clone(tmp_path) -> Path:
    """A folder like the repository, for the logs of the jobs."""
    folder = tmp_path / "clone"
    copytree(REPOSITORY / "slurm", folder / "slurm", ignore=lambda _, names: [name for name in names if name.endswith(".log")])
    (folder / "src").symlink_to(REPOSITORY / "src")
    return folder


@pytest.fixture
def made(tmp_path) -> Folders:
    """Two classes, enough for 100 REAL images."""
    folders = Folders(make_images(tmp_path / "images", train=65, test=5, classes=2), tmp_path / "output")
    folders.class_list.write_text("red\ngreen\n", encoding="utf-8")
    return folders


def words_of(folders: Folders) -> list[str]:
    return [*WORDS, "--images", str(folders.images), "--output", str(folders.output)]


def scores_of(folders: Folders) -> dict[Path, dict]:
    """The records without what differs from one time to the next."""
    passing = ("seconds", "memory_peak_megabytes", "program")
    return {
        path.relative_to(folders.output): {name: value for name, value in records.read(path, "E3").items() if name not in passing}
        for path in folders.records("E3")
    }


def times_of(folders: Folders) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folders.records("E3")}


# ------------------------------------------------------------------------------------------------------------- a real Slurm


@pytest.fixture
def slurm() -> Iterator[Callable[..., str]]:
    """A function that runs a command with a Slurm of the test's own, and gives what it prints."""
    with cluster() as environment:

        def ask(*words: str | Path, cwd: Path | None = None) -> str:
            own = environment | {"PYTHON": sys.executable, "TASKS": "2"}
            ended = subprocess.run(words, cwd=cwd, env=own, capture_output=True, text=True, timeout=60)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            return ended.stdout

        yield ask


def wait_for(words: str, log: Path, seconds: float = 600) -> str:
    """Wait until a job's log has these words; gives what it has then."""
    start = time.monotonic()
    while words not in (text := log.read_text(encoding="utf-8") if log.exists() else ""):
        assert time.monotonic() - start < seconds, f"{log.name}: {text or 'not there'}"
        time.sleep(0.05)
    return text


@pytest.mark.skipif(NO_SLURM is not None, reason=NO_SLURM or "")
def test_a_cluster_comes_to_the_records_of_one_machine_though_a_task_is_killed(slurm, clone, made):
    """A task is held still in its second run, so that the other one does all the rest; then it is killed, and all submitted again."""
    alone = Folders(made.images, made.output.with_name("alone"))
    held = e3.runs_of(options.parse("", "", arguments=[*words_of(made), "--shard", "2/2"]), {"REAL": [100], "FAKE": [100, 130]})[1]
    logs = clone / "slurm"

    def submit() -> tuple[str, str]:
        """Numbers of the array and of the last job."""
        said = slurm("bash", "slurm/submit.sh", *words_of(made), cwd=clone)
        return re.search(r"jobs (\d+)_1 to \1_2 train, job (\d+) draws", said).groups()

    array, figures = submit()
    process = re.fullmatch(r"process (\d+) on .+", wait_for("on ", made.lock(held.title)))[1]
    os.kill(int(process), signal.SIGSTOP)
    others = wait_for("E3.sbatch is complete", logs / f"E3-{array}_1.log")
    assert re.findall(r"Left out: (.*) is being worked on by (process .*);", others) == [(held.title, made.lock(held.title).read_text())]
    slurm("scancel", "--signal=KILL", f"{array}_2")
    last = wait_for("figures.sbatch is complete", logs / f"E3-figures-{figures}.log")
    assert f"NN: of {RUNS} runs {RUNS - 1} are there and 1 would be done" in last
    assert (made.visualisations("E3") / "accuracy.png").exists()
    before = times_of(made)
    assert len(before) == RUNS - 1

    array, figures = submit()
    last = wait_for("figures.sbatch is complete", logs / f"E3-figures-{figures}.log")
    assert f"NN: of {RUNS} runs {RUNS} are there and 0 would be done" in last
    after = times_of(made)
    assert before.items() < after.items()
    assert after.keys() - before.keys() == {held.files["record"]}
    assert not list(made.output.rglob(".*")), "drafts or staged files were left"

    ended = run("bash", REPOSITORY / "run-E3.sh", *words_of(alone), PYTHON=sys.executable)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert scores_of(made) == scores_of(alone)
    for name in ("accuracy_table.txt", "worth_table.txt"):
        assert (made.visualisations("E3") / name).read_text() == (alone.visualisations("E3") / name).read_text()


# ---------------------------------------------------------------------------------------------------------- without a Slurm


@pytest.fixture
def without_slurm(tmp_path) -> str:
    """A PATH with an sbatch that fails, if anything gets that far."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/sh\nexit 77\n")
    (tmp_path / "bin" / "sbatch").chmod(0o755)
    return f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("words", "tasks", "message"),
    [
        (["--shard", "1/2"], "2", "leave --shard out"),
        (["--fresh"], "2", "leave --fresh out"),
        (["--modles", "NN"], "2", "did you mean --models?"),
        ([], "many", "TASKS=many is not a number of tasks"),
        ([], "0", "TASKS=0 is not a number of tasks"),
    ],
)
def test_what_cannot_be_submitted_is_told_before_anything_is(clone, without_slurm, monkeypatch, words, tasks, message):
    monkeypatch.chdir(clone)
    refused(run("bash", "slurm/submit.sh", *words, PATH=without_slurm, TASKS=tasks, PYTHON=sys.executable), message)


def test_it_has_to_be_started_in_its_folder(clone):
    refused(run("bash", clone / "slurm" / "submit.sh", PYTHON=sys.executable), "first: cd")


def test_a_dry_run_submits_nothing(clone, without_slurm, monkeypatch, made):
    monkeypatch.chdir(clone)
    ended = run("bash", "slurm/submit.sh", "--dry-run", *words_of(made), PATH=without_slurm, PYTHON=sys.executable)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"NN: of {RUNS} runs 0 are there" in ended.stdout


def test_before_the_first_run_there_is_nothing_to_draw(clone, made, monkeypatch):
    assert script("create_metadata.py", *words_of(made)).returncode == 0
    monkeypatch.chdir(clone)
    ended = run("bash", "slurm/figures.sbatch", *words_of(made), PYTHON=sys.executable)
    assert f"NN: of {RUNS} runs 0 are there" in ended.stdout and "Nothing to draw" in ended.stdout
    refused(ended, "holds no record")


@pytest.mark.parametrize(
    ("words", "has_vgg16"), [(["--models", "NN", "VGG16"], True), (["--models", "LeNet", "--weights", "random"], False), ([], True)]
)
def test_features_are_prepared_if_vgg16_is_among_the_models(clone, made, monkeypatch, words, has_vgg16):
    """With a Python that answers the dry run, and notes what else it is asked for."""
    python = clone / "python"
    python.write_text(f'#!/bin/bash\ncase "$*" in -c* | *--dry-run*) exec {sys.executable} "$@" ;; esac\necho "$@" >>{clone}/calls\n')
    python.chmod(0o755)
    monkeypatch.chdir(clone)
    ended = run("bash", "slurm/prepare.sbatch", *words, "--images", made.images, "--output", made.output, PYTHON=str(python))
    assert (ended.returncode, ended.stderr) == (0, "")
    scripts = [re.search(r"/src/(\w+\.py)", line)[1] for line in (clone / "calls").read_text().splitlines()]
    assert scripts == ["create_metadata.py"] + ["worth_of_fake.py"] * has_vgg16


def test_the_run_that_prepares_vgg16_needs_the_features_of_augmented_copies():
    (shard,) = re.findall(r"--shard (\d+/\d+)", (REPOSITORY / "slurm" / "prepare.sbatch").read_text(encoding="utf-8"))
    words = ["--models", "VGG16", "--part", "main", "--shard", shard, "--weights", "random"]
    chosen = options.parse("", "", models=list(ARCHITECTURES), arguments=words)
    (wanted,) = e3.runs_of(chosen, {"REAL": [100, 300], "FAKE": [100, 300, 50_000]})
    assert (wanted.arm.name, wanted.settings["images"]) == ("REAL + augmentation", 100)
