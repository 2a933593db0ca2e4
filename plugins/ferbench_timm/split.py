"""Splits a network of timm in two, behind one of the stages that timm names for it."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import signature
from typing import cast

from timm.models import get_notrace_functions, get_notrace_modules
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ferbench import FerbenchError

WHERE = "backbone.trained_blocks"


def frozen_part(trunk: nn.Module, trained_blocks: int, model: str) -> nn.Module:
    """[B,C,H,W] -> the output of the block before the last `trained_blocks`; the whole trunk if that is 0."""
    return trunk if not trained_blocks else split(trunk, trained_blocks, model)[0]


def split(trunk: nn.Module, trained_blocks: int, model: str) -> tuple[nn.Module, nn.Module]:
    """The trunk up to the last `trained_blocks`, and these; weights keep their names.

    Raises FerbenchError if there are too few blocks, if several tensors pass the cut, or if torch.fx cannot trace the network.
    """
    last = _last_frozen_stage(trunk, trained_blocks, model)
    nodes = _trace(trunk, model)
    cut = max((index for index, node in enumerate(nodes) if last in node.meta.get("nn_module_stack", {})), default=-1)
    before, after = nodes[: cut + 1], nodes[cut + 1 :]
    outputs = {node for node in before if any(user in after for user in node.users)}
    if cut < 0 or outputs != {nodes[cut]}:
        reason = "does not appear in its graph" if cut < 0 else f"passes on {len(outputs)} values"
        raise FerbenchError(f"timm's {model} cannot be split behind {last}, which {reason}", where=WHERE, hint="try another number")
    return _subnetwork(trunk, before, None), _subnetwork(trunk, after, nodes[cut])


def _last_frozen_stage(trunk: nn.Module, trained_blocks: int, model: str) -> str:
    names = [stage["module"] for stage in cast("list[dict[str, str]]", trunk.feature_info)]
    if trained_blocks < len(names):
        return names[-1 - trained_blocks]
    raise FerbenchError(
        f"trained_blocks is {trained_blocks}: timm's {model} has {len(names) - 1} blocks that can be trained if at least one is frozen "
        f"({', '.join(names[1:])})",
        where=WHERE,
        hint="--set backbone.trained_blocks=all trains the whole network",
    )


def _trace(trunk: nn.Module, model: str) -> list[fx.Node]:
    try:
        tracer = _Tracer(autowrap_functions=tuple(get_notrace_functions()))
        options = list(signature(trunk.forward).parameters.values())[1:]  # such as masks: each keeps its default
        return list(tracer.trace(trunk, {option.name: option.default for option in options}).nodes)
    except Exception as error:  # a network's own code can fail in any way when its input is not a tensor
        reason = str(error).partition("\n")[0][:200]
        raise FerbenchError(f"timm's {model} cannot be split: torch.fx cannot trace it ({reason})", where=WHERE) from error


def _subnetwork(trunk: nn.Module, nodes: Iterable[fx.Node], source: fx.Node | None) -> fx.GraphModule:
    """A network of these nodes, with the output of `source` as its input; it returns the last node's output."""
    graph = fx.Graph()
    copies = {source: graph.placeholder("features")} if source else {}
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    if node.op != "output":
        graph.output(copies[node])
    return fx.GraphModule(trunk, graph)


class _Tracer(fx.Tracer):
    """Does not trace into modules that behave differently in training, nor into those that timm says cannot be traced."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        opaque = (_BatchNorm, *get_notrace_modules())
        return isinstance(m, opaque) or not any(True for _ in m.children()) or super().is_leaf_module(m, module_qualified_name)
