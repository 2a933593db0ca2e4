"""The benchmarks that are shipped with ferbench, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ferbench.api.errors import FerbenchError
from ferbench.benchmark.document import load_document
from ferbench.registry.parameters import unknown

PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "benchmarks", PACKAGE.parent / "benchmarks")  # of an installed package, of a checkout


@dataclass(frozen=True)
class ShippedBenchmark:
    """A benchmark that comes with ferbench."""

    name: str
    description: str
    path: Path


def shipped_benchmarks() -> list[ShippedBenchmark]:
    """All of them, by name."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), None)
    files = sorted(folder.glob("*.yaml")) if folder else []
    documents = {file: load_document(file) for file in files}
    return [ShippedBenchmark(file.stem, str(document.get("description") or "").strip(), file) for file, document in documents.items()]


def find_benchmark(text: str | Path) -> Path:
    """The file of a path, or of the name of a shipped benchmark; raises FerbenchError with the nearest names if there is neither."""
    path = Path(text).expanduser()
    if path.exists() or path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return path
    by_name = {file.stem: file for folder in FOLDERS for file in folder.glob("*.yaml")}
    if str(text) not in by_name:
        hint = "give the path of a benchmark YAML, or a name that `ferbench benchmarks` lists"
        raise FerbenchError(unknown("benchmark", str(text), sorted(by_name)), hint=hint)
    return by_name[str(text)]
