"""Rules for imports: which modules may import which, and where heavy packages are imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

import ferbench
from ferbench.registry.plugins import load_plugins

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "ferbench").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "tools").rglob("*.py")])
HEAVY = {"torch", "torchvision", "timm", "cv2", "pandas", "sklearn", "numpy", "matplotlib", "scipy", "safetensors"}

# The modules that may import heavy packages.
COMPUTING = (
    "api.choice", "api.heads", "api.layers", "api.weights", "corpora.extraction", "corpora.images", "corpora.landmarks",
    "corpora.sources", "corpora.videos", "execution.audit", "execution.choices", "execution.context", "execution.drivers",
    "execution.exporting", "execution.prediction", "execution.probe", "execution.provenance", "execution.repairs",
    "execution.rescoring", "report.across", "report.annotation", "report.answers", "report.comparison", "report.contact_sheet",
    "report.figures", "report.findings", "report.groups", "report.results", "report.statistics", "report.timeline", "stages",
    "training",
)  # fmt: skip

# Words that also have another meaning than the component of that name: a checkpoint, a distribution, a color, the input of a frozen part.
OTHER_WORDS = {
    "last": {"api.recipe", "benchmark.rescoring"},
    "mean": {"execution.choices"},
    "landmarks": {"api.networks", "plan.checks", "stages.crops", "stages.features", "stages.trained", "execution.probe"},
    "timm": {"execution.provenance"},
    "torchvision": {"execution.provenance"},
    "gray": {"report.contact_sheet", "report.figures"},
    "center": {"report.across", "report.figures"},
}


def imports(file: Path, everywhere: bool = True) -> Iterator[str]:
    """Dotted names that a file imports, `from a import b` as a.b; only those that run with the import, unless `everywhere`."""
    tree = ast.parse(file.read_text())
    package = [*file.relative_to(ROOT).with_suffix("").parts[:-1]]
    package = package[1:] if package[0] == "plugins" else package
    for node in ast.walk(tree) if everywhere else at_import(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1], *filter(None, [node.module])] if node.level else [node.module]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported: no functions' bodies, nothing under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from at_import(child)


def name_of(file: Path) -> str:
    """`stages.fit` of ferbench/stages/fit.py; empty for the package itself."""
    parts = file.relative_to(ROOT / "ferbench").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def test_imports_are_read():
    names = set(imports(ROOT / "ferbench" / "training" / "estimators.py"))
    assert {"numpy", "typing.TYPE_CHECKING", "sklearn.pipeline.Pipeline"} <= names
    assert "sklearn.metrics.recall_score" not in set(imports(ROOT / "ferbench" / "report" / "statistics" / "metrics.py", everywhere=False))
    assert "torch" not in set(imports(ROOT / "ferbench" / "execution" / "runner.py", everywhere=False))  # under TYPE_CHECKING
    assert len(CORE) > 20
    assert len(PLUGINS) > 20
    assert "ferbench.Clip" in set(imports(ROOT / "benchmarks" / "performance" / "plain.py"))


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_the_core_imports_no_plugin(file):
    packages = {entry.value.partition(".")[0] for entry in entry_points(group="ferbench")}
    assert len(packages) >= 3
    assert {name.partition(".")[0] for name in imports(file)} & (packages | {"plugins"}) == set()


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_the_core_names_no_component(file):
    names = {entry.name for entry in load_plugins().entries.values()}
    assert "vgg16" in names
    strings = {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}
    assert {string for string in strings & names if name_of(file) not in OTHER_WORDS.get(string, ())} == set()


@pytest.mark.parametrize("file", PLUGINS, ids=lambda f: str(f.relative_to(ROOT / "plugins")))
def test_plugins_use_only_public_names(file):
    for name in imports(file):
        if name.split(".")[0] == "ferbench":
            assert name == "ferbench" or name.split(".")[1] in (*ferbench.__all__, "types"), name
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ferbench":
            assert node.attr in ferbench.__all__, ast.unparse(node)


@pytest.mark.parametrize("file", PLUGINS, ids=lambda f: str(f.relative_to(ROOT / "plugins")))
def test_plugins_import_no_other_plugin(file):
    own = file.relative_to(ROOT / "plugins").parts[0]
    assert {top for top in (name.split(".")[0] for name in imports(file)) if top.startswith("ferbench_")} <= {own}


def test_rooms_import_only_rooms_below_them():
    """The contract is in pyproject.toml; a module outside the rooms, or an import upwards, breaks it."""
    from importlinter.application.use_cases import lint_imports
    from importlinter.configuration import configure

    configure()
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True)


def test_the_table_of_rooms_is_current():
    from architecture import draw, measure  # tools/architecture.py

    rooms, imports = measure()
    assert len(rooms) <= 12
    assert len(imports) <= 60
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert draw(rooms, imports) in page, "run `make architecture`"


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_heavy_packages_are_imported_by_files_that_compute(file):
    heavy = {name.split(".")[0] for name in imports(file, everywhere=False)} & HEAVY
    assert not heavy or name_of(file).startswith(COMPUTING)


@pytest.mark.parametrize("module", COMPUTING)
def test_modules_that_may_import_heavy_packages_do(module):
    files = [file for file in CORE if name_of(file).startswith(module)]
    assert any(name.split(".")[0] in HEAVY for file in files for name in imports(file, everywhere=False))


@pytest.mark.parametrize("package", sorted({file.relative_to(ROOT / "plugins").parts[0] for file in PLUGINS}))
def test_importing_a_plugin_imports_nothing_heavy(package):
    folder, seen, waiting = ROOT / "plugins", set(), [ROOT / "plugins" / package / "__init__.py"]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in imports(file, everywhere=False):
            assert name.split(".")[0] not in HEAVY, f"{file.name} imports {name}"
            parts = name.split(".")
            paths = [folder.joinpath(*parts[:n]) for n in (len(parts), len(parts) - 1) if n]
            waiting += [p for path in paths for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()]
    assert len(seen) > 1


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda f: str(f.relative_to(ROOT)))
def test_scripts_import_names_that_exist(file):
    """benchmarks/performance used to import a module that was gone."""
    names = [name for name in imports(file) if name.partition(".")[0].startswith("ferbench")]
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert (hasattr(import_module(module), attribute) or find_spec(name)) if module else find_spec(name), name


def test_public_names_exist():
    assert all(hasattr(ferbench, name) for name in ferbench.__all__)
    with pytest.raises(AttributeError, match="module 'ferbench' has no attribute 'Planner'"):
        _ = ferbench.Planner
