"""Cuts a network of timm's in two, behind one of the stages that timm names for it."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import signature
from typing import cast

from timm.models import get_notrace_functions, get_notrace_modules
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ferbench import FerbenchError

WHERE = "backbone.trained_blocks"


def front(trunk: nn.Module, trained: int, model: str) -> nn.Module:
    """[B,C,H,W] -> the output of the block before the last `trained`; the whole trunk where none is trained."""
    return trunk if not trained else halves(trunk, trained, model)[0]


def halves(trunk: nn.Module, trained: int, model: str) -> tuple[nn.Module, nn.Module]:
    """The trunk up to the last `trained` blocks, and these; their weights keep their names.

    FerbenchError where there are not so many blocks, more than one tensor passes the cut, or torch.fx cannot follow the network.
    """
    names = [stage["module"] for stage in cast("list[dict[str, str]]", trunk.feature_info)]
    if trained >= len(names):
        known = ", ".join(names[1:])
        raise FerbenchError(
            f"trained_blocks is {trained}: timm's {model} has {len(names) - 1} that can be trained behind a frozen one ({known})",
            where=WHERE,
            hint="--set backbone.trained_blocks=all trains the whole network",
        )
    last = names[-1 - trained]
    try:
        tracer = _Tracer(autowrap_functions=tuple(get_notrace_functions()))
        options = list(signature(trunk.forward).parameters.values())[1:]  # such as masks: each stays at its default
        nodes = list(tracer.trace(trunk, {option.name: option.default for option in options}).nodes)
    except Exception as error:  # whatever a network's own code meets when it is given no tensors
        reason = str(error).partition("\n")[0][:200]
        raise FerbenchError(f"timm's {model} cannot be split: torch.fx cannot follow it ({reason})", where=WHERE) from error
    cut = max((index for index, node in enumerate(nodes) if last in node.meta.get("nn_module_stack", {})), default=-1)
    before, after = nodes[: cut + 1], nodes[cut + 1 :]
    passing = {node for node in before if any(user in after for user in node.users)}
    if cut < 0 or passing != {nodes[cut]}:
        told = "is not a part of its own" if cut < 0 else f"leaves {len(passing)} values for what follows"
        raise FerbenchError(f"timm's {model} cannot be split behind {last}, which {told}", where=WHERE, hint="try another number")
    return _part(trunk, before, None), _part(trunk, after, nodes[cut])


def _part(trunk: nn.Module, nodes: Iterable[fx.Node], given: fx.Node | None) -> fx.GraphModule:
    """These nodes as a network; `given` is what they are fed with, and the last of them what they give, unless they end themselves."""
    graph = fx.Graph()
    made = {given: graph.placeholder("features")} if given else {}
    for node in nodes:
        made[node] = graph.node_copy(node, made.__getitem__)
    if node.op != "output":
        graph.output(made[node])
    return fx.GraphModule(trunk, graph)


class _Tracer(fx.Tracer):
    """Does not look into what behaves differently in training, nor into what timm says cannot be traced."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        opaque = (_BatchNorm, *get_notrace_modules())
        return isinstance(m, opaque) or not any(True for _ in m.children()) or super().is_leaf_module(m, module_qualified_name)
