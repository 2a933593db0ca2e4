"""The files of a store, by the names that the store gives; everything else in its folder is named, never followed or deleted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from ferbench.api.errors import StoreError
from ferbench.store.entries import COLLECTION, Store
from ferbench.store.folder import PARTIAL, STORE_MARKER

ENTRY_STAGES = ("rows", "crops", "features", "fits", "weights", "checkpoints", "inputs", "duplicates", "folds", "tested", "index")
STANDINS = "standin"
_RECORDS = r"(benchmarks|rehearsals)"
_MARKER = rf"\.{re.escape(STORE_MARKER)}"
_PATTERNS = {
    **{stage: rf"{stage}/([0-9a-f]{{2}})/(?P<name>\1[0-9a-f]{{30}}(-[0-9]{{6}})?)\.safetensors" for stage in ENTRY_STAGES},
    "plans": rf"plans/(?P<name>{_RECORDS}/[^/]+)\.json",
    "records": rf"(?P<name>{_RECORDS}/[^/]+)\.json",
    "failures": r"failures/(?P<name>[0-9a-f]{32})\.json",
    "logs": r"logs/(?P<name>[0-9a-f]{32})\.txt",
    "figures": rf"figures/(?P<name>{_RECORDS}/[^/]+/(confusion|curves)-[^/]*-[0-9a-f]{{6}})\.png",
    "digests": r"digests/(?P<name>[0-9a-f]{32})\.[a-z]+",
    "costs": r"(?P<name>costs)\.json",
    "partial": rf"(?P<name>{PARTIAL}/[0-9a-f]{{32}}|figures/{_RECORDS}/[^/]+/\.[^/]+\.png-[0-9]+|{_MARKER}-[0-9a-f]{{32}})",
    "leases": rf"leases/(?P<name>(?!{COLLECTION}\.)[^/]+\.lease(\.(break|restore)\.[^/]+)?|\.[0-9a-f]{{32}})",
}
_FOLDER_PATTERNS = {
    STANDINS: rf"{STANDINS}/(?P<name>[0-9a-f]{{32}}/[^/.][^/]*)",
    "partial": rf"{STANDINS}/(?P<name>[0-9a-f]{{32}}/\.[^/]+\.part)",
}
_OWN = (STORE_MARKER, f"leases/{COLLECTION}.lease")  # needed as long as there is a store


@dataclass(frozen=True)
class StoredFile:
    """A file of the store, or the folder of a stand-in.

    `stage` is that of an entry, or another kind of file; `name` is the key of an entry; `modified` is seconds since the epoch.
    """

    stage: str
    name: str
    path: Path
    bytes: int
    modified: float


@dataclass(frozen=True)
class Obstacle:
    """Something in the folder of a store that is not a file of the store, or cannot be looked at; `place` is its path in the store."""

    place: str
    kind: Literal["foreign", "link", "unreadable"]
    reason: str


@dataclass(frozen=True)
class Contents:
    """What a store's folder holds."""

    files: tuple[StoredFile, ...]
    obstacles: tuple[Obstacle, ...]

    def of(self, stage: str) -> Iterator[StoredFile]:
        """The files of a stage, or of another kind."""
        return (file for file in self.files if file.stage == stage)


def list_contents(store: Store) -> Contents:
    """List what is in the folder of a store; raises StoreError if the folder itself cannot be read."""
    items = list(_walk(store.root, ""))
    in_order = {stage: number for number, stage in enumerate(dict.fromkeys([*_PATTERNS, STANDINS]))}
    files = [item for item in items if isinstance(item, StoredFile)]
    obstacles = [item for item in items if isinstance(item, Obstacle)]
    if failure := next((obstacle for obstacle in obstacles if not obstacle.place), None):
        raise StoreError(f"the store {store.root} cannot be read: {failure.reason}")
    return Contents(tuple(sorted(files, key=lambda file: (in_order[file.stage], file.name))), tuple(obstacles))


def _walk(folder: Path, place: str) -> Iterator[StoredFile | Obstacle]:
    """List a folder, which is at this place in the store."""
    try:
        with os.scandir(folder) as scan:
            items = sorted(scan, key=lambda item: item.name)
    except OSError as error:
        if place == "" or not isinstance(error, FileNotFoundError):  # a folder may be removed meanwhile
            yield Obstacle(place, "unreadable", f"it cannot be read: {error.strerror}")
        return
    for item in items:
        yield from _classify(item, f"{place}/{item.name}" if place else item.name)


def _classify(item: os.DirEntry[str], place: str) -> Iterator[StoredFile | Obstacle]:
    if item.is_symlink():
        yield Obstacle(place, "link", "it is a link, and links are not followed")
    elif item.is_dir(follow_symlinks=False):
        yield from _classify_folder(item, place)
    elif not (stage_and_name := _match(_PATTERNS, place)):
        if place not in _OWN:
            yield Obstacle(place, "foreign", "the store does not name files like this")
    elif not item.is_file(follow_symlinks=False):
        yield Obstacle(place, "unreadable", "it is not a regular file")
    else:
        yield from _stat(item, place, *stage_and_name)


def _classify_folder(item: os.DirEntry[str], place: str) -> Iterator[StoredFile | Obstacle]:
    if _match(_PATTERNS, place):
        yield Obstacle(place, "unreadable", "it is a folder: expected a file")
    elif stage_and_name := _match(_FOLDER_PATTERNS, place):
        yield from _measure_tree(item, place, *stage_and_name)
    else:
        yield from _walk(Path(item.path), place)


def _stat(item: os.DirEntry[str], place: str, stage: str, name: str) -> Iterator[StoredFile | Obstacle]:
    try:
        stat = item.stat(follow_symlinks=False)
    except FileNotFoundError:  # removed meanwhile
        return
    except OSError as error:
        yield Obstacle(place, "unreadable", f"it cannot be read: {error.strerror}")
    else:
        yield StoredFile(stage, name, Path(item.path), stat.st_size, stat.st_mtime)


def _measure_tree(item: os.DirEntry[str], place: str, stage: str, name: str) -> Iterator[StoredFile | Obstacle]:
    """Measure a folder whose files a plugin names; one that holds links, or what cannot be read, is an obstacle as a whole."""
    errors: list[OSError] = []
    tree = [(Path(folder), [*folders, *files]) for folder, folders, files in os.walk(item.path, onerror=errors.append)]
    links = [folder / each for folder, names in tree for each in names if (folder / each).is_symlink()]
    if links:
        yield Obstacle(place, "link", f"it holds the link {links[0]}, and links are not followed")
    elif error := next((error for error in errors if not isinstance(error, FileNotFoundError)), None):
        yield Obstacle(place, "unreadable", f"{error.filename} cannot be read: {error.strerror}")
    else:
        size = sum(_size(folder / each) for folder, names in tree for each in names)
        yield from (replace(file, bytes=size) for file in _stat(item, place, stage, name) if isinstance(file, StoredFile))


def _size(path: Path) -> int:
    try:
        stat = path.lstat()
    except FileNotFoundError:  # still being rendered
        return 0
    return stat.st_size if S_ISREG(stat.st_mode) else 0


def _match(patterns: dict[str, str], place: str) -> tuple[str, str] | None:
    """The kind of file that the store names so, and the file's name without folder and suffix."""
    matches = ((stage, re.fullmatch(pattern, place)) for stage, pattern in patterns.items())
    return next(((stage, match["name"]) for stage, match in matches if match), None)
