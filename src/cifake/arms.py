"""The arms of experiment 3: what a classifier is trained on."""

from dataclasses import dataclass

from cifake import protocol


@dataclass(frozen=True)
class Arm:
    """What a classifier is trained on."""

    real: bool
    fake: bool
    augmented: bool = False

    @property
    def name(self) -> str:
        """As tables and sentences name it: REAL + FAKE + augmentation."""
        return " + ".join([*self.sources, *(["augmentation"] if self.augmented else [])])

    @property
    def sources(self) -> tuple[str, ...]:
        """Whose images it takes, in the study's order."""
        return tuple(source for source in protocol.SOURCES if getattr(self, source.lower()))


REAL, REAL_AUGMENTED = Arm(real=True, fake=False), Arm(real=True, fake=False, augmented=True)
REAL_FAKE, REAL_FAKE_AUGMENTED = Arm(real=True, fake=True), Arm(real=True, fake=True, augmented=True)
FAKE = Arm(real=False, fake=True)
WITH_REAL = (REAL, REAL_AUGMENTED, REAL_FAKE, REAL_FAKE_AUGMENTED)  # at every budget; FAKE alone has a budget of 0
