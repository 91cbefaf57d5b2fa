"""The arms of experiment 3, one entry each in ARMS: what a classifier is trained on, and in which phases."""

from dataclasses import dataclass

MIXED, FIRST = (("REAL", "FAKE"),), (("FAKE",), ("REAL",))


@dataclass(frozen=True)
class Arm:
    """What a classifier is trained on, and how figures and tables show it."""

    name: str
    phases: tuple[tuple[str, ...], ...]  # one after the other: whose images its batches hold
    counts: str = "REAL"  # the source whose number of images is varied; of the other one, all are used
    augmented: bool = False
    line: str = "-"  # matplotlib's line style

    @property
    def sources(self) -> tuple[str, ...]:
        """Whose images it takes."""
        return tuple(sorted({source for phase in self.phases for source in phase}, reverse=True))


ARMS = (
    Arm("REAL", (("REAL",),)),
    Arm("FAKE", (("FAKE",),), counts="FAKE"),
    Arm("REAL + FAKE", MIXED),
    Arm("FAKE, then REAL", FIRST, line="--"),
    Arm("REAL + augmentation", (("REAL",),), augmented=True),
    Arm("FAKE + augmentation", (("FAKE",),), counts="FAKE", augmented=True),
    Arm("REAL + FAKE + augmentation", MIXED, augmented=True),
    Arm("FAKE, then REAL + augmentation", FIRST, augmented=True, line="--"),
)
BY_NAME = {arm.name: arm for arm in ARMS}
