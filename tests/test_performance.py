"""What measures the performance still runs; the seconds themselves are not tested."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

MEASURE = Path(__file__).parents[1] / "benchmarks" / "performance" / "measure.py"


@pytest.fixture
def measure():
    spec = importlib.util.spec_from_file_location("measure", MEASURE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_overhead_can_be_measured(measure, tmp_path):
    assert measure.orchestration(tmp_path, backbones=2)["combinations"] == 4


@pytest.mark.slow
@pytest.mark.usefixtures("measure")
def test_leaderboards_and_large_corpora_can_be_measured(tmp_path, monkeypatch):
    import large
    import tables

    assert tables.measure(tmp_path, rows=2, benchmarks=1)["rows"] == 2
    monkeypatch.setattr(large, "CLIPS", 70 * large.SCENES)
    large.build_tree(tmp_path / "FERV39k", scenes=1)
    figures = large.measure(tmp_path)
    assert figures["clips"] == 70
    assert figures["files"] > 10
