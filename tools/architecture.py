"""Writes the table of rooms and the imports between them into docs/architecture.md: `make architecture`."""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- rooms: drawn by `make architecture` -->", "<!-- end of rooms -->"

Imports = Counter[tuple[str, str]]


def measure() -> tuple[list[str], Imports]:
    """The rooms from top to bottom, and for each pair, how many imports lead from modules of one to modules of the other."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = configuration["tool"]["importlinter"]["contracts"][0]["layers"]
    graph = grimp.build_graph("ferbench", cache_dir=None)
    modules = [module for module in graph.modules if module.count(".")]
    pairs = ((_room(module), _room(imported)) for module in modules for imported in graph.find_modules_directly_imported_by(module))
    return rooms, Counter((importer, imported) for importer, imported in pairs if importer != imported and importer in rooms)


def draw(rooms: list[str], imports: Imports) -> str:
    """A table of the purpose of each room, and a matrix of imports: the room on the left imports the room above."""
    purposes = ["| room | holds |", "|---|---|", *[f"| `{room}` | {_purpose(room)} |" for room in rooms]]
    width = max(map(len, rooms))
    header = " ".join([" " * width, *[room.rjust(len(room)) for room in rooms]])
    matrix = [_matrix_row(room, rooms, imports, width) for room in rooms]
    summary = f"{len(rooms)} rooms, {len(imports)} imports between them, none upwards: the lower left is empty."
    return "\n".join([START, *purposes, "", "```", header, *matrix, "```", "", summary, END])


def _matrix_row(room: str, rooms: list[str], imports: Imports, width: int) -> str:
    cells = [("■" if room == imported else str(imports[room, imported] or "·")).rjust(len(imported)) for imported in rooms]
    return " ".join([room.ljust(width), *cells])


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _purpose(room: str) -> str:
    file = ROOT / "ferbench" / room / "__init__.py"
    text = (file if file.is_file() else file.parent.with_suffix(".py")).read_text()
    return text.removeprefix('"""').partition("\n")[0].removesuffix('"""').rstrip(".")


def main() -> int:
    """Replace the drawing in the page."""
    page = PAGE.read_text()
    head, tail = page.partition(START)[0], page.partition(END)[2]
    PAGE.write_text(head + draw(*measure()) + tail)
    return 0


if __name__ == "__main__":
    sys.exit(main())
