"""The rooms of src/cifake: a module imports only from its own room and the rooms above it, and logs under its own name."""

import ast
import graphlib
from pathlib import Path

import pytest

from cifake.system.paths import REPOSITORY

ROOMS = ("protocol", "system", "data", "models", "results", "pages", "experiments")  # from the top down
PACKAGE = REPOSITORY / "src" / "cifake"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
FOR_SCRIPTS = "cifake.system.command"  # how a script runs and ends


def room_of(module: str) -> str:
    """The room of a file below src/cifake; the package itself sets variables for all imports, so it counts as system."""
    return "system" if module == "__init__.py" else module.split("/")[0].removesuffix(".py")


def imported(code: str) -> set[str]:
    """The full names of all that a module imports, wherever in it: cifake.data.metadata, cifake.system.paths.shown."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def import_faults(module: str, code: str) -> list[str]:
    """The imports that a module must not have."""
    faults = []
    for name in sorted(imported(code)):
        package, _, rest = name.partition(".")
        room = rest.split(".")[0]
        is_below = package == "cifake" and room in ROOMS and ROOMS.index(room) > ROOMS.index(room_of(module))
        if is_below or name.startswith(".") or f"{name}.".startswith(f"{FOR_SCRIPTS}."):
            faults.append(name)
    return faults


def log_faults(code: str) -> list[str]:
    """The calls that print, or log other than by logging.getLogger(__name__); a module may quiet another library's logger."""
    faults = [name for name in imported(code) if name.startswith("logging.")]
    for call in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)):
        function = ast.unparse(call.func)
        of_root = function in {f"logging.{name}" for name in ("debug", "info", "warning", "error", "exception", "critical", "log")}
        logger = ast.unparse(call.args[0]) if function == "logging.getLogger" and call.args else ""
        is_ours = function == "logging.getLogger" and logger != "__name__" and (not logger or "cifake" in logger)
        if of_root or is_ours or function == "print":
            faults.append(ast.unparse(call))
    return sorted(faults)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_room_and_those_above(module):
    assert import_faults(module, (PACKAGE / module).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", [module for module in MODULES if module != "system/command.py"])
def test_a_module_logs_under_its_own_name(module):
    """command.py alone sets up the log and prints: what ends a script goes to its error output."""
    assert log_faults((PACKAGE / module).read_text(encoding="utf-8")) == []


MADE_UP = """
import logging
from typing import TYPE_CHECKING

from cifake.data import (
    decoding,
    metadata,
)
from cifake.models import training

if TYPE_CHECKING:
    from cifake.pages.study import Study

log = logging.getLogger(__name__)


def answer():
    import cifake.experiments.runs
    from cifake.system import command, paths

    command.run(answer)
    log.info("fine")
    logging.getLogger("cifake").info("under another name")
    logging.info("under none")
    print("beside the log")
"""


def test_no_way_to_import_or_to_log_is_overlooked():
    """Imports of several lines, in functions and for type checkers; calls of the root logger and of others."""
    assert import_faults("data/made_up.py", MADE_UP) == [
        "cifake.experiments.runs",
        "cifake.models.training",
        "cifake.pages.study.Study",
        "cifake.system.command",
    ]
    assert import_faults("system/made_up.py", MADE_UP)[:2] == ["cifake.data.decoding", "cifake.data.metadata"]
    assert import_faults("system/made_up.py", "from . import files\nfrom cifake.system.command import wrote") == [
        "..files",
        "cifake.system.command.wrote",
    ]
    assert log_faults(MADE_UP) == ["logging.getLogger('cifake')", "logging.info('under none')", "print('beside the log')"]
    assert log_faults("from logging import info") == ["logging.info"]


def refuse_circles(codes: dict[str, str]) -> None:
    """Raise CycleError if modules, by their full names, import each other in a circle, wherever in them."""
    needs = {
        module: {name for taken in imported(code) for name in (taken, taken.rpartition(".")[0]) if name in codes}
        for module, code in codes.items()
    }
    graphlib.TopologicalSorter(needs).prepare()


def test_no_module_imports_itself_by_way_of_others():
    names = {module: f"cifake.{module.removesuffix('.py').replace('/', '.')}" for module in MODULES}
    refuse_circles({name: (PACKAGE / module).read_text(encoding="utf-8") for module, name in names.items()})
    circle = {"cifake.data.one": "from cifake.data.two import name", "cifake.data.two": "def use():\n    from cifake.data import one"}
    with pytest.raises(graphlib.CycleError):
        refuse_circles(circle)


def test_every_room_is_there():
    assert {room_of(module) for module in MODULES} == set(ROOMS)
    assert all(Path(PACKAGE / room).is_dir() for room in ROOMS[1:])
