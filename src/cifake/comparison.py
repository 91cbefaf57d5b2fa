"""Classifiers beside each other: all records by what was trained and tested on what, the published numbers, paired tests."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from cifake import evaluation, protocol, records
from cifake.command import log
from cifake.files import checksum
from cifake.folders import Folders, shown

Crossed = dict[
    tuple[str, str, str], list[dict]
]  # trained on, architecture, tested on -> records, in the order of their seeds


def plain(folders: Folders) -> Crossed:
    """The records of both experiments, one each."""
    return {
        (source, architecture, record["test"]["source"]): [record]
        for files_of in (records.e1_files, records.e2_files)
        for (source, architecture), record in records.all_of(folders, files_of)[0].items()
    }


def replicates(folders: Folders, seeds: list[int] | None = None) -> Crossed:
    """The records of both experiments, one a seed, where they can stand beside the plain run's; of the given seeds, or of all."""
    return {
        (source, architecture, members[0]["test"]["source"]): members
        for files_of in (records.e1_files, records.e2_files)
        for (source, architecture), members in records.over_seeds(folders, files_of, seeds).items()
        if records.are_alike(members[0], records.all_of(folders, files_of)[0].get((source, architecture), members[0]))
    }


@dataclass(frozen=True)
class Row:
    """One published score, and ours."""

    trained_on: str
    architecture: str
    tested_on: str
    label: str  # of the score
    published: float
    seed: int  # of the plain run
    here: float | None  # the plain run's score
    runs: list[float]  # the replicates' scores
    interval: list[float]  # where another run would lie (95 %); without replicates, the plain run's bootstrap interval

    @property
    def inside(self) -> bool:
        """Whether the published score, as far as its two decimals tell, lies within the interval."""
        low, high = self.interval
        return low - protocol.PUBLISHED_ROUNDING <= self.published <= high + protocol.PUBLISHED_ROUNDING


def with_published(one: Crossed, several: Crossed) -> list[Row]:
    """Each published score beside ours; none where the images are not CIFAKE's or VGG16's weights not ImageNet's."""
    rows = []
    for key, scores in protocol.PUBLISHED.items():
        own = [record for record in one.get(key, []) if is_cifake(record)]
        over_seeds = [record for record in several.get(key, []) if is_cifake(record)]
        if not own and len(over_seeds) < 2:
            continue
        for label, name in (("macro F1", "macro_f1"), ("accuracy", "accuracy")):
            runs = [record["scores"][name] for record in over_seeds]
            rows.append(
                Row(
                    *key,
                    label=label,
                    published=scores[name],
                    seed=own[0]["settings"]["seed"] if own else protocol.SEED,
                    here=own[0]["scores"][name] if own else None,
                    runs=runs,
                    interval=evaluation.another_run(runs) if len(runs) > 1 else own[0]["scores"][f"{name}_interval"],
                )
            )
    return rows


def sentences(rows: list[Row]) -> list[str]:
    """A sentence for each published score that lies outside the interval, or one that says that none does."""
    outside = [row for row in rows if not row.inside]
    return [
        f"{row.trained_on} {row.architecture} on {row.tested_on}: the published {row.label}, {row.published:.2f}, lies "
        f"{'above' if row.published > row.interval[1] else 'below'} {row.interval[0]:.3f} to {row.interval[1]:.3f}, "
        + (
            f"where 95 % of further runs should lie by {len(row.runs)} seeds."
            if len(row.runs) > 1
            else "the bootstrap interval of one run."
        )
        for row in outside
    ] or ["Every published score lies within its interval."]


def is_cifake(record: dict) -> bool:
    """Whether a record's images are CIFAKE's own, and VGG16's weights, where it has any, the published ones."""
    trained = record["data"]["train"]["sha256"] == protocol.CIFAKE_FINGERPRINTS[record["source"], "train"]
    tested = record["data"]["test"]["sha256"] == protocol.CIFAKE_FINGERPRINTS[record["test"]["source"], "test"]
    return trained and tested and record.get("weights", {}).get("origin", "ImageNet weights") == "ImageNet weights"


def paired(folders: Folders) -> pd.DataFrame:
    """McNemar's exact test for each two classifiers on the same test images, a pair a row, as far as predictions are there."""
    rows = []
    for tested_on in protocol.SOURCES:
        hits = _hits(folders, tested_on)
        rows += [
            {
                "tested_on": tested_on,
                "first": first,
                "second": second,
                "images": len(hits),
                "accuracy_first": hits[first].mean(),
                "accuracy_second": hits[second].mean(),
                **evaluation.mcnemar(hits[first].to_numpy(), hits[second].to_numpy()),
            }
            for first, second in combinations(hits.columns, 2)
        ]
    return pd.DataFrame(rows)


def _hits(folders: Folders, tested_on: str) -> pd.DataFrame:
    """Which test images each classifier has right: bool, an image a row, a classifier a column."""
    columns = {}
    for files_of in (records.e1_files, records.e2_files):
        for (source, architecture), record in records.all_of(folders, files_of)[0].items():
            path = files_of(folders, source, architecture)["predictions"]
            belongs = path.exists() and checksum(path) == record["predictions"]["sha256"]
            if path.exists() and not belongs and record["test"]["source"] == tested_on:
                log.info("%s is not that of its record, and is left out of the paired tests", shown(path))
            if record["test"]["source"] == tested_on and belongs:
                by_image = pd.read_csv(path, index_col="filepath")
                columns[records.name_of(record)] = by_image["label"] == by_image["predicted"]
    order = [f"{source} {architecture}" for architecture in protocol.ARCHITECTURES for source in protocol.SOURCES]
    hits = pd.DataFrame(columns, columns=[name for name in order if name in columns])
    return hits.dropna().astype(np.bool_)  # only images that all were tested on
