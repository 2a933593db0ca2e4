"""Load plugins and collect what they register; built-in plugins are loaded like any other."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import pluggy

from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, error_location
from ferbench.api.paths import expand_home
from ferbench.api.text import is_unicode
from ferbench.registry import hookspecs
from ferbench.registry.catalog import Catalog
from ferbench.registry.contracts import KINDS
from ferbench.registry.neighbors import PLUGIN_PREFIX, UncachedLoader, allow_neighbors, check_neighbors
from ferbench.registry.parameters import describe_unknown
from ferbench.store.named_files import forget_named_files
from ferbench.store.sources import forget_sources, note_modules

GROUP = "ferbench"
PLUGINS_VARIABLE = "FERBENCH_PLUGINS"  # names of installed plugins to load; all if it is not set


def load_plugins(files: Sequence[Path] = ()) -> Catalog:
    """Load installed plugins (entry points of the group `ferbench`) and plugin files, and return their components.

    An installed plugin that cannot be loaded is listed in `Catalog.broken`; only what needs its components fails. Raises PluginError if
    a plugin breaks a contract, and FerbenchError if FERBENCH_PLUGINS names a plugin that is not installed.
    """
    files = _unique_files(files)
    allow_neighbors(files)
    forget_sources()
    forget_named_files()
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    catalog = Catalog()
    for name, entries in _installed_plugins().items():
        if problem := _load_installed(manager, name, entries):
            catalog.broken[name] = problem
    installed = [plugin.__name__ for plugin in manager.get_plugins()]
    for file in files:
        module = _import_file(file)
        _register(manager, module, str(file))
        if not manager.get_hookcallers(module):
            raise PluginError(f"{file} has no hook, so it registers nothing", hint="mark register_... functions with @ferbench.hookimpl")
    _check_hooks(manager)
    _call_hooks(manager, catalog)
    note_modules(installed)
    return catalog


def _installed_plugins() -> dict[str, list[EntryPoint]]:
    """Return the entry points of the plugins to load, by name."""
    installed: dict[str, list[EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        installed.setdefault(entry.name, []).append(entry)
    return {name: installed[name] for name in _select_plugins(list(installed))}


def _load_installed(manager: pluggy.PluginManager, name: str, entries: Sequence[EntryPoint]) -> str:
    """Register the plugin of that name; returns why it cannot be loaded, or an empty string."""
    if len(entries) > 1:  # ambiguous
        packages = " and ".join(sorted(entry.dist.name if entry.dist else entry.value for entry in entries))
        return f"{packages} both install a plugin of this name: uninstall one of them"
    try:
        module = entries[0].load()
    except (Exception, SystemExit) as error:  # an import may raise anything
        return f"{type(error).__name__}: {error}"
    if manager.is_registered(module):
        return f"its module is also the plugin {manager.get_name(module)}: uninstall one of them"
    _register(manager, module, name)
    return ""


def _select_plugins(installed: Sequence[str]) -> Sequence[str]:
    """Return the names in FERBENCH_PLUGINS without repetition, or all installed ones if it is not set."""
    if PLUGINS_VARIABLE not in os.environ:
        return installed
    names = sorted({name.strip() for name in os.environ[PLUGINS_VARIABLE].split(",")} - {""})
    for name in names:
        if name not in installed:
            raise FerbenchError(describe_unknown("installed plugin", name, installed), where=PLUGINS_VARIABLE)
    return names


def is_file(path: Path) -> bool:
    """Whether a path names a file; unlike Path.is_file, it accepts a name that is too long for any file."""
    return os.path.isfile(path)  # noqa: PTH113


def resolve_plugin(file: str | Path) -> Path:
    """Return the absolute path of a plugin file; unlike Path.resolve, it accepts links that form a loop."""
    return Path(os.path.realpath(expand_home(file)))


def _unique_files(files: Sequence[Path]) -> list[Path]:
    """Drop repeated files; raises FerbenchError for two files of the same name, which would be one module."""
    by_name: dict[str, Path] = {}
    for file in map(resolve_plugin, files):
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
        hooks = ", ".join(_hooks(Catalog()))
        raise PluginError(f"plugin {manager.get_name(error.plugin)}: {error}".replace("\n", " "), hint=f"the hooks are {hooks}") from error


def _import_file(file: Path) -> ModuleType:
    if not is_file(file):
        raise FerbenchError(f"no plugin file {file}", where="--plugin", hint="give the path of a Python file")
    name = f"{PLUGIN_PREFIX}{file.stem}"
    loader = UncachedLoader(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    if spec is None or file.suffix != ".py" or not is_unicode(name):
        raise FerbenchError(f"{file} is not a Python file", where="--plugin", hint="give the path of a .py file, with a name in UTF-8")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations of its dataclasses are resolved there
    check_neighbors(name, file)
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:  # an import may raise anything
        message = f"the plugin cannot be imported: {type(error).__name__}: {error}"
        raise PluginError(message, where=error_location(error, str(file)) or f"{file}:1") from error
    return module


def _call_hooks(manager: pluggy.PluginManager, catalog: Catalog) -> None:
    """Call each hook of each plugin separately, so that every class is linked to the plugin that registers it."""
    plugins = [(name, plugin) for name, plugin in manager.list_name_plugin() if plugin is not None]
    for hook, add in _hooks(catalog).items():
        for name, plugin in plugins:
            others = [other for _, other in plugins if other is not plugin]
            caller = manager.subset_hook_caller(hook, others)
            if implementations := caller.get_hookimpls():
                with blame_plugin(f"plugin {name}: {hook}", implementations[0].function):
                    caller(register=_with_place(add, name))


def _hooks(catalog: Catalog) -> dict[str, Callable[..., None]]:
    """What each hook registers with: it takes a class or a model file, the plugin, and the place."""
    return {f"register_{kind.plural}": partial(catalog.add, kind.name) for kind in KINDS.values()} | {"register_models": catalog.add_model}


def _with_place(add: Callable[..., None], plugin: str) -> Callable[[object], None]:
    def register(item: object) -> None:
        caller = sys._getframe(1)  # the plugin author's own line
        add(item, plugin, where=f"{caller.f_code.co_filename}:{caller.f_lineno}")

    return register
