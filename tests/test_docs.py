"""README and docs: links and paths lead somewhere, and commands name scripts and options that there are."""

import ast
import errno
import os
import re
import subprocess
import sys
from functools import cache

import pytest

from cifake.system.paths import REPOSITORY

PAGES = [
    REPOSITORY / "README.md",
    *sorted(REPOSITORY.glob("docs/*.md")),
    *(REPOSITORY / name / "README.md" for name in ("images", "models", "models/ready", "src", "tests")),
]
PLACES = r"(?:src|docs|tests|slurm|benchmarks|\.ci|E\d_results|E\d_visualisations)/[\w./-]*|[\w.-]+\.(?:sh|md|toml|ipynb|cff)"
COMMAND = re.compile(r"(?:\bbash|\bpython3?)(?: -[A-Z])? ([\w./-]+\.(?:sh|py|sbatch))((?: [^;|&#()]*)?)")
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
TEXTS = (ast.JoinedStr, ast.Constant)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))


def code_of(text: str) -> list[str]:
    """The lines of fenced code, and code within sentences, wherever those break their lines."""
    fenced, rest = re.findall(r"^```.*?\n(.*?)^```", text, re.M | re.S), re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [*"".join(fenced).splitlines(), *(" ".join(code.split()) for code in re.findall(r"`([^`]+)`", rest))]


@cache
def options_of(script: str) -> frozenset[str]:
    """The options that a script's --help names."""
    command = [sys.executable] if script.endswith(".py") else ["bash"]
    ended = subprocess.run([*command, REPOSITORY / script, "--help"], capture_output=True, text=True, check=True, timeout=60)
    return frozenset(OPTION.findall(ended.stdout))


@each_page
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if not re.match(r"https?://", link)]
    assert [link for link in links if not (page.parent / link).exists()] == []
    paths = [code for code in code_of(text) if re.fullmatch(PLACES, code)]
    assert [path for path in paths if not any((place / path).exists() for place in (REPOSITORY, page.parent, REPOSITORY / "slurm"))] == []


@each_page
def test_commands_name_scripts_and_options_that_there_are(page):
    for code in code_of(page.read_text(encoding="utf-8")):
        for script, words in COMMAND.findall(code):
            assert (REPOSITORY / script).is_file(), code
            asked = OPTION.findall(words)
            assert not asked or set(asked) <= options_of(script), code


def test_commands_are_found_wherever_they_stand():
    code = code_of("a\n```\nX=1 bash run.sh --demo  # little\n```\nIt is `env/bin/python -E\nsrc/a.py -data FAKE` or `b`.")
    assert [COMMAND.findall(line) for line in code] == [[("run.sh", " --demo  ")], [("src/a.py", " -data FAKE")], []]


def test_messages_that_troubleshooting_names_are_in_the_programs():
    """A reader finds a message there by its words."""
    said = [path.read_text(encoding="utf-8") for path in (*REPOSITORY.glob("*.sh"), REPOSITORY / "src" / "runner.sh")]
    for path in (REPOSITORY / "src").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        said += ["".join(str(part.value) for part in getattr(node, "values", [node])) for node in nodes if isinstance(node, TEXTS)]
    rows = [line.split("|")[2] for line in (REPOSITORY / "docs" / "troubleshooting.md").read_text("utf-8").splitlines() if line[:1] == "|"]
    messages = {message for row in rows for message in re.findall(r"`([^`]+)`", row)} - {os.strerror(errno.ENOSPC)}
    assert {message for message in messages if not any(message in text for text in said)} == set()
