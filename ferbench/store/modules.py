"""Which modules are the source of a component: its own and all that these import, found by their import statements, without importing any.

Modules of the standard library and of installed libraries are left out, except those of plugin packages; and ferbench's own, whose stages
have version numbers.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from ferbench.store.syntax import Syntax, read_syntax

CORE = "ferbench"
STANDARD_LIBRARY = Path(os.__file__).parent
LIBRARY_FOLDERS = {"site-packages", "dist-packages"}


FileState = tuple[int, ...]
"""Time of the last change, size and inode of a file; empty if there is none."""


@dataclass(frozen=True)
class Location:
    """Where a module is: its file, and the folders of its submodules if it is a package. A namespace package has no file."""

    file: Path | None = None
    folders: tuple[str, ...] = ()


class Source(NamedTuple):
    """The content of the file of a module, and its state just before it was read."""

    syntax: Syntax
    state: FileState


def find_sources(*modules: str) -> dict[str, Path]:
    """Return the files, by module, of these modules and of all that they import, directly or not. The first is the component's own."""
    own, waiting = top_name(modules[0]), list(dict.fromkeys(modules))
    seen, files = set(waiting), dict[str, Path]()
    while waiting:
        module = waiting.pop()
        path = locate(module).file if _is_counted(module, own) else None
        if path is None:
            continue
        files[module] = path
        new = set(_imports(module, path, own)) - seen
        seen |= new
        waiting += new
    return files


def may_count(module: str) -> bool:
    """Whether a module counts if a component imports it."""
    return _is_counted(module, "")


def imported_packages(module: str) -> set[str]:
    """Return the top-level names that a module, and all that counts with it, imports."""
    return {top_name(name) for source, path in find_sources(module).items() for name in _imports(source, path, top_name(module))}


def top_name(module: str) -> str:
    """Return the name of the package that a module is in."""
    return module.partition(".")[0]


@lru_cache
def plugin_packages() -> frozenset[str]:
    """Return the top-level names of all packages that install a plugin."""
    return frozenset(top_name(entry.value.partition(":")[0]) for entry in entry_points(group=CORE))


@lru_cache
def locate(module: str) -> Location:
    """Find a module; its location is empty if it is missing or built in."""
    if (loaded := sys.modules.get(module)) is not None:
        return Location(_existing(getattr(loaded, "__file__", None)), tuple(getattr(loaded, "__path__", ())))
    parent, _, last = module.rpartition(".")
    try:
        # PathFinder takes only the last part of the name: otherwise it expects that the parent is loaded.
        spec = PathFinder.find_spec(last, list(locate(parent).folders)) if parent else importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        spec = None
    return Location(_existing(spec.origin), tuple(spec.submodule_search_locations or ())) if spec else Location()


@lru_cache
def read_module(path: Path) -> Source:
    """Read the file of a module; once, until `forget_modules`."""
    state = file_state(path)
    return Source(read_syntax(path.read_bytes()), state)


def file_state(file: str | Path | None) -> FileState:
    """Return the state of a file."""
    try:
        state = Path(file).stat() if file else None
    except OSError:
        state = None
    return (state.st_mtime_ns, state.st_size, state.st_ino) if state else ()


def forget_modules() -> None:
    """Find and read modules again."""
    for cached in (locate, plugin_packages, _is_library, _installed_names, read_module):
        cached.cache_clear()


def _is_counted(module: str, own: str) -> bool:
    package = top_name(module)
    return package != CORE and (package == own or package in plugin_packages() or not _is_library(package))


@lru_cache
def _is_library(package: str) -> bool:
    """Whether a package belongs to Python or is installed; one that is missing counts as installed."""
    if package in sys.stdlib_module_names:
        return True
    location = locate(package)
    places = [location.file] if location.file else [Path(folder) for folder in location.folders]
    return not places or any(map(_is_in_library, places))


def _is_in_library(place: Path) -> bool:
    """Whether a package, given as its folder or first file, is installed: with `pip install --target`, it may be anywhere."""
    if STANDARD_LIBRARY in place.parents or LIBRARY_FOLDERS.intersection(place.parts):
        return True
    top = place.parent if place.name == "__init__.py" else place
    return top.name in _installed_names(top.parent)


@lru_cache
def _installed_names(folder: Path) -> frozenset[str]:
    """Return the names of what pip installed into a folder, by its records: packages, and files of single modules."""
    records = [path.read_text(errors="replace") for path in folder.glob("*.dist-info/RECORD") if path.is_file()]
    return frozenset(re.split("[/,]", line, maxsplit=1)[0] for record in records for line in record.splitlines())


def _imports(module: str, path: Path, own: str) -> Iterator[str]:
    """Yield the names of the modules that a module imports anywhere, also inside functions. Names in libraries are not looked up."""
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in read_module(path).syntax.imports:
        if isinstance(node, ast.Import):
            yield from (name for alias in node.names for name in _with_parents(alias.name))
        else:
            base = _resolve(node, parent)
            yield from _imported_modules(base, node) if _is_counted(base, own) else (base,)


def _with_parents(module: str) -> Iterator[str]:
    """Yield a, a.b and a.b.c for `import a.b.c`, after which the code can use all three."""
    parts = module.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _resolve(node: ast.ImportFrom, parent: str) -> str:
    """Return the absolute name of the module that `from ... import` imports from."""
    if not node.level:
        return node.module or ""
    levels = parent.split(".")
    return ".".join([*levels[: len(levels) - node.level + 1], *filter(None, [node.module])])


def _imported_modules(base: str, node: ast.ImportFrom) -> Iterator[str]:
    """Yield the modules that `from base import name` imports: a name with a file is a submodule, any other an attribute of `base`."""
    names = [f"{base}.{alias.name}" for alias in node.names]
    submodules = [name for name in names if locate(base).folders and locate(name) != Location()]
    yield from submodules
    if len(submodules) < len(names):
        yield base


def _existing(file: str | None) -> Path | None:
    return Path(file) if file and Path(file).is_file() else None
