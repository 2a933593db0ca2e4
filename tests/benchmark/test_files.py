"""Shipped benchmarks are found by name, and paths stay paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferbench import FerbenchError
from ferbench.benchmark.files import find_benchmark, is_benchmark, shipped_benchmarks
from ferbench.benchmark.grid import load_benchmark

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_file_is_listed_under_its_own_name():
    shipped = shipped_benchmarks()
    assert {benchmark.path for benchmark in shipped} == set(FOLDER.glob("*.yaml"))
    for benchmark in shipped:
        assert load_benchmark(benchmark.path).name == benchmark.name
        assert benchmark.description


def test_name():
    assert find_benchmark("quick") == FOLDER / "quick.yaml"
    assert is_benchmark("quick")


@pytest.mark.parametrize("path", ["absent.yaml", "folder/quick", "quick.yml", "."])
def test_path(path):
    assert find_benchmark(path) == Path(path)


def test_file_comes_before_a_shipped_benchmark_and_a_folder_does_not(tmp_path):
    (tmp_path / "quick").mkdir()
    assert find_benchmark("quick") == FOLDER / "quick.yaml"
    (tmp_path / "thesis").touch()
    assert find_benchmark("thesis") == Path("thesis")


def test_misspelled_name():
    assert not is_benchmark("quik")
    with pytest.raises(FerbenchError, match="unknown benchmark 'quik'; did you mean 'quick'") as error:
        find_benchmark("quik")
    assert "ferbench benchmarks" in error.value.hint


def test_name_that_no_file_can_have():
    with pytest.raises(FerbenchError, match=r"unknown benchmark 'xxx.* \(70,002 characters\) ") as error:
        find_benchmark("x" * 70_000)
    assert len(str(error.value)) < 1000
