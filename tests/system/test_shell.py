"""The runners and setup.sh, copied to a folder with a space in its name, with stubs for the Python scripts and for Python.

What they do with the real scripts, on a small data set, is tested in test_study.py.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cifake.system.paths import REPOSITORY

RUNNERS = ["run.sh", "run-NN.sh", "run-LeNet.sh", "run-VGG16.sh", "run-E3.sh", "run-E4.sh"]
SHELL = [
    *RUNNERS,
    "setup.sh",
    "test.sh",
    "src/runner.sh",
    ".ci/run",
    *(f"slurm/{path.name}" for path in (REPOSITORY / "slurm").glob("*.s*")),
]
BOTH = {name: [[f"classify_{name}.py", "-data", source] for source in ("FAKE", "REAL")] for name in ("NN", "LeNet", "VGG16")}
DRAWN = [["visualise.py"], ["final_evaluate.py"], ["write_report.py"]]
STEPS = {
    "run.sh": [["create_metadata.py"], *BOTH["NN"], *BOTH["LeNet"], *BOTH["VGG16"], *DRAWN],
    **{f"run-{name}.sh": [["create_metadata.py"], *both] for name, both in BOTH.items()},
    "run-E3.sh": [["create_metadata.py"], ["worth_of_fake.py"], ["write_report.py"]],
    "run-E4.sh": [["create_metadata.py"], ["check_data.py"], ["real_or_fake.py"], ["write_report.py"]],
}
# Stands in for each script: notes how it was called; fails or waits if a test says so.
STUB = """
import json, os, sys, time
call = [os.path.basename(__file__), *sys.argv[1:]]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "calls"), "a") as calls:
    calls.write(json.dumps(call) + "\\n")
if " ".join(call) == os.environ.get("STUB_WAITS_AT"):
    time.sleep(60)
if " ".join(call) == os.environ.get("STUB_FAILS_AT"):
    sys.exit(7)
"""
# Stands in for python3.13: makes an environment of nothing but itself, notes what pip is asked for, and is this Python otherwise.
FAKE_PYTHON = f"""#!/bin/bash
case "$*" in
    "-I -c "*tensorflow*) echo "TensorFlow sees: $FAKE_DEVICES" ;;
    "-I -c "*ensurepip*) ;;
    "-I -m venv --clear "*) rm -rf "$5"; mkdir -p "$5/bin"; cp "$0" "$5/bin/python"; echo venv >>"$FAKE_LOG" ;;
    "-I -m pip install "*) echo "pip $*" >>"$FAKE_LOG"; exit "${{FAKE_PIP_CODE:-0}}" ;;
    *) exec "{sys.executable}" "$@" ;;
esac
"""


@pytest.fixture
def study(tmp_path):
    """A copy of the shell scripts and the package, with stubs for the scripts."""
    folder = tmp_path / "a study"
    shutil.copytree(REPOSITORY / "src" / "cifake", folder / "src" / "cifake")
    for name in [*RUNNERS, "setup.sh", "test.sh", "src/runner.sh", "requirements.txt"]:
        shutil.copy(REPOSITORY / name, folder / name)
    for path in (REPOSITORY / "src").glob("*.py"):
        (folder / "src" / path.name).write_text(STUB)
    for place in ("train/FAKE", "train/REAL", "test/FAKE", "test/REAL"):
        (folder / "images" / place).mkdir(parents=True)
        (folder / "images" / place / "1000.jpg").touch()
    return folder


@pytest.fixture
def without_env(tmp_path):
    """Environment variables of a machine with an empty PYTHON and a fake python3.13 and uname first on the PATH."""
    folder = tmp_path / "commands"
    folder.mkdir()
    answers = {
        "python3.13": FAKE_PYTHON,
        "uname": '#!/bin/sh\n[ "$1" = -m ] && echo $MACHINE || echo $SYSTEM',
        "nvidia-smi": "#!/bin/sh\necho GPU 0\nexit $NO_GPU",
    }
    for name, answer in answers.items():
        (folder / name).write_text(answer)
        (folder / name).chmod(0o755)
    (tmp_path / "log").touch()
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {
        "PATH": path,
        "FAKE_LOG": tmp_path / "log",
        "PYTHON": "",
        "SYSTEM": "Linux",
        "MACHINE": "x86_64",
        "NO_GPU": 9,
        "FAKE_DEVICES": "CPU",
    }


def environment(**more):
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "CUDA", "VGG16_WEIGHTS")}
    return {**own, "PYTHON": sys.executable, **{name: str(value) for name, value in more.items()}}


def run(study, script, *options, cwd=None, shell="bash", **variables):
    """Run a script of the copy to its end, by default with PYTHON= this Python."""
    words = [shell, str(study / script), *options]
    return subprocess.run(words, cwd=cwd or study, env=environment(**variables), capture_output=True, text=True, timeout=60)


def calls(study):
    """How the stubs were called, in order."""
    log = study / "src" / "calls"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def refused(study, ended, *words):
    """It ended with code 2 and one sentence before any step."""
    assert (ended.returncode, calls(study)) == (2, []), ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in " ".join(ended.stderr.split())


@pytest.mark.parametrize("script", SHELL)
def test_keeps_to_bash_of_macos_and_is_executable(script):
    text = (REPOSITORY / script).read_text()
    for newer in ("declare -A", "local -A", "mapfile", "readarray", "wait -n", ",,}", "^^}", "&>>", "|&", "EPOCHSECONDS", "BASHPID"):
        assert newer not in text, f"bash 3.2 has no {newer}"
    assert script == "src/runner.sh" or os.access(REPOSITORY / script, os.X_OK)


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize(("script", "steps"), STEPS.items())
def test_runs_its_steps_in_order_with_the_users_options(study, tmp_path, script, steps, shell):
    options = ["--output", "where I am", "--seeds", "129", "130"]
    ended = run(study, script, *options, cwd=tmp_path, shell=shell)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert calls(study) == [[step[0], *options, *step[1:]] for step in steps]
    assert re.findall(r"^Step (\d+) of (\d+): ", ended.stdout, re.M) == [(str(i), str(len(steps))) for i in range(1, len(steps) + 1)]


def test_the_classifiers_of_models_alone_are_trained(study):
    assert run(study, "run.sh", "--models", "NN", "LeNet").returncode == 0
    assert [call[0] for call in calls(study) if "classify" in call[0]] == ["classify_NN.py"] * 2 + ["classify_LeNet.py"] * 2


def test_without_images_it_downloads_them_first_and_a_dry_run_knows_it(study):
    (study / "images" / "test" / "REAL" / "1000.jpg").unlink()
    assert run(study, "run-NN.sh").returncode == 0
    assert [call[0] for call in calls(study)] == ["download_data.py", "create_metadata.py", "classify_NN.py", "classify_NN.py"]
    (study / "src" / "calls").unlink()
    before = sorted(study.rglob("*"))
    assert run(study, "run-NN.sh", "--dry-run", PYTHONDONTWRITEBYTECODE=1).returncode == 0
    assert [call[0] for call in calls(study)] == ["download_data.py", "classify_NN.py", "classify_NN.py"]
    (study / "src" / "calls").unlink()
    assert sorted(study.rglob("*")) == before


@pytest.mark.parametrize("weights", ["", "imagenet"])
def test_the_demo_has_vgg16_if_there_are_weights_and_names_its_own_report(study, weights):
    (study / "demo" / "E2_visualisations").mkdir(parents=True)
    (study / "demo" / "E2_visualisations" / "report.html").touch()
    ended = run(study, "run.sh", "--demo", VGG16_WEIGHTS=weights)
    assert ("classify_VGG16.py" in [call[0] for call in calls(study)]) == bool(weights)
    assert calls(study)[0] == ["create_demo.py", "--demo"]
    assert ended.stdout.endswith("\n  demo/E2_visualisations/report.html\n")


def test_the_short_answer_for_own_images_names_its_page_in_its_own_folder(study):
    page = study / "results_images" / "E3_visualisations" / "worth.html"
    page.parent.mkdir(parents=True)
    page.touch()
    ended = run(study, "run-E3.sh", "--part", "own")
    assert [call[0] for call in calls(study)] == ["create_metadata.py", "worth_of_fake.py"]
    assert ended.stdout.endswith("\n  results_images/E3_visualisations/worth.html\n")


def test_a_step_that_fails_stops_it_and_is_named(study):
    ended = run(study, "run.sh", STUB_FAILS_AT="classify_LeNet.py -data FAKE")
    assert (ended.returncode, calls(study)) == (7, STEPS["run.sh"][:4])
    assert ended.stderr == "run.sh stopped at step 4 of 10 (LeNet on FAKE); the same command continues there.\n"
    assert "complete" not in ended.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_runner_ends_the_step_too(study, number, code):
    runner = subprocess.Popen(
        ["bash", "run.sh"], cwd=study, env=environment(STUB_WAITS_AT="classify_NN.py -data FAKE"), stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while len(calls(study)) < 2:
        time.sleep(0.05)
    runner.send_signal(number)
    _, errors = runner.communicate(timeout=10)  # waits for the step too, which has the same error output
    assert runner.returncode == code and len(calls(study)) == 2
    assert errors.endswith("run.sh stopped at step 2 of 10 (NN on FAKE); the same command continues there.\n")


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        ("run-NN.sh", "--models VGG16", "run-NN.sh: it has no option --models"),
        ("run-NN.sh", "--weights random", "it has no option --weights"),
        ("run.sh", "--part tuning", "it has no option --part"),
        ("run-E3.sh", "-epochs 3", "it has no option -epochs"),
        ("run-LeNet.sh", "-data FAKE", "it has no option -data"),
        ("run.sh", "--modles NN", "did you mean --models?"),
        ("run.sh", "--models LNet", "LNet"),
        ("run.sh", "--output=", "--output has an empty value"),
        ("run.sh", "--demo --images images", "leave --images out"),
        ("test.sh", "--dry-run", "it has no --dry-run"),
        ("setup.sh", "--dry-run", "it takes no options"),
    ],
)
def test_what_it_does_not_take_is_refused_before_anything_is_done(study, without_env, script, options, message):
    refused(study, run(study, script, *options.split(), **without_env), message)
    assert not (study / "env").exists()


def test_a_missing_file_of_weights_stops_only_those_who_need_it(study):
    refused(study, run(study, "run.sh", VGG16_WEIGHTS="/nowhere.h5"), "/nowhere.h5")
    assert run(study, "run-NN.sh", VGG16_WEIGHTS="/nowhere.h5").returncode == 0
    assert run(study, "run.sh", "--models", "NN", VGG16_WEIGHTS="/nowhere.h5").returncode == 0


@pytest.mark.parametrize("script", STEPS)
def test_help_shows_the_options_that_its_steps_use(script):
    def options_in(*words):
        said = subprocess.run(words, capture_output=True, text=True, check=True, env=environment()).stdout
        assert words[0] != "bash" or f"  bash {script}" in said
        return set(re.findall(r"^  (?:-h, )?(-[-\w]+)", said.partition("\noptions:\n")[2], re.M)) - {"-data", "--demo"}

    used = set().union(*(options_in(sys.executable, REPOSITORY / "src" / step[0], "--help") for step in STEPS[script]))
    assert options_in("bash", REPOSITORY / script, "--help") == used - ({"--models"} if script == "run-NN.sh" else set())


def test_windows_line_ends_are_named(study):
    for name in ("run-NN.sh", "src/runner.sh"):
        (study / name).write_bytes((study / name).read_bytes().replace(b"\n", b"\r\n"))
    refused(study, run(study, "run-NN.sh"), "Windows line ends")


def test_a_python_of_the_users_own_is_checked_and_nothing_is_installed(study, tmp_path):
    refused(study, run(study, "run.sh", PYTHON="no-such-python"), "PYTHON=no-such-python does not run Python 3.11 or newer")
    bare = tmp_path / "bare python"
    bare.write_text(f'#!/bin/bash\nexec "{sys.executable}" -S "$@"\n')  # without site-packages
    bare.chmod(0o755)
    refused(study, run(study, "run.sh", PYTHON=bare), "lacks tensorflow, keras", "pip install -r requirements.txt")
    assert not (study / "env").exists()


def test_env_is_made_if_it_is_missing_half_made_or_older_than_the_requirements(study, without_env):
    def asked(script="run-NN.sh", **more):
        without_env["FAKE_LOG"].write_text("")
        ended = run(study, script, **without_env, **more)
        return ended.returncode, [line.split()[0] for line in without_env["FAKE_LOG"].read_text().splitlines()]

    assert "setup.sh would make it" in run(study, "run-NN.sh", "--dry-run", **without_env).stdout
    assert calls(study) == [] and not (study / "env").exists()
    assert asked(FAKE_PIP_CODE=1) == (2, ["venv", "pip"])
    assert calls(study) == []
    assert asked() == (0, ["venv", "pip"])
    assert asked() == (0, [])
    with (study / "requirements.txt").open("a") as requirements:
        requirements.write("another==1.0\n")
    assert asked() == (0, ["pip"])
    Path(study / "env" / "bin" / "python").unlink()
    assert asked() == (0, ["venv", "pip"])


@pytest.mark.parametrize(("no_gpu", "choice", "has_cuda"), [(0, "", True), (9, "", False), (9, "1", True), (0, "0", False)])
def test_setup_installs_cuda_if_there_is_a_gpu_or_it_is_asked_for_and_keeps_the_choice(study, without_env, no_gpu, choice, has_cuda):
    ended = run(study, "setup.sh", **without_env | {"NO_GPU": no_gpu, "CUDA": choice})
    assert ended.returncode == 0, ended.stderr
    assert ("[and-cuda]==" in without_env["FAKE_LOG"].read_text()) == has_cuda
    run(study, "setup.sh", **without_env)
    assert ("[and-cuda]==" in without_env["FAKE_LOG"].read_text().splitlines()[-1]) == has_cuda


@pytest.mark.parametrize(
    ("system", "machine", "words"),
    [("Darwin", "x86_64", "Rosetta"), ("MINGW64_NT-10.0", "x86_64", "WSL2"), ("Linux", "armv7l", "Linux armv7l")],
)
def test_setup_names_a_machine_that_tensorflow_does_not_serve(study, without_env, system, machine, words):
    refused(study, run(study, "setup.sh", **without_env | {"SYSTEM": system, "MACHINE": machine}), words)
