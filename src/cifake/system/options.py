"""The options of all scripts and runners, in one table. A script takes those that it uses and refuses the others; called by a runner it
leaves the others alone, because a runner hands its own options to each of its steps. Standard library only, so that --help is quick.
"""

import argparse
import difflib
import importlib.util
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from cifake import protocol
from cifake.system import progress
from cifake.system.errors import StudyError
from cifake.system.paths import REPOSITORY, Folders, shown

IMAGENET, RANDOM = "imagenet", "random"  # --weights, if it is not a path
MOST_SEED = 2**32 - 1  # that NumPy takes
PARTS = ("main", "tuning", "sensitivity")  # of experiment 3; and protocol.OWN, which is no part of all
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")  # as Keras names them
MODULES = {"scikit-learn": "sklearn", "pillow": "PIL"}  # packages of requirements.txt that are imported under another name
RUNNER = "CIFAKE_RUNNER"  # environment variable: the runner that has checked the options and calls this script

_folders = Folders()  # of the last call of parse, for with_folders


def whole_number(least: int, most: int, step: int = 1) -> Callable[[str], int]:
    """A type for argparse: a whole number between two bounds, both included, and a multiple of `step`."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most and int(text) % step == 0):
            multiple = f", a multiple of {step}" if step > 1 else ""
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}{multiple}")
        return int(text)

    return convert


def shard(text: str) -> tuple[int, int]:
    """A type for argparse: 2/8, the second of eight shares -> (2, 8)."""
    match = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
    number, shards = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= shards:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share such as 2/8, the second of eight")
    return number, shards


def folder(text: str) -> Path:
    """A type for argparse: a folder, which need not be there, as an absolute path."""
    try:
        path = Path(text).expanduser().resolve()
        if path.exists() and not path.is_dir():
            raise argparse.ArgumentTypeError(f"'{text}' is not a folder")
    except (OSError, RuntimeError) as problem:  # a circle of links, a ~ without a home folder
        raise argparse.ArgumentTypeError(f"'{text}': {problem}") from None
    return path


def vgg16_weights(text: str) -> str:
    """A type for argparse: imagenet, random, or the path of a weights file that exists, made absolute."""
    if text in (IMAGENET, RANDOM):
        return text
    path = Path(text).expanduser()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file '{text}' (it takes imagenet, random or the path of a weights file)")
    return str(path.resolve())


def model_names() -> list[str]:
    """The classifiers that have a script."""
    return sorted(path.stem.removeprefix("classify_") for path in (REPOSITORY / "src").glob("classify_*.py"))


class _Refused(argparse.Action):
    """An option of other scripts."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: object, values: object, option_string: str | None = None) -> None:
        parser.error(f"it has no option {option_string}")


class _Help(argparse.HelpFormatter):
    """argparse's help, with paragraphs filled to the terminal's width and indented lines, which are commands, left as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filler = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
        return "\n\n".join(part if part.startswith(" ") else filler.fill(part) for part in text.split("\n\n"))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # one sentence
        self.exit(2, progress.fitted(f"{self.prog}: {message}; --help shows its options.", sys.stderr) + "\n")


def parser(documentation: str, uses: str, models: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of a script whose docstring is `documentation` and which takes the options that it `uses`; all, if it names none."""
    usage = None if documentation else argparse.SUPPRESS  # a runner has shown its own
    shared = _Parser(description=documentation, usage=usage, formatter_class=_Help, allow_abbrev=False)

    def add(spellings: str, words: str, **how) -> None:
        name = re.search(r"--([\w-]+)", spellings)[1].replace("-", "_")
        if uses and name not in uses.split():
            words = argparse.SUPPRESS
            if RUNNER not in os.environ:
                how = {"action": _Refused, "nargs": "*", "default": how.get("default", False if "action" in how else None)}
        shared.add_argument(*spellings.split(), help=words, **how)

    def number(spellings: str, default: int | None, words: str, least: int = 1, most: int = 10_000, **how) -> None:
        words += "" if default is None else " (default: %(default)s)"
        add(spellings, words, metavar="N", type=whole_number(least, most, how.pop("step", 1)), default=default, **how)

    add("--demo", "the study in miniature, in the folder demo/", action="store_true")
    add("-data --data --data_label", "images to train and test on (required)", type=str.upper, choices=protocol.SOURCES)
    add("--models", "only these classifiers (default: all)", metavar="NAME", nargs="+", choices=models or model_names())
    number("-epochs --epochs --n_epochs", protocol.EPOCHS, "at most N epochs; early stopping often ends it before")
    number("--seed", protocol.SEED, "of the initial weights and the order of the images", least=0, most=MOST_SEED)
    number("--seeds", None, "the trainings with each of these seeds", least=0, most=MOST_SEED, nargs="+")
    words = "VGG16's: imagenet (downloaded once), random or a file (default: $VGG16_WEIGHTS or imagenet)"
    add("--weights", words, metavar="W", type=vgg16_weights)
    words = "of the training's arithmetic: mixed_bfloat16 is faster on Intel with AMX and AMD with bfloat16, mixed_float16 on GPUs; the "
    add("--precision", words + "saved model is always float32", choices=PRECISIONS)
    number("--best", protocol.BEST, "experiment 2 shows the N best FAKE classifiers by macro F1 on FAKE", most=100)
    # A multiple of 40: two phases of twenty parts.
    words = f"experiment 3 trains for N steps of {protocol.BATCH_SIZE} images, for more of them from 10,000 images on"
    number("--steps", protocol.STEPS, words, least=40, most=10_000_000, step=40)
    words = f"only this part of experiment 3 (default: {', '.join(PARTS)}); {protocol.OWN}: what your generated images are worth, in short"
    add("--part", words, choices=(*PARTS, protocol.OWN))
    add("--no-flip", "augmentation does not mirror images: a mirrored digit is no digit", action="store_true")
    add("--shard", "do the I-th of N shares, for N machines (default: all)", metavar="I/N", type=shard, default=(1, 1))
    add("--images", "folder of train/ and test/ (default: this repository's images/)", metavar="DIR", type=folder)
    add("--output", "folder for CSVs, models, results, figures (default: this repository)", metavar="DIR", type=folder)
    add("--fresh", "do again what is already done with these settings", action="store_true")
    add("--dry-run", "say what would be done, and do nothing", action="store_true")
    add("--verbose", "show the libraries' own messages too", action="store_true")
    return shared


def parse(
    documentation: str,
    uses: str,
    *,
    models: Sequence[str] = (),
    precision: str | None = PRECISIONS[0],
    extend: Callable | None = None,
    arguments: Sequence[str] | None = None,
) -> argparse.Namespace:
    """Read a script's options; a mistake ends it with one sentence and exit code 2.

    `models`: the names that --models may have, if not those of the scripts. `precision`: --precision if the user does not give it.
    `extend` adds a script's own arguments to the parser. --images and --output are in `folders`; for `weights` see weights().
    """
    global _folders
    shared = parser(documentation, uses, models)
    if extend:
        extend(shared)
    words = sys.argv[1:] if arguments is None else arguments
    for before, word in zip(["a word", *words], words, strict=False):
        if not word or re.fullmatch(r"--?[a-z][\w-]*=", word):
            shared.error(f"{word.rstrip('=') or before} has an empty value")
    chosen, unknown = shared.parse_known_args(words)
    if unknown:
        taken = [spelling for action in shared._actions if not isinstance(action, _Refused) for spelling in action.option_strings]
        nearest = difflib.get_close_matches(unknown[0].split("=")[0], taken, n=1, cutoff=0.5)
        shared.error(f"unknown option '{unknown[0]}'" + "".join(f", did you mean {spelling}?" for spelling in nearest))
    if "data" in uses.split() and chosen.data is None:
        shared.error("-data FAKE or -data REAL is needed")
    if chosen.seeds is None and chosen.seed != protocol.SEED:
        chosen.seeds = [chosen.seed]  # another seed's results have a place of their own, as with --seeds
    if chosen.verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    for name in ("seeds", "models"):
        if len(given := getattr(chosen, name) or []) > len(set(given)):
            shared.error(f"--{name}: each can be given once")
    if chosen.demo and chosen.images:
        shared.error("--demo makes its own images; leave --images out")
    chosen.precision = chosen.precision or precision
    chosen.weights = chosen.weights or os.environ.get("VGG16_WEIGHTS") or None
    place = REPOSITORY / "demo" if chosen.demo else REPOSITORY
    images = chosen.images or place / "images"
    if chosen.part == protocol.OWN:  # never over the committed results
        place = images.with_name(f"results_{images.name}")
    chosen.folders = _folders = Folders(images, chosen.output or place)
    return chosen


def weights(chosen: argparse.Namespace) -> str:
    """VGG16's weights: imagenet, random, or the absolute path of a file. Raises StudyError if that file is missing."""
    try:
        return vgg16_weights(chosen.weights or IMAGENET)
    except argparse.ArgumentTypeError as problem:
        raise StudyError(f"VGG16_WEIGHTS, or --weights: {problem}; correct it.") from None


def with_folders(command: str) -> str:
    """A command, for a message, with the user's --images and --output."""
    for name in ("images", "output"):
        if (path := getattr(_folders, name)) != getattr(Folders(), name):
            command += f" --{name} {shlex.quote(shown(path))}"
    return command


def output_folder() -> Path:
    """Where this script writes."""
    return _folders.output


def of_runner() -> None:
    """Check a runner's options and Python, for src/runner.sh, and print what the runner needs to know as assignments for the shell.

    sys.argv: the runner's name, the names of its options, the user's words.
    """
    uses, *words = sys.argv[1:]
    chosen = parse("", f"{uses} dry_run verbose", arguments=words)
    folders = chosen.folders
    has_images = all(any(folders.split(source, split).glob("[!.]*")) for source in protocol.SOURCES for split in protocol.SPLITS)
    names = chosen.models or [name for name in model_names() if name != "VGG16" or not chosen.demo or chosen.weights]
    images = protocol.CIFAKE_IMAGES
    if has_images and not chosen.demo:
        images = sum(1 for source in protocol.SOURCES for _ in folders.split(source, "train").iterdir())
    needs = [] if chosen.demo else [f"CIFAKE in {shown(folders.images)}/" + ("" if has_images else ", about 100 MB to download")]
    if "weights" in uses.split() and "VGG16" in names and weights(chosen) == IMAGENET:
        needs.append("VGG16's weights, 58 MB, downloaded once if no file is named")
    if own := os.environ.get("PYTHON"):  # before the first step, not after hours at the step that imports it
        packages = re.findall(r"^([\w-]+)==", (REPOSITORY / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
        if missing := [name for name in packages if not importlib.util.find_spec(MODULES.get(name, name))]:
            remedy = f"{shlex.quote(own)} -m pip install -r requirements.txt"
            raise StudyError(f"PYTHON={own} lacks {', '.join(missing)}; install them ({remedy}), or leave PYTHON out to use env/.")
    answers = {"MODELS": " ".join(names), "OUTPUT": str(folders.output), "NEEDS": "; ".join(needs), "PART": chosen.part or ""}
    answers["IMAGES"] = str(images)
    flags = {"SEEDS": chosen.seeds, "DEMO": chosen.demo, "FRESH": chosen.fresh, "DRY_RUN": chosen.dry_run, "HAS_IMAGES": has_images}
    answers |= {name: "yes" * bool(flag) for name, flag in flags.items()}
    sys.stdout.reconfigure(errors="surrogateescape")
    sys.stdout.write("\n".join(f"{name}={shlex.quote(value)}" for name, value in answers.items()) + "\n")
