"""What the tests share: a small study in place of CIFAKE, and two ways to run the scripts as a user does.

`done` and `called` run a script in a fork of a process that has imported TensorFlow already (forked.py); `script` and `run` start a real
process, for tests of imports, signals and --help.
"""

import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cifake import protocol
from cifake.system.paths import REPOSITORY, Folders

EPOCHS = 3


def jpeg(number: int, source: str, seed: int) -> bytes:
    """A 32x32 JPEG with the colour of its class, noisy; FAKE ones are darker, so that going to REAL costs something."""
    random = np.random.default_rng([number, seed, source == "FAKE"])
    colour = np.random.default_rng(number).integers(40, 216, 3) - 30 * (source == "FAKE")
    pixels = np.clip(random.normal(colour, 40, protocol.IMAGE_SHAPE), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def file_name(image: int, number: int) -> str:
    """CIFAKE's name for an image of a class, from 1."""
    return f"{image:04d}.jpg" if number == 1 else f"{image:04d} ({number}).jpg"


def make_images(folder: Path, train: int, test: int, classes: int = len(protocol.CIFAKE_CLASSES)) -> Path:
    """A data set in CIFAKE's layout, with `train` and `test` images of each class."""
    for split, images in (("train", train), ("test", test)):
        for source in protocol.SOURCES:
            part = folder / split / source
            part.mkdir(parents=True)
            for image, number in itertools.product(range(images), range(1, classes + 1)):
                (part / file_name(image, number)).write_bytes(jpeg(number, source, image + 10_000 * (split == "test")))
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests that take many minutes too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests, unless they are asked for."""
    left_out = [] if config.getoption("--long") else [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    """400 training and 100 test images of FAKE and of REAL; only to be read."""
    return make_images(tmp_path_factory.mktemp("made images"), train=40, test=10)


@pytest.fixture(scope="session")
def few_images(tmp_path_factory) -> Path:
    """100 training and 20 test images of each source, two batches an epoch; only to be read."""
    return make_images(tmp_path_factory.mktemp("few images"), train=10, test=2)


@pytest.fixture
def small(tmp_path) -> Folders:
    """As many images, to be broken, without CSVs."""
    return Folders(make_images(tmp_path / "images", train=10, test=2), tmp_path / "output")


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess:
    """Run a command to its end and keep what it prints."""
    surroundings = {name: value for name, value in os.environ.items() if name != "VGG16_WEIGHTS"}
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, env=surroundings | environment, timeout=600)


def script(name: str, *options: str | Path, **environment: str) -> subprocess.CompletedProcess:
    """Run one of the study's Python scripts in a process of its own, with all its imports."""
    return run(sys.executable, REPOSITORY / "src" / name, *options, **environment)


def refused(result: subprocess.CompletedProcess | dict, *words: str) -> None:
    """A script (of run, script or called) has ended with exit code 2 and a message that holds these words, and no traceback."""
    ended = result if isinstance(result, dict) else {"code": result.returncode, "stdout": result.stdout, "stderr": result.stderr}
    assert ended["code"] == 2, ended["stdout"] + ended["stderr"]
    assert "Traceback" not in ended["stdout"] + ended["stderr"]
    for word in words:
        assert word in ended["stderr"], ended["stderr"]


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., dict]]:
    """A function that has forked.py run a script, and others `beside` it; gives {"code", "stdout", "stderr"}."""
    command = [sys.executable, str(Path(__file__).with_name("forked.py"))]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(words: list, _folder: Path | None = None, beside: Sequence[list] = (), **environment: str) -> dict:
        scripts = [[str(word) for word in script] for script in (words, *beside)]
        request = {"scripts": scripts, "cwd": str(Path.cwd()), "environment": environment}
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        assert answer, "forked.py has ended; start it alone to see why"
        return json.loads(answer)

    with server:
        yield ask
        server.kill()  # ending by itself takes TensorFlow two seconds


def called(start: Callable[..., dict], name: str, folders: Folders, *options: object, **environment: str) -> dict:
    """Run one of the study's Python scripts on a study to its end; gives {"code", "stdout", "stderr"}."""
    return start([REPOSITORY / "src" / name, *options, "--images", folders.images, "--output", folders.output], **environment)


def done(start: Callable[..., dict], name: str, folders: Folders, *options: object) -> dict:
    """The same, and it must end well."""
    ended = called(start, name, folders, *options)
    assert ended["code"] == 0, ended["stdout"] + ended["stderr"]
    return ended


def words_of(architecture: str, folders: Folders, epochs: int = EPOCHS) -> list:
    """How FAKE is trained for some epochs."""
    options = ["-data", "FAKE", "-epochs", epochs, *(["--weights", "random"] if architecture == "VGG16" else [])]
    return [REPOSITORY / "src" / f"classify_{architecture}.py", *options, "--images", folders.images, "--output", folders.output]


@pytest.fixture(scope="session")
def csvs(start, few_images, tmp_path_factory) -> Path:
    """The folder images/ of an output folder, with the CSVs of few_images; only to be read."""
    folders = Folders(few_images, tmp_path_factory.mktemp("csvs"))
    done(start, "create_metadata.py", folders)
    return folders.output / "images"


@pytest.fixture
def new_study(few_images, csvs, tmp_path) -> Callable[[], Folders]:
    """A function that gives a study with its CSVs and nothing else, each time another one."""
    numbers = itertools.count()

    def make() -> Folders:
        folders = Folders(few_images, tmp_path / f"study {next(numbers)}")
        folders.output.mkdir()
        (folders.output / "images").symlink_to(csvs)
        return folders

    return make


def left_behind(folders: Folders) -> list[str]:
    """Checkpoints, drafts and staged files that are still there."""
    paths = (path for path in folders.output.rglob("*") if path.name.startswith(".") or "checkpoint" in path.name)
    return [str(path.relative_to(folders.output)) for path in paths]
