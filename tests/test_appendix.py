"""The README's appendix says what happens when something goes wrong, and which test shows it: each of these tests is there."""

import re

from conftest import REPOSITORY


def test_every_test_that_the_readme_names_is_there():
    named = re.findall(r"`(tests/test_\w+\.py)::(test_\w+)`", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert named, "the README has no table of what happens when something goes wrong"
    for file, test in named:
        assert f"def {test}(" in (REPOSITORY / file).read_text(encoding="utf-8"), f"{file}::{test}"
