"""The options that all scripts share. Each script takes them all and uses those that concern it, so that a runner can hand
its own options to every step. Standard library only, so that --help and a wrong option are answered at once.
"""

import argparse
import difflib
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cifake import protocol
from cifake.folders import REPOSITORY, Folders

IMAGENET, RANDOM = "imagenet", "random"  # --weights, where it is no path
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")  # as Keras names them


class _Parser(argparse.ArgumentParser):
    """argparse, but for what it says of a mistake: one sentence, with the nearest valid option."""

    def error(self, message: str) -> None:
        self.exit(2, f"{self.prog}: {message}; --help shows all options.\n")

    def parse_known_args(self, args=None, namespace=None):
        chosen, unknown = super().parse_known_args(args, namespace)
        if unknown:
            option = unknown[0].split("=")[0]
            nearest = difflib.get_close_matches(option, self._option_string_actions, n=1, cutoff=0.5)
            self.error(f"unknown option '{unknown[0]}'" + (f", did you mean {nearest[0]}?" if nearest else ""))
        return chosen, unknown


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """A type for argparse: one of the choices, in capitals or not; a mistake is answered with the nearest one."""

    def choose(text: str) -> str:
        for choice in choices:
            if text.casefold() == choice.casefold():
                return choice
        nearest = difflib.get_close_matches(text.casefold(), [choice.casefold() for choice in choices], n=1)
        hint = next((f", did you mean {choice}?" for choice in choices if [choice.casefold()] == nearest), "")
        raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(choices)}{hint}")

    return choose


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A type for argparse: a whole number between two bounds, both included."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {least} to {most}")
        return int(text)

    return convert


def fraction(text: str) -> float:
    """A type for argparse: a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 to 1")
    return number


def steps(text: str) -> int:
    """A type for argparse: how many steps a training of experiment 3 takes, in whole intervals between validations."""
    number = whole_number(1, 10_000_000)(text)
    if number > protocol.VALIDATE_EVERY and number % protocol.VALIDATE_EVERY:
        raise argparse.ArgumentTypeError(
            f"'{text}' is above {protocol.VALIDATE_EVERY} and no multiple of it; it is validated every {protocol.VALIDATE_EVERY} steps"
        )
    return number


def shard(text: str) -> tuple[int, int]:
    """A type for argparse: 2/8, the second of eight shares -> (2, 8)."""
    number, _, shards = text.partition("/")
    try:
        shares = whole_number(1, 10_000)(shards)
        return whole_number(1, shares)(number), shares
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"'{text}' is no share such as 2/8, the second of eight") from None


def vgg16_weights(text: str) -> str:
    """A type for argparse: imagenet, random, or the path of a weights file that is there, made absolute."""
    if text in (IMAGENET, RANDOM):
        return text
    path = Path(text).expanduser()
    if not path.is_file():
        nearest = difflib.get_close_matches(text, (IMAGENET, RANDOM), n=1)
        hint = f", did you mean {nearest[0]}?" if nearest else ""
        raise argparse.ArgumentTypeError(
            f"there is no file '{text}'{hint} (it takes imagenet, random or the path of a weights file)"
        )
    return str(path.resolve())


def parser(documentation: str, script: str | None = None) -> argparse.ArgumentParser:
    """The parser of a script whose docstring is `documentation`."""
    shared = _Parser(
        prog=script, description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    shared.add_argument(
        "-data",
        "--data",
        "--data_label",
        dest="data",
        type=one_of(protocol.SOURCES),
        metavar="FAKE|REAL",
        help="the images to train and test a classifier on (the classify scripts need it)",
    )
    shared.add_argument(
        "-epochs",
        "--epochs",
        "--n_epochs",
        dest="epochs",
        type=whole_number(1, 10_000),
        default=protocol.EPOCHS,
        metavar="N",
        help="train for at most N epochs (default: %(default)s; early stopping often ends it before)",
    )
    shared.add_argument(
        "--seed",
        type=whole_number(0, 2**32 - 1),
        default=protocol.SEED,
        metavar="N",
        help="of the initial weights and of the order of the images (default: %(default)s)",
    )
    shared.add_argument(
        "--seeds",
        type=whole_number(0, 2**32 - 1),
        nargs="+",
        metavar="N",
        help="train every classifier once with each of these seeds, into replicates/ beside the results of the plain run; in "
        "experiment 3, the seeds of its runs (default there: "
        + ", ".join(f"{name} {min(seeds)} to {max(seeds)}" for name, seeds in protocol.WORTH_SEEDS.items())
        + ")",
    )
    shared.add_argument(
        "--weights",
        type=vgg16_weights,
        metavar="W",
        help="VGG16's: imagenet (Keras downloads them once), random, or the path of a weights file "
        "(default: the environment variable VGG16_WEIGHTS, else imagenet)",
    )
    shared.add_argument(
        "--precision",
        type=one_of(PRECISIONS),
        default=PRECISIONS[0],
        metavar="P",
        help="of the training's arithmetic: float32 (the default), mixed_bfloat16 (faster on processors that have bfloat16), or "
        "mixed_float16 (faster on GPUs); the saved model is float32 all the same",
    )
    shared.add_argument(
        "--within",
        type=fraction,
        default=protocol.WITHIN,
        metavar="X",
        help="experiment 2 tests the best FAKE classifier and all whose macro F1 is within X of it (default: %(default)s)",
    )
    shared.add_argument(
        "--models",
        type=one_of(protocol.ARCHITECTURES),
        nargs="+",
        metavar="NAME",
        help=f"experiment 2 tests these FAKE classifiers instead: one or more of {' '.join(protocol.ARCHITECTURES)}; experiment 3 "
        f"trains these (default there: {' '.join(protocol.WORTH_ARCHITECTURES)})",
    )
    shared.add_argument(
        "--steps",
        type=steps,
        default=protocol.STEPS,
        metavar="N",
        help="experiment 3 trains for N steps of 64 images (default: %(default)s)",
    )
    shared.add_argument(
        "--shard",
        type=shard,
        default=(1, 1),
        metavar="I/N",
        help="do only the I-th of N shares of experiment 3, so that N machines can do it together (default: all of it)",
    )
    shared.add_argument(
        "--images",
        type=Path,
        default=REPOSITORY / "images",
        metavar="DIR",
        help="the folder with train/ and test/; it is only read (default: images/ of this repository)",
    )
    shared.add_argument(
        "--output",
        type=Path,
        default=REPOSITORY,
        metavar="DIR",
        help="the folder for all that is written: CSVs, models, results, figures (default: this repository)",
    )
    shared.add_argument("--fresh", action="store_true", help="train again what is already trained with these settings")
    shared.add_argument(
        "--dry-run", action="store_true", help="say what is there and what would be done, and do nothing"
    )
    shared.add_argument("--verbose", action="store_true", help="show TensorFlow's own messages too")
    return shared


def parse(documentation: str, arguments: Sequence[str] | None = None, needs_data: bool = False) -> argparse.Namespace:
    """Read the options of a script; a mistake ends it with one sentence and exit code 2."""
    shared = parser(documentation)
    chosen = shared.parse_args(arguments)
    if needs_data and chosen.data is None:
        shared.error("-data FAKE or -data REAL is needed")
    if chosen.seeds and len(set(chosen.seeds)) < len(chosen.seeds):
        shared.error("--seeds: each seed can be given once")
    if chosen.weights is None:
        try:
            chosen.weights = vgg16_weights(os.environ.get("VGG16_WEIGHTS") or IMAGENET)
        except argparse.ArgumentTypeError as problem:
            shared.error(f"environment variable VGG16_WEIGHTS: {problem}")
    chosen.folders = Folders(chosen.images.expanduser().resolve(), chosen.output.expanduser().resolve())
    return chosen
