"""Tables and numbers in README.md and docs/ that are made from the runs. write_report.py renews them; a test says if they are old.

What a page shows between <!-- name --> and <!-- /name --> is what the function with that name in TABLES gives: a table, or text.
"""

import re
from pathlib import Path

from cifake.pages import e2, e3, e4
from cifake.pages.page import markdown
from cifake.pages.study import Study
from cifake.system.files import write_text
from cifake.system.paths import READY, REPOSITORY

TABLES = e2.README | e3.README | e4.README
PADDING = re.compile(r"( )  *|(---)-*")  # of tables' columns, which the page that shows them does not need
MARKED = re.compile(r"<!-- (\S+) -->.*?<!-- /\1 -->", re.DOTALL)


def files() -> list[Path]:
    """The pages that may show something made from the runs."""
    return [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/*.md")), REPOSITORY / READY / "README.md"]


def filled(text: str, study: Study) -> str:
    """A page's text, with all that stands between markers made anew. Raises KeyError for a name that is not in TABLES."""

    def fill(match: re.Match) -> str:
        made = TABLES[match[1]](study)
        text = made if isinstance(made, str) else f"\n\n{PADDING.sub(lambda match: match[1] or match[2], markdown(made))}\n"
        return f"<!-- {match[1]} -->{text}<!-- /{match[1]} -->"

    return MARKED.sub(fill, text)


def renew(study: Study) -> list[Path]:
    """Write the pages that are not up to date; gives their paths."""
    texts = {path: path.read_text(encoding="utf-8") for path in files()}
    old = [path for path, text in texts.items() if filled(text, study) != text]
    for path in old:
        write_text(path, filled(texts[path], study))
    return old
