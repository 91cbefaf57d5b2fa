"""The report that is in the repository, in a browser; that of a new study is tested with the study."""

import shutil

import pytest
from browser import browse

from cifake.pages import report
from cifake.pages.study import Study
from cifake.results import table
from cifake.system.paths import Folders


def test_the_report_that_is_there():
    """The committed one, or that of the user's own run."""
    browse(Folders().report)


@pytest.mark.parametrize("seeds", [(130,), (130, 131)], ids=str)
def test_a_study_without_the_plain_seed_has_a_report(tmp_path, seeds):
    folders = Folders(output=tmp_path)
    for seed in seeds:
        place = f"replicates/seed-{seed}"
        shutil.copytree(Folders().results("E1") / place, folders.results("E1") / place)
    page = report.page(Study(folders, table.load(folders)))
    assert "FAKE LeNet" in page
