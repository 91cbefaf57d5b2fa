"""The study on one page: an HTML file that needs no other, from the records and the figures. write_report.py calls it.

The page's words are in report.html.jinja; here are its numbers, and the sentences that depend on them.
"""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from PIL import Image

from cifake import arms, comparison, grid, protocol, records, tables, worth
from cifake.evaluation import CONFIDENCE, RESAMPLES
from cifake.folders import Folders

FIGURE_PIXELS = 2  # of a figure, at 200 dpi, for each of the page's


@dataclass(frozen=True)
class Picture:
    """A figure as the page holds it."""

    source: str  # a data URI
    width: int  # of the page's pixels, as is the height
    height: int


def page(folders: Folders, seeds: list[int] | None) -> str:
    """The whole page, as HTML; its tables over seeds show the given ones, or all that fit the plain run."""
    there, missing = records.all_of(folders)
    plain, replicates = comparison.plain(folders), comparison.replicates(folders, seeds)
    e1_seeds, e2_seeds = (
        records.over_seeds(folders, files_of, seeds) for files_of in (records.e1_files, records.e2_files)
    )
    on_real = [
        record for (trained_on, _, tested_on), (record,) in plain.items() if (trained_on, tested_on) == ("FAKE", "REAL")
    ]
    rows = comparison.with_published(plain, replicates)
    described = there or {key: members[0] for key, members in e1_seeds.items()}  # where --seeds alone has been run
    e3_members = {
        architecture: members
        for architecture, members in grid.all_of(folders).items()
        if _on_the_same_images(members, described)
    }
    e3_scores = {architecture: worth.accuracies(members) for architecture, members in e3_members.items()}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        e1=folders.e1_visualisations,
        e2=folders.e2_visualisations,
        e3=folders.e3_visualisations,
        picture=_picture,
        html=_html,
        data=_data(described),
        answer=[
            *(_answer(architecture, plain, replicates) for architecture in _complete(plain)),
            *(line for architecture, members in e3_members.items() for line in worth.alone(architecture, members)),
        ],
        missing=missing if there else [],
        method=_method(described),
        confused=_confused,
        best_epochs=_best_epochs,
        architectures=[name for name in protocol.ARCHITECTURES if any(name == key[1] for key in plain | replicates)],
        records=there,
        crossed=on_real,
        overview=tables.overview(plain, replicates),
        e1_table=tables.metrics(there.values()),
        e2_table=tables.metrics(on_real),
        e1_seeds=tables.over_seeds(e1_seeds.values()),
        e2_seeds=tables.over_seeds(e2_seeds.values()),
        published=tables.published(rows),
        published_sentences=comparison.sentences(rows) if rows else [],
        leak=tables.leak(there.values()),
        paired=tables.paired(pairs) if len(pairs := comparison.paired(folders)) else (),
        worth_method=_worth_method(e3_members),
        worth_curves=" ".join(_worth_curve(architecture, scores) for architecture, scores in e3_scores.items()),
        worth_accuracy=tables.by_budget(e3_scores),
        worth_exchange=tables.exchange(e3_scores),
        worth_legend=worth.LEGEND,
        worth_sentences=[
            line
            for architecture, members in e3_members.items()
            for line in worth.sentences(folders, architecture, members)
        ],
        mistakes=_mistakes(folders, plain),
        settings=_settings(described.values()),
        versions=_versions(described.values()),
        brackets=f"Brackets are {100 * CONFIDENCE:.0f} % intervals from {RESAMPLES:,} bootstrap resamples of the test images: they say how "
        "sure the score of one trained classifier is. What is given as ± is the standard deviation over trainings that differ in "
        "the seed alone.",
    )


def _picture(path: Path) -> Picture | None:
    """A figure, to be put into the page; None where it has not been drawn."""
    if not path.exists():
        return None
    smaller = io.BytesIO()
    with Image.open(path) as image:
        width, height = (size // FIGURE_PIXELS for size in image.size)
        image.convert("RGB").save(smaller, "WEBP", lossless=True)  # the same pixels in half the bytes
    return Picture(f"data:image/webp;base64,{base64.b64encode(smaller.getvalue()).decode()}", width, height)


def _html(table: pd.DataFrame) -> Markup:
    """A table of text as HTML; after a semicolon a cell goes on in a new line."""

    def lines(text: str) -> Markup:
        return Markup(";<br>").join(map(escape, text.split("; ")))

    return Markup(table.map(lines).rename(index=escape, columns=escape).to_html(border=0, escape=False))


def _data(there: dict[tuple[str, str], dict]) -> str:
    """What the images are."""
    record = next(iter(there.values()))
    sizes = f"{record['data']['train']['images']:,} for training and {record['data']['test']['images']:,} for testing"
    classes = f"{len(record['classes'])} classes: {', '.join(record['classes'])}"
    name = (
        "CIFAKE pairs CIFAR-10's photographs (REAL) with images of the same classes made by Stable Diffusion 1.4 (FAKE)"
        if comparison.is_cifake(record)
        else "The data set pairs real images (REAL) with generated ones (FAKE)"
    )
    return f"{name}: 32x32 pixels, {classes}; of each source {sizes}."


def _complete(plain: comparison.Crossed) -> list[str]:
    """The architectures with all that the answer needs."""
    needed = (("FAKE", "FAKE"), ("FAKE", "REAL"), ("REAL", "REAL"))
    return [
        name for name in protocol.ARCHITECTURES if all((trained, name, tested) in plain for trained, tested in needed)
    ]


def _answer(architecture: str, plain: comparison.Crossed, replicates: comparison.Crossed) -> str:
    """What one architecture has to say to the study's question."""

    def share(trained_on: str, tested_on: str) -> str:
        key = (trained_on, architecture, tested_on)
        scores = plain[key][0]["scores"]
        low, high = scores["accuracy_interval"]
        over_seeds = [record["scores"]["accuracy"] for record in replicates.get(key, [])]
        spread = f" ({tables.mean_and_deviation(over_seeds)})" if len(over_seeds) > 1 else ""
        return f"{scores['accuracy']:.3f} [{low:.3f}, {high:.3f}]{spread}"

    chance = 1 / len(plain["FAKE", architecture, "FAKE"][0]["classes"])
    return (
        f"{architecture}, trained on FAKE, has an accuracy of {share('FAKE', 'FAKE')} on FAKE test images and of "
        f"{share('FAKE', 'REAL')} on REAL ones. Trained on REAL it has {share('REAL', 'REAL')} there; guessing gives {chance:.2f}."
    )


def _method(there: dict[tuple[str, str], dict]) -> list[str]:
    """The method in five lines."""
    settings = next(iter(there.values()))["settings"]
    return [
        "NN: one hidden layer of 128 units on grey pixels. LeNet: two convolutions and a hidden layer. VGG16: convolutions trained on "
        "ImageNet and frozen, their mean over the image, and a hidden layer.",
        f"Training: {settings['optimiser']}, learning rate {settings['learning_rate']} falling by {settings['decay_rate']} every "
        f"{settings['decay_steps']:,} steps, batches of {settings['batch_size']}, cross-entropy; at most "
        f"{settings['epochs_at_most']} epochs.",
        f"Early stopping on the accuracy on the first {100 * settings['validation_share']:.0f} % of the training images, patience "
        f"{settings['patience']}; the weights of the best epoch are kept.",
        "Experiment 1 trains each classifier on FAKE and on REAL and tests it on the same source; experiment 2 tests it on the other.",
        f"Intervals: {100 * CONFIDENCE:.0f} %, by bootstrap over the test images. Spread: over seeds. Pairs of classifiers: McNemar's "
        "exact test on the same images.",
    ]


def _on_the_same_images(members: list[dict], there: dict[tuple[str, str], dict]) -> bool:
    """Whether records of experiment 3 are about experiment 1's images: those of CIFAKE are not shown beside a user's own."""
    images = {
        f"{source} {split}": part for (source, _), record in there.items() for split, part in record["data"].items()
    }
    return all(images.get(name, part) == part for record in members for name, part in record["data"].items())


def _worth_method(groups: dict[str, list[dict]]) -> str:
    """How experiment 3 was done; nothing where it has not been."""
    if not groups:
        return ""
    settings = next(iter(groups.values()))[0]["settings"]
    return (
        f"Each classifier is trained for {settings['steps']:,} steps of {settings['batch_size']} images, validated every "
        f"{settings['validate_every']} steps on a fifth of its own REAL images (FAKE alone: of the FAKE ones), and keeps the weights "
        "of the best validation. It learns from a number of REAL images: alone; with augmentation (flip, shift by up to "
        f"{protocol.SHIFT} pixels, rotation by up to {protocol.ROTATION} degrees); with all FAKE training images, half of every batch; "
        "or with both. All are tested on the REAL test images."
    )


def _worth_curve(architecture: str, scores: worth.Accuracies) -> str:
    """What a classifier's panel of experiment 3's figure shows, for those who cannot see it."""
    means = {cell: float(np.mean(list(by_seed.values()))) for cell, by_seed in scores.items()}
    parts = [f"FAKE alone {means[worth.FAKE, 0]:.2f}"] if (worth.FAKE, 0) in means else []
    for arm in arms.WITH_REAL:
        sizes = [size for size in worth.sizes(scores) if (arm.name, size) in means]
        if sizes:
            curve = ", ".join(f"{means[arm.name, size]:.2f} with {size:,}" for size in sizes)
            parts.append(f"{arm.name} {curve} REAL images")
    return f"{architecture}: {'; '.join(parts)}."


def _mistakes(folders: Folders, plain: comparison.Crossed) -> list[dict]:
    """The galleries of mistakes of both experiments, and of how many mistakes each shows the most confident."""
    found = []
    for (trained_on, architecture, tested_on), (record,) in plain.items():
        files_of = records.e1_files if trained_on == tested_on else records.e2_files
        matrix = np.array(record["scores"]["confusion_matrix"])
        found.append(
            {
                "path": files_of(folders, trained_on, architecture)["mistakes"],
                "name": f"{records.name_of(record)} on {tested_on} test images",
                "number": f"{matrix.sum() - matrix.trace():,}",
            }
        )
    return found


def _best_epochs(members: Iterable[dict]) -> str:
    """How far the validation accuracy came, and when."""
    return " ".join(
        f"{records.name_of(record)}: validation accuracy {record['training']['best_validation_accuracy']:.3f} in epoch "
        f"{record['training']['best_epoch']} of {record['training']['epochs']}."
        for record in members
    )


def _confused(members: Iterable[dict]) -> str:
    """Which class is most often taken for which other one."""
    sentences = []
    for record in members:
        matrix = np.array(record["scores"]["confusion_matrix"], float)
        shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        np.fill_diagonal(shares, 0)
        true, predicted = (record["classes"][number] for number in np.unravel_index(shares.argmax(), shares.shape))
        sentences.append(
            f"{records.name_of(record)} on {record['test']['source']} most often takes {true} for {predicted} ({100 * shares.max():.0f} %)."
        )
    return " ".join(sentences)


def _settings(members: Iterable[dict]) -> pd.DataFrame:
    """All settings of each training, a classifier a column."""
    return (
        pd.DataFrame(
            {
                records.name_of(record): record["settings"]
                | {
                    "training images, SHA-256": record["data"]["train"]["sha256"][:12],
                    "test images, SHA-256": record["data"]["test"]["sha256"][:12],
                    "weights of VGG16": record.get("weights", {}).get("origin", ""),
                }
                for record in members
            }
        )
        .fillna("")
        .astype(str)
    )


def _versions(members: Iterable[dict]) -> pd.DataFrame:
    """Device and releases, a classifier a column."""
    return pd.DataFrame(
        {records.name_of(record): {"device": record["device"], **record["versions"]} for record in members}
    ).astype(str)
