"""Finds plugins and collects what they register; built-in plugins are found like any other."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import pluggy

from ferbench.api.components import Component
from ferbench.api.errors import FerbenchError, PluginError
from ferbench.registry import hookspecs
from ferbench.registry.catalog import Catalog
from ferbench.registry.contracts import KINDS
from ferbench.registry.parameters import unknown
from ferbench.store.sources import forget_sources

GROUP = "ferbench"
CHOICE = "FERBENCH_PLUGINS"  # names of installed plugins to load; all if it is not set


def load_plugins(files: Sequence[Path] = ()) -> Catalog:
    """The components of installed plugins (entry points of the group `ferbench`) and of plugin files.

    An installed plugin that cannot be loaded is kept in `Catalog.broken` and stops only what needs it. Raises PluginError if a plugin
    breaks a contract, and FerbenchError if FERBENCH_PLUGINS names a plugin that is not installed.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    catalog = Catalog()
    for entry in _installed_plugins(catalog):
        try:
            module = entry.load()
        except Exception as error:  # an import may raise anything
            catalog.broken[entry.name] = f"{type(error).__name__}: {error}"
        else:
            _register(manager, module, entry.name)
    for file in _unique_files(files):
        module = _import_file(file)
        _register(manager, module, str(file))
        if not manager.get_hookcallers(module):
            raise PluginError(f"{file} has no hook: nothing is registered", hint="mark register_... functions with @ferbench.hookimpl")
    _check_hooks(manager)
    _collect(manager, catalog)
    return catalog


def _installed_plugins(catalog: Catalog) -> Iterator[EntryPoint]:
    """The entry points to load, by name; of several with one name none is loaded, since nobody can say which is meant."""
    installed = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    counts = Counter(entry.name for entry in installed)
    chosen = _chosen_plugins(list(counts))
    for name, count in counts.items():
        entries = [entry for entry in installed if entry.name == name]
        if name not in chosen:
            continue
        if count == 1:
            yield entries[0]
        else:
            packages = ", ".join(entry.dist.name if entry.dist else entry.value for entry in entries)
            catalog.broken[name] = f"{count} packages have an entry point of this name ({packages}): uninstall all but one"


def _chosen_plugins(installed: Sequence[str]) -> Sequence[str]:
    """The names in FERBENCH_PLUGINS, or all if it is not set."""
    if CHOICE not in os.environ:
        return installed
    names = [name.strip() for name in os.environ[CHOICE].split(",") if name.strip()]
    for name in names:
        if name not in installed:
            raise FerbenchError(unknown("installed plugin", name, installed), where=CHOICE)
    return names


def _unique_files(files: Sequence[Path]) -> list[Path]:
    """Each file once; raises FerbenchError for two files of one name, which would be one module."""
    by_name: dict[str, Path] = {}
    for file in (Path(file).resolve() for file in files):
        if by_name.setdefault(file.stem, file) != file:
            problem = f"two plugin files have the same name: {by_name[file.stem]} and {file}"
            raise FerbenchError(problem, where="--plugin", hint="rename one of them")
    return list(by_name.values())


def _register(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    try:
        manager.register(module, name=name)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginError(f"plugin {name}: {error}".replace("\n", " "), hint="CONTRIBUTING.md shows the hooks") from error


def _check_hooks(manager: pluggy.PluginManager) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        hooks = ", ".join(f"register_{kind.plural}" for kind in KINDS.values())
        raise PluginError(f"plugin {manager.get_name(error.plugin)}: {error}".replace("\n", " "), hint=f"the hooks are {hooks}") from error


def _import_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise FerbenchError(f"no plugin file {file}", where="--plugin", hint="give the path of a Python file")
    name = f"ferbench_plugin_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise FerbenchError(f"{file} is no Python file", where="--plugin", hint="give the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    if name in sys.modules:
        forget_sources()
    sys.modules[name] = module  # annotations of its dataclasses are resolved there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        message = f"the plugin cannot be imported: {type(error).__name__}: {error}"
        raise PluginError(message, where=_origin(error, str(file), 1)) from error
    return module


def _origin(error: Exception, file: str, line: int) -> str:
    """`file:line` of the last line of a file that led to the error, or of its bad syntax; else of `line`."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    return f"{file}:{lines[-1] if lines else line}"


def _collect(manager: pluggy.PluginManager, catalog: Catalog) -> None:
    """Call each hook through pluggy, plugin by plugin, so that wrappers and orderings work and each class is known by its plugin."""
    plugins = manager.list_name_plugin()
    for kind in KINDS.values():
        hook = f"register_{kind.plural}"
        for name, plugin in plugins:
            others = [other for other_name, other in plugins if other_name != name and other is not None]
            caller = manager.subset_hook_caller(hook, others)
            if plugin is None or not caller.get_hookimpls():
                continue
            try:
                caller(register=_registrar(catalog, kind.name, name))
            except FerbenchError:
                raise
            except Exception as error:
                function = caller.get_hookimpls()[0].function
                file, line = str(inspect.getsourcefile(function)), inspect.getsourcelines(function)[1]
                message = f"plugin {name}: {hook} failed: {type(error).__name__}: {error}"
                raise PluginError(message, where=_origin(error, file, line)) from error


def _registrar(catalog: Catalog, kind: str, plugin: str) -> Callable[[type[Component]], None]:
    def register(component: type[Component]) -> None:
        caller = sys._getframe(1)  # the plugin author's own line
        catalog.add(kind, component, plugin, where=f"{caller.f_code.co_filename}:{caller.f_lineno}")

    return register
