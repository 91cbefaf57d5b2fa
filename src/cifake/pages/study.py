"""What pages are made from: the table of runs, and what the options choose from it."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from cifake import protocol
from cifake.results import comparison, histories, records, table, worth
from cifake.system.paths import Folders


@dataclass(frozen=True)
class Study:
    """All runs that there are. Built once by a script, and read by every figure, table and sentence."""

    folders: Folders
    runs: pd.DataFrame  # as table.load gives it
    seeds: list[int] | None = None  # of --seeds: average over these alone
    best: int = protocol.BEST  # FAKE classifiers that stand for experiment 2

    @cached_property
    def plain(self) -> pd.DataFrame:
        """The plain runs of experiments 1 and 2."""
        return table.plain(self.runs, "E1", "E2")

    @cached_property
    def over_seeds(self) -> pd.DataFrame:
        """The runs of experiments 1 and 2 that can be averaged over seeds."""
        return table.over_seeds(self.runs, self.seeds)

    @cached_property
    def described(self) -> pd.DataFrame:
        """A row for each classifier of experiment 1: its plain run, or else one of its seeds."""
        of_e1 = self.runs[self.runs["experiment"] == "E1"]
        rows = pd.concat([table.plain(self.runs, "E1"), self.over_seeds.query("experiment == 'E1'"), of_e1])
        return rows.drop_duplicates(["architecture", "trained_on"]).sort_values("architecture", kind="stable")

    def histories(self, architecture: str, trained_on: str) -> pd.DataFrame | None:
        """The histories of a classifier of experiment 1, all its seeds or its plain run; None without one."""
        rows = self._tested(architecture, trained_on, trained_on)
        return histories.over_seeds(self.folders, rows) if len(rows) else None

    def accuracies(self, architecture: str, trained_on: str, tested_on: str) -> pd.Series:
        """The accuracies of a classifier of experiments 1 and 2 on a source, by seed: of all its seeds, or of its plain run."""
        return self._tested(architecture, trained_on, tested_on).set_index("seed")["accuracy"]

    def _tested(self, architecture: str, trained_on: str, tested_on: str) -> pd.DataFrame:
        """A classifier's rows of experiments 1 and 2: all its seeds, or its plain run."""
        key = f"architecture == '{architecture}' and trained_on == '{trained_on}' and tested_on == '{tested_on}'"
        seeds = self.over_seeds.query(key)
        return seeds if len(seeds) else self.plain.query(key)

    @property
    def architectures(self) -> list[str]:
        """The classifiers of experiments 1 and 2 that have any run, in the study's order."""
        return list(dict.fromkeys(self.runs.loc[self.runs["experiment"].isin(("E1", "E2")), "architecture"]))

    @cached_property
    def published(self) -> pd.DataFrame:
        """Published scores beside ours."""
        return comparison.published(self.runs, self.seeds)

    @cached_property
    def best_on_fake(self) -> list[str]:
        """The architectures of the best FAKE classifiers."""
        return table.best(self.runs, self.best)

    @cached_property
    def best_on_real(self) -> list[tuple[dict, dict]]:
        """The best FAKE classifiers, as (record on FAKE, record on REAL)."""
        found = self.plain.query("trained_on == 'FAKE'").set_index(["experiment", "architecture"])["record"]
        return [(found["E1", name], found["E2", name]) for name in self.best_on_fake if ("E2", name) in found]

    @cached_property
    def e3(self) -> dict[str, pd.DataFrame]:
        """Experiment 3's rows by classifier, in the study's order."""
        return dict(iter(table.experiment_3(self.runs).groupby("architecture", observed=True, sort=False)))

    @cached_property
    def e3_accuracies(self) -> dict[str, pd.DataFrame]:
        """Experiment 3's accuracies by classifier: a row for each seed, a column for each (arm, images)."""
        return {name: worth.accuracies(rows) for name, rows in self.e3.items()}

    @cached_property
    def variants(self) -> pd.DataFrame:
        """Experiment 3's rows of tuning and sensitivity."""
        return self.runs[(self.runs["experiment"] == "E3") & (self.runs["variant"] != "")].astype({"images": int})

    @cached_property
    def e4(self) -> pd.DataFrame:
        """Experiment 4's trainings, as far as they differ in the seed alone."""
        return table.alike(self.runs[self.runs["experiment"] == "E4"])

    @cached_property
    def findings(self) -> dict[str, dict]:
        """What experiment 4 measured without a training, by the name of its file; none that is about other images than experiment 1."""
        known, found = table.images_of_e1(self.runs), {}
        for path in self.folders.findings():
            finding = records.read(path, "E4")
            if all(known.get(part, images) == images for part, images in finding["data"].items()):
                found[path.stem] = finding["found"]
        return found

    def of_e1(self, architecture: str) -> list[dict]:
        """The records of an architecture's plain runs in experiment 1."""
        return list(self.plain.query(f"experiment == 'E1' and architecture == '{architecture}'")["record"])
