"""The study on one page: an HTML file that needs no other, from the table of runs and the figures. write_report.py calls it.

The page's frame is in report.html.jinja, its figures and tables are those of contents.PAGES, its sentences are in sentences.py.
"""

import base64
import io
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape
from PIL import Image

from cifake.pages import apart, contents, sentences, tables
from cifake.pages.study import Study
from cifake.results import records


def page(study: Study) -> str:
    """The whole page, as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    trained = set(study.described["trained_on"] + " " + study.described["architecture"].astype(str))
    return environment.get_template("report.html.jinja").render(
        study=study,
        sentences=sentences,
        apart=apart,
        missing=sorted({f"{source} {name}" for name in study.architectures for source in ("REAL", "FAKE")} - trained),
        sections=_sections(study),
        settings=_html(tables.settings(study)),
        versions=_html(tables.versions(study)),
    )


def _sections(study: Study) -> dict[str, list[dict]]:
    """Figures and tables by section, in the order of the lists, as report.html.jinja shows them."""
    sections: dict[str, list[dict]] = {name: [] for name in ("answer", "E1", "E2", "E3", "E4", "sure")}
    is_there = {"E3": study.e3, "E4": study.findings or len(study.e4)}
    for experiment, pages in contents.PAGES.items():
        for kind in pages if is_there.get(experiment, True) else ():
            for name, arguments in kind.each(study):
                path = study.folders.visualisations(experiment) / name
                section = sections[kind.section or experiment]
                if path.suffix == ".txt" and not (table := kind.make(study, *arguments)).empty:
                    section.append({"caption": kind.text("caption", study, arguments), "table": _html(table)})
                elif path.suffix == ".png" and path.exists():
                    section.append(_picture(path, *(kind.text(which, study, arguments) for which in ("caption", "alt"))))
    for _, record in study.best_on_real[:1]:  # one is enough for the eye, and 140 kB
        path = study.folders.classifier("E2", "FAKE", record["architecture"])["mistakes"]
        caption = (
            f"REAL images that {records.name_of(record)} gets wrong and is surest of: true class, what it took it for, how sure it was. "
            "Other classifiers' are in E2_results/."
        )
        sections["E2"] += [_picture(path, caption, caption)] if path.exists() else []
    for title, caption in contents.PICTURES.items():
        path = study.folders.finding(title, picture=True)["picture"]
        sections["E4"] += [_picture(path, caption, caption)] if path.exists() and path.stem in study.findings else []
    return sections


def _picture(path: Path, caption: str, alt: str) -> dict:
    """A figure as a data URI, with the size at which the page shows it."""
    smaller = io.BytesIO()
    with Image.open(path) as image:
        width, height = (size // 2 for size in image.size)  # it has 200 dots an inch, a page about 100
        image.convert("RGB").save(smaller, "WEBP", lossless=True, quality=100)  # the same pixels in half the bytes; 100: of effort
    source = f"data:image/webp;base64,{base64.b64encode(smaller.getvalue()).decode()}"
    return {"caption": caption, "source": source, "width": width, "height": height, "alt": alt}


def _html(table: pd.DataFrame) -> Markup:
    """A table of text as HTML; after a semicolon a cell continues in a new line."""

    def lines(text: str) -> Markup:
        return Markup(";<br>").join(map(escape, text.split("; ")))

    return Markup(table.map(lines).rename(index=escape, columns=escape).to_html(border=0, escape=False))
