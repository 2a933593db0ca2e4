"""What measures the performance still runs; the seconds themselves are not tested."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

MEASURE = Path(__file__).parents[1] / "benchmarks" / "performance" / "measure.py"


@pytest.mark.slow
def test_the_overhead_can_be_measured(tmp_path):
    spec = importlib.util.spec_from_file_location("measure", MEASURE)
    measure = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(measure)
    assert measure.orchestration(tmp_path, backbones=2)["combinations"] == 4
