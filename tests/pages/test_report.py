"""The report that is in the repository, in a browser; that of a new study is tested with the study."""

from browser import browse

from cifake.system.paths import Folders


def test_the_report_that_is_there():
    """The committed one, or that of the user's own run."""
    browse(Folders().report)
