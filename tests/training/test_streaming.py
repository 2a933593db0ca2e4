"""Features that exceed the memory give the same rows, read from the disk."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from stored import stored_digests

from ferbench.api.errors import FerbenchError
from ferbench.cli.main import main
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.training.streaming import DiskFrames, available_ram, read_batches

CPU = torch.device("cpu")


ARRAYS = [np.arange(length * 4, dtype=np.float32).reshape(length, 2, 2) + 100 * number for number, length in enumerate((3, 1, 5, 2))]


@pytest.fixture
def clips(tmp_path):
    """Four clips in two entries."""
    store = Store(tmp_path / "store")
    first = store.write("features", "a" * 32, Content, {"0": ARRAYS[0], "1": ARRAYS[1]})
    second = store.write("features", "b" * 32, Content, {"2": ARRAYS[2], "3": ARRAYS[3]})
    return [first.locate("0"), first.locate("1"), second.locate("2"), second.locate("3")]


@pytest.fixture
def whole():
    return torch.from_numpy(np.concatenate(ARRAYS))


@pytest.mark.parametrize("rows", [[0], [10], [0, 1, 2, 3], [10, 0, 3, 3, 8], list(range(11))])
def test_rows(clips, whole, rows):
    streamed = DiskFrames(clips)
    assert len(streamed) == 11
    assert streamed.shape == (11, 2, 2)
    assert torch.equal(streamed.read(torch.tensor(rows)), whole[rows])
    assert torch.equal(streamed.whole(), whole)


def test_parts(clips, whole):
    part = DiskFrames(clips).part(slice(2, 9)).part(slice(1, 5))
    assert len(part) == 4
    assert torch.equal(part.read(torch.arange(4)), whole[3:7])


@pytest.mark.parametrize("size", [1, 4, 5, 20])
def test_batches(clips, whole, size):
    order = torch.randperm(11)
    streamed = list(read_batches(DiskFrames(clips), order.split(size), CPU))
    assert torch.equal(torch.cat(streamed), whole[order])
    assert all(torch.equal(one, two) for one, two in zip(streamed, read_batches(whole, order.split(size), CPU), strict=True))


@pytest.mark.parametrize("of", ["memory", "disk"])
def test_batches_of_clips(clips, whole, of):
    groups = [torch.tensor([[0, 1, 2], [4, 4, 8]]), torch.tensor([[10, 9]])]
    first, second = read_batches(whole if of == "memory" else DiskFrames(clips), groups, CPU)
    assert torch.equal(first, whole[groups[0]])
    assert torch.equal(second, whole[groups[1]])


def test_a_file_that_was_cut_is_reported(clips):
    path = clips[3].path
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FerbenchError, match="was replaced or changed while it was in use"):
        DiskFrames(clips).whole()


def test_memory():
    assert 1e8 < available_ram() < 1e14


@pytest.mark.parametrize("augmentation", ["null", "{views: 2, flip: 0.5}"])
@pytest.mark.parametrize("backbone", ["toy-net", "whole", "finished"])
def test_the_same_rows(data, benchmark_file, toy_plugin, tmp_path, capsys, monkeypatch, backbone, augmentation):
    def rows(store):
        command = ["run", str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / store), "--format", "json"]
        command += ["--set", f"backbone={backbone}", "--set", f"recipe.augmentation={augmentation}"]
        assert main([*command, "--no-figures", "--quiet", "--device", "cpu"]) == 0
        output = json.loads(capsys.readouterr().out)
        return [(row["key"], row["confusion"]) for row in output], stored_digests(tmp_path / store, "fits")

    whole = rows("one")
    monkeypatch.setattr("ferbench.training.streaming.available_ram", lambda: 0.0)
    assert rows("two") == whole
