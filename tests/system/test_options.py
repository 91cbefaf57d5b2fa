"""What the scripts answer at the keyboard: help at once, one sentence and exit code 2 for a mistake."""

import sys

import pytest
from conftest import REPOSITORY, refused, run, script

from cifake.system import options
from cifake.system.errors import StudyError

SCRIPTS = sorted(path.name for path in (REPOSITORY / "src").glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_needs_the_standard_library_only_and_has_an_example(name):
    result = run(sys.executable, "-S", REPOSITORY / "src" / name, "--help")  # -S: without site-packages
    assert result.returncode == 0, result.stderr
    assert f"python src/{name}" in result.stdout


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--epoch", "3"], "did you mean --epochs?"),
        (["-data", "FAKER"], "FAKER"),
        (["--models", "LNet"], "LNet"),
        (["--models", "NN", "NN"], "each can be given once"),
        (["--seeds", "1", "2", "1"], "each can be given once"),
        (["--seeds", "1", "two"], "not a whole number from 0"),
        (["--shard", "9/8"], "'9/8' is not a share such as 2/8"),
        (["--steps", "250"], "a multiple of 40"),
        (["--epochs", "0"], "not a whole number from 1"),
        (["--weights", "/nowhere/weights.h5"], "there is no file"),
        (["--output", ""], "--output has an empty value"),
        (["--images="], "--images has an empty value"),
        (["--output", __file__], "is not a folder"),
        (["--images", "~no-such-user/images"], "~no-such-user"),
        (["stray"], "unknown option 'stray'"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(words, answer, capsys):
    with pytest.raises(SystemExit) as end:
        options.parse("", "", arguments=words)
    printed, said = capsys.readouterr()
    assert (end.value.code, printed, said.count("\n")) == (2, "", 1)
    assert answer in said


def test_a_script_refuses_what_it_does_not_use_unless_a_runner_calls_it(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        options.parse("", "seed output", arguments=["--part", "mian"])
    assert "it has no option --part" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        options.parse("", "seed output", arguments=["--parts", "main"])
    assert "did you mean" not in capsys.readouterr().err, "of an option that would be refused"
    monkeypatch.setenv(options.RUNNER, "run.sh")
    assert options.parse("", "seed output", arguments=["--part", "main", "--seed", "3"]).seed == 3


def test_a_script_checks_its_options_before_anything_else():
    refused(script("create_metadata.py", "--imges", "/nowhere"), "did you mean --images?")
    refused(script("classify_NN.py"), "-data FAKE or -data REAL")


def test_weights_are_looked_for_by_those_who_need_them(monkeypatch, tmp_path):
    monkeypatch.delenv("VGG16_WEIGHTS", raising=False)
    chosen = options.parse("", "", arguments=[])
    assert (chosen.weights, options.weights(chosen)) == (None, options.IMAGENET)
    monkeypatch.setenv("VGG16_WEIGHTS", str(tmp_path / "weights.h5"))
    chosen = options.parse("", "", arguments=[])
    with pytest.raises(StudyError, match=r"VGG16_WEIGHTS.*weights\.h5"):
        options.weights(chosen)
    (tmp_path / "weights.h5").touch()
    assert options.weights(chosen) == str(tmp_path / "weights.h5")
    assert options.parse("", "", arguments=["--weights", "random"]).weights == options.RANDOM


def test_the_default_precision_is_the_scripts_own():
    assert options.parse("", "", arguments=[]).precision == "float32"
    assert options.parse("", "", precision=None, arguments=[]).precision is None
    assert options.parse("", "", precision=None, arguments=["--precision", "float32"]).precision == "float32"


def test_a_command_in_a_message_has_the_users_folders(tmp_path):
    options.parse("", "", arguments=["--images", str(tmp_path / "my images"), "--output", str(tmp_path)])
    assert options.with_folders("bash run-NN.sh") == f"bash run-NN.sh --images '{tmp_path}/my images' --output {tmp_path}"
    options.parse("", "", arguments=[])
    assert options.with_folders("bash run-NN.sh") == "bash run-NN.sh"


@pytest.mark.parametrize("words", [["-data", "fake"], ["--data", "FAKE"], ["--data_label", "FAKE"], ["--data=FAKE"]])
def test_all_spellings(words):
    assert options.parse("", "", arguments=words).data == "FAKE"
    assert [options.parse("", "", arguments=[word, "3"]).epochs for word in ("-epochs", "--epochs", "--n_epochs")] == [3, 3, 3]
