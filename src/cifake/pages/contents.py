"""The pages of each experiment, one entry each: scripts draw them, and the report shows them, by looping over these lists."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from cifake import protocol
from cifake.models.architectures import ARCHITECTURES
from cifake.pages import apart, figures, sentences, tables
from cifake.pages.study import Study
from cifake.results.table import csv_text
from cifake.system.files import write_text, write_whole
from cifake.system.paths import shown

log = logging.getLogger(__name__)

Text = str | Callable[..., str]  # may depend on (study) or, on a page for each architecture, (study, architecture)


@dataclass(frozen=True)
class Page:
    """A figure (.png) or a table (.txt) of an experiment."""

    make: Callable[..., Figure | pd.DataFrame | None]  # (study) or (study, architecture); None or empty: nothing to show
    file: str  # with {name} in it, there is one for each architecture
    caption: Text
    alt: Text = ""  # of a figure, for those who cannot see it; without one, the caption
    note: Callable[[Study], list[str]] | None = None  # lines below a table's file
    section: str | None = None  # of the report; without one, its experiment's

    def each(self, study: Study) -> Iterator[tuple[str, tuple]]:
        """File names, and what goes to the functions after the study."""
        if "{name}" in self.file:
            # Of all of them, so that the page of one that has no run any more is removed.
            yield from ((self.file.format(name=name), (name,)) for name in dict.fromkeys([*ARCHITECTURES, *study.architectures]))
        else:
            yield self.file, ()

    def text(self, which: str, study: Study, arguments: tuple) -> str:
        """The caption or the alt text."""
        words = getattr(self, which) or self.caption
        return words if isinstance(words, str) else words(study, *arguments)


TAKEN = "Percentage of each true class (row) that is taken for each class (column); empty: below 0.5 %."


PAGES = {
    "E1": (
        Page(
            lambda study: tables.metrics(study.plain.query("experiment == 'E1'")),
            "all_metrics_table.txt",
            "Accuracy, averages of F1 (plain, and weighted by class size), epochs, and F1 by class, on the source that was trained on.",
        ),
        Page(
            lambda study, name: figures.confusions(study.of_e1(name)),
            "{name}_confusions.png",
            TAKEN,
            lambda study, name: f"{TAKEN} {sentences.confused(study.of_e1(name))}",
        ),
        Page(
            figures.histories,
            "{name}_histories.png",
            lambda _, name: f"{name} by epoch: training pale, validation in full colour; dotted: the epoch whose weights were kept.",
        ),
        Page(
            figures.learning_curves,
            "learning_curves.png",
            "Dashed: learning curves of the study that this one follows, MinaAlmasi/CIFAKE-image-classifiers (2023). In colour: mean of "
            "our seeds, and a band from the lowest to the highest.",
            section="sure",
        ),
        Page(
            tables.leak,
            "leak_table.txt",
            "Scores with and without test images that are byte for byte among the training images.",
            section="sure",
        ),
        Page(
            lambda study: tables.metrics(study.over_seeds.query("experiment == 'E1'")),
            "seeds_metrics_table.txt",
            "Experiment 1 over seeds: mean ± standard deviation.",
            section="sure",
        ),
    ),
    "E2": (
        Page(
            figures.both_directions,
            "both_directions.png",
            "Accuracy of each classifier on both test sets: blue on REAL, orange on FAKE; a dot for each seed, and their mean.",
            lambda study: f"Accuracy of each classifier on both test sets. {' '.join(sentences.short(study))}",
            section="answer",
        ),
        Page(tables.overview, "overview_table.txt", f"Accuracy, trained on → tested on. {sentences.BRACKETS}", section="answer"),
        Page(
            lambda study: tables.metrics(
                study.plain.query("experiment == 'E2' and trained_on == 'FAKE' and architecture in @study.best_on_fake")
            ),
            "FAKE_metrics_table.txt",
            "The scores of the best FAKE classifiers on the REAL test images.",
        ),
        Page(
            figures.loss_from_fake_to_real,
            "FAKE_to_REAL.png",
            "What is lost, class by class, from the FAKE to the REAL test images: F1 of the same classifier on both.",
        ),
        Page(
            lambda study: figures.confusions([on_real for _, on_real in study.best_on_real]),
            "FAKE_to_REAL_confusions.png",
            TAKEN,
            lambda study: f"{TAKEN} {sentences.confused(on_real for _, on_real in study.best_on_real)}",
        ),
        Page(
            lambda study: tables.metrics(study.over_seeds.query("experiment == 'E2'")),
            "seeds_metrics_table.txt",
            "The same classifiers on the test images of the other source.",
            section="sure",
        ),
        Page(
            figures.published,
            "published.png",
            f"Published scores beside ours. They are rounded: one within {protocol.PUBLISHED_ROUNDING} of the interval counts as inside.",
            lambda study: f"The published scores beside ours. {' '.join(sentences.published(study))}",
            section="sure",
        ),
        Page(
            tables.published,
            "published.txt",
            "The same in numbers, and how far both had come when the original stopped.",
            note=sentences.published,
            section="sure",
        ),
        Page(
            tables.paired,
            "paired_tests.txt",
            "Every pair of classifiers on the same test images, by McNemar's exact test. These are many tests: by Bonferroni's rule a "
            "difference is significant at 5 % if its p is below 0.05 divided by their number.",
            section="sure",
        ),
    ),
    "E3": (
        Page(
            figures.by_budget,
            "accuracy.png",
            "Accuracy on the REAL test images by the number of images learned from. Bands are a standard deviation over seeds.",
        ),
        Page(tables.by_budget, "accuracy_table.txt", "The same in numbers: mean ± standard deviation over seeds."),
        Page(tables.worth_of_fake, "worth_table.txt", "How many REAL images FAKE ones are worth.", note=sentences.worth_notes),
        Page(tables.additions, "additions_table.txt", f"What each arm adds to REAL images. {sentences.WORTH_LEGEND}"),
        Page(
            tables.verdicts,
            "verdicts_table.txt",
            f"What is better than what. {sentences.VERDICT_LEGEND}",
            note=lambda _: [sentences.VERDICT_LEGEND],
        ),
        Page(
            tables.doubled,
            "steps_table.txt",
            "The same with twice the steps, for three seeds; beside it, the same seeds with the usual steps.",
            note=lambda _: [sentences.VERDICT_LEGEND],
        ),
        Page(
            tables.sensitivity,
            "sensitivity_table.txt",
            "Variants of the protocol, against the protocol itself: a quarter or three quarters of each batch FAKE, fewer FAKE images, "
            "twice the steps, weights chosen early on a fifth of the images, clipped gradients, float32; frozen-convolutions belongs to "
            "experiment 4.",
        ),
        Page(
            tables.tuning,
            "tuning_table.txt",
            "Accuracy on the 10,000 REAL validation images, by which each classifier's learning rate and weight decay were chosen: REAL + "
            "augmentation, by number of REAL images.",
        ),
    ),
    "E4": (
        Page(
            apart.tell_apart,
            "REAL_or_FAKE.png",
            "The share of REAL test images (blue) and of FAKE ones (orange) that each classifier recognises as such, by what they show; a "
            "dot for each seed. Above each panel: accuracy.",
        ),
        Page(apart.tell_apart_table, "REAL_or_FAKE_table.txt", "REAL or FAKE? ± is the standard deviation over seeds."),
        Page(
            apart.coverage,
            "coverage.png",
            "What the best FAKE classifiers lose on REAL test images against how well FAKE images cover them; one point for each class.",
        ),
        Page(
            apart.coverage_table,
            "coverage_table.txt",
            "How well FAKE test images match the REAL ones, by their nearest neighbours in VGG16's features; in parentheses the same for "
            "REAL training images. Precision: the share of FAKE images among REAL ones; recall: of REAL images among FAKE ones; density "
            "and coverage: the same, less swayed by outliers. What FAKE classifiers lose: the share of a class that they recognise on "
            "FAKE, minus that on REAL; below, the rank correlation of each measure with it, over the classes.",
        ),
        Page(
            apart.spectrum,
            "spectrum.png",
            "Mean power of both sources by spatial frequency, and FAKE's divided by REAL's; bands: from the lowest to the highest class.",
        ),
        Page(apart.colours_table, "colours_table.txt", "Mean ± standard deviation of the colour channels over all pixels, from 0 to 255."),
        Page(
            apart.changed_table,
            "changed_table.txt",
            "Is it colour or texture? Trained on FAKE images that were brought to REAL's colours or spectrum, tested on REAL. Changes are "
            "against FAKE as it is, seed by seed, with a 95 % interval by Student's t. All rows are of the same seeds.",
        ),
        Page(
            apart.labels_table,
            "labels_table.txt",
            "How many test images the best REAL classifier takes for another class, by source and class.",
        ),
        Page(
            apart.last_layers_table,
            "last_layers_table.txt",
            "Accuracy on REAL: trained on REAL alone; on FAKE, then REAL; and the same with only the dense layers trained in the second "
            "phase. All of the same seeds.",
        ),
    ),
}


GRAD_CAM = "Grad-CAM: the brighter a place, the more it speaks for"
PICTURES = {  # that experiment 4's findings draw themselves, from images and models, and that the report shows: name -> caption
    "labels": "FAKE images that the classifier trained on REAL takes for another class and is surest of: true class, what it took it for.",
    "Grad-CAM REAL or FAKE LeNet": f"{GRAD_CAM} what LeNet takes the image for, REAL or FAKE. VGG16's are in E4_results/.",
    "Grad-CAM FAKE LeNet": f"{GRAD_CAM} the class that FAKE LeNet takes the REAL image for. FAKE VGG16's are in E4_results/.",
}


def outdated(study: Study) -> list[str]:
    """The experiments whose pages were drawn from other records than those that are there: their runs.csv says from which."""
    on_page = [name for name in study.runs["experiment"].unique() if name != "E3" or study.e3]  # variants alone are not on it
    drawn = {name: study.folders.runs(name) for name in on_page}
    return [name for name, path in drawn.items() if not path.exists() or path.read_text(encoding="utf-8") != csv_text(study.runs, name)]


def draw(study: Study, experiment: str) -> list[Path]:
    """Write all pages of an experiment that have something to show, and its runs.csv; gives the paths.

    A page that has nothing to show is removed from the experiment's folder: what lies there is about other runs or images.
    """
    folder, written = study.folders.visualisations(experiment), []
    for page in PAGES[experiment]:
        for name, arguments in page.each(study):
            content, path = page.make(study, *arguments), folder / name
            if content is None or (isinstance(content, pd.DataFrame) and content.empty):
                if path.exists():
                    path.unlink()
                    log.info("Removed %s: these runs have nothing to show there.", shown(path))
                continue
            if isinstance(content, pd.DataFrame):
                write_text(path, tables.markdown(content) + "\n".join(["", *page.note(study), ""] if page.note else []))
            else:
                write_whole(path, partial(figures.save, content))
            written.append(path)
    write_text(study.folders.runs(experiment), csv_text(study.runs, experiment))
    return [*written, study.folders.runs(experiment)]
