"""What pages are made from: the table of runs, and what the options choose from it."""

import logging
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from cifake import protocol
from cifake.results import histories, records, table, worth
from cifake.system.errors import StudyError
from cifake.system.paths import Folders

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """All runs that there are. Built once by a script, and read by every figure and table."""

    folders: Folders
    runs: pd.DataFrame  # as table.load gives it
    seeds: list[int] | None = None  # of --seeds: average over these alone
    best: int = protocol.BEST  # FAKE classifiers that stand for experiment 2

    @cached_property
    def images(self) -> table.Images:
        return table.images_of(self.runs)

    @cached_property
    def plain(self) -> pd.DataFrame:
        """The plain runs of experiments 1 and 2."""
        return table.plain(self.runs, "E1", "E2")

    @cached_property
    def averaged(self) -> pd.DataFrame:
        """The runs of experiments 1 and 2 that averages are taken over: of each classifier all seeds, or those of --seeds."""
        return table.alike(self.runs[self.runs["experiment"].isin(("E1", "E2"))], self.images, self.seeds)

    @cached_property
    def described(self) -> pd.DataFrame:
        """A row for each classifier of experiment 1: its plain run, or else one of its seeds."""
        rows = pd.concat([self.plain, self.averaged]).query("experiment == 'E1'")
        return rows.drop_duplicates(["architecture", "trained_on"]).sort_values("architecture", kind="stable")

    @property
    def is_cifake(self) -> bool:
        """Whether experiments 1 and 2 are about CIFAKE's images, and not about a demo's or a user's own."""
        return tuple(self.described["record"].iloc[0]["classes"]) == protocol.CIFAKE_CLASSES

    @cached_property
    def architectures(self) -> list[str]:
        return list(dict.fromkeys(self.described["architecture"]))

    def tested(self, architecture: str, trained_on: str, tested_on: str) -> pd.DataFrame:
        """A classifier's rows of experiments 1 and 2, a seed a row."""
        return self.averaged.query(f"architecture == '{architecture}' and trained_on == '{trained_on}' and tested_on == '{tested_on}'")

    def accuracies(self, architecture: str, trained_on: str, tested_on: str) -> pd.Series:
        return self.tested(architecture, trained_on, tested_on).set_index("seed")["accuracy"]

    def histories(self, architecture: str, trained_on: str) -> pd.DataFrame | None:
        """The histories of a classifier of experiment 1, all its seeds; None without one."""
        rows = self.tested(architecture, trained_on, trained_on)
        return histories.over_seeds(self.folders, rows) if len(rows) else None

    @cached_property
    def best_on_fake(self) -> list[str]:
        return table.best(self.runs, self.best)

    @cached_property
    def best_on_real(self) -> list[tuple[dict, dict]]:
        """The plain runs of the best FAKE classifiers, as (record on FAKE, record on REAL)."""
        found = self.plain.query("trained_on == 'FAKE'").set_index(["experiment", "architecture"])["record"]
        return [(found["E1", name], found["E2", name]) for name in self.best_on_fake if ("E2", name) in found]

    def _alike(self, experiment: str) -> pd.DataFrame:
        """An experiment's rows, without strangers."""
        return table.alike(self.runs[self.runs["experiment"] == experiment], self.images)

    @cached_property
    def all_e3(self) -> pd.DataFrame:
        """Experiment 3's rows, variants of its protocol among them."""
        return self._alike("E3").astype({"images": int})  # floats beside experiments that have no number there

    @cached_property
    def e3(self) -> dict[str, pd.DataFrame]:
        """Experiment 3's rows by classifier, in the study's order, without the variants."""
        return dict(iter(self.all_e3.query("variant == ''").groupby("architecture", observed=True, sort=False)))

    @cached_property
    def e3_accuracies(self) -> dict[str, pd.DataFrame]:
        """Experiment 3's accuracies by classifier: a row for each seed, a column for each (arm, images)."""
        return {name: worth.accuracies(rows) for name, rows in self.e3.items()}

    @cached_property
    def variants(self) -> pd.DataFrame:
        """Experiment 3's rows of tuning and sensitivity."""
        return self.all_e3.query("variant != ''")

    @cached_property
    def e4(self) -> pd.DataFrame:
        """Experiment 4's trainings, as far as they differ in the seed alone."""
        return self._alike("E4")

    @cached_property
    def findings_of_seeds(self) -> dict[str, dict[int, dict]]:
        """What experiment 4 measured without a training, by the name of its file and seed; none that is about other images."""
        found = {}
        for path in self.folders.findings():
            try:
                finding = records.read(path, "E4")
            except StudyError as problem:
                log.info("Left out: %s", problem)
                continue
            if table.are_of(self.images, finding["data"]):
                found.setdefault(path.stem, {})[finding["settings"].get("seed", protocol.SEED)] = finding["found"]
        return {name: dict(sorted(seeds.items())) for name, seeds in found.items()}

    @cached_property
    def findings(self) -> dict[str, dict]:
        """The same of the plain run's seed, by the name of the file."""
        return {name: seeds[protocol.SEED] for name, seeds in self.findings_of_seeds.items() if protocol.SEED in seeds}
