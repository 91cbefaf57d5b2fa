"""The rooms of src/cifake: a module imports only from its own room and the rooms above it, and no two modules need each other."""

import ast
import graphlib

import pytest

from cifake.system.paths import REPOSITORY

ROOMS = ("protocol", "system", "data", "models", "results", "pages", "experiments")  # from the top down
PACKAGE = REPOSITORY / "src" / "cifake"
MODULES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    """The room of a file below src/cifake; the package's own __init__.py prepares the machine, so it counts as system."""
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


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_room_and_those_above(module):
    below = ROOMS[ROOMS.index(room_of(module)) + 1 :]
    names = [name for name in imported(MODULES[module]) if name.startswith(("cifake.", "."))]
    assert [name for name in names if name.split(".")[1] in below or name.startswith(".")] == []


def test_no_module_imports_itself_by_way_of_others():
    names = {f"cifake.{module.removesuffix('.py').replace('/', '.')}": code for module, code in MODULES.items()}
    needs = {
        name: {part for taken in imported(code) for part in (taken, taken.rpartition(".")[0])} & names.keys()
        for name, code in names.items()
    }
    graphlib.TopologicalSorter(needs).prepare()  # raises CycleError


def test_every_folder_is_a_room():
    assert {room_of(module) for module in MODULES} == set(ROOMS)
