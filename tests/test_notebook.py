"""study.ipynb runs from top to bottom on the demo, and its committed outputs are those of such a run.

    env/bin/python tests/test_notebook.py

writes them again, in 3 to 6 minutes.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOK = REPOSITORY / "study.ipynb"


def executed(checkout: Path) -> nbformat.NotebookNode:
    """The notebook after a run in a copy of this repository, which it takes for a clone; the demo goes there too."""
    shutil.copytree(REPOSITORY / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run.sh", "pyproject.toml", "requirements.txt"):
        shutil.copy(REPOSITORY / name, checkout)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=3600, record_timing=False, coalesce_streams=True, resources={"metadata": {"path": checkout}}).execute()
    for output in (output for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output):
        output["text"] = output["text"].replace("\r\n", "\n")
    notebook.metadata["language_info"] = {"name": "python"}  # not the version of this Python
    return notebook


def kinds(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """What each cell gives: text, tables, figures."""
    return [
        [kind for output in cell.get("outputs", []) for kind in sorted(output.get("data", [output["output_type"]]))]
        for cell in notebook.cells
    ]


def test_the_notebook_has_outputs_and_is_small():
    committed = nbformat.read(NOTEBOOK, as_version=4)
    assert sum("image/png" in kind for kind in kinds(committed)) == 2
    assert not any("ename" in kind for kind in kinds(committed))
    assert NOTEBOOK.stat().st_size < 300_000


@pytest.mark.long
def test_the_notebook_runs_on_the_demo(tmp_path, monkeypatch):
    monkeypatch.delenv("VGG16_WEIGHTS", raising=False)
    assert kinds(executed(tmp_path)) == kinds(nbformat.read(NOTEBOOK, as_version=4))
    assert (tmp_path / "demo" / "E2_visualisations" / "report.html").exists()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(executed(Path(folder)), NOTEBOOK)
    print(f"Wrote {NOTEBOOK}", file=sys.stderr)
