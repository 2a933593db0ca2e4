"""Digests of source code; comments, docstrings and layout do not count."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path


@lru_cache
def digest_sources(module: str) -> dict[str, str]:
    """Return digests, by name, of a module and of everything that it imports, directly or not, from its own top-level package."""
    return {name: _digest_code(path) for name, path in sorted(_reachable_files(module).items())}


@lru_cache
def digest_code(*modules: str) -> str:
    """A digest of these modules alone: the version of a stage of the core. Raises ModuleNotFoundError if one has no source file."""
    files = {module: _find_file(module) for module in modules}
    if missing := [module for module, path in files.items() if path is None]:
        raise ModuleNotFoundError(f"no source file of {', '.join(missing)}")
    digests = [_digest_code(path) for path in files.values() if path]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:32]


def forget_sources() -> None:
    """Call this after re-importing a module whose file may have changed."""
    for cached in (digest_sources, digest_code, _find_file, _digest_code, _parse):
        cached.cache_clear()


def _reachable_files(module: str) -> dict[str, Path]:
    """Return the files, by module, of a module and of what it imports from its own package."""
    package, waiting = module.partition(".")[0], [module]
    files: dict[str, Path] = {}
    seen = set(waiting)
    while waiting:
        current = waiting.pop()
        if (path := _find_file(current)) is None:
            continue
        files[current] = path
        new = {name for name in _imports(current, path) if name.partition(".")[0] == package} - seen
        seen |= new
        waiting += new
    return files


def _imports(module: str, path: Path) -> Iterator[str]:
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _resolve(node, parent)
            if base.partition(".")[0] == module.partition(".")[0]:  # a look into another package would import it
                yield from _imported_modules(base, node)


def _resolve(node: ast.ImportFrom, parent: str) -> str:
    """Return the absolute name of the module that `from ... import` imports from."""
    if not node.level:
        return node.module or ""
    levels = parent.split(".")
    return ".".join([*levels[: len(levels) - node.level + 1], *filter(None, [node.module])])


def _imported_modules(base: str, node: ast.ImportFrom) -> Iterator[str]:
    """Yield the modules that `from base import name` imports: a name with a file is a submodule, any other an attribute of `base`."""
    home = _find_file(base)
    is_package = home is not None and home.name == "__init__.py"  # in a module all names are attributes, and a look would import it
    submodules = [name for alias in node.names if is_package and _find_file(name := f"{base}.{alias.name}")]
    yield from submodules
    if len(submodules) < len(node.names):
        yield base


@lru_cache
def _find_file(module: str) -> Path | None:
    if module in sys.modules:
        file = getattr(sys.modules[module], "__file__", None)
        return Path(file) if file and Path(file).is_file() else None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@lru_cache
def _digest_code(path: Path) -> str:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Pass()
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:32]


@lru_cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())
