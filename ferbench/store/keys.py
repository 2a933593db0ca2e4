"""Keys: what a stored result depends on, as canonical JSON, hashed."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from ferbench.api.components import Component, Dataset
from ferbench.api.networks import Frozen


def key(*parts: Any) -> str:
    """128 bits in hex of the parts' canonical JSON; equal parts give equal keys in every process and on every machine."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:32]


def component_identity(component: Component | Frozen) -> dict[str, Any]:
    """Class, parameters (a file counts with its content, a corpus' root not at all) and source of a component."""
    cls = type(component)
    skip = {"root"} if isinstance(component, Dataset) else set()
    parameters = {f.name: _parameter_identity(component, f.name) for f in fields(component) if f.name not in skip}
    return {"class": f"{cls.__module__}.{cls.__qualname__}", "parameters": parameters, "source": source_digests(cls.__module__)}


def file_parameters(cls: type) -> set[str]:
    """Names of the parameters annotated `File`, also where None is allowed."""
    return {name for name, hint in type_hints(cls).items() if _names_file(hint)}


@lru_cache
def type_hints(cls: type) -> dict[str, Any]:
    """A component class's resolved annotations, constraints included."""
    return get_type_hints(cls, include_extras=True)


@lru_cache
def source_digests(module: str) -> dict[str, str]:
    """Digest of the code of a module and of each that it imports inside its own top-level package, by name.

    Comments, docstrings and layout don't count.
    """
    return {name: _code(path) for name, path in sorted(_sources(module).items())}


@lru_cache
def code_digest(*modules: str) -> str:
    """Digest of just these modules' code: the version of a stage of the core."""
    return key(*[_code(path) for module in modules if (path := _file_of(module))])


def forget_sources() -> None:
    """To be called where a module was imported anew in this process, from a file that may have changed."""
    for cached in (source_digests, code_digest, _file_of, _code, _tree):
        cached.cache_clear()


def file_digest(path: Path) -> str:
    """Digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _names_file(hint: Any) -> bool:
    marked = any(isinstance(meta, msgspec.Meta) and meta.extra == {"file": True} for meta in getattr(hint, "__metadata__", ()))
    return marked or any(_names_file(part) for part in get_args(hint))


def _parameter_identity(component: Component | Frozen, name: str) -> Any:
    value = getattr(component, name)
    if isinstance(value, Frozen | Component):
        return component_identity(value)
    if isinstance(value, tuple) and any(isinstance(each, Component) for each in value):
        return [component_identity(each) for each in value]
    return _file_identity(value) if name in file_parameters(type(component)) else value


def _file_identity(value: Any) -> Any:
    """A value of a parameter that may name files."""
    if isinstance(value, list | tuple):
        return [_file_identity(each) for each in value]
    if isinstance(value, str) and Path(value).is_file():
        return {"file": _cached_file_digest(value, Path(value).stat().st_mtime_ns)}
    return value


@lru_cache
def _cached_file_digest(path: str, _mtime: int) -> str:
    return file_digest(Path(path))


def _sources(module: str) -> dict[str, Path]:
    """Files of a module and of everything it reaches by imports inside its own package, by module."""
    package, open_ = module.partition(".")[0], [module]
    found: dict[str, Path] = {}
    seen = set(open_)
    while open_:
        path = _file_of(current := open_.pop())
        if path is None:
            continue
        found[current] = path
        for name in _imports(current, path):
            if name.partition(".")[0] == package and name not in seen:
                seen.add(name)
                open_.append(name)
    return found


def _imports(module: str, path: Path) -> Iterator[str]:
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            levels = parent.split(".")
            base = ".".join([*levels[: len(levels) - node.level + 1], *filter(None, [node.module])]) if node.level else node.module or ""
            if base.partition(".")[0] != module.partition(".")[0]:
                continue  # looking there would import it
            # `from package import module` names a module or an attribute: only real modules have a file.
            home = _file_of(base)
            package = home is not None and home.name == "__init__.py"  # elsewhere all are attributes, and looking would import it
            submodules = [name for alias in node.names if package and _file_of(name := f"{base}.{alias.name}")]
            yield from submodules
            if len(submodules) < len(node.names):
                yield base


@lru_cache
def _file_of(module: str) -> Path | None:
    if module in sys.modules:
        file = getattr(sys.modules[module], "__file__", None)
        return Path(file) if file and Path(file).is_file() else None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@lru_cache
def _code(path: Path) -> str:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Pass()
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:32]


@lru_cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())
