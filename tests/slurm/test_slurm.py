"""slurm/: experiment 3 on a real Slurm (cluster.py), with a killed task and a second submission; and what needs no Slurm."""

import re
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree

import pytest
from cluster import cluster, is_possible
from conftest import REPOSITORY, make_images, refused, run

from cifake.data.arms import ARMS
from cifake.results import records
from cifake.system.paths import Folders

RUNS = len(ARMS) + 2  # of one budget, and two with all FAKE images


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """A folder like the repository, for the logs of the jobs."""
    folder = tmp_path / "clone"
    copytree(REPOSITORY / "slurm", folder / "slurm", ignore=lambda _, names: [name for name in names if name.endswith(".log")])
    (folder / "src").symlink_to(REPOSITORY / "src")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def made(tmp_path) -> Folders:
    """Two classes, enough for 100 REAL images."""
    folders = Folders(make_images(tmp_path / "images", train=65, test=5, classes=2), tmp_path / "output")
    folders.class_list.write_text("red\ngreen\n", encoding="utf-8")
    return folders


def words_of(folders: Folders) -> list[str]:
    words = ["--models", "NN", "--part", "main", "--seeds", "1", "--steps", "400"]
    return [*words, "--images", str(folders.images), "--output", str(folders.output)]


def scores_of(folders: Folders) -> dict[str, dict]:
    return {path.name: records.read(path, "E3")["scores"] for path in folders.records("E3")}


def wait_for(is_so, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not is_possible(), reason="needs root, sbatch, slurmctld, slurmd and munged")
def test_a_cluster_comes_to_the_records_of_one_machine_though_a_task_is_killed(clone, made):
    with cluster() as environment:

        def submit(task_to_kill: int | None = None) -> str:
            """Submit all and wait; gives the log of the last job. A task is killed once it has begun its share."""
            own = environment | {"PYTHON": sys.executable, "TASKS": "2"}
            said = subprocess.run(["bash", "slurm/submit.sh", *words_of(made)], env=own, capture_output=True, text=True, check=True).stdout
            array, figures = re.search(r"jobs (\d+)_1 to \1_2 train, job (\d+) draws", said).groups()
            log = clone / "slurm" / f"E3-figures-{figures}.log"
            if task_to_kill:
                own_log = clone / "slurm" / f"E3-{array}_{task_to_kill}.log"
                wait_for(lambda: own_log.exists() and " run 1 of " in own_log.read_text(encoding="utf-8"))
                subprocess.run(["scancel", "--signal=KILL", "--full", f"{array}_{task_to_kill}"], env=environment, check=True)
            wait_for(lambda: log.exists() and "figures.sbatch is complete" in log.read_text(encoding="utf-8"))
            return log.read_text(encoding="utf-8")

        submit(task_to_kill=2)
        before = {path: path.stat().st_mtime_ns for path in made.records("E3")}
        assert RUNS // 2 < len(before) < RUNS, "all of the share of the first task, and part of the second's"
        assert (made.visualisations("E3") / "accuracy.png").exists()
        assert f"NN: of {RUNS} runs {RUNS} are there" in submit()
    after = {path: path.stat().st_mtime_ns for path in made.records("E3")}
    assert len(after) == RUNS and before.items() < after.items(), "what was done stays"

    alone = Folders(made.images, made.output.with_name("alone"))
    ended = run("bash", REPOSITORY / "run-E3.sh", *words_of(alone), PYTHON=sys.executable)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert scores_of(made) == scores_of(alone)


@pytest.mark.usefixtures("clone")
@pytest.mark.parametrize(
    ("words", "tasks", "message"),
    [
        (["--shard", "1/2"], "2", "no option --shard"),
        (["--fresh"], "2", "no option --fresh"),
        (["--modles", "NN"], "2", "did you mean --models?"),
        ([], "0", "TASKS=0 is not a number of tasks"),
    ],
)
def test_what_cannot_be_submitted_is_told_before_anything_is(words, tasks, message):
    refused(run("bash", "slurm/submit.sh", *words, TASKS=tasks, PYTHON=sys.executable), message)


@pytest.mark.usefixtures("clone")
def test_a_dry_run_submits_nothing_and_needs_no_slurm(made):
    ended = run("bash", "slurm/submit.sh", "--dry-run", *words_of(made), PYTHON=sys.executable)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"NN: of {RUNS} runs 0 are there" in ended.stdout
