"""Modules beside a plugin file, which it can import as if its folder were on Python's path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from ferbench.api.errors import PluginError
from ferbench.store.modules import CORE, imported_packages, locate, top_name
from ferbench.store.sources import note_state

PLUGIN_PREFIX = "ferbench_plugin_"  # of the names of plugin files as modules


class UncachedLoader(SourceFileLoader):
    """Loads a file without Python's bytecode cache, which does not notice an edit of equal size within a second."""

    def path_stats(self, path: str) -> Mapping[str, float]:
        """Withhold what the cache is checked by."""
        raise OSError(path)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the file, and note which version of it."""
        note_state(module)
        super().exec_module(module)


@dataclass(frozen=True)
class NeighborFinder:
    """Python asks it for modules that are nowhere else; it looks for them in these folders."""

    folders: tuple[str, ...]

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002 (of Python)
        """Find a module or package beside a plugin file."""
        spec = PathFinder.find_spec(name, list(self.folders)) if path is None else None
        if spec and spec.origin and isinstance(spec.loader, SourceFileLoader):
            spec.loader = UncachedLoader(name, spec.origin)
        return spec


def allow_neighbors(files: Sequence[Path]) -> None:
    """Let plugin files import the modules beside them. Those that an earlier plugin file imported are forgotten, and imported again."""
    earlier = [finder for finder in sys.meta_path if isinstance(finder, NeighborFinder)]
    folders = dict.fromkeys([str(file.parent) for file in files] + [folder for finder in earlier for folder in finder.folders])
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, NeighborFinder)] + [NeighborFinder(tuple(folders))]
    loaded = {top_name(name) for name, module in list(sys.modules.items()) if _is_neighbor(module)}
    for name in [name for name in sys.modules if top_name(name) in loaded]:
        del sys.modules[name]
    importlib.invalidate_caches()


def check_neighbors(module: str, file: Path) -> None:
    """Raise PluginError if the name of a module beside the plugin file, which it imports, belongs to another module too."""
    for name in sorted(imported_packages(module) - {CORE}):
        spec = PathFinder.find_spec(name, [str(file.parent)])
        beside = Path(spec.origin) if spec and spec.origin else None
        other = locate(name).file
        if beside and (other is None or beside.resolve() != other.resolve()):
            problem = f"the plugin imports `{name}`, but two modules have this name: {beside} and {other or 'one of Python'}"
            raise PluginError(problem, where=str(file), hint=f"rename {beside.name}, or its folder if it is a package")


def _is_neighbor(module: object) -> bool:
    """Whether a NeighborFinder found the module; a plugin file itself is no neighbor."""
    spec = getattr(module, "__spec__", None)
    return isinstance(spec, ModuleSpec) and isinstance(spec.loader, UncachedLoader) and not spec.name.startswith(PLUGIN_PREFIX)
