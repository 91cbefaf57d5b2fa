"""The arms of experiment 3, one entry each in ARMS: what a classifier is trained on."""

from dataclasses import dataclass

from cifake import protocol


@dataclass(frozen=True)
class Arm:
    """What a classifier is trained on, and how figures and tables show it."""

    sources: tuple[str, ...]  # whose images it takes, the same share of each batch from each
    augmented: bool = False
    adds: str | None = None  # to REAL images alone, as tables say it
    colour: str = "both"  # REAL's, FAKE's, or that of both together
    line: str = "-"  # matplotlib's line style

    @property
    def name(self) -> str:
        """As tables and sentences name it: REAL + FAKE + augmentation."""
        return " + ".join([*self.sources, *(["augmentation"] if self.augmented else [])])

    @property
    def has_budget(self) -> bool:
        """Whether it is trained with each budget of REAL images; FAKE images are always all of them."""
        return "REAL" in self.sources


ARMS = (
    Arm(("REAL",), colour="REAL"),
    Arm(("REAL",), augmented=True, adds="augmentation", colour="REAL", line="--"),
    Arm(protocol.SOURCES, adds="FAKE"),
    Arm(protocol.SOURCES, augmented=True, adds="both", line="--"),
    Arm(("FAKE",), colour="FAKE"),
)
