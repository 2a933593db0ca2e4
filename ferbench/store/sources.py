"""Digests of the source of components: their modules and what these import; comments, docstrings and layout do not count."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from ferbench.api.errors import FerbenchError
from ferbench.store.modules import find_sources, forget_modules, read_module, top_name

STATE = "__state_of_file__"  # an attribute of a module: what its file was like when it was imported


@lru_cache
def digest_sources(*modules: str) -> dict[str, str]:
    """Return digests, by name, of these modules and of all that counts with them (see `find_sources`).

    Raises FerbenchError if one of them was edited since it was loaded: what runs is not what the digest says.
    """
    files = find_sources(*modules)
    _note_states(files)
    digests = {name: read_module(path).digest for name, path in sorted(files.items())}
    if edited := next(filter(_is_edited, files), ""):
        raise FerbenchError(f"{files[edited]} was edited since it was loaded", hint="run the same command again")
    return digests


def note_packages(modules: Iterable[str]) -> None:
    """Note the files of all loaded modules of the packages that these modules are in, so that `forget_sources` sees which ones change."""
    packages = {top_name(module) for module in modules}
    _note_states([name for name in sys.modules if top_name(name) in packages])


def forget_sources() -> None:
    """Read sources again. If one was edited, all are removed from memory, so that the next import runs what the digests say."""
    noted = {name: state for name, module in list(sys.modules.items()) if (state := getattr(module, "__dict__", {}).get(STATE))}
    if any(_state(sys.modules[name]) != state for name, state in noted.items()):
        for name in noted:
            del sys.modules[name]
    digest_sources.cache_clear()
    forget_modules()


def _note_states(names: Iterable[str]) -> None:
    """Note the files of modules that Python imports once; plugin files are imported again each time that they are loaded."""
    for module in (sys.modules[name] for name in names if name in sys.modules):
        if type(getattr(module.__spec__, "loader", None)) is SourceFileLoader:
            vars(module).setdefault(STATE, _state(module))


def _is_edited(name: str) -> bool:
    """Whether the file of a module changed since its state was noted."""
    module = sys.modules.get(name)
    noted = vars(module).get(STATE) if module else None
    return bool(noted) and module is not None and _state(module) != noted


def _state(module: ModuleType) -> tuple[int, ...]:
    """Time and size of a module's file; empty if it has none."""
    try:
        state = Path(module.__file__ or "").stat()
    except (OSError, AttributeError):
        return ()
    return state.st_mtime_ns, state.st_size, state.st_ino
