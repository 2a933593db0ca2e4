"""Finds plugins and collects what they register; built-in ones come by the same path as any other."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import pluggy

from ferbench.api.errors import FerbenchError, PluginError
from ferbench.registry import hookspecs
from ferbench.registry.catalog import KINDS, Catalog
from ferbench.store.keys import forget_sources


def load_plugins(files: Sequence[Path] = ()) -> Catalog:
    """The components of all installed plugins (entry points of the group `ferbench`) and of plugin files.

    Raises PluginError where a plugin breaks a contract; an installed one that cannot be imported is kept in `Catalog.broken`.
    """
    manager = pluggy.PluginManager("ferbench")
    manager.add_hookspecs(hookspecs)
    catalog = Catalog()
    for entry in sorted(entry_points(group="ferbench"), key=lambda e: e.name):
        try:
            module = entry.load()
        except Exception as error:  # whatever its import raises stops only what needs it
            catalog.broken[entry.name] = f"{type(error).__name__}: {error}"
        else:
            _register(manager, module, entry.name)
    for file in _distinct(files):
        module = _import_file(file)
        _register(manager, module, str(file))
        if not manager.get_hookcallers(module):
            raise PluginError(f"{file} has no hook: nothing is registered", hint="mark register_... functions with @ferbench.hookimpl")
    _check_hooks(manager)
    _collect(manager, catalog)
    return catalog


def _distinct(files: Sequence[Path]) -> list[Path]:
    """Each file once; two of one name would be one module."""
    named: dict[str, Path] = {}
    for file in (Path(file).resolve() for file in files):
        if named.setdefault(file.stem, file) != file:
            raise FerbenchError(f"two plugin files of one name: {named[file.stem]} and {file}", where="--plugin", hint="rename one of them")
    return list(named.values())


def _register(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    try:
        manager.register(module, name=name)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginError(f"plugin {name}: {error}".replace("\n", " "), hint="CONTRIBUTING.md shows the hooks") from error


def _check_hooks(manager: pluggy.PluginManager) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        hooks = ", ".join(f"register_{plural}" for plural, *_ in KINDS.values())
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
        raise PluginError(f"the plugin cannot be imported: {type(error).__name__}: {error}", where=_where(error, str(file), 1)) from error
    return module


def _where(error: Exception, file: str, line: int) -> str:
    """`file:line` of the last call in a file that led to the error, or of bad syntax in it; else of `line`."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    return f"{file}:{lines[-1] if lines else line}"


def _collect(manager: pluggy.PluginManager, catalog: Catalog) -> None:
    for kind, (plural, *_) in KINDS.items():
        for impl in getattr(manager.hook, f"register_{plural}").get_hookimpls():
            try:
                impl.function(*[_registrar(catalog, kind, impl.plugin_name)] * len(impl.argnames))
            except FerbenchError:
                raise
            except Exception as error:
                file, line = inspect.getsourcefile(impl.function), inspect.getsourcelines(impl.function)[1]
                message = f"plugin {impl.plugin_name}: {impl.function.__name__} failed: {type(error).__name__}: {error}"
                raise PluginError(message, where=_where(error, str(file), line)) from error


def _registrar(catalog: Catalog, kind: str, plugin: str) -> Callable[[type], None]:
    def register(component: type) -> None:
        caller = sys._getframe(1)  # the plugin author's own line
        catalog.add(kind, component, plugin, where=f"{caller.f_code.co_filename}:{caller.f_lineno}")

    return register
