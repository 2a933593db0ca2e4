"""Components as they are written: a name, or a name with parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferbench.api.errors import FerbenchError, shorten

RESERVED = "label"  # of a choice; no component may have a parameter of this name


@dataclass(frozen=True)
class Spec:
    """Name and parameters of a component, where it is written, and where each parameter is; `label` is what tables call it."""

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    where: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    label: str = ""

    def place(self, parameter: str) -> str:
        """Where a parameter is written."""
        return self.places.get(parameter, self.where)


def make_spec(what: str, name: object, parameters: object, where: str, places: Mapping[str, str] | None = None) -> Spec:
    """The spec of `name` or `{name: parameters}`; raises FerbenchError, which begins with `what`, if they are something else."""
    places = places or {}
    if not isinstance(name, str):
        raise FerbenchError(f"{what} is {shorten(name)}: expected a name", where=where)
    if parameters is not None and not isinstance(parameters, dict):
        raise FerbenchError(f"{what} {name} is {shorten(parameters)}: expected its parameters as key: value", where=where)
    values = dict(parameters or {})
    label = values.pop(RESERVED, "")
    if isinstance(label, bool) or not isinstance(label, str | int | float) or not str(label or "-").isprintable():
        place = places.get(RESERVED, where)
        raise FerbenchError(f"{what} {name}: label is {shorten(label)}: expected text in one line", where=place)
    return Spec(name, values, where, places, str(label))


def make_specs(what: str, value: object, where: str) -> list[Spec]:
    """The specs in a list of names, or names with parameters: `[vgg16, {timm: {model: resnet18}}]`."""
    if not isinstance(value, list) or any(isinstance(item, list) for item in value):
        raise FerbenchError(f"{what} is {shorten(value)}: expected a list of names, or names with parameters", where=where)
    specs = []
    for item in value:
        pairs = item.items() if isinstance(item, dict) else [(item, None)]
        specs += [make_spec(what, name, parameters, where) for name, parameters in pairs]
    return specs
