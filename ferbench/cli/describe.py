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

SMALLEST_MAP = 8  # of the layer in the hint
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
        members = ", ".join(member.name for member in backbone.members())
        print_sentences([f"{backbone.title} fuses {members}: describe each of them"])
        return 0
    declared, layers, features = backbone.input(), _list_layers(backbone, options.depth), _describe_features(backbone)
    if options.format == "json":
        described = {"input": asdict(declared), "features": features, "layers": [asdict(layer) for layer in layers]}
        print_json({"backbone": backbone.name, "trained_on": backbone.trained_on(), **described})
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
        _print_layers(layers)
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


def _list_layers(backbone: Backbone, depth: int) -> list[LayerDescription]:
    from ferbench.api.layers import describe_layers

    network, declared = backbone.network(), backbone.input()
    return describe_layers(network, (declared.channels, declared.size, declared.size), depth) if network else []


def _describe_features(backbone: Backbone) -> str:
    """The shape of what the frozen part gives, as far as it can be known without crops. No weights are looked for."""
    import torch

    from ferbench.api.errors import FerbenchError

    if any(parameter.name == "weights" for parameter in fields(backbone)):
        backbone = replace(backbone, weights="random")  # type: ignore[call-arg]
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


def _print_layers(layers: list[LayerDescription]) -> None:
    from ferbench.report.cards import FittingTable

    rows = [[layer.name, layer.kind, _join(*layer.shape) or "–", f"{layer.parameters:,}"] for layer in layers]
    print_table("", FittingTable(("layer", "kind", "output", "parameters"), rows))
    middle = [layer.name for layer in layers if len(layer.shape) == 3 and min(layer.shape[1:]) >= SMALLEST_MAP]
    print_sentences(["", f"to take features from one of them, on a grid: features: {{layer: {middle[-1]}, grid: 4}}"] if middle else [])


def _join(*sizes: int) -> str:
    return " x ".join(map(str, sizes))


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
