"""Features from any layer of an image network, pooled on a grid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import signature
from math import isqrt

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from ferbench.api.errors import FerbenchError
from ferbench.types import Layer

WHERE = "backbone.features"
HINT = "`ferbench describe` lists the layers of a backbone"
MAX_PREFIX_TOKENS = 5  # a class token and four registers; no network of timm has more


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
    modules and `functions`. Raises FerbenchError if there is no such layer, if it is used more than once, if its output is none of these,
    if torch.fx cannot trace the network, or if the grid is larger than the map.
    """
    tracer = _Tracer(opaque, functions)
    nodes = _trace(tracer, network)
    end = _find_output(network, tracer.outputs, features.layer)
    inside = [number for number, node in enumerate(nodes) if is_inside(node, features.layer)]
    # Not only up to its output: a layer may change it in place afterwards.
    part = take_nodes(network, nodes[: max(nodes.index(end), *inside, 0) + 1], None, end)
    with torch.inference_mode():
        output = part.eval()(torch.zeros(1, *shape))
    _check_output(output, features.layer)
    pool = GridPool(features.grid, _is_channels_last(part, output, shape, features.layer))
    if features.grid > min(sides := pool.as_maps(output).shape[2:]):
        size = "x".join(map(str, sides))
        raise FerbenchError(f"grid is {features.grid}: the map of the layer {features.layer} has {size} values", where=WHERE, hint=HINT)
    return nn.Sequential(part, pool).eval()


class GridPool(nn.Module):
    """[B,C,h,w], [B,h,w,C], tokens [B,N,C] or [B,C] -> [B,C * grid * grid]: means over the cells of a grid."""

    def __init__(self, grid: int, is_channels_last: bool = False) -> None:
        super().__init__()
        self.grid, self.is_channels_last = grid, is_channels_last

    def forward(self, output: Tensor) -> Tensor:
        """Pool and flatten."""
        return F.adaptive_avg_pool2d(self.as_maps(output), self.grid).flatten(1)

    def as_maps(self, output: Tensor) -> Tensor:
        """The output of a layer as maps [B,C,h,w]: 1x1 for a vector [B,C], and a square for tokens [B,N,C], without prefix tokens."""
        if output.ndim == 2:
            return output[:, :, None, None]
        if output.ndim == 3:
            side = isqrt(output.shape[1])  # prefix tokens come first, and are few
            return output[:, -side * side :].transpose(1, 2).unflatten(2, (side, side))
        return output.permute(0, 3, 1, 2) if self.is_channels_last else output


def trace(network: nn.Module, opaque: tuple[type[nn.Module], ...] = (), functions: Collection[Callable[..., object]] = ()) -> list[fx.Node]:
    """The computation of a network in order; raises FerbenchError if torch.fx cannot trace it."""
    return _trace(_Tracer(opaque, functions), network)


def take_nodes(network: nn.Module, nodes: Iterable[fx.Node], source: fx.Node | None, output: fx.Node | None = None) -> fx.GraphModule:
    """A network of these nodes, with the output of `source` as its input; it returns what `output` gives, by default the last node."""
    graph = fx.Graph()
    copies = {source: graph.placeholder("features")} if source else {}
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    if node.op != "output":
        graph.output(copies[output or node])
    return fx.GraphModule(network, graph)


def is_inside(node: fx.Node, layer: str) -> bool:
    """Whether a node belongs to the layer of this name."""
    return layer in node.meta.get("nn_module_stack", {})


def _trace(tracer: _Tracer, network: nn.Module) -> list[fx.Node]:
    try:
        options = list(signature(network.forward).parameters.values())[1:]  # such as masks: each keeps its default
        return list(tracer.trace(network, {option.name: option.default for option in options}).nodes)
    except Exception as error:  # a network's own code can fail in any way when its input is not a tensor
        reason = str(error).partition("\n")[0][:200]
        raise FerbenchError(f"the network cannot be split: torch.fx cannot trace it ({reason})", where=WHERE) from error


def _find_output(network: nn.Module, outputs: Mapping[str, Sequence[object]], layer: str) -> fx.Node:
    """The node whose value a layer returns."""
    names = [name for name, _ in network.named_modules() if name]
    if layer not in names:
        close = get_close_matches(layer, names, n=3)
        guess = f"; did you mean {' or '.join(close)}?" if close else ""
        raise FerbenchError(f"the network has no layer {layer!r}{guess}", where=WHERE, hint=HINT)
    parents = [layer.rsplit(".", count)[0] for count in range(1, layer.count(".") + 1)]
    parent = next((name for name in parents if len(outputs.get(name, ())) == 1), "")
    instead = f"name {parent}, which contains it" if parent else "name another one"
    match outputs.get(layer, ()):
        case ():
            problem = f"the network cannot be cut behind {layer}: torch.fx sees no call of it; {instead}"
        case [fx.Proxy() as output]:
            return output.node
        case [output]:
            problem = f"the layer {layer} gives {_describe_output(output)}: expected one tensor"
        case calls:
            problem = f"the layer {layer} is used more than once ({len(calls)} times): {instead}"
    raise FerbenchError(problem, where=WHERE, hint=HINT)


def _check_output(output: object, layer: str) -> None:
    """Raise FerbenchError if a layer gives neither square maps, nor tokens that form one, nor a vector, for one input."""
    match output:
        case Tensor(shape=(1, _)):
            return
        case Tensor(shape=(1, count, _)) if 1 <= isqrt(count) ** 2 >= count - MAX_PREFIX_TOKENS:
            return
        case Tensor(shape=(1, one, two, three)) if two in (one, three):
            return
    kind = _describe_output(output)
    raise FerbenchError(f"the layer {layer} gives {kind} for an image: expected a square map, tokens or a vector", where=WHERE, hint=HINT)


def _describe_output(output: object) -> str:
    if isinstance(output, Tensor):
        return f"{'x'.join(map(str, output.shape))} values"
    return f"{len(output)} values ({type(output).__name__})" if isinstance(output, list | tuple) else type(output).__name__


def _is_channels_last(part: nn.Module, output: Tensor, shape: Sequence[int], layer: str) -> bool:
    """Whether maps are [B,h,w,C]. Inputs are square, and so are maps; if C = h = w, only h and w are smaller for half the input."""
    if output.ndim != 4 or output.shape[2] != output.shape[1]:
        return False
    if output.shape[2] != output.shape[3]:
        return True
    try:
        with torch.inference_mode():
            smaller: Tensor = part(torch.zeros(1, shape[0], *(side // 2 for side in shape[1:])))
    except Exception as error:  # networks fail in different ways at a size that they cannot read
        problem = f"the layer {layer} gives {_describe_output(output)}: which are channels cannot be told"
        raise FerbenchError(problem, where=WHERE, hint="choose another layer, or another `size`") from error
    return smaller.shape[1] < output.shape[1]


@dataclass
class LayerDescription:
    """A layer of a network: its name, kind, and number of parameters; `shape` is that of its output for one input.

    A layer that is used several times (`calls`) is described as it is used first. `multiply_adds` are those of the network up to there.
    """

    name: str
    kind: str
    shape: list[int]
    parameters: int
    multiply_adds: int
    calls: int = 1


def describe_layers(network: nn.Module, shape: Sequence[int], depth: int) -> tuple[list[LayerDescription], int]:
    """The layers whose names have at most `depth` parts, in the order in which they finish, and the network's multiply-adds.

    Both are those for one input [*shape]. Multiply-adds of convolutions and matrix products are counted.
    """
    layers = dict[str, LayerDescription]()

    def note(module: nn.Module, output: object, name: str) -> None:
        if name in layers:
            layers[name].calls += 1
            return
        size = list(output.shape[1:]) if isinstance(output, Tensor) else []
        parameters = sum(each.numel() for each in module.parameters())
        layers[name] = LayerDescription(name, type(module).__name__, size, parameters, counter.get_total_flops() // 2)

    named = ((name, module) for name, module in network.named_modules() if name and not isinstance(module, nn.Identity))
    chosen = [(name, module) for name, module in named if name.count(".") < depth]
    handles = [module.register_forward_hook(lambda module, _, output, name=name: note(module, output, name)) for name, module in chosen]
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network.eval()(torch.zeros(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
    return list(layers.values()), counter.get_total_flops() // 2


class _Tracer(fx.Tracer):
    """Notes what each module returns, call by call.

    Does not trace into modules that behave differently in training, nor into those that are said to be opaque.
    """

    def __init__(self, opaque: tuple[type[nn.Module], ...], functions: Collection[Callable[..., object]]) -> None:
        super().__init__(autowrap_functions=tuple(functions))
        self.opaque: tuple[type[nn.Module], ...] = (_BatchNorm, *opaque)
        self.outputs: dict[str, list[object]] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, self.opaque) or not any(True for _ in m.children()) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        output: object = super().call_module(m, forward, args, kwargs)
        self.outputs.setdefault(self.path_of_module(m), []).append(output)
        return output
