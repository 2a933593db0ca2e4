"""Specs: components as they are written in YAML, a name with or without parameters, and their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ferbench.api.errors import FerbenchError, shorten

KeyPath = tuple[str | int, ...]
"""The path of a value: keys and positions from the top."""

RESERVED = "label"  # the label of a choice; no component may have a parameter of this name


@dataclass(frozen=True)
class Place:
    """Where a value is written: a path in a file, or an option on the command line, which has no lines."""

    source: str = ""
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False)
    at: KeyPath = ()

    def __str__(self) -> str:
        """`file:line` of the value, or of the nearest one that contains it."""
        at = self.at
        while at and at not in self.lines:
            at = at[:-1]
        return f"{self.source}:{self.lines.get(at, 1)}" if self.lines else self.source

    def inside(self, *keys: str | int) -> Place:
        """Return the place of a value inside this one."""
        return replace(self, at=(*self.at, *keys))

    def contains(self, key: object) -> bool:
        """Whether a key is written at this place."""
        return (*self.at, key) in self.lines


@dataclass(frozen=True)
class Spec:
    """Name, parameters and label of a component; `places` are those of parameters that are set elsewhere.

    Places do not count in comparisons.
    """

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    place: Place = field(default_factory=Place, compare=False)
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    label: str = ""

    def place_of(self, parameter: str) -> Place:
        """Return the place of a parameter."""
        return self.places.get(parameter) or self.place.inside(parameter)

    def with_parameter(self, name: str, value: object, place: Place) -> Spec:
        """Return a copy with a parameter that is set at another place."""
        return replace(self, parameters={**self.parameters, name: value}, places={**self.places, name: place})


def make_spec(what: str, name: object, parameters: object, place: Place) -> Spec:
    """Make the spec of `name` or `{name: parameters}`; raises FerbenchError, which begins with `what`, for anything else."""
    if not isinstance(name, str):
        raise FerbenchError(f"{what} is {shorten(name)}: expected a name", where=str(place))
    if parameters is not None and not isinstance(parameters, dict):
        raise FerbenchError(f"{what} {name} is {shorten(parameters)}: expected its parameters as key: value", where=str(place))
    inside = place.inside(name) if place.contains(name) else place
    values = dict(parameters or {})
    label = values.pop(RESERVED, "")
    if isinstance(label, bool) or not isinstance(label, str | int | float) or not str(label or "-").isprintable():
        raise FerbenchError(f"{what} {name}: label is {shorten(label)}: expected a single line of text", where=str(inside.inside(RESERVED)))
    return Spec(name, values, inside, label=str(label))


def make_specs(what: str, value: object, place: Place) -> list[Spec]:
    """Make the specs of a list of names, or names with parameters: `[vgg16, {timm: {model: resnet18}}]`."""
    if not isinstance(value, list) or any(isinstance(item, list) or item == {} for item in value):
        raise FerbenchError(f"{what} is {shorten(value)}: expected a list of names, or names with parameters", where=str(place))
    specs = []
    for index, item in enumerate(value):
        pairs = item.items() if isinstance(item, dict) else [(item, None)]
        specs += [make_spec(what, name, parameters, place.inside(index)) for name, parameters in pairs]
    return specs
