"""Folders of a corpus, found by pattern: copies differ in spelling and depth, and hold hidden files that are never read."""

from __future__ import annotations

import re
from pathlib import Path

from ferbench import FerbenchError

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def entries(folder: Path) -> list[Path]:
    """What a folder holds, but for hidden files, in natural order (2 before 10)."""
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=natural)


def folders(folder: Path) -> list[Path]:
    """Subfolders in natural order."""
    return [p for p in entries(folder) if p.is_dir()]


def images(folder: Path) -> tuple[Path, ...]:
    """Image files in natural order."""
    return tuple(p for p in entries(folder) if p.suffix.lower() in IMAGES and p.is_file())


def natural(path: Path) -> list[tuple[int, str]]:
    """Sorts numbers in names by value, whatever the order in which the file system lists them."""
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", path.name) if part]


def holding(root: Path, child: str, depth: int = 3) -> list[Path]:
    """`root` and the folders at most `depth` levels down with a subfolder whose name matches `child`, nearest first; not below those."""
    found, level = [], [root]
    for _ in range(depth + 1):
        inside = {p: folders(p) for p in level}
        matching = [p for p in level if any(re.fullmatch(child, q.name, re.IGNORECASE) for q in inside[p])]
        found += matching
        level = [q for p in level if p not in matching for q in inside[p]]
    return found


def unlike(corpus: str, root: Path, expected: str) -> FerbenchError:
    """What to raise where nothing of the layout is there."""
    hint = f"give the folder that holds it: --set dataset.{corpus}.root=FOLDER (layouts: docs/corpora.md)"
    return FerbenchError(f"the corpus {corpus} is not in the layout that is read: expected {expected}", where=str(root), hint=hint)
