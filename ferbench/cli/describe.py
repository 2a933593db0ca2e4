"""The command describe: the input, the layers and the features of a backbone."""

from __future__ import annotations

import argparse
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

from ferbench.cli.options import add_command, add_format, parse_count, print_json, print_sentences, print_table

if TYPE_CHECKING:
    from ferbench.api.layers import LayerDescription
    from ferbench.api.networks import Backbone, Fusion
    from ferbench.cli.options import Commands

SMALLEST_MAP = 8  # of the layer that is suggested; 4 x 4 cells then average several values each
GRID = 4
MAX_COST = 0.8  # of the network: what follows is made for its own classes
EXAMPLE = "'timm: {model: resnet18}'"


def add_describe_command(commands: Commands) -> None:
    """Add describe."""
    parser = add_command(commands, "describe", _describe, "list the layers of a backbone, and what its features are", plugin=True)
    parser.add_argument("backbone", metavar="BACKBONE", help=f"as in a benchmark: a name, or one with parameters, {EXAMPLE}")
    parser.add_argument(
        "--depth", type=parse_count, default=2, metavar="N", help="list layers with at most N parts in their name (default: 2)"
    )
    add_format(parser, ("table", "json"))


def _describe(options: argparse.Namespace) -> int:
    from ferbench.api.networks import Backbone

    backbone = _build(options)
    if not isinstance(backbone, Backbone):
        members = [member.name for member in backbone.members()]
        if options.format == "json":
            print_json({"backbone": backbone.name, "members": members})
        else:
            print_sentences([f"{backbone.title} fuses {', '.join(members)}: describe each of them"])
        return 0
    declared, features = backbone.input(), _describe_features(backbone)
    layers, multiply_adds = _list_layers(backbone, options.depth)
    if options.format == "json":
        described = {"input": asdict(declared), "features": features, "layers": [asdict(layer) for layer in layers]}
        print_json({"backbone": backbone.name, "trained_on": backbone.trained_on(), "multiply_adds": multiply_adds, **described})
        return 0
    print_sentences(
        [
            f"{backbone.title}: reads {_join(declared.channels, declared.size, declared.size)}, mean {_numbers(declared.mean)}, "
            f"std {_numbers(declared.std)}",
            f"trained beforehand on {backbone.trained_on() or 'nothing'}",
            f"features: {features}",
        ]
    )
    if layers:
        _print_layers(layers, multiply_adds)
        print_sentences(_suggest_features(_with_random_weights(backbone), layers, multiply_adds))
    return 0


def _build(options: argparse.Namespace) -> Backbone | Fusion:
    from ferbench.api.errors import FerbenchError
    from ferbench.api.networks import Backbone, Fusion
    from ferbench.benchmark.document import parse_value
    from ferbench.registry.plugins import load_plugins
    from ferbench.registry.specs import Place, make_specs

    specs = make_specs("BACKBONE", [parse_value(options.backbone, "BACKBONE")], Place("BACKBONE"))
    if len(specs) != 1:
        raise FerbenchError(f"{len(specs)} backbones are named", where="BACKBONE", hint=f"describe one: {EXAMPLE}")
    backbone = load_plugins(options.plugin).build("backbone", specs[0])
    assert isinstance(backbone, Backbone | Fusion)
    return backbone


def _list_layers(backbone: Backbone, depth: int) -> tuple[list[LayerDescription], int]:
    from ferbench.api.layers import describe_layers

    network, declared = backbone.network(), backbone.input()
    return describe_layers(network, (declared.channels, declared.size, declared.size), depth) if network else ([], 0)


def _describe_features(backbone: Backbone) -> str:
    """The shape of what the frozen part gives, as far as it can be known without crops. No weights are looked for."""
    import torch

    from ferbench.api.errors import FerbenchError

    backbone = _with_random_weights(backbone)
    frozen, declared = backbone.frozen(), backbone.input()
    if frozen is None:
        return "none, everything is trained"
    if frozen.is_calibrated:
        return "depend on the training crops"
    if frozen.reads not in ("frames", "clips"):
        return f"depend on the {frozen.reads} of the corpus"
    try:
        module = frozen.build(None).eval()
    except FerbenchError as error:
        return f"unknown: {error.message}"
    frames = 2 if frozen.reads == "clips" else 1
    with torch.inference_mode():
        output = module(torch.zeros(frames, declared.channels, declared.size, declared.size))
    per = "frame" if len(output) == frames else "clip"
    return f"{_join(*output.shape[1:])} numbers for each {per}"


def _print_layers(layers: list[LayerDescription], multiply_adds: int) -> None:
    from ferbench.report.cards import FittingTable

    table = FittingTable(("layer", "kind", "output", "parameters", "cost"), [_layer_cells(layer, multiply_adds) for layer in layers])
    print_table("", table)
    print_sentences(["", f"cost: share of the network's {multiply_adds / 1e6:,.0f} million multiply-adds, up to the layer"])


def _layer_cells(layer: LayerDescription, multiply_adds: int) -> list[str]:
    kind = layer.kind if layer.calls == 1 else f"{layer.kind}, {layer.calls} times"
    return [layer.name, kind, _join(*layer.shape) or "–", f"{layer.parameters:,}", f"{layer.multiply_adds / max(multiply_adds, 1):.0%}"]


def _suggest_features(backbone: Backbone, layers: list[LayerDescription], multiply_adds: int) -> list[str]:
    """How to take features from the last layer with a large map, not close to the end, that the network can be cut behind."""
    blocks = {layer.name for layer in layers if layer.kind != "Sequential"}  # what is inside of one may be a branch
    for layer in reversed(layers):
        is_early = layer.multiply_adds <= MAX_COST * multiply_adds
        if is_early and layer.name.rpartition(".")[0] not in blocks and _can_cut(backbone, layer.name):
            return ["", f"to use one of them: features: {{layer: {layer.name}, grid: {GRID}}}"]
    return []


def _can_cut(backbone: Backbone, layer: str) -> bool:
    from ferbench.api.errors import FerbenchError
    from ferbench.types import Layer

    try:
        frozen = replace(backbone, features=Layer(layer, SMALLEST_MAP)).frozen()  # type: ignore[call-arg]
        return frozen is not None and frozen.build(None) is not None
    except (FerbenchError, ValueError):  # ValueError: together with parameters that train more than the head
        return False


def _with_random_weights(backbone: Backbone) -> Backbone:
    """The backbone as it is when no weights are there."""
    has_weights = any(parameter.name == "weights" for parameter in fields(backbone))
    return replace(backbone, weights="random") if has_weights else backbone  # type: ignore[call-arg]


def _join(*sizes: int) -> str:
    return " x ".join(map(str, sizes))


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
