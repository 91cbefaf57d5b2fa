"""What the scripts answer at the keyboard: help at once, mistakes with the nearest valid word, exit code 2."""

import sys
import time

import pytest
from conftest import REPOSITORY, refused, run, script

from cifake.models.architectures import ARCHITECTURES
from cifake.system import options

SCRIPTS = sorted(path.name for path in (REPOSITORY / "src").glob("*.py"))
CLASSIFY = [name for name in SCRIPTS if name.startswith("classify")]


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_instant_and_has_an_example(name):
    start = time.monotonic()
    result = script(name, "--help")
    assert result.returncode == 0, result.stderr
    assert f"python src/{name}" in result.stdout
    assert time.monotonic() - start < 5  # TensorFlow's import alone takes as long; the test below is the strict one


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports_nothing_beyond_the_standard_library(name):
    module = name.removesuffix(".py")
    look = f"import sys; sys.path.insert(0, {str(REPOSITORY / 'src')!r}); import {module}; print(*sys.modules)"
    result = run(sys.executable, "-S", "-c", look)  # -S: without site-packages there is nothing else to import
    assert result.returncode == 0, result.stderr
    imported = {name.split(".")[0] for name in result.stdout.split()}
    assert imported <= sys.stdlib_module_names | {module, "cifake", "__main__"}


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--epoch", "3"], "did you mean --epochs?"),
        (["--sed", "3"], "did you mean --seed?"),
        (["-data", "FAKER"], "did you mean FAKE?"),
        (["--models", "LNet"], "did you mean LeNet?"),
        (["--shard", "9/8"], "'9/8' is not a share such as 2/8"),
        (["--shard", "0/8"], "'0/8' is not a share such as 2/8"),
        (["--shard", "2"], "'2' is not a share such as 2/8"),
        (["--steps", "19"], "not a whole number from 20"),
        (["--part", "mian"], "did you mean main?"),
        (["--weights", "imagnet"], "did you mean imagenet?"),
        (["--epochs", "0"], "not a whole number from 1"),
        (["--epochs", "many"], "not a whole number from 1"),
        (["--best", "0"], "not a whole number from 1"),
        (["--seed", "-1"], "not a whole number from 0"),
        (["--seeds", "1", "2", "1"], "each seed can be given once"),
        (["--seeds", "1", "two"], "not a whole number from 0"),
        (["--precision", "bfloat16"], "did you mean mixed_bfloat16?"),
        (["--weights", "/nowhere/weights.h5"], "there is no file"),
        (["stray"], "unknown option 'stray'"),
    ],
)
def test_mistakes_are_answered_with_the_nearest_word(words, answer, capsys):
    with pytest.raises(SystemExit) as end:
        options.parse("", "", models=list(ARCHITECTURES), arguments=words)
    printed, said = capsys.readouterr()
    assert (end.value.code, printed, said.count("\n")) == (2, "", 1)
    assert answer in said


def test_a_script_checks_its_options_before_anything_else():
    refused(script("create_metadata.py", "--sed", "3", "--images", "/nowhere"), "did you mean --seed?")
    refused(script("worth_of_fake.py", "--models", "LNet", "--images", "/nowhere"), "did you mean LeNet?")


def test_the_environment_variable_is_named_if_it_is_wrong():
    refused(script("classify_VGG16.py", "-data", "FAKE", VGG16_WEIGHTS="/nowhere.h5"), "VGG16_WEIGHTS", "/nowhere.h5")


@pytest.mark.parametrize("name", CLASSIFY)
def test_the_source_is_needed(name):
    refused(script(name), "-data FAKE or -data REAL")


@pytest.mark.parametrize("words", [["-data", "fake"], ["--data", "FAKE"], ["--data_label", "FAKE"], ["--data=FAKE"]])
def test_all_spellings(words):
    assert options.parse("", "", arguments=words).data == "FAKE"


def test_both_spellings_of_epochs():
    assert [options.parse("", "", arguments=[word, "3"]).epochs for word in ("-epochs", "--epochs", "--n_epochs")] == [3, 3, 3]
