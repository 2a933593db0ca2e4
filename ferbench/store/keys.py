"""Keys: a hash of everything that a stored result depends on."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from typing import Any, get_args, get_type_hints

import msgspec

from ferbench.api.components import Component, Dataset
from ferbench.api.networks import Frozen
from ferbench.store.named_files import digest_named_file
from ferbench.store.sources import digest_sources


def make_key(*parts: object) -> str:
    """Hash the parts' canonical JSON to 128 bits in hex; equal parts give equal keys in every process and on every machine."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:32]


def identify_component(component: Component | Frozen) -> dict[str, object]:
    """Return class, parameters and source of a component. A file counts by its content; the root of a corpus is left out."""
    cls = type(component)
    parameters = {f.name: _identify_parameter(component, f.name) for f in fields(component) if f.name not in _ignored_parameters(cls)}
    modules = dict.fromkeys(base.__module__ for base in cls.__mro__)
    return {"class": f"{cls.__module__}.{cls.__qualname__}", "parameters": parameters, "source": digest_sources(*modules)}


@lru_cache(maxsize=1024)
def find_identity_problem(cls: type) -> str:
    """Say why the fields of a class do not tell its instances apart, so that some would share results; empty if they do."""
    for base in (base for base in cls.__mro__ if issubclass(base, Component | Frozen)):
        if variables := sorted(_enclosing_variables(base)):
            return f"is defined inside a function and uses its variables {', '.join(variables)}: make them parameters"
        own = [name for name, hint in inspect.get_annotations(base).items() if "ClassVar" not in str(hint)]
        if own and "__dataclass_fields__" not in base.__dict__:
            return f"has parameters but no @dataclass(frozen=True): {', '.join(own)}"
    parameters = {*inspect.signature(cls).parameters}
    if others := sorted(parameters ^ {field.name for field in fields(cls) if field.init}):
        return f"has its own constructor, which differs from its fields in {', '.join(others)}: use @dataclass(frozen=True) without one"
    return ""


def _enclosing_variables(cls: type) -> Iterator[str]:
    """Yield the variables that the methods of a class take from the function around it."""
    for value in vars(cls).values():
        function: Any = value.fget if isinstance(value, property) else value
        method = inspect.unwrap(function)
        if inspect.isfunction(method) and method.__code__.co_qualname.startswith(f"{cls.__qualname__}."):
            yield from set(method.__code__.co_freevars) - {"__class__"}


def file_parameters(cls: type) -> set[str]:
    """Return the names of the parameters annotated `File` or `File | None`."""
    return {name for name, hint in type_hints(cls).items() if _allows_file(hint)}


def content_parameters(cls: type) -> set[str]:
    """Return those of them whose files count in keys, by their content."""
    return file_parameters(cls) - _ignored_parameters(cls)


def _ignored_parameters(cls: type) -> set[str]:
    return {"root"} if issubclass(cls, Dataset) else set()


@lru_cache
def type_hints(cls: type) -> dict[str, object]:
    """Return the resolved annotations of a component class, constraints included."""
    return get_type_hints(cls, include_extras=True)


def _allows_file(hint: object) -> bool:
    is_file = any(isinstance(meta, msgspec.Meta) and meta.extra == {"file": True} for meta in getattr(hint, "__metadata__", ()))
    return is_file or any(_allows_file(part) for part in get_args(hint))


def _identify_parameter(component: Component | Frozen, name: str) -> object:
    value = getattr(component, name)
    if isinstance(value, Frozen | Component):
        return identify_component(value)
    if isinstance(value, tuple) and any(isinstance(item, Component) for item in value):
        return [identify_component(item) for item in value]
    return _identify_file(value) if name in file_parameters(type(component)) else value


def _identify_file(value: object) -> object:
    """Replace the name of each existing file by a digest of its content."""
    if isinstance(value, list | tuple):
        return [_identify_file(item) for item in value]
    digest = digest_named_file(value) if isinstance(value, str) else ""
    return {"file": digest} if digest else value
