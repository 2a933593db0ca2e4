"""Digests of the source of components: their modules and what these import; comments, docstrings and layout do not count."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path

from ferbench.api.errors import SystemProblem
from ferbench.store.modules import find_sources, forget_modules, read_module, top_name

STATE = "__state_of_file__"  # an attribute of a module: what its file was like when it was imported

FileState = tuple[int, ...]
"""Time of the last change, size and inode; empty if there is no file."""

_pending: dict[str, tuple[Path, FileState]] = {}  # digested modules that are imported later, such as inside a function


@lru_cache
def digest_sources(*modules: str) -> dict[str, str]:
    """Return digests, by name, of these modules and of all that counts with them (see `find_sources`).

    Raises SystemProblem if one of them was edited since it was loaded: what runs is not what the digest says.
    """
    files = find_sources(*modules)
    _note_states(files)
    _pending.update({name: (path, _state(path)) for name, path in files.items() if name not in sys.modules})
    digests = {name: read_module(path).digest for name, path in sorted(files.items())}
    if edited := next(filter(_is_edited, files), ""):
        raise SystemProblem(f"{files[edited]} was edited since it was loaded", hint="run the same command again")
    return digests


def check_late_imports() -> None:
    """Raise SystemProblem if a module was edited between its digest and its import: what ran is not what the keys say."""
    for name in [name for name in list(_pending) if name in sys.modules]:
        path, state = _pending[name]
        if _state(path) != state:
            raise SystemProblem(f"{path} was edited while the run used it: what was computed since is not stored", hint="run again")
        _pending.pop(name, None)


def note_packages(modules: Iterable[str]) -> None:
    """Note the files of all loaded modules of the packages that these modules are in, so that `forget_sources` sees which ones change."""
    packages = {top_name(module) for module in modules}
    _note_states([name for name in sys.modules if top_name(name) in packages])


def forget_sources() -> None:
    """Read sources again. If one was edited, all are removed from memory, so that the next import runs what the digests say."""
    noted = [name for name, module in list(sys.modules.items()) if getattr(module, "__dict__", {}).get(STATE)]
    if any(map(_is_edited, noted)):
        for name in noted:
            del sys.modules[name]
    _pending.clear()
    digest_sources.cache_clear()
    forget_modules()


def _note_states(names: Iterable[str]) -> None:
    """Note the files of modules that Python imports once; plugin files are imported again each time that they are loaded."""
    for module in (sys.modules[name] for name in names if name in sys.modules):
        if type(getattr(module.__spec__, "loader", None)) is SourceFileLoader:
            vars(module).setdefault(STATE, _state(module.__file__))


def _is_edited(name: str) -> bool:
    """Whether the file of a loaded module changed since its state was noted."""
    module = sys.modules.get(name)
    noted = vars(module).get(STATE) if module else None
    return noted is not None and _state(getattr(module, "__file__", None)) != noted


def _state(file: str | Path | None) -> FileState:
    try:
        state = Path(file or "").stat() if file else None
    except OSError:
        state = None
    return (state.st_mtime_ns, state.st_size, state.st_ino) if state else ()
