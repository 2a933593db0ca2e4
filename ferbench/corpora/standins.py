"""Stand-in corpora: rendered once, marked for good."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ferbench.api.components import Dataset, Rehearsable
from ferbench.api.errors import FerbenchError, plugin_call
from ferbench.store.entries import Store, read_json, to_json
from ferbench.store.keys import key, source_digests

MARKER = "STAND-IN.json"


def marker_of(*folders: Path) -> Path | None:
    """The marker in one of these folders, or in one that holds it, that says that ferbench rendered what is there."""
    above = dict.fromkeys(each for folder in folders for each in (folder.resolve(), *folder.resolve().parents))
    return next((each / MARKER for each in above if (each / MARKER).is_file()), None)


def render(dataset: type[Dataset], folder: Path, people: int, seed: int, progress: Callable[[int, int], None]) -> None:
    """Renders a stand-in into a new folder, with the marker that makes every row from it count as a stand-in's.

    Raises FerbenchError where the folder holds something, or the dataset renders none.
    """
    if not issubclass(dataset, Rehearsable):
        raise FerbenchError(f"{dataset.name} renders no stand-in", hint=dataset.access)
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FerbenchError(f"{folder} is not empty", hint="name a new folder; nothing was written")
    if people < 1:
        raise FerbenchError(f"people is {people}: expected at least 1", where="--people")
    work = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        (work / MARKER).write_bytes(to_json({"stand-in of": dataset.name, "people": people, "seed": seed}))
        with plugin_call(f"dataset {dataset.name}: render"):
            dataset.render(work, people, seed, progress)
        if folder.exists():
            folder.rmdir()
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def stored(dataset: type[Dataset], people: int, seed: int, store: Store, progress: Callable[[int, int], None]) -> Path:
    """The rehearsal's stand-in in the store, rendered unless it is there."""
    folder = place(dataset, people, seed, store)
    with store.lock("standin", folder.parent.name):
        if not folder.is_dir():
            render(dataset, folder, people, seed, progress)
    return folder


def place(dataset: type[Dataset], people: int, seed: int, store: Store) -> Path:
    """Where a rehearsal's stand-in stands, rendered or not."""
    if not issubclass(dataset, Rehearsable):
        raise FerbenchError(f"the corpus {dataset.name} is missing, and no stand-in can be rendered for it", hint=dataset.access)
    entry = key("standin", dataset.name, people, seed, source_digests(dataset.__module__))
    return store.root / "standin" / entry / dataset.folders[0]


def described(marker: Path) -> str:
    """The marker in words."""
    told = read_json(marker)
    return f"stand-in of {told['stand-in of']}, {told['people']} people, seed {told['seed']}"
