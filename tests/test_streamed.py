"""Features that exceed the memory give the same rows, read from the disk."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from ferbench.cli import main
from ferbench.streamed import Streamed, available, batches

CPU = torch.device("cpu")


@pytest.fixture
def arrays(tmp_path):
    made = []
    for number, length in enumerate((3, 1, 5, 2)):
        np.save(tmp_path / f"{number}.npy", np.arange(length * 4, dtype=np.float32).reshape(length, 4) + 100 * number)
        made.append(np.load(tmp_path / f"{number}.npy", mmap_mode="r"))
    return made


@pytest.mark.parametrize("rows", [[0], [10], [0, 1, 2, 3], [10, 0, 3, 3, 8], list(range(11))])
def test_rows(arrays, rows):
    whole = torch.from_numpy(np.concatenate(arrays))
    streamed = Streamed(arrays)
    assert len(streamed) == 11
    assert streamed.shape == (11, 4)
    assert torch.equal(streamed.read(torch.tensor(rows)), whole[rows])


def test_parts(arrays):
    whole = torch.from_numpy(np.concatenate(arrays))
    part = Streamed(arrays).part(slice(2, 9)).part(slice(1, 5))
    assert len(part) == 4
    assert torch.equal(part.read(torch.arange(4)), whole[3:7])


@pytest.mark.parametrize("size", [1, 4, 20])
def test_batches(arrays, size):
    whole = torch.from_numpy(np.concatenate(arrays))
    order = torch.randperm(11).split(size)
    streamed = list(batches(Streamed(arrays), order, CPU))
    assert len(streamed) == len(order)
    assert all(torch.equal(one, two) for one, two in zip(streamed, batches(whole, order, CPU), strict=True))


def test_memory():
    assert 1e8 < available() < 1e14


@pytest.mark.parametrize("backbone", ["toy-net", "whole", "finished"])
def test_the_same_rows(data, benchmark_file, toy_plugin, tmp_path, capsys, monkeypatch, backbone):
    def rows(store):
        command = ["run", str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / store), "--format", "json"]
        assert main([*command, "--no-figures", "--quiet", "--device", "cpu", "--set", f"backbone={backbone}"]) == 0
        told = json.loads(capsys.readouterr().out)
        scores = {path.parent.name: path.read_bytes() for path in (tmp_path / store / "fits").rglob("scores.npy")}
        return [(row["key"], row["confusion"]) for row in told], scores

    whole = rows("one")
    monkeypatch.setattr("ferbench.stages.fit.available", lambda: 0.0)
    assert rows("two") == whole
