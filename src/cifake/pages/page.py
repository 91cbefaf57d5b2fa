"""A page is a figure or a table of an experiment: each experiment lists its pages, scripts draw them and the report shows them."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from cifake.models.architectures import OF_EXPERIMENT_1
from cifake.pages import style
from cifake.pages.study import Study
from cifake.results.scores import mean_interval
from cifake.results.table import csv_text
from cifake.system.files import write_text, write_whole
from cifake.system.paths import shown

log = logging.getLogger(__name__)

ANSWER, APPENDIX = "answer", "appendix"  # sections of the report; a page without one stands with its experiment
FEWEST = 3  # seeds, for an interval over them


@dataclass(frozen=True)
class Page:
    """A figure (.png) or a table (.txt) of an experiment."""

    make: Callable[..., Figure | pd.DataFrame | None]  # (study) or (study, architecture); None or empty: nothing to show
    file: str  # with {name} in it, there is one for each architecture
    caption: str  # in the report; below a table's file, too
    alt: str = ""  # what a figure shows, for those who cannot see it
    section: str = ""

    def each(self, study: Study) -> Iterator[tuple[str, Figure | pd.DataFrame | None]]:
        """File names and what goes into them."""
        if "{name}" not in self.file:
            yield self.file, self.make(study)
            return
        for name in dict.fromkeys([*OF_EXPERIMENT_1, *study.architectures]):  # all, so that the page of one without a run is removed
            yield self.file.format(name=name), self.make(study, name)


def draw(study: Study, experiment: str, pages: tuple[Page, ...]) -> list[Path]:
    """Write all pages of an experiment that have something to show, and its runs.csv; gives the paths.

    A page that has nothing to show is removed from the experiment's folder: what lies there is about other runs or images.
    """
    folder, written = study.folders.visualisations(experiment), []
    for page in pages:
        for name, content in page.each(study):
            path = folder / name
            if content is None or (isinstance(content, pd.DataFrame) and content.empty):
                if path.exists():
                    path.unlink()
                    log.info("Removed %s: these runs have nothing to show there.", shown(path))
                continue
            if isinstance(content, pd.DataFrame):
                write_text(path, f"{markdown(content)}\n{page.caption}\n")
            else:
                write_whole(path, partial(style.save, content))
            written.append(path)
    write_text(study.folders.runs(experiment), csv_text(study.runs, experiment))
    return [*written, study.folders.runs(experiment)]


# ------------------------------------------------------------------------------------------------------------ tables of text


def markdown(table: pd.DataFrame) -> str:
    # As text, because pandas would turn whole numbers into floats.
    return table.to_markdown(disable_numparse=True, stralign="right", colalign=["left"]) + "\n"


def html(table: pd.DataFrame) -> Markup:
    """A table of text as HTML; after a semicolon a cell continues in a new line."""
    lines = table.map(lambda text: Markup(";<br>").join(map(escape, text.split("; "))))
    return Markup(lines.rename(index=escape, columns=escape).to_html(border=0, escape=False))


def mean_and_deviation(values: pd.Series) -> str:
    """Mean ± standard deviation, as far as there are values."""
    if len(values) < 2:
        return "".join(f"{value:.3f}" for value in values)
    return f"{values.mean():.3f} ± {values.std():.3f}"


def signed(values: pd.Series) -> str:
    """A mean with its sign and, of three seeds or more, its 95 % interval."""
    if len(values) < FEWEST:
        return _signed(values.mean())
    low, high = mean_interval(values)
    return f"{_signed(values.mean())} [{_signed(low)} to {_signed(high)}]"


def _signed(value: float) -> str:
    """Three decimals; what rounds to 0 has no minus."""
    return f"{round(value, 3) + 0.0:+.3f}"


def seeds_of(seeds) -> str:
    """Seeds as captions name them: seed 129; seeds 129 to 133; seeds 129, 131."""
    known = sorted({int(seed) for seed in seeds})
    if len(known) > 2 and known[-1] - known[0] == len(known) - 1:
        return f"seeds {known[0]} to {known[-1]}"
    return f"seed{'s' * (len(known) > 1)} {', '.join(map(str, known))}"
