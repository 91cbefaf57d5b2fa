"""The arms of experiment 3, one entry each in ARMS: what a classifier is trained on, and in which phases."""

from dataclasses import dataclass

from cifake.protocol import GAUSSIAN


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
        return tuple(sorted({source for phase in self.phases for source in phase}, reverse=True))

    @property
    def is_gaussian(self) -> bool:
        """Whether it takes images of the control, which is fitted to as many photographs as the arm counts."""
        return GAUSSIAN in self.sources


def _both(name: str, phases: tuple[tuple[str, ...], ...], **more) -> tuple[Arm, Arm]:
    return Arm(name, phases, **more), Arm(f"{name} + augmentation", phases, augmented=True, **more)


ARMS = (
    *_both("REAL", (("REAL",),)),
    *_both("FAKE", (("FAKE",),), counts="FAKE"),
    *_both("REAL + FAKE", (("REAL", "FAKE"),)),
    *_both("FAKE, then REAL", (("FAKE",), ("REAL",)), line="--"),
    *_both("REAL + Gaussian", (("REAL", GAUSSIAN),)),
    *_both("Gaussian, then REAL", ((GAUSSIAN,), ("REAL",)), line="-."),
    *_both(GAUSSIAN, ((GAUSSIAN,),), line=":"),
)
BY_NAME = {arm.name: arm for arm in ARMS}

REAL, AUGMENTED = "REAL", "REAL + augmentation"  # the curves that numbers of photographs are read on
ALONE, MIXED = "FAKE + augmentation", "REAL + FAKE + augmentation"
GAUSSIAN_ALONE, GAUSSIAN_MIXED = f"{GAUSSIAN} + augmentation", f"REAL + {GAUSSIAN} + augmentation"

# What is compared at each number of photographs: in words, the arm it is measured on, and the arm.
COMPARISONS = (
    ("augmentation, on top of photographs", REAL, AUGMENTED),
    ("mixed, on top of photographs", REAL, "REAL + FAKE"),
    ("generated first, on top of photographs", REAL, "FAKE, then REAL"),
    ("mixed, instead of augmentation", AUGMENTED, "REAL + FAKE"),
    ("generated first, instead of augmentation", AUGMENTED, "FAKE, then REAL"),
    ("mixed, on top of augmentation", AUGMENTED, "REAL + FAKE + augmentation"),
    ("generated first, on top of augmentation", AUGMENTED, "FAKE, then REAL + augmentation"),
    ("Gaussian mixed, on top of augmentation", AUGMENTED, "REAL + Gaussian + augmentation"),
    ("Gaussian first, on top of augmentation", AUGMENTED, "Gaussian, then REAL + augmentation"),
    ("the generator, mixed: against the Gaussian", "REAL + Gaussian + augmentation", "REAL + FAKE + augmentation"),
    ("the generator, first: against the Gaussian", "Gaussian, then REAL + augmentation", "FAKE, then REAL + augmentation"),
)
