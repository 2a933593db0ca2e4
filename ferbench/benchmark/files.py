"""The benchmarks that come with ferbench, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ferbench.api.errors import FerbenchError
from ferbench.api.paths import expand_home
from ferbench.benchmark.document import load_document
from ferbench.registry.parameters import describe_unknown
from ferbench.registry.plugins import is_file

PACKAGE = Path(__file__).parents[1]
BENCHMARK_FOLDERS = (PACKAGE / "benchmarks", PACKAGE.parent / "benchmarks")  # of the installed package, of the repository
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class ShippedBenchmark:
    """A benchmark that comes with ferbench."""

    name: str
    description: str
    path: Path


def shipped_benchmarks() -> list[ShippedBenchmark]:
    """All of them, by name."""
    return [
        ShippedBenchmark(name, str(load_document(file).get("description") or "").strip(), file) for name, file in _shipped_files().items()
    ]


def find_benchmark(text: str | Path) -> Path:
    """The file of a path, or of the name of a shipped benchmark; raises FerbenchError with the nearest names if there is neither."""
    path = expand_home(text)
    if is_file(path) or path.suffix in SUFFIXES or len(path.parts) != 1:
        return path
    shipped = _shipped_files()
    if str(text) not in shipped:
        hint = "give the path of a benchmark YAML, or a name that `ferbench benchmarks` lists"
        raise FerbenchError(describe_unknown("benchmark", str(text), list(shipped)), hint=hint)
    return shipped[str(text)]


def is_benchmark(text: str) -> bool:
    """Whether the text is the path of a benchmark or the name of a shipped one."""
    path = expand_home(text)
    return path.suffix in SUFFIXES or is_file(path) or text in _shipped_files()


def _shipped_files() -> dict[str, Path]:
    """The files by name, in order."""
    folder = next((folder for folder in BENCHMARK_FOLDERS if folder.is_dir()), None)
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))} if folder else {}
