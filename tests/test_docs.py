"""README and docs: they show the committed results, link to files that are there, and name tests that are there."""

import io
import re
import subprocess

import pandas as pd
import pytest
from conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
SENTENCES = " ".join(README.split())  # wherever its lines break
PAGES = [
    REPOSITORY / "README.md",
    *sorted(REPOSITORY.glob("docs/*.md")),
    *(REPOSITORY / name / "README.md" for name in ("images", "models", "src")),
]


def committed(path: str) -> str:
    """A file as it is in git, whatever the user's own run has put in its place."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this copy has no .git, so the committed results cannot be told from a user's own")
    result = subprocess.run(["git", "show", f":{path}"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return result.stdout


def runs(*experiments: str) -> pd.DataFrame:
    """The committed runs.csv of experiments 1 and 2."""
    return pd.concat([pd.read_csv(io.StringIO(committed(f"{name}_visualisations/runs.csv"))) for name in experiments])


def test_the_overview_is_the_committed_one():
    assert committed("E2_visualisations/overview_table.txt").strip() in README


def test_the_first_sentences_have_the_committed_means():
    means = runs("E1", "E2").groupby(["architecture", "trained_on", "tested_on"])["accuracy"].mean()
    for trained_on, tested_on in (("FAKE", "FAKE"), ("FAKE", "REAL"), ("REAL", "REAL")):
        shares = [f"{100 * means[name, trained_on, tested_on]:.0f} %" for name in ("LeNet", "VGG16")]
        assert " and ".join(shares) in SENTENCES


def test_what_is_said_of_experiment_1_is_committed():
    own = runs("E1").pivot(index=["architecture", "seed"], columns="trained_on", values="accuracy")
    easier = (own["FAKE"] - own["REAL"]).groupby("architecture").mean()
    assert f"{easier.min():.2f} to {easier.max():.2f} higher" in SENTENCES
    fake = runs("E1").query("trained_on == 'FAKE'")
    change = max((fake[name] - fake[f"{name}_without_them"]).abs().max() for name in ("accuracy", "macro_f1"))
    assert f"by more than {change:.3f}" in SENTENCES


def test_what_is_said_of_the_published_numbers_is_committed():
    rows = [line for line in committed("E2_visualisations/published.txt").splitlines() if line.startswith("|")][2:]
    assert len(rows) == 16
    assert f"{sum('outside' not in row for row in rows)} of the sixteen published scores" in SENTENCES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page):
    for path in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert path.startswith("https://") or (page.parent / path).exists(), path


def test_every_test_that_the_table_of_faults_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (REPOSITORY / "docs" / "robustness.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    for file, test in named:
        assert f"def {test}(" in (REPOSITORY / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_the_columns_of_runs_csv_are_explained():
    text = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8")
    for column in runs("E1", "E2").columns:
        assert f"`{column}`" in text or column.startswith("f1_"), column


def test_the_readme_can_be_read_in_ten_minutes():
    assert len(README.encode()) <= 10_240
