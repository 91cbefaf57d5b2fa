"""Where every file of the study lives, given the folder of the images and the folder for what is written."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
REPLICATES = "replicates"


@dataclass(frozen=True)
class Folders:
    """The study's folders: `images` is only read; all that is written goes below `output`.

    With a `seed` they are those of a replicate: its results and models have a folder of their own within the study's.
    """

    images: Path = REPOSITORY / "images"
    output: Path = REPOSITORY
    seed: int | None = None

    def replicate(self, seed: int) -> "Folders":
        """The folders of one seed of --seeds."""
        return dataclasses.replace(self, seed=seed)

    def replicates(self) -> list[int]:
        """The seeds of which experiment 1 has replicates, in order."""
        folders = (self.output / "E1_results" / REPLICATES).glob("seed-*")
        numbers = (folder.name.removeprefix("seed-") for folder in folders if any(folder.glob("*_record.json")))
        return sorted(int(number) for number in numbers if number.isdecimal())

    def _of_seed(self, name: str) -> Path:
        folder = self.output / name
        return folder if self.seed is None else folder / REPLICATES / f"seed-{self.seed}"

    def split(self, source: str, split: str) -> Path:
        """The folder of the JPEGs of FAKE or REAL, train or test."""
        return self.images / split / source

    def metadata(self, source: str, split: str) -> Path:
        """The CSV that lists them."""
        return self.output / "images" / "metadata" / source / f"{split}.csv"

    @property
    def duplicates(self) -> Path:
        """The CSV of the images that occur more than once."""
        return self.output / "images" / "metadata" / "duplicates.csv"

    @property
    def class_list(self) -> Path:
        """The class names, one a line, where they are not CIFAKE's."""
        return self.images / "classes.txt"

    @property
    def models(self) -> Path:
        """The saved classifiers."""
        return self._of_seed("models")

    @property
    def unfinished(self) -> Path:
        """What may be deleted at any time: checkpoints, cached features, locks."""
        return self.output / "models" / "unfinished"

    @property
    def e1_results(self) -> Path:
        """Experiment 1: histories, reports and records of the classifiers."""
        return self._of_seed("E1_results")

    @property
    def e1_visualisations(self) -> Path:
        """Experiment 1: figures and tables."""
        return self.output / "E1_visualisations"

    @property
    def e2_results(self) -> Path:
        """Experiment 2: reports and records of the FAKE classifiers on REAL images."""
        return self._of_seed("E2_results")

    @property
    def e2_visualisations(self) -> Path:
        """Experiment 2: figures and tables."""
        return self.output / "E2_visualisations"

    @property
    def report(self) -> Path:
        """All experiments on one page."""
        return self.e2_visualisations / "report.html"

    @property
    def e3_results(self) -> Path:
        """Experiment 3: a record for each run, in a folder for each classifier and seed."""
        return self.output / "E3_results"

    @property
    def e3_visualisations(self) -> Path:
        """Experiment 3: figure, table, exchange rate."""
        return self.output / "E3_visualisations"


def shown(path: Path) -> str:
    """A path as messages name it: relative to the working directory where it is below it, else whole."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
