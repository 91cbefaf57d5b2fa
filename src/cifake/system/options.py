"""The options that all scripts share. Every script accepts all of them, so that a runner can hand its own to each step; its
--help shows those that it uses. Standard library only, so that --help and a wrong option are answered at once.
"""

import argparse
import difflib
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cifake import protocol
from cifake.system import progress
from cifake.system.paths import REPOSITORY, Folders

IMAGENET, RANDOM = "imagenet", "random"  # --weights, if it is not a path
PARTS = ("main", "tuning", "sensitivity")  # of experiment 3
MOST_SEED = 2**32 - 1  # that NumPy takes
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")  # as Keras names them


class _Parser(argparse.ArgumentParser):
    """argparse with another answer to mistakes: one sentence."""

    def error(self, message: str) -> None:
        self.exit(2, progress.fitted(f"{self.prog}: {message}; --help shows all options.", sys.stderr) + "\n")


class _Help(argparse.HelpFormatter):
    """argparse's help, with paragraphs filled to the terminal's width and indented lines, which are commands, left as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filler = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
        return "\n\n".join(part if part.startswith(" ") else filler.fill(part) for part in text.split("\n\n"))


def _hint(word: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """The nearest of the choices, as the end of a message; nothing if none is near. Capitals do not count."""
    by_case = {choice.casefold(): choice for choice in choices}
    nearest = difflib.get_close_matches(word.casefold(), by_case, n=1, cutoff=cutoff)
    return f", did you mean {by_case[nearest[0]]}?" if nearest else ""


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """A type for argparse: one of the choices, in capitals or not."""

    def choose(text: str) -> str:
        for choice in choices:
            if choice.casefold() == text.casefold():
                return choice
        raise argparse.ArgumentTypeError(f"'{text}' is not one of {', '.join(choices)}{_hint(text, choices)}")

    return choose


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A type for argparse: a whole number between two bounds, both included."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}")
        return int(text)

    return convert


def shard(text: str) -> tuple[int, int]:
    """A type for argparse: 2/8, the second of eight shares -> (2, 8)."""
    match = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
    number, shards = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= shards:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share such as 2/8, the second of eight")
    return number, shards


def vgg16_weights(text: str) -> str:
    """A type for argparse: imagenet, random, or the path of a weights file that exists, made absolute."""
    if text in (IMAGENET, RANDOM):
        return text
    path = Path(text).expanduser()
    if not path.is_file():
        hint = _hint(text, (IMAGENET, RANDOM))
        raise argparse.ArgumentTypeError(f"there is no file '{text}'{hint} (it takes imagenet, random or the path of a weights file)")
    return str(path.resolve())


def parser(documentation: str, uses: str, models: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of a script whose docstring is `documentation` and whose --help shows the options that it `uses`."""
    shared = _Parser(description=documentation, formatter_class=_Help, allow_abbrev=False)

    def add(spellings: str, words: str, **more) -> None:
        action = shared.add_argument(*spellings.split(), **more)
        action.help = words if action.dest in uses.split() else argparse.SUPPRESS

    def number(spellings: str, least: int, most: int, default: int, words: str) -> None:
        add(spellings, f"{words} (default: %(default)s)", metavar="N", type=whole_number(least, most), default=default)

    words = "images to train and test the classifier on (required)"
    add("-data --data --data_label", words, metavar="FAKE|REAL", type=one_of(protocol.SOURCES))
    number("-epochs --epochs --n_epochs", 1, 10_000, protocol.EPOCHS, "at most N epochs; early stopping often ends it before")
    number("--seed", 0, MOST_SEED, protocol.SEED, "of the initial weights and the order of the images")
    trains = {"data", "models"} & set(uses.split())
    words = "train once with each of these seeds" if trains else "take the trainings with these seeds, and no others"
    add("--seeds", words, metavar="N", type=whole_number(0, MOST_SEED), nargs="+")
    words = "VGG16's: imagenet (downloaded once), random or a file (default: $VGG16_WEIGHTS or imagenet)"
    add("--weights", words, metavar="W", type=vgg16_weights)
    words = (
        "of the training's arithmetic: float32 (default), mixed_bfloat16 (faster on Intel with AMX and AMD with bfloat16) or "
        "mixed_float16 (faster on GPUs); the saved model is always float32"
    )
    add("--precision", words, metavar="P", type=one_of(PRECISIONS), default=PRECISIONS[0])
    number("--best", 1, 100, protocol.BEST, "experiment 2 shows the N best FAKE classifiers by macro F1 on FAKE")
    add("--models", "only these classifiers (default: all)", metavar="NAME", type=one_of(models) if models else str, nargs="+")
    number("--steps", 20, 10_000_000, protocol.STEPS, f"experiment 3 trains for N steps of {protocol.BATCH_SIZE} images")
    add("--part", f"only this part of experiment 3: {', '.join(PARTS)} (default: all)", metavar="P", type=one_of(PARTS))
    add("--no-flip", "augmentation does not mirror images: a mirrored digit is no digit", action="store_true")
    words = "do the I-th of N shares of experiment 3, for N machines (default: all)"
    add("--shard", words, metavar="I/N", type=shard, default=(1, 1))
    words = "folder of train/ and test/ (default: this repository's images/)"
    add("--images", words, metavar="DIR", type=Path, default=REPOSITORY / "images")
    words = "folder for CSVs, models, results, figures (default: this repository)"
    add("--output", words, metavar="DIR", type=Path, default=REPOSITORY)
    add("--fresh", "do again what is already done with these settings", action="store_true")
    add("--dry-run", "say what would be done, and do nothing", action="store_true")
    add("--verbose", "show the libraries' own messages too", action="store_true")
    return shared


def parse(
    documentation: str, uses: str, *, models: Sequence[str] = (), extend: Callable | None = None, arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """Read a script's options; a mistake ends it with one sentence and exit code 2.

    `models`: the names that --models may have. `extend` adds a script's own arguments to the parser.
    """
    shared = parser(documentation, uses, models)
    if extend:
        extend(shared)
    chosen, unknown = shared.parse_known_args(arguments)
    if unknown:
        hint = _hint(unknown[0].split("=")[0], shared._option_string_actions, cutoff=0.5)
        shared.error(f"unknown option '{unknown[0]}'{hint}")
    if "data" in uses.split() and chosen.data is None:
        shared.error("-data FAKE or -data REAL is needed")
    if chosen.weights is None:
        try:
            chosen.weights = vgg16_weights(os.environ.get("VGG16_WEIGHTS") or IMAGENET)
        except argparse.ArgumentTypeError as problem:
            shared.error(f"environment variable VGG16_WEIGHTS: {problem}")
    if chosen.seeds and len(set(chosen.seeds)) < len(chosen.seeds):
        shared.error("--seeds: each seed can be given once")
    # Not Path.resolve(), which fails if links lead in a circle.
    chosen.folders = Folders(*(Path(os.path.realpath(folder.expanduser())) for folder in (chosen.images, chosen.output)))
    return chosen
