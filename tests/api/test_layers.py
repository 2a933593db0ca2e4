"""Features of a layer on a grid equal the output that the whole network gives there, averaged."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ferbench import FerbenchError, layers
from ferbench.types import Layer


class Small(nn.Module):
    """A network with a layer that is used twice, one that is never used, and one whose output is a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.block = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2), nn.ReLU())
        self.pair = Pair()
        self.unused = nn.Linear(2, 2)
        self.last = nn.Linear(6, 5)

    def forward(self, x):
        x = self.relu(self.block(self.relu(self.first(x))))
        return self.last(self.pair(x)[0])


class Pair(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)), x


def network() -> nn.Module:
    torch.manual_seed(0)
    return Small().eval()


def averages(maps: torch.Tensor, grid: int) -> torch.Tensor:
    """Cell by cell, for maps whose size is a multiple of the grid."""
    size = maps.shape[2] // grid
    corners = [(y, x) for y in range(0, maps.shape[2], size) for x in range(0, maps.shape[3], size)]
    return torch.stack([maps[:, :, y : y + size, x : x + size].mean((2, 3)) for y, x in corners], 2).flatten(1)


@pytest.mark.parametrize(("layer", "grid"), [("first", 1), ("first", 3), ("block.0", 2), ("block", 4)])
def test_features_are_the_means_of_cells(layer, grid):
    side = 9 if layer == "first" else 17  # the maps have 9, 8 and 8
    net, x, kept = network(), torch.randn(2, 3, side, side), {}
    net.get_submodule(layer).register_forward_hook(lambda _, __, output: kept.update(maps=output.clone()))
    with torch.no_grad():
        features = layers.cut_network(net, Layer(layer, grid), x.shape[1:])(x)
        net(x)
    assert torch.allclose(features, averages(kept["maps"], grid), atol=1e-6)


def test_nothing_behind_the_layer_is_computed():
    net = network()
    cut = layers.cut_network(net, Layer("first"), (3, 8, 8))
    names = {name for name, _ in cut.named_parameters()}
    assert len(names) == 2, "weight and bias of the first layer"


def test_tokens_are_a_square_map_behind_the_prefix():
    tokens = torch.randn(2, 1 + 16, 5)
    maps = layers.as_maps(tokens)
    assert maps.shape == (2, 5, 4, 4)
    assert torch.equal(maps[1, :, 2, 3], tokens[1, 1 + 2 * 4 + 3])


def test_maps_with_channels_last_are_recognized():
    assert layers.as_maps(torch.zeros(2, 7, 7, 5)).shape == (2, 5, 7, 7)
    assert layers.as_maps(torch.zeros(2, 5, 7, 7)).shape == (2, 5, 7, 7)


@pytest.mark.parametrize(
    ("layer", "grid", "problem"),
    [
        ("blok", 1, "no layer 'blok'; did you mean block"),
        ("relu", 1, "the layer relu is used more than once"),
        ("unused", 1, "cannot be cut behind unused"),
        ("first", 9, "grid is 9: the map of the layer first has 8x8 values"),
        ("last", 2, "grid is 2: the map of the layer last has 1x1 values"),
        ("pair", 1, "the layer pair gives tuple"),
    ],
)
def test_layers_that_cannot_be_had(layer, grid, problem):
    with pytest.raises(FerbenchError, match=problem) as caught:
        layers.cut_network(network(), Layer(layer, grid), (3, 8, 8))
    assert "ferbench describe" in str(caught.value)


def test_a_network_that_cannot_be_traced_says_so():
    class Choosing(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(FerbenchError, match=r"torch\.fx cannot trace it"):
        layers.cut_network(Choosing(), Layer("first"), (3, 8, 8))


def test_layers_are_described_in_the_order_of_the_computation():
    described = layers.describe_layers(network(), (3, 8, 8), 1)
    assert [layer.name for layer in described] == ["first", "relu", "block", "relu", "pair", "last"]
    assert (described[2].shape, described[2].parameters) == ([6, 3, 3], 4 * 6 * 9 + 6)
    assert [layer.name for layer in layers.describe_layers(network(), (3, 8, 8), 2)][2:5] == ["block.0", "block.1", "block"]
