"""The study on one page: an HTML file that needs no other, from the table of runs and the figures. write_report.py calls it.

The page's frame is in report.html.jinja, its figures and tables are those of contents.PAGES, its sentences are in sentences.py.
"""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape
from PIL import Image

from cifake.pages import contents, sentences, tables
from cifake.pages.study import Study

FIGURE_PIXELS = 2  # of a figure, at 200 dpi, for each of the page's


@dataclass(frozen=True)
class Item:
    """A figure or a table as the page shows it."""

    caption: str
    table: Markup | None = None
    source: str = ""  # of a figure: a data URI, its size in the page's pixels, and its alt text
    width: int = 0
    height: int = 0
    alt: str = ""


def page(study: Study) -> str:
    """The whole page, as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    trained = {f"{row.trained_on} {row.architecture}" for row in study.described.itertuples()}
    wanted = [f"{source} {name}" for name in study.architectures for source in ("REAL", "FAKE")]
    return environment.get_template("report.html.jinja").render(
        data=sentences.data(study),
        answers=sentences.answers(study),
        missing=[name for name in wanted if name not in trained],
        method=sentences.method(study),
        sections=_sections(study),
        worth_method=sentences.worth_method(study),
        worth_lines=sentences.worth_lines(study),
        galleries=_galleries(study),
        brackets=sentences.BRACKETS,
        settings=_html(tables.settings(study)),
        versions=_html(tables.versions(study)),
    )


def _sections(study: Study) -> dict[str, list[Item]]:
    """Figures and tables by section, in the order of the lists."""
    sections: dict[str, list[Item]] = {name: [] for name in ("overview", "E1", "E2", "E3", "sure")}
    for experiment, pages in contents.PAGES.items():
        for kind in pages:
            for name, arguments in kind.each(study) if kind.section else ():
                path = study.folders.visualisations(experiment) / name
                caption, alt = (kind.text(which, study, arguments) for which in ("caption", "alt"))
                item = _picture(path, caption, alt) if path.suffix == ".png" else _table(kind.make(study, *arguments), caption)
                if item:
                    sections[kind.section].append(item)
    return sections


def _galleries(study: Study) -> list[Item]:
    """The most confident mistakes of each classifier."""
    items = []
    for row in study.plain.itertuples():
        path = study.folders.classifier(row.experiment, row.trained_on, row.architecture)["mistakes"]
        name = f"{row.trained_on} {row.architecture} on {row.tested_on} test images"
        number = round(row.test_images * (1 - row.accuracy))
        alt = f"A gallery of small images: the most confident mistakes of {name}."
        items.append(_picture(path, f"{name}: the most confident of {number:,} mistakes.", alt))
    return [item for item in items if item]


def _picture(path: Path, caption: str, alt: str) -> Item | None:
    """A figure; None if it has not been drawn."""
    if not path.exists():
        return None
    smaller = io.BytesIO()
    with Image.open(path) as image:
        width, height = (size // FIGURE_PIXELS for size in image.size)
        image.convert("RGB").save(smaller, "WEBP", lossless=True)  # the same pixels in half the bytes
    source = f"data:image/webp;base64,{base64.b64encode(smaller.getvalue()).decode()}"
    return Item(caption, None, source, width, height, alt)


def _table(table: pd.DataFrame, caption: str) -> Item | None:
    """A table; None if it is empty."""
    return None if table.empty else Item(caption, _html(table))


def _html(table: pd.DataFrame) -> Markup:
    """A table of text as HTML; after a semicolon a cell continues in a new line."""

    def lines(text: str) -> Markup:
        return Markup(";<br>").join(map(escape, text.split("; ")))

    return Markup(table.map(lines).rename(index=escape, columns=escape).to_html(border=0, escape=False))
