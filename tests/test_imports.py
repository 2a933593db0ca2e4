"""The direction of imports, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ferbench
from ferbench.manager import load_plugins

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "ferbench").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_the_core_imports_no_plugin_and_knows_no_component_by_name(path):
    assert not [module for module, _ in imports(path) if module.startswith("ferbench_")]
    names = {name for _, name in load_plugins().entries} - {
        "mean",
        "last",
        "apex",
        "crop",
        "gray",
        "resize",
        "timm",
    }  # everyday words, a package
    tree = ast.parse(path.read_text())
    docs = {
        id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(n)
    }
    strings = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs}
    assert not strings & names


@pytest.mark.parametrize("path", PLUGINS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_plugins_use_public_names_only(path):
    for module, name in imports(path):
        if module == "ferbench" and name:
            assert name in ferbench.__all__
        assert not module.startswith("ferbench.")
        assert not module.startswith("ferbench_") or module.partition(".")[0] in path.parts
