"""The README shows the committed results, names files that are there, and all options."""

import re
import subprocess

import pytest
from conftest import REPOSITORY

from cifake import options

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def committed(path: str) -> str:
    """A file as it is in git, whatever the user's own run has put in its place."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this copy has no .git, so the committed results cannot be told from a user's own")
    result = subprocess.run(["git", "show", f":{path}"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return result.stdout


@pytest.mark.parametrize(
    "path",
    [
        "E1_visualisations/all_metrics_table.txt",
        "E2_visualisations/FAKE_metrics_table.txt",
        "E2_visualisations/overview_table.txt",
        "E3_visualisations/accuracy_table.txt",
    ],
)
def test_the_tables_are_the_committed_ones(path):
    assert committed(path).strip() in README


def test_every_path_that_it_shows_or_links_to_is_there():
    paths = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(paths) > 5
    for path in paths:
        assert path.startswith("https://") or (REPOSITORY / path).exists(), path


def test_every_option_is_explained():
    for action in options.parser("")._actions:
        for word in action.option_strings:
            assert word in ("-h",) or f"`{word}" in README or f"{word}`" in README, word
