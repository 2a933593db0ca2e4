"""Build components and sections: dataclasses whose parameters are checked against their annotations."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from typing import Literal, TypeVar, Union, get_args, get_origin

import msgspec

from ferbench.api.components import Component
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, join_names, shorten
from ferbench.registry.specs import Place, Spec, make_specs
from ferbench.store.keys import content_parameters, file_parameters, type_hints

T = TypeVar("T")
Hint = object
"""An annotation."""


class Builder(typing.Protocol):
    """The interface of the catalog that `build` needs for components inside a component; the catalog itself imports this module."""

    def build(self, kind: str, spec: Spec) -> Component:
        """Build a component of this kind."""


def build(cls: type[T], spec: Spec, what: str, builder: Builder | None = None) -> T:
    """Build an instance of the dataclass `cls` with the parameters of `spec`; messages begin with `what`.

    Expands `~` and environment variables in file parameters; `builder` builds components inside a component. Raises FerbenchError, with the
    place, for a parameter that is unknown, missing, or not of its annotated type.
    """
    hints = parameter_hints(cls)
    for name in spec.parameters:
        if name not in hints:
            raise FerbenchError(describe_unknown(f"parameter of {what}", name, hints), where=str(spec.place_of(name)))
    paths, contents = file_parameters(cls), content_parameters(cls)
    values = {}
    for name, value in spec.parameters.items():
        parameter = _Parameter(hints[name], f"{what}: {name}", spec.place_of(name), builder)
        values[name] = parameter.convert(expand_path(value) if name in paths else value)
        if name in contents and values[name] != getattr(cls, name, None):  # a default may be a name, such as that of pretrained weights
            _refuse_folder(values[name], parameter)
    if missing := [f.name for f in fields(cls) if f.init and f.name not in values and _is_required(f)]:  # type: ignore[arg-type]
        raise FerbenchError(f"{what} lacks {', '.join(missing)}", where=str(spec.place))
    with blame_plugin(what, cls):
        try:
            return cls(**values)
        except ValueError as error:
            raise FerbenchError(f"{what}: {error}", where=str(spec.place)) from error


def check_value(value: object, hint: Hint, what: str, place: Place) -> object:
    """Convert a value to the annotated type; raises FerbenchError with the value and what was expected."""
    return _Parameter(hint, what, place, None).convert(value)


@dataclass(frozen=True)
class _Parameter:
    """A parameter: its annotation, its name in messages, and where it is written."""

    hint: Hint
    what: str
    place: Place
    builder: Builder | None

    def convert(self, value: object) -> object:
        """Convert a value to the annotated type."""
        if self.builder and (bases := component_types(self.hint)):
            return tuple(self._build_component(spec, bases, self.builder) for spec in make_specs(self.what, value, self.place))
        section = dataclass_of(self.hint)
        if section and isinstance(value, dict):
            return build(section, Spec("", value, self.place), self.what.replace(": ", " "), self.builder)
        try:
            return msgspec.convert(value, self.hint)
        except msgspec.ValidationError as error:
            message = f"{self.what} is {shorten(value)}: {self._expected(error, section)}"
            raise FerbenchError(message, where=str(self.place)) from error
        except TypeError as error:
            message = f"{self.what}: the annotation {self.hint} cannot be validated: {error}"
            raise PluginError(message, where=str(self.place)) from error

    def _build_component(self, spec: Spec, bases: tuple[type[Component], ...], builder: Builder) -> Component:
        component = builder.build(bases[0].role, spec)
        if not isinstance(component, bases):
            expected = " or ".join(f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in bases)
            raise FerbenchError(f"{self.what} holds {shorten(spec.name)}: expected a {expected}", where=str(spec.place))
        return component

    def _expected(self, error: Exception, section: type | None) -> str:
        parts = (self.hint, *get_args(self.hint))
        if choices := [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]:
            has_number = int in {get_args(part)[0] if get_args(part) else part for part in parts}
            return f"expected {'a number in its range, or ' if has_number else ''}one of {', '.join(map(str, choices))}"
        if section:
            return f"expected its fields ({', '.join(parameter_hints(section))}) as key: value"
        text = str(error).partition(" - at ")[0]
        return text[0].lower() + text[1:]


def _refuse_folder(value: object, parameter: _Parameter) -> None:
    """Raise FerbenchError if a value names a folder: only the content of files counts in keys."""
    names = value if isinstance(value, list | tuple) else [value]
    if folder := next((name for name in names if isinstance(name, str) and os.path.isdir(name)), ""):  # noqa: PTH112 (may be any text)
        raise FerbenchError(f"{parameter.what} is the folder {shorten(folder)}: expected a file, or a name", where=str(parameter.place))


def is_valid(value: object, hint: Hint) -> bool:
    """Whether a value can be converted to the annotated type."""
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def parameter_hints(cls: type) -> dict[str, Hint]:
    """Return the annotation of each parameter of a component class, a recipe or a section."""
    return {f.name: type_hints(cls)[f.name] for f in fields(cls) if f.init}


def component_types(hint: Hint) -> tuple[type[Component], ...]:
    """Return the component types in an annotation tuple[A, ...] or tuple[A | B, ...]; empty for any other annotation."""
    arguments = get_args(hint)
    if get_origin(hint) is not tuple or len(arguments) != 2 or arguments[1] is not ...:
        return ()
    element = arguments[0]
    elements = get_args(element) if get_origin(element) in (Union, types.UnionType) else (element,)
    return tuple(type_ for type_ in elements if isinstance(type_, type) and issubclass(type_, Component))


def dataclass_of(hint: Hint) -> type | None:
    """Return the dataclass in an annotation such as `Section | None`; None if there is none."""
    return next((part for part in (hint, *get_args(hint)) if isinstance(part, type) and is_dataclass(part)), None)


def expand_path(value: object) -> object:
    """Expand `~` and environment variables in a path, or in each path of a list."""
    if isinstance(value, list):
        return [expand_path(item) for item in value]
    return os.path.expanduser(os.path.expandvars(value)) if isinstance(value, str) else value  # noqa: PTH111 (may be a name)


def describe_unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Describe an unknown name, with the nearest known names, or all of them."""
    names = list(known)
    close = get_close_matches(str(name), names, n=3)
    hint = f"did you mean {' or '.join(map(shorten, close))}?" if close else f"known: {join_names(names) or 'none'}"
    return f"unknown {what} {shorten(name)}; {hint}"


def _is_required(field: object) -> bool:
    return getattr(field, "default", MISSING) is MISSING and getattr(field, "default_factory", MISSING) is MISSING
