"""A combination as plain data, as it is stored with its row, and built again from it: no YAML and no option is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from ferbench.api.components import Component, Dataset
from ferbench.api.errors import FerbenchError
from ferbench.benchmark.axes import AXES
from ferbench.benchmark.grid import Cell
from ferbench.registry.catalog import Catalog
from ferbench.registry.parameters import build
from ferbench.registry.specs import Place, Spec
from ferbench.store.keys import file_parameters

Described = dict[str, Any]
"""The choice on each axis: a component as {name: parameters}, a list of them, the fields of a recipe, or a seed."""


def describe_cell(cell: Cell, roots: Mapping[str, Path]) -> Described:
    """Describe a combination; `roots` are the folders of the corpora, by name. Files and folders are named by absolute paths."""
    described: Described = {}
    for name, axis in AXES.items():
        value = getattr(cell, name)
        if axis.is_composed:
            described[name] = [_describe_component(component) for component in value]
        else:
            described[name] = _describe_component(value) if axis.kind else msgspec.to_builtins(value)
    for dataset in described["dataset"]:
        for name, parameters in dataset.items():
            parameters["root"] = str(roots[name].absolute())
    return described


def rebuild_cell(described: Described, labels: Mapping[str, str], catalog: Catalog, where: str) -> Cell:
    """Build a combination again; raises FerbenchError if a component is not registered, or takes other parameters by now."""
    parts: dict[str, Any] = {}
    for name, axis in AXES.items():
        value, place = described[name], Place(where)
        if axis.is_composed:
            parts[name] = tuple(_build(axis.kind, item, catalog, place) for item in value)
        elif axis.kind:
            parts[name] = _build(axis.kind, value, catalog, place)
        else:
            parts[name] = build(axis.section, Spec(name, value, place), name) if axis.section else value
    return Cell(labels=dict(labels), **parts)


def _describe_component(component: Component) -> Described:
    files = file_parameters(type(component))
    names = [field.name for field in fields(component) if field.init]
    values = {name: _describe_value(getattr(component, name), name in files) for name in names}
    if isinstance(component, Dataset):
        values.pop("root")
    return {component.name: values}


def _describe_value(value: object, is_file: bool) -> object:
    if isinstance(value, tuple | list):
        if any(isinstance(item, Component) for item in value):
            return [_describe_component(item) for item in value]
        return [_describe_value(item, is_file) for item in value]
    if is_file and isinstance(value, str) and Path(value).is_file():
        return str(Path(value).absolute())
    return msgspec.to_builtins(value)


def _build(kind: str, item: Described, catalog: Catalog, place: Place) -> Component:
    ((name, parameters),) = item.items()
    if (kind, name) not in catalog.entries:
        hint = "if it is in a plugin file, name the file as in the run: --plugin FILE.py"
        raise FerbenchError(f"no {kind} {name!r} is registered", where=str(place), hint=hint)
    return catalog.build(kind, Spec(name, parameters, place))
