"""Every folder and file name of the study. Standard library only."""

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
CLASS_LIST = "classes.txt"  # the class names, one a line, in the images folder; if they are CIFAKE's, there is none
READY = Path("models", "ready")  # below the repository: classifiers that are in git, so that predict.py works without a training

# Files of one run by kind; the record comes last, because it vouches for the others.
ENDINGS = {
    "metrics": "metrics.txt",
    "predictions": "predictions.csv",
    "mistakes": "mistakes.png",
    "history": "history.csv",
    "curve": "history.png",
    "record": "record.json",
}
KINDS = {  # that each experiment writes, beside the model and its summary of those that save one
    "E1": tuple(ENDINGS),
    "E2": ("metrics", "predictions", "mistakes", "record"),
    "E3": ("record",),
    "E4": tuple(ENDINGS),
}


@dataclass(frozen=True)
class Folders:
    """The study's folders: `images` is only read; everything written goes below `output`."""

    images: Path = REPOSITORY / "images"
    output: Path = REPOSITORY

    def split(self, source: str, split: str) -> Path:
        """Folder of the JPEGs of FAKE or REAL, train or test."""
        return self.images / split / source

    @property
    def class_list(self) -> Path:
        return self.images / CLASS_LIST

    def metadata(self, source: str, split: str) -> Path:
        """The CSV that lists the images of a split."""
        return self.output / "images" / "metadata" / source / f"{split}.csv"

    @property
    def duplicates(self) -> Path:
        """The CSV of images that occur more than once."""
        return self.output / "images" / "metadata" / "duplicates.csv"

    @property
    def models(self) -> Path:
        return self.output / "models"

    @property
    def unfinished(self) -> Path:
        """Checkpoints and cached features; may be deleted at any time."""
        return self.models / "unfinished"

    def results(self, experiment: str) -> Path:
        """Records and reports of an experiment, such as E1."""
        return self.output / f"{experiment}_results"

    def visualisations(self, experiment: str) -> Path:
        return self.output / f"{experiment}_visualisations"

    def runs(self, experiment: str) -> Path:
        return self.visualisations(experiment) / "runs.csv"

    @property
    def report(self) -> Path:
        return self.visualisations("E2") / "report.html"

    @property
    def worth(self) -> Path:
        return self.visualisations("E3") / "worth.html"

    @property
    def generators(self) -> list[Path]:
        """runs.csv of others' generators, named by the generator."""
        return sorted(self.results("E3").glob("generators/*.csv"))

    def classifier(self, experiment: str, source: str, architecture: str, seed: int | None = None) -> dict[str, Path]:
        """Files of a classifier in E1, E2 or E4 by kind, the record last.

        The plain run, whose seed is protocol.SEED, has no `seed` here. Every other seed has a folder of its own below replicates/.
        """
        name, below = f"{stem(source)}_{architecture}", Path() if seed is None else Path("replicates", f"seed-{seed}")
        models, results = self.models / below, self.results(experiment) / below
        saved = {"model": models / f"{name}.keras", "summary": models / f"{name}_summary.txt"}
        made = {kind: results / f"{name}_{ENDINGS[kind]}" for kind in KINDS[experiment]}
        return made if experiment == "E2" else saved | made

    def finding(self, name: str, seed: int | None = None, *, picture: bool = False) -> dict[str, Path]:
        """Files of something that experiment 4 measures without a training, the numbers last; `seed` as in classifier()."""
        folder = self.results("E4") / (Path() if seed is None else Path("replicates", f"seed-{seed}"))
        picture_of_it = {"picture": folder / f"{stem(name)}.png"} if picture else {}
        return picture_of_it | {"record": folder / f"{stem(name)}.json"}

    def e3_run(self, architecture: str, arm: str, images: int, seed: int, variant: str = "") -> dict[str, Path]:
        """Files of a run of experiment 3 by kind, the record last; `images` is the number that its arm varies."""
        folder = self.results("E3") / architecture / f"seed-{seed}"
        name = f"{stem(arm)}_{images}" + (f"_{variant}" if variant else "")
        return {kind: folder / f"{name}_{ENDINGS[kind]}" for kind in KINDS["E3"]}

    def findings(self) -> list[Path]:
        return sorted(path for path in self.results("E4").rglob("[!.]*.json") if not path.name.endswith(ENDINGS["record"]))

    def records(self, experiment: str) -> list[Path]:
        """All records of an experiment that are there, sorted by path."""
        return sorted(self.results(experiment).rglob(f"[!.]*_{ENDINGS['record']}"))

    def checkpoint(self, run: str, key: str) -> Path:
        """State of the training with this name until it is complete; `key` tells its settings and images from others."""
        return self.unfinished / f"{stem(run)}.{key}_checkpoint.npz"

    def checkpoints(self, run: str) -> list[Path]:
        """All of this name that are there, whatever their settings."""
        return list(self.unfinished.glob(f"{stem(run)}.*_checkpoint.npz"))

    def features(self, key: str) -> Path:
        """Cached features of images."""
        return self.unfinished / f"features_{key}.npz"


def stem(name: str) -> str:
    """A run's name as part of a file name: FAKE_LeNet_seed_130, REAL_FAKE_augmentation."""
    return name.replace(" + ", "_").replace(",", "").replace(" ", "_")


def shown(path: Path) -> str:
    """A path as messages name it: relative to the working directory if it is below it, else whole."""
    try:
        return printable(str(Path(os.path.realpath(path)).relative_to(Path.cwd())))  # Path.resolve() fails if links lead in a circle
    except (ValueError, OSError):
        return printable(str(path))


def printable(name: str) -> str:
    """A name for a message: escapes in place of control characters, which a terminal would obey, and of bytes that are no text."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in name)
