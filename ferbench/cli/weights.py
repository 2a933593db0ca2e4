"""The command weights: what networks can start from, and where it is."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ferbench.cli.options import add_command, add_format, print_columns, print_json, print_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferbench.api.models import ModelFile
    from ferbench.cli.options import Commands

ALSO = (
    "timm and torchvision download the weights that they publish for other networks when these are first used. Files in one of these "
    "folders are recognized by their hash, whatever their names are: {folders}"
)


def add_weights_commands(commands: Commands) -> None:
    """Add weights, with its subcommands list and get."""
    parser = add_command(commands, "weights", _weights, "list the trained networks that can be had, or fetch them", plugin=True)
    parser.add_argument("action", nargs="?", choices=("list", "get"), default="list", help="what to do (default: list)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="get: the models to fetch")
    add_format(parser, ("table", "json"))


def _weights(options: argparse.Namespace) -> int:
    from ferbench.api.errors import FerbenchError
    from ferbench.registry.plugins import load_plugins

    models = load_plugins(options.plugin)
    if options.action == "get":
        if not options.names:
            raise FerbenchError("no model is named", where="ferbench weights get", hint="`ferbench weights` lists the names")
        return _get([models.get_model(name) for name in options.names])
    if options.names:
        raise FerbenchError("list takes no names", where="ferbench weights list")
    _list(sorted(models.models.values(), key=lambda model: model.name), options.format)
    return 0


def _get(models: Sequence[ModelFile]) -> int:
    from ferbench.api.models import locate
    from ferbench.registry.fetching import fetch

    for model in models:
        present = locate(model)
        print_sentences([f"{model.name}: {'already at' if present else 'fetched to'} {present or fetch(model)}", *_describe_terms(model)])
    return 0


def _list(models: Sequence[ModelFile], form: str) -> None:
    from ferbench.api.models import locate, search_folders

    places = {model.name: locate(model) for model in models}
    if form == "json":
        print_json([_describe(model) | {"path": str(places[model.name] or "") or None} for model in models])
        return
    head = ["name", "present", "size", "license", "trained on, used by"]
    rows = [
        [m.name, "yes" if places[m.name] else "no", f"{m.size / 1e6:.1f} MB", m.license, f"{m.trained_on} · {m.used_by}"] for m in models
    ]
    print_columns([head, *rows])
    print_sentences(["", ALSO.format(folders=" and ".join(map(str, search_folders())))])


def _describe(model: ModelFile) -> dict[str, object]:
    names = ("name", "file", "sha256", "size", "trained_on", "license", "terms", "source", "used_by", "package", "url")
    return {name: getattr(model, name) for name in names}


def _describe_terms(model: ModelFile) -> list[str]:
    terms = f"; terms of the training data: {model.terms}" if model.terms else ""
    return [f"  {model.source}; trained on {model.trained_on}; license {model.license}{terms}"]
