"""Splits a network of timm in two, behind one of the stages that timm names for it."""

from __future__ import annotations

from typing import cast

from timm.models import get_notrace_functions, get_notrace_modules
from torch import nn

from ferbench import FerbenchError, layers
from ferbench.types import Layer

WHERE = "backbone.trained_blocks"


def frozen_part(trunk: nn.Module, trained_blocks: int, model: str) -> nn.Module:
    """[B,C,H,W] -> the output of the block before the last `trained_blocks`; the whole trunk if that is 0."""
    return trunk if not trained_blocks else split(trunk, trained_blocks, model)[0]


def cut(trunk: nn.Module, features: Layer, shape: tuple[int, ...]) -> nn.Module:
    """[B,*shape] -> the output of a layer, pooled on a grid, [B,D]."""
    return layers.cut_network(trunk, features, shape, opaque=tuple(get_notrace_modules()), functions=get_notrace_functions())


def split(trunk: nn.Module, trained_blocks: int, model: str) -> tuple[nn.Module, nn.Module]:
    """The trunk up to the last `trained_blocks`, and these; weights keep their names.

    Raises FerbenchError if there are too few blocks, if several tensors pass the cut, or if torch.fx cannot trace the network.
    """
    last = _last_frozen_stage(trunk, trained_blocks, model)
    nodes = layers.trace(trunk, tuple(get_notrace_modules()), get_notrace_functions())
    cut = max((index for index, node in enumerate(nodes) if layers.is_inside(node, last)), default=-1)
    before, after = nodes[: cut + 1], nodes[cut + 1 :]
    outputs = {node for node in before if any(user in after for user in node.users)}
    if cut < 0 or outputs != {nodes[cut]}:
        reason = "does not appear in its graph" if cut < 0 else f"passes on {len(outputs)} values"
        raise FerbenchError(f"timm's {model} cannot be split behind {last}, which {reason}", where=WHERE, hint="try another number")
    return layers.take_nodes(trunk, before, None), layers.take_nodes(trunk, after, nodes[cut])


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
