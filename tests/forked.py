"""Runs the study's scripts for the tests, each in a fork of one process that has imported the libraries: TensorFlow's import takes 3 s.

The fixture `start` in conftest.py starts it and tells it on its input what to run. It only imports: a fork of a process in which
TensorFlow has started its threads would hang.
"""

import importlib
import json
import os
import runpy
import sys
import tempfile
import traceback
from pathlib import Path

# Together they import all libraries that the scripts use.
MODULES = ("data.augmentation", "data.decoding", "models.features", "models.training", "experiments.e1", "experiments.e3")


def run_script(words: list[str]) -> int:
    """Run a script as the interpreter would; gives its exit code."""
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def answer(request: dict) -> dict:
    """Run the scripts of one request, {"scripts", "cwd", "environment"}, side by side in children; gives the highest exit code."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        children = []
        for words in request["scripts"]:
            children.append(os.fork())
            if children[-1] == 0:
                for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), output.fileno(), errors.fileno())):
                    os.dup2(descriptor, number)
                os.chdir(request["cwd"])
                os.environ.pop("VGG16_WEIGHTS", None)
                os.environ.update(request["environment"])
                code = run_script(words)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)  # without the interpreter's own end, which belongs to the process that it was forked from
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        texts = [file.read().decode() for file in (output, errors) if file.seek(0) == 0]
    return {"code": max(codes, key=abs), "stdout": texts[0], "stderr": texts[1]}


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    for module in MODULES:
        importlib.import_module(f"cifake.{module}")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
