"""(kind, name) -> component class; parameters validated by type, misspellings answered with a suggestion."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, get_args, get_origin

import msgspec

from ferbench.api.components import Aggregator, Component, Dataset, EmbeddingLoss, Loss, Preprocessor, Protocol, StandIn
from ferbench.api.errors import FerbenchError, PluginError
from ferbench.api.networks import Backbone, Fusion
from ferbench.store.keys import type_hints

KINDS: dict[str, tuple[str, type[Component], *tuple[type[Component], ...]]] = {
    "dataset": ("datasets", Dataset),
    "preprocessor": ("preprocessors", Preprocessor),
    "backbone": ("backbones", Backbone, Fusion),
    "loss": ("losses", Loss, EmbeddingLoss),
    "aggregator": ("aggregators", Aggregator),
    "protocol": ("protocols", Protocol),
    "stand-in": ("standins", StandIn),
}


@dataclass(frozen=True)
class Entry:
    """One registered component class and the plugin it came from."""

    kind: str
    name: str
    component: type[Component]
    plugin: str

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.component) or "").partition("\n")[0]


@dataclass
class Catalog:
    """All registered components; `broken` names plugins that could not be imported, with the reason."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, component: type[Component], plugin: str, where: str) -> None:
        """Takes a component class; raises PluginError where it breaks the contract or its name is taken."""
        problem = _contract_problem(kind, component)
        if problem:
            raise PluginError(f"plugin {plugin}: {getattr(component, '__name__', component)!s} {problem}", where=where)
        name = component.name
        other = self.entries.get((kind, name))
        if other:
            raise PluginError(
                f"two plugins register the {kind} {name!r}: {other.plugin} and {plugin}",
                where=where,
                hint="rename one of them, or leave one plugin out",
            )
        self.entries[kind, name] = Entry(kind, name, component, plugin)

    def of(self, kind: str) -> list[Entry]:
        """All components of a kind, by name."""
        return sorted((e for e in self.entries.values() if e.kind == kind), key=lambda e: e.name)

    def get(self, kind: str, name: str, where: str = "") -> Entry:
        """The component of that name; raises FerbenchError with the nearest names."""
        if (kind, name) not in self.entries:
            broken = "".join(f"; plugin {plugin} could not be imported: {why}" for plugin, why in self.broken.items())
            raise FerbenchError(*unknown(kind, name, [e.name for e in self.of(kind)]), where=where, hint=f"see `ferbench plugins`{broken}")
        return self.entries[kind, name]

    def datasets(self) -> list[type[Dataset]]:
        """The dataset classes, by name."""
        return [entry.component for entry in self.of("dataset") if issubclass(entry.component, Dataset)]

    def build(self, kind: str, name: str, parameters: Mapping[str, Any], where: str = "", places: Mapping[str, str] | None = None) -> Any:
        """A component with these parameters; raises FerbenchError naming the parameter, its value and the expected type.

        What is of components (see `composed_of`) is given built.
        """
        component = self.get(kind, name, where).component
        built = {
            p: value for p, value in parameters.items() if p in parameter_hints(component) and composed_of(parameter_hints(component)[p])
        }
        made = convert(component, {p: v for p, v in parameters.items() if p not in built}, f"{kind} {name}", where, places)
        return replace(made, **built) if built else made


def convert(cls: type, parameters: Mapping[str, Any], what: str, where: str, places: Mapping[str, str] | None = None) -> Any:
    """An instance of the dataclass `cls`, each parameter checked against its annotation; `places` tells where each is written."""
    hints = parameter_hints(cls)
    for name, value in parameters.items():
        place = (places or {}).get(name, where)
        if name not in hints:
            raise FerbenchError(*unknown(f"parameter of {what}", name, hints), where=place)
        check(value, hints[name], f"{what}: {name}", place)
    try:
        return msgspec.convert(dict(parameters), cls)
    except msgspec.ValidationError as error:
        raise FerbenchError(f"{what}: {error}", where=where) from error


def composed_of(hint: Any) -> str:
    """The kind of component that a parameter annotated tuple[Backbone, ...] holds; empty for any other."""
    given = get_args(hint)
    return next((kind for kind, (_, base, *_) in KINDS.items() if get_origin(hint) is tuple and given == (base, ...)), "")


def parameter_hints(cls: type) -> dict[str, Any]:
    """The annotation of each parameter of a component class or a recipe."""
    return {f.name: type_hints(cls)[f.name] for f in fields(cls) if f.init}


def check(value: Any, hint: Any, what: str, where: str) -> Any:
    """The value as the annotated type; raises FerbenchError with value and expectation."""
    parts = (hint, *get_args(hint))
    nested = next((part for part in parts if isinstance(part, type) and is_dataclass(part)), None)
    if nested and isinstance(value, dict):
        return convert(nested, value, what.replace(": ", " "), where)
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        expected = str(error).partition(" - at ")[0]
        choices = [c for part in parts if get_origin(part) is Literal for c in get_args(part)]
        if choices:
            numbers = "a number in its range, or " if int in {get_args(part)[0] if get_args(part) else part for part in parts} else ""
            expected = f"expected {numbers}one of {', '.join(map(str, choices))}"
        elif nested:
            expected = f"expected its fields ({', '.join(parameter_hints(nested))}) as key: value"
        raise FerbenchError(f"{what} is {value!r}: {expected[0].lower()}{expected[1:]}", where=where) from error
    except TypeError as error:
        raise PluginError(f"{what}: the annotation {hint} cannot be validated: {error}", where=where) from error


def fits(value: Any, hint: Any) -> bool:
    """Whether a value converts to an annotation."""
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def unknown(what: str, name: object, known: Iterable[str]) -> tuple[str]:
    """The message for a name that is not known: did you mean, or what there is."""
    known = list(known)
    close = get_close_matches(str(name), known, n=3)
    known_text = f"did you mean {' or '.join(map(repr, close))}?" if close else f"known: {', '.join(known) or 'none'}"
    return (f"unknown {what} {name!r}; {known_text}",)


def _contract_problem(kind: str, component: Any) -> str:
    """What keeps a class from being a component of this kind; empty if nothing does."""
    base, *others = KINDS[kind][1:]
    if not (isinstance(component, type) and issubclass(component, (base, *others))):
        return f"is no subclass of ferbench.{' or ferbench.'.join(each.__name__ for each in (base, *others))}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9+_-]*", str(getattr(component, "name", ""))):
        return "needs a class attribute `name` of lower-case letters, digits, '-', '_' or '+'"
    if inspect.isabstract(component):
        return f"lacks {', '.join(sorted(component.__abstractmethods__))}"
    own = {n for n, hint in inspect.get_annotations(component).items() if "ClassVar" not in str(hint)}
    if own and "__dataclass_fields__" not in component.__dict__:
        return "has parameters but no @dataclass(frozen=True)"
    if "label" in own:
        return "has a parameter `label`, which is kept for the label of a choice"
    if kind == "dataset" and (missing := [fact for fact in _class_facts(base) if getattr(component, fact, None) is None]):
        return f"lacks the class facts {', '.join(missing)}"
    if issubclass(component, Preprocessor) and (component.select, component.__call__) == (Preprocessor.select, Preprocessor.__call__):
        return "overrides neither `select` nor `__call__`"
    return ""


def _class_facts(base: type) -> list[str]:
    return [name for name, hint in type_hints(base).items() if get_origin(hint) is ClassVar and name != "name"]
