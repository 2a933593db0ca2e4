"""Features from any layer of an image network, pooled on a grid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import signature
from math import isqrt

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from ferbench.api.errors import FerbenchError
from ferbench.types import Layer

WHERE = "backbone.features"
HINT = "`ferbench describe` lists the layers of a backbone"


def cut_network(
    network: nn.Module,
    features: Layer,
    shape: Sequence[int],
    *,
    opaque: tuple[type[nn.Module], ...] = (),
    functions: Collection[Callable[..., object]] = (),
) -> nn.Module:
    """Return the network up to a layer, pooled on a grid: [B,*shape] -> [B,D]. Nothing behind the layer is computed.

    A map [B,C,h,w], or [B,h,w,C], is averaged in `grid` x `grid` cells, and D is C * grid * grid. Tokens [B,N,C] of a transformer are a
    square map, behind the class token and other prefix tokens. A vector [B,C] stays as it is. torch.fx does not trace into `opaque`
    modules and `functions`. Raises FerbenchError if there is no such layer, if it is used more than once, if torch.fx cannot trace the
    network, or if the grid is larger than the map.
    """
    nodes = trace(network, opaque, functions)
    part = take_nodes(network, nodes[: _find_end(network, nodes, features.layer) + 1], None)
    cut = nn.Sequential(part, GridPool(features.grid, features.layer)).eval()
    with torch.inference_mode():
        cut(torch.zeros(1, *shape))
    return cut


class GridPool(nn.Module):
    """[B,C,h,w], [B,h,w,C], tokens [B,N,C] or [B,C] -> [B,C * grid * grid]: means over the cells of a grid."""

    def __init__(self, grid: int, layer: str) -> None:
        super().__init__()
        self.grid, self.layer = grid, layer

    def forward(self, output: Tensor) -> Tensor:
        """Pool and flatten."""
        if not isinstance(output, Tensor) or output.ndim not in (2, 3, 4):
            kind = f"shape {list(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
            raise FerbenchError(f"the layer {self.layer} gives {kind}: expected a map, tokens or a vector", where=WHERE, hint=HINT)
        maps = as_maps(output)
        if self.grid > min(maps.shape[2:]):
            size = "x".join(map(str, maps.shape[2:]))
            raise FerbenchError(f"grid is {self.grid}: the map of the layer {self.layer} has {size} values", where=WHERE, hint=HINT)
        return F.adaptive_avg_pool2d(maps, self.grid).flatten(1)


def as_maps(output: Tensor) -> Tensor:
    """The output of a layer as maps [B,C,h,w]: 1x1 for a vector [B,C], and a square for tokens [B,N,C], without prefix tokens."""
    if output.ndim == 2:
        return output[:, :, None, None]
    if output.ndim == 3:
        side = isqrt(output.shape[1])  # prefix tokens come first, and are few
        return output[:, -side * side :].transpose(1, 2).unflatten(2, (side, side))
    is_last = output.shape[1] == output.shape[2] != output.shape[3]  # [B,h,w,C]: inputs are square
    return output.permute(0, 3, 1, 2) if is_last else output


def trace(network: nn.Module, opaque: tuple[type[nn.Module], ...] = (), functions: Collection[Callable[..., object]] = ()) -> list[fx.Node]:
    """The computation of a network in order; raises FerbenchError if torch.fx cannot trace it."""
    try:
        tracer = _Tracer(opaque, tuple(functions))
        options = list(signature(network.forward).parameters.values())[1:]  # such as masks: each keeps its default
        return list(tracer.trace(network, {option.name: option.default for option in options}).nodes)
    except Exception as error:  # a network's own code can fail in any way when its input is not a tensor
        reason = str(error).partition("\n")[0][:200]
        raise FerbenchError(f"the network cannot be split: torch.fx cannot trace it ({reason})", where=WHERE) from error


def take_nodes(network: nn.Module, nodes: Iterable[fx.Node], source: fx.Node | None) -> fx.GraphModule:
    """A network of these nodes, with the output of `source` as its input; it returns the last node's output."""
    graph = fx.Graph()
    copies = {source: graph.placeholder("features")} if source else {}
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    if node.op != "output":
        graph.output(copies[node])
    return fx.GraphModule(network, graph)


def is_inside(node: fx.Node, layer: str) -> bool:
    """Whether a node belongs to the layer of this name."""
    return layer in node.meta.get("nn_module_stack", {})


def _find_end(network: nn.Module, nodes: Sequence[fx.Node], layer: str) -> int:
    """The number of the last node of a layer."""
    names = [name for name, _ in network.named_modules() if name]
    inside = [number for number, node in enumerate(nodes) if is_inside(node, layer)]
    if layer not in names:
        close = get_close_matches(layer, names, n=3)
        guess = f"; did you mean {' or '.join(close)}?" if close else ""
        raise FerbenchError(f"the network has no layer {layer!r}{guess}", where=WHERE, hint=HINT)
    if not inside:
        raise FerbenchError(f"the network cannot be cut behind {layer}: torch.fx sees no call of it", where=WHERE, hint=HINT)
    if any(name.startswith(f"{layer}@") for node in nodes for name in node.meta.get("nn_module_stack", {})):  # torch.fx numbers the calls
        raise FerbenchError(f"the layer {layer} is used more than once: name one that is used once", where=WHERE, hint=HINT)
    return inside[-1]


@dataclass
class LayerDescription:
    """A layer of a network: its name, kind, and number of parameters; `shape` is that of its output for one input."""

    name: str
    kind: str
    shape: list[int]
    parameters: int


def describe_layers(network: nn.Module, shape: Sequence[int], depth: int) -> list[LayerDescription]:
    """The layers of a network whose names have at most `depth` parts, in the order in which they finish, for an input [*shape]."""
    layers = list[LayerDescription]()

    def note(module: nn.Module, output: object, name: str) -> None:
        size = list(output.shape[1:]) if isinstance(output, Tensor) else []
        layers.append(LayerDescription(name, type(module).__name__, size, sum(each.numel() for each in module.parameters())))

    named = ((name, module) for name, module in network.named_modules() if name and not isinstance(module, nn.Identity))
    chosen = [(name, module) for name, module in named if name.count(".") < depth]
    handles = [module.register_forward_hook(lambda module, _, output, name=name: note(module, output, name)) for name, module in chosen]
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
    return layers


class _Tracer(fx.Tracer):
    """Does not trace into modules that behave differently in training, nor into those that are said to be opaque."""

    def __init__(self, opaque: tuple[type[nn.Module], ...], functions: tuple[Callable[..., object], ...]) -> None:
        super().__init__(autowrap_functions=functions)
        self.opaque: tuple[type[nn.Module], ...] = (_BatchNorm, *opaque)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, self.opaque) or not any(True for _ in m.children()) or super().is_leaf_module(m, module_qualified_name)
