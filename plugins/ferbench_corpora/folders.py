"""Folders of a corpus, found by pattern: copies differ in spelling and depth, and hold hidden files that are never read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ferbench import FerbenchError

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def entries(folder: Path) -> list[Path]:
    """What a folder holds, but for hidden files (and __MACOSX, which holds only such), in natural order (2 before 10)."""
    try:
        return sorted((p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))), key=lambda p: natural(p.name))
    except OSError as error:
        raise FerbenchError(f"the folder cannot be listed: {error.strerror}", where=str(folder)) from error


def folders(folder: Path) -> list[Path]:
    """Subfolders in natural order."""
    return [p for p in entries(folder) if p.is_dir()]


def images(paths: Iterable[Path]) -> tuple[Path, ...]:
    """What is named as an image; one that cannot be read, such as a broken link, keeps its place and is told when it is decoded."""
    return tuple(p for p in paths if p.suffix.lower() in IMAGES)


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sorts numbers in names by value; the name itself comes last, so that 1.png and 01.png have one order everywhere."""
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part], name


def holding(root: Path, child: str, first: str, depth: int = 3) -> list[Path]:
    """`root` and the folders at most `depth` levels down with a subfolder whose name matches `child`.

    The one named `first` comes first, then the nearest. Nothing is listed below the matching subfolders.
    """
    found, level = [], [root]
    for _ in range(depth + 1):
        inside = {p: folders(p) for p in level}
        matching = {q for below in inside.values() for q in below if named(q, child)}
        found += [p for p in level if matching.intersection(inside[p])]
        level = [q for below in inside.values() for q in below if q not in matching]
    return sorted(found, key=lambda p: p.name.lower() != first)


def called(root: Path, pattern: str, depth: int = 3) -> list[Path]:
    """The folders at most `depth` + 1 levels below `root` whose name matches; the nearest first."""
    return [p for top in holding(root, pattern, "", depth) for p in folders(top) if named(p, pattern)]


def named(path: Path, pattern: str) -> bool:
    """Whether the whole name matches, in upper or lower case."""
    return re.fullmatch(pattern, path.name, re.IGNORECASE) is not None


def unlike(corpus: str, root: Path, expected: str) -> FerbenchError:
    """What to raise where nothing of the layout is there."""
    hint = f"give the folder that holds it: --set dataset.{corpus}.root=FOLDER (layouts: docs/corpora.md)"
    return FerbenchError(f"the corpus {corpus} is not in the layout that is read: expected {expected}", where=str(root), hint=hint)
