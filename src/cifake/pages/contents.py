"""The pages of each experiment, one line each: scripts draw them, and the report shows them, by looping over these lists."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from cifake.pages import figures, sentences, tables
from cifake.pages.study import Study
from cifake.results.table import csv_text
from cifake.system.files import write_text, write_whole

Text = str | Callable[..., str]  # may depend on (study) or, on a page for each architecture, (study, architecture)


@dataclass(frozen=True)
class Page:
    """A figure (.png) or a table (.txt) of an experiment."""

    make: Callable[..., Figure | pd.DataFrame | None]  # (study) or (study, architecture); None or empty: nothing to show
    file: str  # with {name} in it, there is one for each architecture
    section: str = ""  # of the report; a page without is not in it
    caption: Text = ""
    alt: Text = ""  # of a figure, for those who cannot see it
    note: Callable[[Study], list[str]] | None = None  # lines below a table's file

    def each(self, study: Study) -> Iterator[tuple[str, tuple]]:
        """File names, and what goes to the functions after the study."""
        if "{name}" not in self.file:
            yield self.file, ()
            return
        for architecture in study.architectures:
            yield self.file.format(name=architecture), (architecture,)

    def text(self, which: str, study: Study, arguments: tuple) -> str:
        """The caption or the alt text."""
        words = getattr(self, which)
        return words if isinstance(words, str) else words(study, *arguments)


def _of_architecture(describe: Callable, begin: str, study: Study, name: str) -> str:
    return f"{begin.format(name=name)} {describe(study.of('E1', architecture=name))}"


def _published(study: Study) -> str:
    return f"The published scores beside those of this study. {' '.join(sentences.published(study))}"


def _exchange(_study: Study) -> str:
    return (
        "What each addition to a number of REAL images adds to the accuracy, and how many further REAL images would add as much. "
        + sentences.WORTH_LEGEND
    )


PAGES = {
    "E1": (
        Page(
            figures.histories,
            "{name}_histories.png",
            "E1",
            partial(
                _of_architecture,
                sentences.best_epochs,
                "{name}: loss and accuracy by epoch, on the training images (pale) and the validation images (full colour). The dotted line "
                "is the epoch whose weights were kept.",
            ),
            partial(_of_architecture, sentences.best_epochs, "Charts of loss and accuracy of {name} by epoch."),
        ),
        Page(
            figures.confusions,
            "{name}_confusions.png",
            "E1",
            partial(
                _of_architecture,
                sentences.confused,
                "{name}: of 100 test images of a class (row), how many are taken for which class (column); empty if it rounds to 0.",
            ),
            partial(_of_architecture, sentences.confused, "Confusion matrices of {name}."),
        ),
        Page(
            tables.e1_metrics,
            "all_metrics_table.txt",
            "E1",
            "F1 by class, accuracy, averages of F1 (plain, and weighted by the size of the classes) and epochs trained, on the test images "
            "of the source that each classifier was trained on.",
        ),
        Page(
            tables.leak,
            "leak_table.txt",
            "sure",
            "Scores with and without the test images that are, byte for byte, among the training images.",
        ),
        Page(
            tables.e1_over_seeds,
            "seeds_metrics_table.txt",
            "sure",
            "Experiment 1 over seeds: mean ± standard deviation of trainings that differ in the seed alone.",
        ),
    ),
    "E2": (
        Page(
            tables.best_on_real,
            "FAKE_metrics_table.txt",
            "E2",
            "The same scores as in experiment 1, of the best FAKE classifiers on the REAL test images.",
        ),
        Page(
            figures.loss_from_fake_to_real,
            "FAKE_to_REAL.png",
            "E2",
            "What is lost, class by class, from the FAKE to the REAL test images: F1 of the same classifier on both.",
            "F1 by class of the best FAKE classifiers on FAKE and on REAL test images, two dots a class, joined by a line.",
        ),
        Page(
            figures.confusions_on_real,
            "FAKE_to_REAL_confusions.png",
            "E2",
            lambda study: (
                "What REAL images are taken for by classifiers that have seen FAKE ones alone. "
                + sentences.confused(on_real for _, on_real in figures.best_on_real(study))
            ),
            "Confusion matrices of the best FAKE classifiers on REAL test images.",
        ),
        Page(
            tables.overview,
            "overview_table.txt",
            "overview",
            f"Accuracy of each classifier, by what it was trained on → tested on. {sentences.BRACKETS}",
        ),
        Page(
            figures.both_directions,
            "both_directions.png",
            "overview",
            "Accuracy of each classifier on both test sets: blue on REAL, orange on FAKE; a dot for each seed, and their mean.",
            lambda study: "Accuracy of each classifier on both test sets. " + " ".join(sentences.short(study)),
        ),
        Page(tables.lost, "lost_table.txt", "overview", "What each classifier loses on the way to the other source, in accuracy."),
        Page(tables.e2_over_seeds, "seeds_metrics_table.txt", "sure", "The same classifiers on the test images of the other source."),
        Page(figures.published, "published.png", "sure", _published, _published),
        Page(tables.published, "published.txt", "sure", "The same in numbers.", note=sentences.published),
        Page(
            tables.paired,
            "paired_tests.txt",
            "sure",
            "Each two classifiers on the same test images, by McNemar's exact test: p is how probable so large a difference would be, if "
            "both were equally good. These are many tests: by Bonferroni's rule a p counts, at 5 %, if it is below 5 % divided by their "
            "number.",
        ),
    ),
    "E3": (
        Page(
            figures.by_budget,
            "accuracy.png",
            "E3",
            "Accuracy on the REAL test images by the number of REAL images learned from. Bands are a standard deviation over seeds; the "
            "level line is FAKE alone.",
            lambda study: (
                "Accuracy on the REAL test images against the number of REAL images, a classifier a panel. " + sentences.worth_curves(study)
            ),
        ),
        Page(tables.by_budget, "accuracy_table.txt", "E3", "The same in numbers: mean ± standard deviation over seeds."),
        Page(
            tables.exchange, "worth_table.txt", "E3", _exchange, note=lambda study: [sentences.WORTH_LEGEND, *sentences.worth_lines(study)]
        ),
    ),
}


def draw(study: Study, experiment: str) -> list[Path]:
    """Write all pages of an experiment that have something to show, and its runs.csv; gives the paths."""
    folder, written = study.folders.visualisations(experiment), []
    for page in PAGES[experiment]:
        for name, arguments in page.each(study):
            shown, path = page.make(study, *arguments), folder / name
            if shown is None or (isinstance(shown, pd.DataFrame) and shown.empty):
                continue
            if isinstance(shown, pd.DataFrame):
                note = ["", *page.note(study), ""] if page.note else []
                write_text(path, tables.markdown(shown) + "\n".join(note))
            else:
                write_whole(path, partial(figures.save, shown))
            written.append(path)
    runs = study.runs[study.runs["experiment"] == experiment]
    write_text(folder / "runs.csv", csv_text(runs))
    return [*written, folder / "runs.csv"]
