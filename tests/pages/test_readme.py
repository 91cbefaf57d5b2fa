"""What README.md and docs/ show between markers is what the runs say."""

import pytest

from cifake.pages import readme
from cifake.pages.study import Study
from cifake.results import table
from cifake.system.paths import REPOSITORY, Folders


@pytest.fixture(scope="module")
def study() -> Study:
    return Study(Folders(), table.load(Folders()))


@pytest.mark.parametrize("path", readme.files(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_a_page_is_up_to_date(study, path):
    """If not: env/bin/python src/write_report.py."""
    if not study.is_cifake:
        pytest.skip("the results in this folder are about other images than CIFAKE's, which README is about")
    text = path.read_text(encoding="utf-8")
    assert readme.filled(text, study) == text


def test_what_stands_between_markers_is_replaced_and_nothing_else(study, monkeypatch):
    monkeypatch.setitem(readme.TABLES, "share", lambda _: "39%")
    filled = readme.filled("It is <!-- share -->12%<!-- /share -->.\n\n<!-- ready -->old<!-- /ready -->\n\nThe end.", study)
    assert filled.startswith("It is <!-- share -->39%<!-- /share -->.\n\n<!-- ready -->\n\n|")
    assert filled.endswith("|\n\n<!-- /ready -->\n\nThe end.")
    assert "old" not in filled
    assert readme.filled(filled, study) == filled
    with pytest.raises(KeyError, match="unknown"):
        readme.filled("<!-- unknown --><!-- /unknown -->", study)
