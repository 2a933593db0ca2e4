"""Fixtures of the whole suite: the toy plugin, a toy corpus, a benchmark file on them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side
os.environ.pop("FERBENCH_STORE", None)

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # toy_images, for the toy plugin

BENCHMARK = """\
name: toys
dataset: toy
preprocessing: {plain: [invert]}
protocol: {kfold: {k: 3, validation: 0.2, classes: [dark, light, stripes]}}
backbone: toy-net
recipe: {lr: 0.05, batch_size: 8, epochs: 6}
loss: cross-entropy
aggregator: [majority, mean]
"""


def pytest_addoption(parser):
    parser.addoption("--stress", action="store_true", help="kill, delete and change at many more random moments, and plant more leaks")


@pytest.fixture
def repeats(request) -> int:
    """How often a test does something at a random moment."""
    return 25 if request.config.getoption("--stress") else 3


@pytest.fixture(scope="session")
def toy_plugin() -> Path:
    return HERE / "toy.py"


@pytest.fixture(scope="session")
def toy_images(tmp_path_factory) -> Path:
    """A toy corpus; tests must not change it."""
    from toy_images import render

    return render(tmp_path_factory.mktemp("data") / "toy", people=9)


@pytest.fixture
def data(toy_images, tmp_path, monkeypatch) -> Path:
    """Set FERBENCH_DATA to a copy of the toy corpus that the test may change."""
    import shutil

    folder = tmp_path / "data"
    shutil.copytree(toy_images, folder / "toy")
    monkeypatch.setenv("FERBENCH_DATA", str(folder))
    return folder


@pytest.fixture
def benchmark_file(tmp_path) -> Path:
    file = tmp_path / "toys.yaml"
    file.write_text(BENCHMARK)
    return file


@pytest.fixture(scope="session")
def london() -> Path:
    """The folder of the real photographs; tests that need them are skipped if there is none."""
    for folder in (os.environ.get("FERBENCH_DATA"), HERE.parent.parent / "shared" / "data"):
        if folder and (Path(folder) / "london" / "neutral_front").is_dir():
            return Path(folder)
    pytest.skip("the London photographs are not here")
