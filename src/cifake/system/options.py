"""The options that all scripts share. Every script accepts all of them, so that a runner can hand its own to each step; its
--help shows those that it uses. Standard library only, so that --help and a wrong option are answered at once.
"""

import argparse
import difflib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cifake import protocol
from cifake.system.paths import REPOSITORY, Folders

IMAGENET, RANDOM = "imagenet", "random"  # --weights, if it is not a path
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")  # as Keras names them


class _Parser(argparse.ArgumentParser):
    """argparse with another answer to mistakes: one sentence, with the nearest valid option."""

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
        by_case = {choice.casefold(): choice for choice in choices}
        if text.casefold() in by_case:
            return by_case[text.casefold()]
        nearest = difflib.get_close_matches(text.casefold(), by_case, n=1)
        hint = f", did you mean {by_case[nearest[0]]}?" if nearest else ""
        raise argparse.ArgumentTypeError(f"'{text}' is not one of {', '.join(choices)}{hint}")

    return choose


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A type for argparse: a whole number between two bounds, both included."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}")
        return int(text)

    return convert


def steps(text: str) -> int:
    """A type for argparse: number of steps of a training of experiment 3, in whole intervals between validations."""
    number = whole_number(1, 10_000_000)(text)
    if number > protocol.VALIDATE_EVERY and number % protocol.VALIDATE_EVERY:
        raise argparse.ArgumentTypeError(
            f"'{text}' is above {protocol.VALIDATE_EVERY} and not a multiple of it; a validation follows every {protocol.VALIDATE_EVERY} "
            "steps"
        )
    return number


def shard(text: str) -> tuple[int, int]:
    """A type for argparse: 2/8, the second of eight shares -> (2, 8)."""
    number, _, shards = text.partition("/")
    try:
        shares = whole_number(1, 10_000)(shards)
        return whole_number(1, shares)(number), shares
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share such as 2/8, the second of eight") from None


def vgg16_weights(text: str) -> str:
    """A type for argparse: imagenet, random, or the path of a weights file that exists, made absolute."""
    if text in (IMAGENET, RANDOM):
        return text
    path = Path(text).expanduser()
    if not path.is_file():
        nearest = difflib.get_close_matches(text, (IMAGENET, RANDOM), n=1)
        hint = f", did you mean {nearest[0]}?" if nearest else ""
        raise argparse.ArgumentTypeError(f"there is no file '{text}'{hint} (it takes imagenet, random or the path of a weights file)")
    return str(path.resolve())


SEED = whole_number(0, 2**32 - 1)
SHARED = {  # name -> spellings, and what argparse has to know
    "data": (
        ("-data", "--data", "--data_label"),
        {"type": one_of(protocol.SOURCES), "metavar": "FAKE|REAL", "help": "images to train and test the classifier on"},
    ),
    "epochs": (
        ("-epochs", "--epochs", "--n_epochs"),
        {
            "type": whole_number(1, 10_000),
            "default": protocol.EPOCHS,
            "metavar": "N",
            "help": "train for at most N epochs (default: %(default)s; early stopping often ends it before)",
        },
    ),
    "seed": (
        ("--seed",),
        {
            "type": SEED,
            "default": protocol.SEED,
            "metavar": "N",
            "help": "of the initial weights and the order of the images (default: %(default)s)",
        },
    ),
    "seeds": (
        ("--seeds",),
        {
            "type": SEED,
            "nargs": "+",
            "metavar": "N",
            "help": "once with each of these seeds; the results of all but --seed's go to replicates/ (experiment 3: the seeds of its runs)",
        },
    ),
    "weights": (
        ("--weights",),
        {
            "type": vgg16_weights,
            "metavar": "W",
            "help": "VGG16's: imagenet (Keras downloads them once), random, or the path of a weights file (default: the environment "
            "variable VGG16_WEIGHTS, else imagenet)",
        },
    ),
    "precision": (
        ("--precision",),
        {
            "type": one_of(PRECISIONS),
            "default": PRECISIONS[0],
            "metavar": "P",
            "help": "of the training's arithmetic: float32 (default), mixed_bfloat16 (faster on processors that have it) or mixed_float16 "
            "(faster on GPUs); the saved model is always float32",
        },
    ),
    "best": (
        ("--best",),
        {
            "type": whole_number(1, 100),
            "default": protocol.BEST,
            "metavar": "N",
            "help": "experiment 2's table and figures show the N best FAKE classifiers by macro F1 on FAKE (default: %(default)s)",
        },
    ),
    "models": (("--models",), {"nargs": "+", "metavar": "NAME", "help": "experiment 3 trains these classifiers"}),
    "steps": (
        ("--steps",),
        {
            "type": steps,
            "default": protocol.STEPS,
            "metavar": "N",
            "help": f"experiment 3 trains for N steps of {protocol.BATCH_SIZE} images (default: %(default)s)",
        },
    ),
    "shard": (
        ("--shard",),
        {
            "type": shard,
            "default": (1, 1),
            "metavar": "I/N",
            "help": "do only the I-th of N shares of experiment 3, so that N machines can share it (default: all)",
        },
    ),
    "images": (
        ("--images",),
        {
            "type": Path,
            "default": REPOSITORY / "images",
            "metavar": "DIR",
            "help": "folder with train/ and test/; it is only read (default: images/ of this repository)",
        },
    ),
    "output": (
        ("--output",),
        {
            "type": Path,
            "default": REPOSITORY,
            "metavar": "DIR",
            "help": "folder for everything that is written: CSVs, models, results, figures (default: this repository)",
        },
    ),
    "fresh": (("--fresh",), {"action": "store_true", "help": "do again what is already done with these settings"}),
    "dry_run": (("--dry-run",), {"action": "store_true", "help": "say what would be done, and do nothing"}),
    "verbose": (("--verbose",), {"action": "store_true", "help": "show TensorFlow's own messages too"}),
}


def parser(documentation: str, uses: str) -> argparse.ArgumentParser:
    """The parser of a script whose docstring is `documentation` and whose --help shows the options that it `uses`."""
    shared = _Parser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    for name, (spellings, words) in SHARED.items():
        hidden = {} if name in uses.split() else {"help": argparse.SUPPRESS}
        shared.add_argument(*spellings, dest=name, **(words | hidden))
    return shared


def parse(
    documentation: str,
    uses: str,
    *,
    models: Sequence[str] = (),
    extend: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
    arguments: Sequence[str] | None = None,
) -> argparse.Namespace:
    """Read a script's options; a mistake ends it with one sentence and exit code 2.

    `models`: the names that --models may have; `extend` adds a script's own arguments to the parser.
    """
    shared = parser(documentation, uses)
    extend(shared)
    chosen = shared.parse_args(arguments)

    def checked(kind: Callable[[str], str], text: str, what: str) -> str:
        try:
            return kind(text)
        except argparse.ArgumentTypeError as problem:
            shared.error(f"{what}: {problem}")

    if models:
        chosen.models = [checked(one_of(models), name, "argument --models") for name in chosen.models or ()]
    if chosen.weights is None:
        text = os.environ.get("VGG16_WEIGHTS") or IMAGENET
        chosen.weights = checked(vgg16_weights, text, "environment variable VGG16_WEIGHTS")
    if chosen.seeds and len(set(chosen.seeds)) < len(chosen.seeds):
        shared.error("--seeds: each seed can be given once")
    chosen.folders = Folders(chosen.images.expanduser().resolve(), chosen.output.expanduser().resolve())
    return chosen
