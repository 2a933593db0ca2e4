"""Digests of the source of components: their modules and what these import; comments, docstrings and layout do not count."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

from ferbench.api.errors import SystemProblem
from ferbench.store.modules import file_state, find_sources, forget_modules, may_count, read_module, top_name

STATE = "__state_of_file__"  # an attribute of a module: what its file was like when it was imported

_pending: dict[str, Path] = {}  # digested modules that are imported later, such as inside a function
_used: set[str] = set()  # modules of plugin packages, and digested ones


@lru_cache
def digest_sources(*modules: str) -> dict[str, str]:
    """Return digests, by name, of these modules and of all that counts with them (see `find_sources`).

    Raises SystemProblem if one of them was edited between its import and the time when it was read: what runs is not what the digest says.
    """
    files = find_sources(*modules)
    _used.update(files)
    _note_states(files)
    _pending.update({name: path for name, path in files.items() if name not in sys.modules})
    digests = {name: read_module(path).syntax.digest for name, path in sorted(files.items())}
    if edited := next((path for name, path in files.items() if not _runs_as_read(name, path)), None):
        raise SystemProblem(f"{edited} was edited since it was loaded", hint="run the same command again")
    return digests


def check_late_imports() -> None:
    """Raise SystemProblem if a module was edited between its digest and its import: what ran is not what the keys say."""
    for name in [name for name in list(_pending) if name in sys.modules]:
        path = _pending[name]
        _note_states([name])
        if not _runs_as_read(name, path):
            raise SystemProblem(f"{path} was edited while the run used it: what was computed since is not stored", hint="run again")
        _pending.pop(name, None)


def note_modules(plugins: Iterable[str]) -> None:
    """Note the files of all loaded modules that count or may count, so that an edit shows; `plugins` are modules of installed plugins."""
    packages = {top_name(plugin) for plugin in plugins}
    own = {name for name in list(sys.modules) if top_name(name) in packages}
    _used.update(own)
    _note_states(name for name in list(sys.modules) if name in own or may_count(name))


def note_state(module: ModuleType) -> None:
    """Note the file of a module that is about to be executed."""
    vars(module)[STATE] = file_state(module.__file__)


def forget_sources() -> None:
    """Read sources again. If one was edited, all are removed from memory, so that the next import runs what the digests say."""
    used = {name: sys.modules[name] for name in _used if _is_imported_once(sys.modules.get(name))}
    if any(map(_is_edited, used.values())):
        for name in used:
            del sys.modules[name]
    _pending.clear()
    _used.clear()
    digest_sources.cache_clear()
    forget_modules()


def _note_states(names: Iterable[str]) -> None:
    """Note the files of modules that Python imports once; those of plugin files are noted each time that they are loaded."""
    for module in (sys.modules[name] for name in names if name in sys.modules):
        if _is_imported_once(module):
            vars(module).setdefault(STATE, file_state(module.__file__))


def _is_imported_once(module: object) -> TypeGuard[ModuleType]:
    return type(getattr(getattr(module, "__spec__", None), "loader", None)) is SourceFileLoader


def _is_edited(module: ModuleType) -> bool:
    """Whether the file of a module changed since it was noted."""
    state = file_state(module.__file__)
    return vars(module).get(STATE, state) != state


def _runs_as_read(name: str, path: Path) -> bool:
    """Whether the file of a module was the same when it was imported, if it was, and when it was read for its digest."""
    state = vars(sys.modules[name]).get(STATE) if name in sys.modules else None
    return state in (None, read_module(path).state)
