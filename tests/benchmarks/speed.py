"""Measure the study's speed, against the classic way and against the limit of the machine.

    python tests/benchmarks/speed.py                          all, some 30 minutes on two cores; writes tests/benchmarks/speed.md
    python tests/benchmarks/speed.py --sample 1200 --sizes 1200 --repeats 1 --output speed.md     in little, some 5 minutes

It needs CIFAKE in images/ (or --images) and VGG16's weights. Every measurement is a process of its own, so that none finds the
caches and threads of another, and the sides take turns. Nothing else should run on the machine meanwhile. What is compared:

  the classic way   Keras' ImageDataGenerator reads each file in each epoch, VGG16 is run whole (classic.py)
  this study        its scripts, as run.sh calls them
  the limit         a large matrix product by TensorFlow (rates.py)
"""

import argparse
import json
import logging
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from cifake import protocol
from cifake.data import metadata
from cifake.models.architectures import ARCHITECTURES
from cifake.pages import page
from cifake.system import command, devices, options, signals
from cifake.system.errors import StudyError
from cifake.system.files import write_text
from cifake.system.paths import REPOSITORY, Folders, shown

log = logging.getLogger(__name__)
HERE = Path(__file__).resolve().parent
SOURCE = "FAKE"  # the images that are trained on; REAL ones are as many and as large
SAMPLE = 12_000  # images of each source, of training and test together, on which the two sides are compared
# Images of each source in the studies whose cost is measured; CIFAKE has 60,000. The steps of an epoch, which follow from them, are
# not prime numbers, because Keras would return to Python after each step, which doubles the epoch of a small model.
SIZES = (1_000, 4_000, 20_000, 60_000)
TEST_SHARE = 1 / 6  # of the images, as in CIFAKE
REPEATS = 3
STARTS = 5  # repeats of the start-up, which takes seconds
EPOCHS = 3  # that are measured; the first, in which TensorFlow compiles, does not count
CLASSIC_EPOCHS = {"NN": 3, "LeNet": 3, "VGG16": 2}
TRAINING_EPOCHS = {"NN": 20, "LeNet": 15, "VGG16": 12}  # of the trainings that are compared; the study's have 10 to 20
LAPTOP, KEPT_FREE = 8e9, 2e9  # bytes of memory, and what system and browser need of them


@dataclass(frozen=True)
class Ran:
    """A process that has ended well."""

    start: float  # time of day, in seconds
    seconds: float
    peak_memory: int  # bytes
    lines: list[tuple[float, str]]  # what it printed, and when, in seconds from its start

    @property
    def epoch(self) -> float:
        """Seconds of an epoch, from the lines that both sides print when the first epoch, some others and the last one end."""
        found = [(seconds, re.search(r"\bepoch +(\d+): loss", line)) for seconds, line in self.lines]
        ends = [(seconds, int(match[1])) for seconds, match in found if match]
        (start, first), (end, last) = ends[0], ends[-1]
        return (end - start) / (last - first)

    @property
    def answer(self) -> dict:
        """The line of JSON that it printed last."""
        return json.loads(self.lines[-1][1])


def run(*words: object) -> Ran:
    """Run a Python script, or an expression after -c, to its end. Raises StudyError, with what it said, where it fails."""
    line = [sys.executable, *map(str, words)]
    lines = []
    with tempfile.TemporaryFile("w+") as errors:
        start, clock = time.time(), time.perf_counter()
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            for text in process.stdout:
                lines.append((time.perf_counter() - clock, text.rstrip("\n")))
            _, status, usage = os.wait4(process.pid, 0)  # unlike wait(), it tells the memory of this one process
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - clock
        if process.returncode:
            errors.seek(0)
            raise StudyError(f"{' '.join(line[1:])} ended with exit code {process.returncode}:\n{errors.read().strip()}")
    return Ran(start, seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), lines)


def script(name: str, folders: Folders, *words: object) -> Ran:
    """Run one of the study's scripts."""
    return run(REPOSITORY / "src" / name, "--images", folders.images, "--output", folders.output, *words)


def classify(architecture: str, folders: Folders, precision: str, weights: str) -> Ran:
    """Train and test a classifier again, as run.sh does; for VGG16 no features are kept from before."""
    for kept in folders.unfinished.glob("features_*"):
        kept.unlink()
    words = ["-data", SOURCE, "-epochs", EPOCHS, "--precision", precision, "--weights", weights, "--fresh"]
    return script(f"classify_{architecture}.py", folders, *words)


def sample(images: Path, number: int, folder: Path) -> Folders:
    """A study of so many images of each source, the first of CIFAKE's: links to their files, and their CSVs."""
    whole, part = Folders(images, folder / "whole"), Folders(folder / "images", folder / "output")
    test = round(number * TEST_SHARE)
    for source in protocol.SOURCES:
        for split, share in (("train", number - test), ("test", test)):
            target = part.split(source, split)
            target.mkdir(parents=True)
            for row in metadata.rows_of(whole, source, split, metadata.class_names(whole))[:share]:
                (target / row.filename).symlink_to(whole.split(source, split) / row.filename)
    if whole.class_list.exists():
        part.class_list.symlink_to(whole.class_list)
    script("create_metadata.py", part)
    return part


def seconds_of(folders: Folders, architecture: str) -> dict[str, float]:
    """The seconds of each phase, from the record of the last training."""
    record = folders.classifier("E1", SOURCE, architecture)["record"]
    return json.loads(record.read_text(encoding="utf-8"))["seconds"]


def once(seconds: dict[str, float]) -> float:
    """What this study does once for all epochs: read and decode the images, training and test, and compute their features."""
    return seconds["reading"] + seconds["decoding"] + seconds["features"]


# The measurements: each gives rows of numbers, a process each.


def compare(folders: Folders, chosen: argparse.Namespace) -> pd.DataFrame:
    """Seconds of an epoch, and once before the first, of both sides on the same images."""
    csv = folders.metadata(SOURCE, "train")
    rows = []
    for turn in range(1, chosen.repeats + 1):
        for architecture in chosen.architectures:
            log.info("Turn %d of %d: %s", turn, chosen.repeats, architecture)
            words = ["--csv", csv, "--images", folders.images, "--epochs", CLASSIC_EPOCHS[architecture]]
            ran = run(HERE / "classic.py", architecture, *words, "--weights", chosen.weights)
            rows.append({"turn": turn, "architecture": architecture, "side": "classic", "epoch": ran.epoch, "once": 0})
            for precision in chosen.precisions:
                ran = classify(architecture, folders, precision, chosen.weights)
                before = once(seconds_of(folders, architecture))
                rows.append({"turn": turn, "architecture": architecture, "side": precision, "epoch": ran.epoch, "once": before})
    return pd.DataFrame(rows)


def near_the_limit(folders: Folders, chosen: argparse.Namespace) -> pd.DataFrame:
    """Images and operations a second of LeNet's training and VGG16's features, and of a matrix product at the same time."""
    rows = []
    for turn in range(1, chosen.repeats + 1):
        for precision in chosen.precisions:
            log.info("Turn %d of %d: the limit, %s", turn, chosen.repeats, precision)
            words = ["--precision", precision, "--weights", chosen.weights, "--matrix", chosen.matrix]
            ran = run(HERE / "rates.py", "--images", folders.images, "--output", folders.output, *words)
            rows += [{"precision": precision, "work": work} | values for work, values in ran.answer.items()]
    return pd.DataFrame(rows)


def start_up(folders: Folders, chosen: argparse.Namespace) -> pd.DataFrame:
    """Seconds from the start of a process: to the end of `import tensorflow`, and to the first batch of a script's training."""
    rows = []
    for turn in range(1, chosen.starts + 1):
        log.info("Turn %d of %d: start-up", turn, chosen.starts)
        ran = run("-c", "import json, time, tensorflow; print(json.dumps(time.time()))")
        row = {"bare": ran.answer - ran.start}
        for architecture in [name for name in chosen.architectures if name != "VGG16"]:
            words = ["-data", SOURCE, "-epochs", 1, "--fresh", "--images", folders.images, "--output", folders.output]
            ran = run(HERE / "start.py", architecture, *words)
            row[f"{architecture}, begun"] = ran.answer["begun"] - ran.start - ran.answer["images"]
            row[f"{architecture}, done"] = ran.answer["done"] - ran.start - ran.answer["images"]
        rows.append(row)
    return pd.DataFrame(rows)


def costs(folder: Path, chosen: argparse.Namespace) -> tuple[pd.DataFrame, float]:
    """Seconds by phase, and memory, of studies of n images; and the seconds of the other steps of run.sh for the largest n."""
    rows = []
    for number in sorted(chosen.sizes):
        folders = sample(chosen.images, number, folder / f"{number}")
        # The largest one once more in each precision, for the estimate of the whole study.
        for precision in chosen.precisions if number == max(chosen.sizes) else chosen.precisions[:1]:
            for architecture in chosen.architectures:
                log.info("A study of %s images: %s, %s", f"{number:,}", architecture, precision)
                ran = classify(architecture, folders, precision, chosen.weights)
                seconds = seconds_of(folders, architecture)
                rows.append(
                    {"images": number, "architecture": architecture, "precision": precision, **seconds}
                    | {"epoch": ran.epoch, "whole": ran.seconds, "memory": ran.peak_memory}
                )
    log.info("The other steps of run.sh")
    steps = [("create_metadata.py",), ("visualise.py",), ("final_evaluate.py", "--weights", chosen.weights)]
    return pd.DataFrame(rows), sum(script(name, folders, *words).seconds for name, *words in steps)


# The tables.


def spread(values: Iterable[float], digits: int) -> str:
    """Median, least and greatest of repeated measurements."""
    numbers = [float(value) for value in values]
    middle = f"{statistics.median(numbers):,.{digits}f}"
    return middle if len(numbers) == 1 else f"{middle} ({min(numbers):,.{digits}f} to {max(numbers):,.{digits}f})"


def comparison_table(measured: pd.DataFrame, images: int) -> pd.DataFrame:
    """This study beside the classic way: an architecture and precision a row."""
    rows = {}
    for (architecture, precision), ours in measured.groupby(["architecture", "side"], sort=False):
        if precision == "classic":
            continue
        theirs = measured[(measured["architecture"] == architecture) & (measured["side"] == "classic")]
        ours, theirs = ours.set_index("turn"), theirs.set_index("turn")
        epochs = TRAINING_EPOCHS[architecture]
        rows[f"{architecture}, {precision}"] = {
            "classic: images a second": spread(images / theirs["epoch"], 0),
            "here: images a second": spread(images / ours["epoch"], 0),
            "an epoch, times as fast": spread(theirs["epoch"] / ours["epoch"], 1),
            "epochs": f"{epochs}",
            "a training, times as fast": spread(epochs * theirs["epoch"] / (ours["once"] + epochs * ours["epoch"]), 1),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def limit_table(measured: pd.DataFrame) -> pd.DataFrame:
    """LeNet's training and VGG16's features beside the matrix product."""
    names = {"training": "LeNet, training", "features": "VGG16, features"}
    rows = {}
    for (precision, work), turns in measured.groupby(["precision", "work"], sort=False):
        rows[f"{names[work]}, {precision}"] = {
            "images a second": spread(turns["images"], 0),
            "GFLOP/s": spread(turns["operations"] / 1e9, 0),
            "matrix product, GFLOP/s": spread(turns["limit"] / 1e9, 0),
            "share of it": spread(100 * turns["operations"] / turns["limit"], 0) + " %",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def start_table(measured: pd.DataFrame) -> pd.DataFrame:
    """The start-up of a script beside a bare import."""
    names = {"begun": "to the beginning of the first batch", "done": "to the end of the first batch, which is compiled"}
    rows = {"import tensorflow": {"seconds": spread(measured["bare"], 2), "times the import": "1"}}
    for column in measured.columns.drop("bare"):
        architecture, moment = column.split(", ")
        rows[f"classify_{architecture}.py, {names[moment]}"] = {
            "seconds": spread(measured[column], 2),
            "times the import": spread(measured[column] / measured["bare"], 2),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def cost_table(measured: pd.DataFrame) -> pd.DataFrame:
    """A study of n images, classifier by classifier: seconds by phase, and memory."""
    rows = {}
    for row in measured.to_dict("records"):
        rows[f"{row['architecture']}, {row['precision']}, {row['images']:,} images"] = {
            "read, decode": f"{row['reading'] + row['decoding']:.1f} s",
            "features": f"{row['features']:.1f} s",
            "an epoch": f"{row['epoch']:.2f} s",
            "testing": f"{row['testing']:.1f} s",
            f"the script, {EPOCHS} epochs": f"{row['whole']:.1f} s",
            "for each image": f"{1e3 * row['whole'] / row['images']:.2f} ms",
            "peak memory": f"{row['memory'] / 1e9:.2f} GB",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def line(measured: pd.DataFrame, column: str) -> tuple[float, float, float]:
    """The straight line through a column by number of images: its value at 0, its rise for an image, and R²."""
    numbers, values = measured["images"].to_numpy(float), measured[column].to_numpy(float)
    rise, base = np.polyfit(numbers, values, 1)
    rest = values - (base + rise * numbers)
    return float(base), float(rise), 1 - float(rest @ rest) / float(np.sum((values - values.mean()) ** 2))


def cost_sentences(measured: pd.DataFrame) -> list[str]:
    """What a study of n images costs, as a line for each classifier, and how large a one fits a laptop."""
    sentences = []
    for architecture, rows in measured[measured["precision"] == measured["precision"].iloc[0]].groupby("architecture", sort=False):
        if rows["images"].nunique() < 3:  # any two points lie on a line
            continue
        (start, each, fit), (base, rise, memory_fit) = line(rows, "whole"), line(rows, "memory")
        most = (LAPTOP - KEPT_FREE - base) / rise
        sentences.append(
            f"- {architecture}, {EPOCHS} epochs, n images of one source: {start:.1f} s + n x {1e3 * each:.2f} ms (R² {fit:.4f}), "
            f"and {base / 1e9:.2f} GB + n x {rise / 1e3:.1f} kB (R² {memory_fit:.4f}); {LAPTOP / 1e9:.0f} GB of memory, "
            f"{KEPT_FREE / 1e9:.0f} of them for other programs, take {most:,.0f} images."
        )
    return sentences


def study_table(measured: pd.DataFrame, cost: pd.DataFrame, others: float, images: int) -> pd.DataFrame:
    """The whole study at the published epochs, estimated from the epochs that were measured: minutes, and the ratio."""
    largest = cost["images"].max()
    scale = (largest - round(largest * TEST_SHARE)) / images  # from the sample to the largest study
    epochs = {
        architecture: [
            published["epochs"]
            for (trained, name, tested), published in protocol.PUBLISHED.items()
            if name == architecture and trained == tested
        ]
        for architecture in cost["architecture"].unique()
    }
    classic = measured[measured["side"] == "classic"].groupby("architecture")["epoch"].median()
    theirs = sum(scale * classic[architecture] * sum(counts) for architecture, counts in epochs.items())
    rows = {"the classic way, the epochs alone": {"minutes": f"{theirs / 60:.1f}", "times as fast": "1"}}
    for precision, scripts in cost[cost["images"] == largest].groupby("precision", sort=False):
        scripts = scripts.set_index("architecture")
        ours = others + sum(
            scripts["whole"][architecture] + (count - EPOCHS) * scripts["epoch"][architecture]
            for architecture, counts in epochs.items()
            for count in counts
        )
        rows[f"run.sh, {precision}"] = {"minutes": f"{ours / 60:.1f}", "times as fast": f"{theirs / ours:.1f}"}
    return pd.DataFrame.from_dict(rows, orient="index")


def machine() -> list[str]:
    """The machine and its software, for people."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [text.split(":")[1].strip() for text in information.read_text().splitlines() if "model name" in text]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = ", ".join(f"{name} {version}" for name, version in devices.versions().items())
    return [
        f"- {model}, {os.cpu_count()} cores, {memory / 1e9:.0f} GB; {platform.system()}; {date.today().isoformat()}",
        f"- {versions}",
        f"- load of the machine as the measuring began: {os.getloadavg()[0]:.1f}",
    ]


def parse() -> argparse.Namespace:
    """The options; a mistake ends the script with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = options.whole_number(1, 10**9)
    add = parser.add_argument
    add("--images", type=Path, default=REPOSITORY / "images", metavar="DIR", help="CIFAKE (default: images/)")
    add("--weights", type=options.vgg16_weights, metavar="W", help="VGG16's, as the scripts take them")
    add("--output", type=Path, default=HERE / "speed.md", metavar="FILE", help="the tables (default: %(default)s)")
    add("--sample", type=number, default=SAMPLE, metavar="N", help="images of each source to compare on (%(default)s)")
    add("--sizes", type=number, nargs="+", default=SIZES, metavar="N", help="images of the studies whose cost is measured")
    add("--repeats", type=number, default=REPEATS, metavar="N", help="turns of the sides (%(default)s)")
    add("--starts", type=number, default=STARTS, metavar="N", help="turns of the start-up (%(default)s)")
    add("--matrix", type=number, default=4096, metavar="N", help="rows of the matrices of the product (%(default)s)")
    add("--architectures", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES), metavar="NAME")
    add("--precisions", nargs="+", choices=options.PRECISIONS, default=options.PRECISIONS[:2], metavar="P")
    chosen = parser.parse_args()
    chosen.images = chosen.images.expanduser().resolve()
    chosen.weights = chosen.weights or options.vgg16_weights(os.environ.get("VGG16_WEIGHTS") or options.IMAGENET)
    return chosen


def main() -> None:
    """Measure all, and write the tables."""
    chosen = parse()
    about = machine()
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        signals.when_stopped(f"Stopped; {folder} may be deleted.")
        folders = sample(chosen.images, chosen.sample, Path(folder) / "sample")
        images = len(list(folders.split(SOURCE, "train").iterdir()))
        measured = compare(folders, chosen)
        limits = near_the_limit(folders, chosen)
        little = sample(chosen.images, min(120, chosen.sample), Path(folder) / "little")
        starts = start_up(little, chosen)
        cost, others = costs(Path(folder), chosen)
    text = "\n".join(
        [
            "# Speed",
            "",
            *about,
            f"- {chosen.repeats} turns; median (least to greatest); {images:,} training images of {SOURCE}, a fifth of them for validation",
            "",
            "## Beside the classic way",
            "",
            page.markdown(comparison_table(measured, images)),
            "An epoch is training and validation. A training is all its epochs and, here, reading, decoding and features before "
            "them; start-up counts on neither side.",
            "",
            "## Beside the limit",
            "",
            page.markdown(limit_table(limits)),
            "## Start-up",
            "",
            page.markdown(start_table(starts)),
            "## What a study of n images costs",
            "",
            page.markdown(cost_table(cost)),
            *cost_sentences(cost),
            "",
            "## The whole study",
            "",
            page.markdown(study_table(measured, cost, others, images)),
            "Estimated from the epochs above, at the published numbers of epochs.",
            "",
        ]
    )
    write_text(chosen.output, text)
    log.info("%s\nWrote %s", text, shown(chosen.output))


if __name__ == "__main__":
    command.run(main)
