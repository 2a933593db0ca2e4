"""What runs on a GPU alone; left out where there is none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from ferbench.api.recipe import Recipe
from ferbench.cli.main import main
from ferbench.store.entries import Store
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.device import autocast, available_gpu_memory, has_room, iterate_on_device, select_device
from ferbench.training.items import Items
from ferbench.training.learner import Learner
from ferbench.training.loop import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def test_batches_arrive_in_order_and_whole():
    device = select_device("cuda")
    batches = [torch.full((1000, 1000), float(number)) for number in range(20)]
    for number, batch in enumerate(iterate_on_device(iter(batches), device)):
        assert batch.device.type == "cuda"
        assert bool((batch == number).all())


def test_products_are_bfloat16_and_memory_that_torch_keeps_counts_as_free():
    device = select_device("cuda")
    with autocast(device):
        assert (torch.ones(2, 2, device=device) @ torch.ones(2, 2, device=device)).dtype == torch.bfloat16
    before = available_gpu_memory(device)
    held = torch.empty(2**28, device=device)
    del held
    assert abs(available_gpu_memory(device) - before) < 2**28
    assert has_room(device, torch.empty(1))


def test_a_fit_that_was_stopped_continues(tmp_path):
    device = select_device("cuda")
    y = torch.arange(60) % 3
    part = Items(nn.functional.one_hot(y, 3).float(), y)
    recipe = Recipe(lr=0.05, batch_size=8, epochs=6)
    heard = []

    def run(stop=0):
        def tell(epoch, _):
            heard.append(epoch)
            if epoch == stop:
                raise KeyboardInterrupt

        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 3)).to(device)
        learner = Learner(model, nn.CrossEntropyLoss(), lambda x: x, recipe, device)
        history = train(learner, part, part, torch.Generator().manual_seed(0), tell, Checkpoints(Store(tmp_path), "ab" * 16, 0))
        return replace(history, seconds=[])

    with pytest.raises(KeyboardInterrupt):
        run(stop=4)
    assert len(run().loss) == 6
    assert heard == [1, 2, 3, 4, 4, 5, 6]


@pytest.mark.parametrize("loss", ["cross-entropy", "weighted-cross-entropy"])
@pytest.mark.parametrize("backbone", ["toy-net", "whole", "finished", "trees"])
def test_rows_are_nearly_those_of_a_processor(data, benchmark_file, toy_plugin, tmp_path, capsys, backbone, loss):
    def rows(device):
        command = ["run", str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / device), "--device", device]
        given = ["--set", f"backbone={backbone}", "--set", f"loss={loss}", "--set", "recipe.augmentation={views: 2, flip: 0.5}"]
        assert main([*command, *given, "--no-figures", "--quiet", "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    for one, other in zip(rows("cpu"), rows("cuda"), strict=True):
        assert one["key"] == other["key"]
        assert one["uar"] == pytest.approx(other["uar"], abs=0.1)
        assert other["provenance"][0]["hardware"]["gpu"]
