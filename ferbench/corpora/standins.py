"""Stand-ins for corpora: rendered once, and marked, so that all rows computed from them are marked too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from glob import escape
from pathlib import Path
from typing import TypedDict
from uuid import uuid4

import msgspec

from ferbench.api.components import Dataset, StandIn
from ferbench.api.errors import FerbenchError, blame_plugin
from ferbench.registry.catalog import Catalog
from ferbench.store.entries import Store
from ferbench.store.files import read_json, to_json
from ferbench.store.keys import identify_component, make_key
from ferbench.types import Progress

MARKER = "STAND-IN.json"
MAX_SIBLINGS = 100
Marker = TypedDict("Marker", {"stand-in of": str, "people": int, "seed": int})
"""The content of the marker file in a stand-in's folder."""


def get_standin(dataset: Dataset, catalog: Catalog) -> StandIn:
    """The stand-in that a plugin registers for this dataset; raises FerbenchError if none does."""
    entry = catalog.entries.get(("stand-in", dataset.name))
    if entry is None:
        raise FerbenchError(f"no plugin renders a stand-in for the corpus {dataset.name}", hint=dataset.access)
    standin = entry.component()
    assert isinstance(standin, StandIn)
    return standin


def render_standin(standin: StandIn, folder: Path, people: int, seed: int, progress: Progress) -> None:
    """Render into a new folder, with the marker. Raises FerbenchError if the folder holds something."""
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FerbenchError(f"{folder} is not empty", hint="choose a new folder; nothing was written")
    if people < 1:
        raise FerbenchError(f"people is {people}: expected at least 1", where="--people")
    for leftover in folder.parent.glob(f".{escape(folder.name)}-*.part"):  # of a killed process
        shutil.rmtree(leftover, ignore_errors=True)
    partial_folder = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}.part")
    partial_folder.mkdir(parents=True)
    try:
        marker: Marker = {"stand-in of": standin.name, "people": people, "seed": seed}
        (partial_folder / MARKER).write_bytes(to_json(marker))
        with blame_plugin(f"{standin.title}: render", type(standin)):
            standin.render(partial_folder, people, seed, progress)
        if folder.exists():
            folder.rmdir()
        partial_folder.rename(folder)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)


def standin_folder(standin: StandIn, people: int, seed: int, store: Store) -> Path:
    """Return the folder of a rehearsal's stand-in, whether or not it exists."""
    return store.root / "standin" / make_key("standin", identify_component(standin), people, seed) / standin.name


def store_standin(standin: StandIn, people: int, seed: int, store: Store, progress: Progress) -> Path:
    """Return the folder of a rehearsal's stand-in; rendered if it is missing."""
    folder = standin_folder(standin, people, seed, store)
    with store.lock(f"standin-{folder.parent.name}"):
        if not folder.is_dir():
            render_standin(standin, folder, people, seed, progress)
    return folder


def describe_standin(standin: StandIn, people: int, seed: int) -> str:
    """Describe a rendered stand-in in a line."""
    return _describe({"stand-in of": standin.name, "people": people, "seed": seed})


def find_standin(folders: Collection[str]) -> str:
    """Describe the stand-in that one of these folders belongs to, in a line; empty if there is none."""
    marker = _find_marker(folders)
    return describe_marker(Path(marker)) if marker else ""


def describe_marker(marker: Path) -> str:
    """Describe a stand-in in a line, from its marker."""
    try:
        return _describe(read_json(marker, Marker))
    except (OSError, msgspec.DecodeError):
        return f"stand-in, whose marker {marker} cannot be read"


def _describe(marker: Marker) -> str:
    return f"stand-in of {marker['stand-in of']}, {marker['people']} people, seed {marker['seed']}"


def _find_marker(folders: Collection[str]) -> str:
    """The marker in one of these folders, in a folder above one, or above the target of one that is a link; empty if there is none."""
    waiting, seen = sorted(_possible_roots(folders)), set[str]()
    while waiting:
        folder = waiting.pop() or str(Path.cwd())
        if folder in seen:
            continue
        seen.add(folder)
        marker = f"{folder}{os.sep}{MARKER}"
        if os.path.lexists(marker):
            return marker
        waiting.append(os.path.dirname(folder))  # noqa: PTH120
        if os.path.islink(folder):  # noqa: PTH114
            waiting.append(os.path.realpath(folder))
    return ""


def _possible_roots(folders: Collection[str]) -> Iterator[str]:
    """The folders and those around them. Of many folders side by side, which are those of clips, only links: each look takes a while."""
    siblings: dict[str, set[str]] = {}
    for folder in folders:
        siblings.setdefault(os.path.dirname(folder), set()).add(folder)  # noqa: PTH120
    for parent, children in siblings.items():
        yield parent
        if len(children) <= MAX_SIBLINGS:
            yield from children
        else:
            with os.scandir(parent or ".") as entries:
                yield from children.intersection(entry.path for entry in entries if entry.is_symlink())
