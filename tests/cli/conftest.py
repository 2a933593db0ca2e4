"""Stores with toy rows, for tests of the commands that read stored rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from compared import BENCHMARK
from toy_images import make_difficult, render

from ferbench.cli.main import main


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder with a benchmark, its corpus and a store that holds its rows; tests must not change them."""
    folder = tmp_path_factory.mktemp("results")
    render(folder / "data" / "toy", people=9, takes=2)
    make_difficult(folder / "data" / "toy")
    (folder / "toys.yaml").write_text(BENCHMARK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_DATA", str(folder / "data"))
        plugin = str(Path(__file__).parent.parent / "toy.py")
        assert (
            main(["run", str(folder / "toys.yaml"), "--plugin", plugin, "--store", str(folder / "store"), "--quiet", "--no-figures"]) == 0
        )
    return folder


@pytest.fixture
def ferbench(finished, monkeypatch, capsys):
    """Run a command on the finished store, or on another one; returns its exit code and output."""
    monkeypatch.setenv("FERBENCH_DATA", str(finished / "data"))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*command: str, store: Path = finished / "store") -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*command, "--store", str(store)])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.fixture(scope="session")
def two_tables(tmp_path_factory) -> str:
    """A store with the rows of two corpora of different people; tests must not change it."""
    folder = tmp_path_factory.mktemp("tables")
    plugin = str(Path(__file__).parent.parent / "toy.py")
    with pytest.MonkeyPatch.context() as patch:
        for k in (2, 3):
            corpus = render(folder / f"data{k}" / "toy", people=9, takes=2, seed=k)
            make_difficult(corpus)
            for person in list(corpus.iterdir()):
                person.rename(corpus / f"k{k}-{person.name}")
            patch.setenv("FERBENCH_DATA", str(folder / f"data{k}"))
            (folder / f"k{k}.yaml").write_text(BENCHMARK.replace("k: 3", f"k: {k}").replace("name: toys", f"name: k{k}"))
            command = ["run", str(folder / f"k{k}.yaml"), "--plugin", plugin, "--store", str(folder / "store"), "--only", "seed=0"]
            assert main([*command, "--quiet", "--no-figures"]) == 0
    return str(folder / "store")


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """A copy of the finished store."""
    return Path(shutil.copytree(finished / "store", tmp_path / "copy"))


@pytest.fixture
def tables_copy(two_tables, tmp_path) -> Path:
    """A copy of the store with the rows of two corpora."""
    return Path(shutil.copytree(two_tables, tmp_path / "tables"))
