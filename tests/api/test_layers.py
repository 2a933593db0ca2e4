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


class Early(nn.Module):
    """Returns neither its last value, nor that value as it was when it was computed."""

    def __init__(self) -> None:
        super().__init__()
        self.kept, self.other = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        kept = self.kept(x)
        self.relu(kept)
        self.other(x)
        return kept


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 5, 1)

    def forward(self, x):
        return [self.one(x), self.two(x)]


class Around(nn.Module):
    """A network around one block."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x):
        output = self.block(x)
        return output if isinstance(self.block, Early) else output[0]


def test_features_are_what_the_layer_returns():
    net, x = Around(Early()).eval(), torch.randn(2, 3, 4, 4)
    with torch.no_grad():
        features = layers.cut_network(net, Layer("block", 2), (3, 4, 4))(x)
        assert torch.allclose(features, averages(net(x), 2), atol=1e-6)
    assert (features >= 0).all(), "the layer changes its output in place"


def test_a_layer_that_returns_several_tensors_is_refused():
    with pytest.raises(FerbenchError, match=r"the layer block gives 2 values \(list\): expected one tensor"):
        layers.cut_network(Around(Branches()), Layer("block"), (3, 4, 4))
    cut = layers.cut_network(Around(Branches()), Layer("block.two", 2), (3, 4, 4))
    assert cut(torch.zeros(2, 3, 4, 4)).shape == (2, 20)


class Reshaped(nn.Module):
    """Gives its input in another shape."""

    def __init__(self, change) -> None:
        super().__init__()
        self.change, self.layer, self.last = change, nn.Identity(), nn.Flatten()

    def forward(self, x):
        return self.last(self.layer(self.change(x)))


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda x: x.flatten(2).repeat(1, 11, 1), "1x33x64"),  # [B,C,N]: the tokens are not where a transformer has them
        (lambda x: x.reshape(-1, 16, 3), "4x16x3"),  # windows
        (lambda x: x.reshape(-1, 3, 16, 4), "1x3x16x4"),
        (lambda x: x.reshape(-1, 3, 4, 4, 4), "1x3x4x4x4"),
    ],
)
def test_outputs_that_are_no_maps_of_an_image_are_refused(change, shape):
    with pytest.raises(FerbenchError, match=f"the layer layer gives {shape} values for an image"):
        layers.cut_network(Reshaped(change), Layer("layer"), (3, 8, 8))


@pytest.mark.parametrize("is_channels_last", [False, True])
def test_channels_are_found_in_a_map_with_as_many_channels_as_rows(is_channels_last):
    net = Reshaped(lambda x: x.permute(0, 2, 3, 1) if is_channels_last else x)
    x = torch.randn(2, 8, 8, 8)
    features = layers.cut_network(net, Layer("layer", 2), x.shape[1:])(x)
    assert torch.allclose(features, averages(x, 2), atol=1e-6)


def test_a_map_whose_channels_cannot_be_told_is_refused():
    with pytest.raises(FerbenchError, match="gives 1x8x8x8 values: which are channels cannot be told"):
        layers.cut_network(Reshaped(lambda x: x.reshape(-1, 8, 8, 8)[:1].reshape(1, 8, 8, 8)), Layer("layer"), (8, 8, 8))


def test_tokens_are_a_square_map_behind_the_prefix():
    tokens = torch.randn(2, 1 + 16, 5)
    maps = layers.GridPool(1).as_maps(tokens)
    assert maps.shape == (2, 5, 4, 4)
    assert torch.equal(maps[1, :, 2, 3], tokens[1, 1 + 2 * 4 + 3])


@pytest.mark.parametrize(
    ("layer", "grid", "problem"),
    [
        ("blok", 1, "no layer 'blok'; did you mean block"),
        ("relu", 1, r"the layer relu is used more than once \(2 times\): name another one"),
        ("unused", 1, "cannot be cut behind unused: torch.fx sees no call of it; name another one"),
        ("first", 9, "grid is 9: the map of the layer first has 8x8 values"),
        ("last", 2, "grid is 2: the map of the layer last has 1x1 values"),
        ("pair", 1, r"the layer pair gives 2 values \(tuple\) for an image"),
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


def test_the_block_of_a_layer_that_is_used_twice_is_named():
    block = nn.Sequential(relu := nn.ReLU(), nn.Conv2d(3, 3, 1), relu)
    with pytest.raises(FerbenchError, match=r"the layer block.0 is used more than once \(2 times\): name block, which contains it"):
        layers.cut_network(Around(block), Layer("block.0"), (3, 4, 4))


def test_layers_are_described_in_the_order_of_the_computation():
    described, multiply_adds = layers.describe_layers(network(), (3, 8, 8), 1)
    assert [layer.name for layer in described] == ["first", "relu", "block", "pair", "last"]
    assert [layer.calls for layer in described] == [1, 2, 1, 1, 1]
    first, _, block, _, last = described
    assert (block.shape, block.parameters) == ([6, 3, 3], 4 * 6 * 9 + 6)
    deeper, _ = layers.describe_layers(network(), (3, 8, 8), 2)
    assert [layer.name for layer in deeper][2:5] == ["block.0", "block.1", "block"]
    assert first.multiply_adds == 8 * 8 * 4 * 3 * 9
    assert block.multiply_adds == first.multiply_adds + 3 * 3 * 6 * 4 * 9
    assert last.multiply_adds == multiply_adds == block.multiply_adds + 6 * 5
