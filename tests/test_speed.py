"""The benchmark, on little data: that it runs and fills its tables, and the counts that its rates rest on. No time is judged."""

import re
import sys

import operations
import pytest
from conftest import REPOSITORY, refused, run

from cifake import protocol
from cifake.models import architectures

SPEED = REPOSITORY / "tests" / "benchmarks" / "speed.py"


def test_operations_are_those_of_the_layers():
    lenet = architectures.head("LeNet", protocol.IMAGE_SHAPE, 10)
    # Places x filters x weights of a filter, a multiplication and an addition each.
    first = 32 * 32 * 32 * (3 * 3 * 3) * 2
    second = 16 * 16 * 50 * (5 * 5 * 32) * 2
    dense = (8 * 8 * 50 * 128 + 128 * 10) * 2
    assert operations.forward(lenet) == first + second + dense
    assert operations.trained(lenet) == 2 * first + 3 * (second + dense)
    assert operations.trained(lenet) == pytest.approx(67.5e6, rel=0.002)
    assert operations.forward(architectures.backbone("VGG16", "random")) == pytest.approx(626e6, rel=0.001)


@pytest.mark.long
def test_the_benchmark_fills_its_tables(small, tmp_path):
    output = tmp_path / "speed.md"
    little = ["--sample", "120", "--sizes", "120", "--repeats", "1", "--starts", "1", "--matrix", "256"]
    little += ["--architectures", "NN", "--precisions", "float32", "--weights", "random"]
    result = run(sys.executable, SPEED, "--images", small.images, "--output", output, *little)
    assert result.returncode == 0, result.stdout + result.stderr
    text = output.read_text(encoding="utf-8")
    assert text in result.stdout
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for name in (
        "NN, float32",
        "VGG16, features, float32",
        "LeNet, training, float32",
        "import tensorflow",
        "classify_NN.py, to the beginning of the first batch",
        "NN, float32, 120 images",
        "the classic way, the epochs alone",
        "run.sh, float32",
    ):
        (row,) = [row for row in rows if row.split("|")[1].strip() == name]
        numbers = re.findall(r"\d[\d,.]*", row.split("|", 2)[2])
        assert numbers, row
    (memory,) = re.findall(r"([\d.]+) GB \|", text)
    assert 0.2 < float(memory) < 4


def test_the_benchmark_without_images(tmp_path):
    refused(run(sys.executable, SPEED, "--images", tmp_path, "--weights", "random"), "There is no folder", "--images")
