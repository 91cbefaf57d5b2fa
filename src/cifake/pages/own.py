"""What somebody's own generated images are worth: one page of one screen, beside Stable Diffusion 1.4. worth_of_fake.py calls it."""

from pathlib import Path

import jinja2
import pandas as pd

from cifake import protocol
from cifake.data import budgets
from cifake.data.arms import ALONE, AUGMENTED, GAUSSIAN_ALONE, GAUSSIAN_MIXED, MIXED
from cifake.pages.e3 import in_points, worth_of
from cifake.pages.page import html, signed
from cifake.pages.study import Study
from cifake.results import worth

COMMITTED = "Stable Diffusion 1.4"
DETECTOR = "logistic regression"  # of detection.json


def answers(study: Study) -> list[str]:
    """The shortest answer: alone, on top of photographs, and against the Gaussian."""
    lines = []
    for architecture, scores in _own(study).items():
        number, curve = max(worth.sizes(scores, ALONE), default=0), worth.sizes(scores, AUGMENTED)
        if value := worth.worth(scores, (ALONE, number), AUGMENTED):
            lines.append(f"To {architecture}, these {number:,} generated images are as useful as {worth_of(value, curve)} photographs.")
        for size in worth.sizes(scores, MIXED):
            if gains := worth.gains(scores, (AUGMENTED, size), (MIXED, size)):
                points = in_points(pd.Series(gains).mean())
                lines.append(f"Mixed into {size:,} photographs, they change its accuracy by {points} points.")
        for size in worth.sizes(scores, GAUSSIAN_ALONE)[-1:]:
            value = worth_of(worth.worth(scores, (GAUSSIAN_ALONE, size), AUGMENTED), curve)
            lines.append(f"Images from a Gaussian of {size:,} photographs, without a generator, are as useful as {value}.")
    return lines


def page(study: Study, committed: Study) -> str:
    """The page, as HTML; of `committed`, this repository's own study, what there is yet."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    name = study.folders.images.name
    is_comparable = study.images["REAL test"]["sha256"] == protocol.CIFAKE_FINGERPRINTS["REAL", "test"]
    known = committed.e3_accuracies if is_comparable and len(committed.runs) else {}
    tables = {}
    for architecture, scores in _own(study).items():
        number = max(worth.sizes(scores, ALONE), default=0)
        columns = {name: _worth(scores, number)}
        if is_comparable:
            columns[COMMITTED] = _worth(known.get(architecture, scores.iloc[:, :0]), number)
        tables[architecture] = html(pd.DataFrame(columns, dtype=object).dropna(subset=[name]).fillna("not known yet"))
    return environment.get_template("own.html.jinja").render(
        name=name,
        answers=answers(study),
        worth=tables,
        images=html(_measured({name: study} | ({COMMITTED: committed} if is_comparable else {}))),
        is_comparable=is_comparable,
        is_short=_is_short(_rows(study)),
        seeds=_rows(study)["seed"].nunique(),
        protocol=protocol,
    )


def _own(study: Study) -> dict[str, pd.DataFrame]:
    """Accuracies by classifier of the runs of protocol.OWN."""
    return {name: worth.accuracies(group) for name, group in _rows(study).groupby("architecture", observed=True, sort=False)}


def _rows(study: Study) -> pd.DataFrame:
    return study.variants[study.variants["variant"] == protocol.OWN]


def _is_short(rows: pd.DataFrame) -> bool:
    """Whether a training had fewer steps than the protocol's (--steps), so that its score says nothing."""
    return any(row.steps < budgets.steps_of(row.images, protocol.STEPS) for row in rows.itertuples())


def _worth(scores: pd.DataFrame, number: int) -> dict[str, str]:
    """What generated images are worth to a classifier: about `number` of them and all, alone, and added to photographs."""
    curve, numbers, facts = worth.sizes(scores, AUGMENTED), worth.sizes(scores, ALONE), {}
    alone = {size: worth.worth(scores, (ALONE, size), AUGMENTED) for size in numbers}
    nearest = min(numbers, key=lambda size: abs(size - number), default=0)
    shown = [size for size in dict.fromkeys((nearest, *numbers[-1:])) if alone.get(size)]
    if words := [f"{size:,} of them: {worth_of(alone[size], curve)}" for size in shown]:
        facts["alone, as useful as so many photographs"] = "; ".join(words)
    for size in [size for size in worth.sizes(scores, GAUSSIAN_ALONE) if size != protocol.BUDGETS[0]]:
        if value := worth.worth(scores, (GAUSSIAN_ALONE, size), AUGMENTED):
            facts[f"a Gaussian of {size:,} photographs alone"] = worth_of(value, curve)
    for size in worth.sizes(scores, MIXED):
        changes = {
            "accuracy": (AUGMENTED, MIXED),
            "the Gaussian's": (AUGMENTED, GAUSSIAN_MIXED),
            "beyond the Gaussian": (GAUSSIAN_MIXED, MIXED),
        }
        gains = {what: worth.gains(scores, (first, size), (second, size)) for what, (first, second) in changes.items()}
        if words := [f"{what} {signed(pd.Series(values))}" for what, values in gains.items() if values]:
            facts[f"mixed into {size:,} photographs"] = "; ".join(words)
    return facts


def _measured(studies: dict[str, Study]) -> pd.DataFrame:
    """Coverage of the test photographs by class, and how easily the images are told apart; a column for each set of images."""
    columns = {}
    for name, study in studies.items():
        found, facts = study.findings.get("coverage", {}), {}
        by_class = pd.DataFrame({label: {source: values[source]["coverage"] for source in values} for label, values in found.items()}).T
        if len(by_class):
            for label, row in [("mean", by_class.mean()), *by_class.iterrows()]:
                facts["coverage, " + ("mean over classes" if label == "mean" else str(label))] = f"{row['FAKE']:.2f} ({row['REAL']:.2f})"
        if detector := study.findings.get("detection", {}).get("classifiers", {}).get(DETECTOR):
            facts["told from photographs, without a network"] = f"{detector['accuracy']:.1%} right"
        columns[name] = facts
    return pd.DataFrame(columns, dtype=object).fillna("not measured")
