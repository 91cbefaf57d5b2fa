"""The shell scripts, copied to a folder with a space in its name, with stubs for the Python scripts and for Python.

What they do with the real scripts, on a small data set, is tested in test_study.py.
"""

import functools
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

from cifake.system import options
from cifake.system.paths import REPOSITORY

RUNNERS = ["run.sh", "run-NN.sh", "run-LeNet.sh", "run-VGG16.sh", "run-E3.sh", "run-E4.sh"]
SLURM = ["slurm/submit.sh", "slurm/prepare.sbatch", "slurm/E3.sbatch", "slurm/figures.sbatch"]
SHELL_FILES = [*RUNNERS, *SLURM, "setup.sh", "test.sh", "src/runner.sh", ".ci/run"]
SCRIPTS = [
    "create_demo.py",
    "download_data.py",
    "create_metadata.py",
    "classify_NN.py",
    "classify_LeNet.py",
    "classify_VGG16.py",
    "visualise.py",
    "final_evaluate.py",
    "write_report.py",
    "worth_of_fake.py",
    "real_or_fake.py",
]
BOTH_SOURCES = {name: [[f"classify_{name}.py", "-data", source] for source in ("FAKE", "REAL")] for name in ("NN", "LeNet", "VGG16")}
ALL_STEPS = [
    ["create_metadata.py"], *BOTH_SOURCES["NN"], *BOTH_SOURCES["LeNet"], *BOTH_SOURCES["VGG16"],
    ["visualise.py"], ["final_evaluate.py"], ["write_report.py"]
]  # fmt: skip

STEPS = {
    "run.sh": ALL_STEPS,
    **{f"run-{name}.sh": [["create_metadata.py"], *both] for name, both in BOTH_SOURCES.items()},
    "run-E3.sh": [["create_metadata.py"], ["worth_of_fake.py"], ["write_report.py"]],
    "run-E4.sh": [["create_metadata.py"], ["real_or_fake.py"], ["write_report.py"]],
}

# Stands in for each of the study's scripts: notes how it was called; fails, waits or ignores signals if a test says so.
STUB = """
import json, os, signal, subprocess, sys, time
here = os.path.dirname(os.path.abspath(__file__))
call = [os.path.basename(__file__), *sys.argv[1:]]
with open(os.path.join(here, "calls"), "a") as calls:
    calls.write(json.dumps(call) + "\\n")
if " ".join(call) == os.environ.get("STUB_FAILS_AT"):
    sys.exit(int(os.environ["STUB_CODE"]))
if " ".join(call) == os.environ.get("STUB_WAITS_AT"):
    if os.environ.get("STUB_IS_DEAF"):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with open(os.path.join(here, "waiting.new"), "w") as waiting:
        waiting.write(f"{os.getpid()} {child.pid}")
    os.rename(waiting.name, os.path.join(here, "waiting"))
    time.sleep(60)
"""

# Stands in for python3.13: claims a version, makes an environment of nothing but itself, and notes what pip is asked for.
# venv, pip and TensorFlow must be asked for with -I, so that PYTHONPATH and the working directory do not matter.
FAKE_PYTHON = f"""#!/bin/bash
[ "$0" != "$FAKE_BROKEN" ] || exit 1
case "$*" in
    "-I -c "*"tensorflow as tf"*) printf '%s\\n' "TensorFlow 2.21.0" "$FAKE_DEVICES"; exit "${{FAKE_TF_CODE:-0}}" ;;
    *version_info*)
        case $0 in */env/bin/python) unset FAKE_BASE ;; esac
        echo "${{FAKE_BASE:-${{FAKE_VERSION:-3.13.1}}}}"
        ;;
    "-I -c "*ensurepip*) exit "${{FAKE_NO_VENV:-0}}" ;;
    "-I -m venv --clear "*) rm -rf "$5"; mkdir -p "$5/bin"; cp "$0" "$5/bin/python"; echo venv >>"$FAKE_LOG" ;;
    "-I -m pip install "*)
        echo "pip $*" >>"$FAKE_LOG"
        printf '%s\\n' "Collecting tensorflow" "  Downloading tensorflow-2.21.0-cp313-cp313-linux_x86_64.whl.metadata (1 kB)" \\
            "Downloading tensorflow-2.21.0-cp313-cp313-linux_x86_64.whl (572.4 MB)" "Installing collected packages: tensorflow"
        /bin/sleep "${{FAKE_PIP_SECONDS:-0}}"
        exit "${{FAKE_PIP_CODE:-0}}"
        ;;
    "-c ") ;;
    *) exec "{sys.executable}" "$@" ;;
esac
"""


@pytest.fixture
def study(tmp_path):
    """A copy of the shell scripts with stubs beside them."""
    folder = tmp_path / "a study"
    (folder / "src").mkdir(parents=True)
    for name in [*RUNNERS, "setup.sh", "src/runner.sh", "requirements.txt"]:
        shutil.copy(REPOSITORY / name, folder / name)
    for script in SCRIPTS:
        (folder / "src" / script).write_text(STUB)
    make_images(folder / "images")
    return folder


def make_images(folder):
    """All that a runner looks for: a file in each of the four folders."""
    for place in ("train/FAKE", "train/REAL", "test/FAKE", "test/REAL"):
        (folder / place).mkdir(parents=True)
        (folder / place / "1000.jpg").touch()


def environment(**more):
    """The tests' own environment without what the scripts look at."""
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "CUDA", "VGG16_WEIGHTS")}
    return {**own, **{name: str(value) for name, value in more.items()}}


def run(study, script, *options, cwd=None, **variables):
    """Run a script of the copy to its end, by default with PYTHON= this Python."""
    variables = {"PYTHON": sys.executable, **variables}
    return subprocess.run(
        ["bash", str(study / script), *options], cwd=cwd or study, env=environment(**variables),
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def calls(study):
    """How the stubs were called, in order."""
    log = study / "src" / "calls"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def run_own(study, steps, **variables):
    """Run a runner with these steps: lines for the shell."""
    (study / "own.sh").write_text("\n".join(["source src/runner.sh", *steps, 'run_steps "$@"']))
    return run(study, "own.sh", **variables)


def said(text):
    """A message without the line breaks that keep it within 80 columns."""
    assert max(map(len, text.splitlines()), default=0) < 80
    return " ".join(text.split())


def files(study):
    """All files of the copy but the stubs' own note."""
    return sorted(path for path in study.rglob("*") if path.name != "calls")


# ------------------------------------------------------------------------------------------------------------ the steps


@pytest.mark.parametrize("script", SHELL_FILES)
def test_parses_and_keeps_to_bash_of_macos(script):
    text = (REPOSITORY / script).read_text()
    assert subprocess.run(["bash", "-n", str(REPOSITORY / script)], capture_output=True).stderr == b""
    for newer in ("declare -A", "local -A", "mapfile", "readarray", "wait -n", ",,}", "^^}", "&>>", "|&", "EPOCHSECONDS", "BASHPID"):
        assert newer not in text, f"bash 3.2 has no {newer}"


@pytest.mark.parametrize("script", [name for name in SHELL_FILES if name != "src/runner.sh"])
def test_is_executable(script):
    assert os.access(REPOSITORY / script, os.X_OK)


@pytest.mark.parametrize(("script", "steps"), STEPS.items())
def test_runs_its_steps_in_order_with_the_users_options(study, tmp_path, script, steps):
    options = ["-epochs", "2", "--output", "where I am", "--seeds", "129", "130"]
    ended = run(study, script, *options, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert calls(study) == [[step[0], *options, *step[1:]] for step in steps]
    assert ended.stderr == ""


def test_without_images_it_downloads_them_first(study):
    shutil.rmtree(study / "images")
    assert run(study, "run.sh").returncode == 0
    assert calls(study) == [["download_data.py"], *ALL_STEPS]


def test_a_missing_folder_of_images_is_downloaded_and_a_dry_run_knows_it(study):
    """A download that was cut short between its four folders; what it will bring is not there to be listed yet."""
    shutil.rmtree(study / "images" / "test" / "REAL")
    (study / "images" / "test" / "REAL").mkdir()
    assert run(study, "run.sh").returncode == 0
    assert calls(study) == [["download_data.py"], *ALL_STEPS]
    (study / "src" / "calls").unlink()
    ended = run(study, "run.sh", "--dry-run")
    assert ended.returncode == 0 and "The CSVs would be made" in ended.stdout
    assert [call[0] for call in calls(study)][:2] == ["download_data.py", "classify_NN.py"]


@pytest.mark.parametrize("form", ["--images {}", "--images={}", "--images ~/{}", "--images=~/{}"])
def test_images_elsewhere_are_looked_for_there(study, tmp_path, form):
    shutil.rmtree(study / "images")
    make_images(tmp_path / "elsewhere")
    options = form.format("elsewhere").split()
    assert run(study, "run.sh", *options, cwd=tmp_path, HOME=tmp_path).returncode == 0
    assert [call[0] for call in calls(study)] == [step[0] for step in ALL_STEPS]


@pytest.mark.parametrize("weights", ["", "weights.h5"])
def test_the_demo_stays_in_its_own_folder_and_has_vgg16_if_there_are_weights(study, weights):
    result = run(study, "run.sh", "--demo", "--seed", "3", VGG16_WEIGHTS=weights)
    assert result.returncode == 0
    folders = ["--images", str(study / "demo" / "images"), "--output", str(study / "demo"), "--seed", "3"]
    steps = ["create_demo.py", *(step[0] for step in ALL_STEPS if weights or "VGG16" not in step[0])]
    assert [call[0] for call in calls(study)] == [*steps[:-1], "worth_of_fake.py", "real_or_fake.py", steps[-1]]
    assert ("VGG16 is left out of the demo" in result.stdout) == (not weights)
    assert all(call[1:7] == folders for call in calls(study))
    assert calls(study)[-2][7:] == ["--models", "LeNet", "--seeds", "129"]
    assert calls(study)[-3][7:] == ["--models", "NN", "--seeds", "129", "130", "--steps", "250", "--part", "main", "--no-flip"]
    assert f"in {study}/demo:\nE1_ to E4_results, E1_ to E4_visualisations\n" in result.stdout


def test_says_where_it_is_and_is_complete_at_the_end(study):
    lines = [line for line in run(study, "run.sh").stdout.splitlines() if line]
    assert next(line for line in lines if line.startswith("Step 3 of 10")) == "Step 3 of 10: NN on REAL"
    assert lines[1].startswith("Step 1 of 10 done in ") and lines[1].endswith(" min left")
    assert lines[-4].startswith("Step 10 of 10 done in ") and "left" not in lines[-4]
    assert lines[-3].startswith("run.sh is complete in ")
    assert "complete" not in "\n".join(lines[:-3])
    assert lines[-1].endswith("E2_visualisations/report.html")


@pytest.mark.parametrize(
    ("steps", "estimate"),
    [
        (["step 5 short visualise.py", "step 1200 rest visualise.py"], "about 1[89] min left"),  # it does not decide
        (["step 6000 'done already' visualise.py", "step 600 rest visualise.py"], "less than a minute left"),
        (["step 0 'a download' slow.py", "step 600 rest visualise.py"], "about 10 min left"),
        (["PACE=10", "step 0 'the images' visualise.py", "step 6000 rest visualise.py"], "about 10 min left"),
    ],
)
def test_estimates_the_rest_from_how_the_steps_so_far_went(study, steps, estimate):
    (study / "src" / "slow.py").write_text("import time; time.sleep(2)")
    first, last = (line for line in run_own(study, steps).stdout.splitlines() if " done in " in line)
    assert re.search(f"; {estimate}$", first)
    assert " left" not in last


def test_a_step_slower_than_expected_raises_the_estimate(study):
    (study / "src" / "slow.py").write_text("import time; time.sleep(2.1)")
    ended = run_own(study, ["step 1 slow slow.py", "step 6000 rest visualise.py"])
    assert int(re.search(r"about (\d+) min left", ended.stdout)[1]) > 100


def test_a_step_that_crashes_stops_it_and_is_named(study):
    ended = run(study, "run.sh", STUB_FAILS_AT="classify_LeNet.py -data FAKE", STUB_CODE=7)
    assert ended.returncode == 7
    assert calls(study) == ALL_STEPS[:4]
    assert said(ended.stderr) == "run.sh stopped at step 4 of 10 (LeNet on FAKE); the same command continues there."
    assert "complete" not in ended.stdout


def test_after_something_to_fix_it_does_not_promise_that_the_same_command_continues(study):
    ended = run(study, "run.sh", STUB_FAILS_AT="create_metadata.py", STUB_CODE=2)
    assert (ended.returncode, ended.stderr) == (2, "run.sh stopped at step 1 of 10 (metadata).\n")


def test_after_fresh_the_same_command_starts_again(study):
    ended = run(study, "run-NN.sh", "--fresh", STUB_FAILS_AT="classify_NN.py --fresh -data REAL", STUB_CODE=1)
    assert "; the same command starts again, but without --fresh it" in said(ended.stderr)


@pytest.mark.parametrize(
    "options", [["-data", "FAKE"], ["--data=REAL"], ["--data_label", "FAKE"], ["-epochs", "2", "-data=FAKE"], ["-d", "FAKE"]]
)
@pytest.mark.parametrize("script", ["run.sh", "run-LeNet.sh"])
def test_refuses_a_source(study, script, options):
    ended = run(study, script, *options)
    assert ended.returncode == 2
    architecture = "LeNet" if "LeNet" in script else "NN"
    command = f"env/bin/python src/classify_{architecture}.py -data FAKE"
    assert said(ended.stderr) == f"{script}: it does both FAKE and REAL; for one of them: {command}"
    assert calls(study) == []


def test_experiment_3_needs_both_sources(study):
    ended = run(study, "run-E3.sh", "-data", "FAKE")
    assert (ended.returncode, ended.stderr) == (2, "run-E3.sh: it needs both FAKE and REAL; leave -data out.\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_outputs_do_not_make_it_fail(study, closed):
    command = f'bash "{study / "run-NN.sh"}" {closed}'
    ended = subprocess.run(["bash", "-c", command], cwd=study, env=environment(PYTHON=sys.executable), timeout=30)
    assert ended.returncode == 0
    assert len(calls(study)) == 3


PAGE = "All on one page, to open in a browser: E2_visualisations/report.html"


@pytest.mark.parametrize(
    ("script", "results"),
    [
        ("run.sh", f"E1_results, E1_visualisations, E2_results and E2_visualisations\n{PAGE}"),
        ("run-NN.sh", "E1_results"),
        ("run-E3.sh", "E3_results and E3_visualisations"),
        ("run-E4.sh", "E4_results and E4_visualisations"),
    ],
)
def test_names_its_own_results_at_the_end(study, script, results):
    assert run(study, script, "--output=there").stdout.endswith(f"Its results, in there:\n{results}\n")
    assert run(study, script).stdout.endswith(f"Its results, in {study}:\n{results}\n")


# -------------------------------------------------------------------------------------------------------------- the help


@pytest.mark.parametrize("script", [*RUNNERS, "setup.sh", "test.sh"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_the_usage_alone_without_python(study, path_with, script, option):
    shutil.copy(REPOSITORY / "test.sh", study)
    before = files(study)
    options = ["-epochs", "1", option] if script in RUNNERS else [option]
    ended = run(study, script, *options, **path_with(PYTHON="", pythons=()))
    assert ended.returncode == 0 and ended.stderr == ""
    assert f"  bash {script}" in ended.stdout and "source" not in ended.stdout and "#" not in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 80
    assert files(study) == before and calls(study) == []


SHARED = [action for action in options.parser("", "")._actions if action.dest != "help"]


@pytest.fixture(scope="module")
def options_of():
    """A function that gives the names of the options that a Python script's --help shows, without -data."""

    def ask(script):
        words = [sys.executable, REPOSITORY / "src" / script, "--help"]
        shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout.partition("\noptions:\n")[2]
        spellings = set(re.findall(r"^  (-[-\w]+)", shown, re.MULTILINE))
        return {action.dest for action in SHARED if action.option_strings[0] in spellings} - {"data"}

    return functools.cache(ask)


@pytest.mark.parametrize(("script", "steps"), STEPS.items())
def test_help_lists_the_options_that_the_steps_use(options_of, script, steps):
    text = subprocess.run(["bash", REPOSITORY / script, "--help"], capture_output=True, text=True, check=True).stdout
    listed = dict(re.findall(r"^  (-\S+)(.*)", text.partition("\nOptions")[2], re.MULTILINE))
    actions = {spelling: action for action in SHARED for spelling in action.option_strings}
    assert listed.keys() <= actions.keys()
    used = set().union(*(options_of(step[0]) for step in steps))
    assert {actions[option].dest for option in listed} == used
    for option, words in listed.items():
        if default := re.search(r"\(([\d,]+)\)$", words):
            assert int(default[1].replace(",", "")) == actions[option].default


# --------------------------------------------------------------------------------------- the user's shell and environment


@pytest.mark.parametrize("shell", [["sh"], ["dash"], ["bash", "--posix"]], ids=" ".join)
def test_another_shell_runs_it_too(study, shell):
    if not shutil.which(shell[0]):
        pytest.skip(f"there is no {shell[0]}")
    words = [*shell, str(study / "run.sh"), "--output", "where I am"]
    ended = subprocess.run(words, env=environment(PYTHON=sys.executable), cwd=study, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert calls(study) == [[step[0], "--output", "where I am", *step[1:]] for step in ALL_STEPS]


@pytest.mark.parametrize("own", [False, True], ids=["env", "own"])
def test_the_users_python_variables_do_not_stop_a_step(study, tmp_path, own):
    """Their own Python still finds their packages on PYTHONPATH."""
    (study / "src" / "neighbour.py").touch()
    (tmp_path / ("package.py" if own else "random.py")).write_text("" if own else "1 / 0")
    (study / "src" / "step.py").write_text(
        f"import random, warnings, neighbour{', package' if own else ''}; warnings.warn('old', DeprecationWarning)"
    )
    if not own:
        python = study / "env" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/bash\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        (study / "env" / "finished").write_text((study / "requirements.txt").read_text() + "# CUDA=0\n")
    variables = {"PYTHONPATH": tmp_path, "PYTHONWARNINGS": "error", "PYTHONSAFEPATH": "1"}
    variables |= {"PYTHON": sys.executable} if own else {"PYTHON": "", "PYTHONHOME": tmp_path}
    ended = run_own(study, ["step 1 one step.py"], **variables)
    assert ended.returncode == 0 and "Traceback" not in ended.stderr, ended.stderr


# -------------------------------------------------------------------------------------------------------------- dry run


def test_a_dry_run_asks_every_step_and_changes_nothing(study):
    before = files(study)
    ended = run(study, "run.sh", "--dry-run", "-epochs", "3")
    assert ended.returncode == 0, ended.stderr
    assert calls(study) == [[step[0], "--dry-run", "-epochs", "3", *step[1:]] for step in ALL_STEPS]
    assert "done in" not in ended.stdout and "complete" not in ended.stdout and "58 MB" in ended.stdout
    assert max(len(line) for line in ended.stdout.splitlines() if "PYTHON=" not in line) < 80
    assert files(study) == before


def test_a_dry_run_goes_on_after_a_step_that_would_stop(study):
    ended = run(study, "run.sh", "--dry-run", STUB_FAILS_AT="create_metadata.py --dry-run", STUB_CODE=2)
    assert ended.returncode == 2
    assert len(calls(study)) == len(ALL_STEPS)
    assert "1 of 10 steps would stop" in ended.stderr


def test_a_dry_run_without_env_says_that_it_would_be_made(study, path_with):
    before = files(study)
    ended = run(study, "run.sh", "--dry-run", PYTHON="", **path_with())
    assert ended.returncode == 0, ended.stderr
    assert "setup.sh would make it with python3.13" in ended.stdout and "2.5 GB" in ended.stdout
    assert len(calls(study)) == len(ALL_STEPS)
    assert files(study) == before


# -------------------------------------------------------------------------------------------------------------- signals


@pytest.mark.parametrize("deaf", [False, True], ids=["listening", "deaf"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_step_and_all_that_it_started(study, number, code, deaf):
    variables = {"PYTHON": sys.executable, "STUB_WAITS_AT": "classify_NN.py -data FAKE"} | ({"STUB_IS_DEAF": "1"} if deaf else {})
    runner = subprocess.Popen(
        ["bash", str(study / "run.sh")], env=environment(**variables), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # bash cannot trap a Ctrl-C that is ignored as it starts, and that may be so where the tests run in the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    waiting = study / "src" / "waiting"
    try:
        wait_for(waiting.exists, 10)
        processes = [int(number) for number in waiting.read_text().split()]
        began = time.monotonic()
        runner.send_signal(number)
        output, errors = runner.communicate(timeout=10)
        assert time.monotonic() - began < 3
    finally:
        runner.kill()
    assert runner.returncode == code
    assert said(errors) == "run.sh stopped at step 2 of 10 (NN on FAKE); the same command continues there."
    assert "complete" not in output and len(calls(study)) == 2
    wait_for(lambda: not any(is_alive(process) for process in processes), 1)


def wait_for(condition, seconds):
    """Wait until a condition holds; fail if it does not in that time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def is_alive(process):
    """Whether a process runs; one that has ended and whose parent has not asked for its code does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True).stdout.strip()
    return state != "" and not state.startswith("Z")


# ---------------------------------------------------------------------------------------------- the Python and its set-up


@pytest.fixture
def path_with(tmp_path):
    """Put fake commands first on the PATH: by default a working python3.13 on a Linux machine without a GPU.

    A fake sleep makes the seconds of setup.sh's waiting tenths.
    """

    def make(system="Linux", machine="x86_64", gpu=False, pythons=("python3.13",), **variables):
        folder = tmp_path / "commands"
        folder.mkdir(exist_ok=True)
        answers = {
            "uname": f'[ "$1" = -m ] && echo {machine} || echo {system}',
            "nvidia-smi": f"exit {0 if gpu else 9}",
            "sleep": 'exec /bin/sleep "$(echo "$1" | awk \'{print $1 / 100}\')"',
        }
        for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
            answers[name] = FAKE_PYTHON.partition("\n")[2] if name in pythons else "exit 127"
        for name, answer in answers.items():
            (folder / name).write_text(f"#!/bin/bash\n{answer}\n")
            (folder / name).chmod(0o755)
        log = tmp_path / "log"
        log.touch()
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "FAKE_LOG": log, "FAKE_DEVICES": "TensorFlow sees: the CPU", **variables}

    return make


def set_up(study, variables, **more):
    """Run setup.sh; return its ended process and what was asked of venv and pip."""
    log = Path(variables["FAKE_LOG"])
    log.write_text("")
    ended = run(study, "setup.sh", **{"PYTHON": "", **variables, **more})
    return ended, [line.split(" ")[0] for line in log.read_text().splitlines()]


@pytest.mark.parametrize(
    ("system", "machine", "words"),
    [
        ("Darwin", "x86_64", "Intel Macs"),
        ("MINGW64_NT-10.0-19045", "x86_64", "WSL2"),
        ("MSYS_NT-10.0", "x86_64", "WSL2"),
        ("CYGWIN_NT-10.0", "x86_64", "WSL2"),
        ("Linux", "i686", "Linux on i686"),
        ("Linux", "armv7l", "Linux on armv7l"),
        ("FreeBSD", "amd64", "FreeBSD on amd64"),
    ],
)
def test_setup_names_a_machine_that_tensorflow_does_not_serve(study, path_with, system, machine, words):
    refused(*set_up(study, path_with(system, machine)), words)
    assert not (study / "env").exists()


def refused(ended, asked, words):
    """It ended with code 2 and one sentence, having asked nothing of venv or pip."""
    assert ended.returncode == 2
    assert said(ended.stderr).startswith("setup.sh: ") and words in said(ended.stderr)
    assert ended.stderr.count("setup.sh: ") == 1 and "Traceback" not in ended.stderr
    assert asked == []


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0", "3.9.2", "2.7.18"])
def test_setup_names_the_python_that_it_cannot_use(study, path_with, version):
    refused(*set_up(study, path_with(pythons=("python3",), FAKE_VERSION=version)), f"found: {version}.")
    refused(*set_up(study, path_with(FAKE_VERSION=version), PYTHON="python3.13"), f"PYTHON=python3.13, found: {version}.")


def test_setup_without_any_python_or_without_venv(study, path_with):
    refused(*set_up(study, path_with(pythons=())), "none that runs")
    refused(*set_up(study, path_with(FAKE_NO_VENV=1)), "sudo apt install python3.13-venv")


def test_setup_takes_the_newest_python_that_runs(study, path_with):
    variables = path_with(pythons=("python3.12", "python3"), FAKE_VERSION="3.12.1")
    ended, _ = set_up(study, variables)
    assert "Making env/ with python3.12 (Python 3.12.1)" in ended.stdout


def test_setup_makes_env_and_mends_it(study, path_with):
    variables = path_with()
    finished = study / "env" / "finished"

    ended, asked = set_up(study, variables, FAKE_PIP_CODE=1)
    assert ended.returncode == 2 and "Collecting tensorflow" in ended.stderr and "Check the network" in ended.stderr
    assert not finished.exists()

    ended, asked = set_up(study, variables)
    assert ended.returncode == 0 and asked == ["venv", "pip"], "a half-made env/ is made again"
    assert "    Downloading tensorflow-2.21.0 (572.4 MB)\n" in ended.stdout and ended.stdout.count("Downloading") == 1
    assert "Collecting" not in ended.stdout
    assert ended.stdout.endswith("TensorFlow 2.21.0\nTensorFlow sees: the CPU\nenv/ is ready.\n")
    assert finished.exists()

    assert set_up(study, variables)[1] == ["pip"], "a finished env/ is kept"
    assert set_up(study, variables, FAKE_BROKEN=study / "env/bin/python")[1] == ["venv"], "a broken one is made again"
    assert not finished.exists()
    assert set_up(study, variables)[1] == ["venv", "pip"]
    ended, _ = set_up(study, variables, FAKE_TF_CODE=1)
    assert ended.returncode == 2 and "does not start" in ended.stderr and not finished.exists()


def test_setup_shows_a_sign_of_life_while_pip_installs(study, path_with):
    ended, _ = set_up(study, path_with(), FAKE_PIP_SECONDS=1)
    assert re.search(r"takes 1 to 3 minutes\n(    \d+ MB of 2\.5 GB\n)+", ended.stdout)
    assert ended.stderr == ""


def test_setup_follows_changed_requirements_and_another_python(study, path_with):
    variables = path_with(pythons=("python3.13", "python3.12"))
    set_up(study, variables)
    with (study / "requirements.txt").open("a") as requirements:
        requirements.write("another==1.0\n")
    assert set_up(study, variables)[1] == ["venv", "pip"]
    assert set_up(study, variables, PYTHON="python3.12")[1] == ["pip"]
    assert set_up(study, variables, PYTHON="python3.12", FAKE_BASE="3.12.1")[1] == ["venv", "pip"]


@pytest.mark.parametrize(
    ("gpu", "choice", "with_cuda"), [(True, "", True), (False, "", False), (False, "1", True), (True, "0", False), (True, "1", True)]
)
def test_setup_installs_cuda_if_there_is_a_gpu_or_it_is_asked_for(study, path_with, gpu, choice, with_cuda):
    variables = path_with(gpu=gpu, CUDA=choice)
    ended, _ = set_up(study, variables)
    version = next(line for line in (study / "requirements.txt").read_text().splitlines() if line.startswith("tensorflow==")).split()[0]
    asked = Path(variables["FAKE_LOG"]).read_text()
    assert (version.replace("==", "[and-cuda]==") in asked) == with_cuda
    assert ("Warning" in ended.stdout) == gpu, "a GPU that TensorFlow does not see is worth a warning"
    ended, _ = set_up(study, variables, FAKE_DEVICES="TensorFlow sees: the CPU, GPU NVIDIA A100")
    assert "Warning" not in ended.stdout
    set_up(study, variables, CUDA="")
    assert ("and-cuda" in Path(variables["FAKE_LOG"]).read_text()) == (with_cuda or gpu), "the choice is kept"


def test_setup_refuses_cuda_on_other_machines_and_other_values(study, path_with):
    refused(*set_up(study, path_with("Darwin", "arm64"), CUDA=1), "CUDA=1")
    refused(*set_up(study, path_with("Linux", "aarch64"), CUDA=1), "CUDA=1")
    refused(*set_up(study, path_with(), CUDA="yes"), "CUDA=yes")


def test_a_runner_makes_env_only_if_it_is_missing_or_unfinished(study, path_with):
    variables = path_with(PYTHON="")
    ended = run(study, "run-NN.sh", **variables)
    assert ended.returncode == 0, ended.stderr
    assert "env/ is ready." in ended.stdout and "run-NN.sh is complete" in ended.stdout
    ended = run(study, "run-NN.sh", **variables)
    assert "env/ is ready." not in ended.stdout
    (study / "env" / "finished").unlink()
    ended = run(study, "run-NN.sh", **variables)
    assert "env/ is ready." in ended.stdout


def test_a_wrong_option_is_told_before_the_set_up(study, path_with):
    variables = path_with(PYTHON="", STUB_FAILS_AT="create_metadata.py --epoch --dry-run", STUB_CODE=2)
    assert run(study, "run.sh", "--epoch", **variables).returncode == 2
    assert not (study / "env").exists()


def test_a_set_up_that_fails_ends_the_runner(study, path_with):
    ended = run(study, "run.sh", **path_with(PYTHON="", FAKE_PIP_CODE=1))
    assert ended.returncode == 2
    assert calls(study) == [["create_metadata.py", "--dry-run"]]
    assert "complete" not in ended.stdout


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_python_of_the_users_own_is_checked_and_nothing_is_installed(study, options):
    missing = run(study, "run.sh", *options, PYTHON="no-such-python")
    assert missing.returncode == 2 and "PYTHON=no-such-python is not a Python that runs" in said(missing.stderr)
    old = old_python(study, "3.10.4")
    ended = run(study, "run.sh", *options, PYTHON=old)
    assert ended.returncode == 2
    assert "is Python 3.10.4; the study needs 3.11 or newer." in " ".join(ended.stderr.split())
    assert calls(study) == [] and not (study / "env").exists()


def old_python(study, version):
    """A command that claims to be Python of a version older than the study's."""
    command = study / "old python"
    command.write_text(f'#!/bin/bash\ncase "$*" in *version_info*) echo {version} ;; *) exit 1 ;; esac\n')
    command.chmod(0o755)
    return command
