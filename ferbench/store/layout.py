"""The folder of a store: how it is found, and told from folders of other programs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from ferbench.api.errors import FerbenchError
from ferbench.api.paths import expand_home
from ferbench.api.text import is_unicode
from ferbench.store.entries import Store
from ferbench.store.folder import DEFAULT_FOLDER, FORMAT, STORE_MARKER

OLD_FILE = "manifest.json"  # in the folder of each entry of format 1
HARMLESS = ("lost+found",)  # in the root of a disk
CHOOSE = "choose the folder of a store with --store or FERBENCH_STORE"


def store_folder(path: str | Path = "") -> Path:
    """Return the folder of the store: `path`, else FERBENCH_STORE, else ./ferbench-store."""
    return expand_home(path or os.environ.get("FERBENCH_STORE") or DEFAULT_FOLDER)


def find_store(path: str | Path, warn: Callable[[str], None], *, must_exist: bool = False) -> Store:
    """Return the store in a folder; raises FerbenchError if the folder holds anything else."""
    folder = store_folder(path)
    if not is_unicode(str(folder)):
        raise FerbenchError(f"the name of the folder {folder} is not in UTF-8", hint=CHOOSE)
    if (folder / STORE_MARKER).is_file():
        _check_format(folder)
    elif folder.is_dir() and (content := [item for item in folder.iterdir() if not _is_harmless(item)]):
        raise _foreign_error(folder, content)
    elif folder.exists() and not folder.is_dir():
        raise FerbenchError(f"{folder} is not a folder", hint=CHOOSE)
    elif must_exist:
        problem = f"the folder {folder} is empty: it holds no store" if folder.exists() else f"there is no store at {folder}"
        raise FerbenchError(problem, hint=f"{CHOOSE}; `ferbench run` creates one")
    return Store(folder, warn)


def _check_format(folder: Path) -> None:
    try:
        marker = msgspec.json.decode((folder / STORE_MARKER).read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError) as error:
        raise FerbenchError(f"{folder / STORE_MARKER} cannot be read: {error}", hint=CHOOSE) from error
    if marker.get("format") != FORMAT:
        problem = f"the store {folder} has the format {marker.get('format')}: expected {FORMAT}"
        raise FerbenchError(problem, hint=f"another version of ferbench wrote it; {CHOOSE}")


def _foreign_error(folder: Path, content: list[Path]) -> FerbenchError:
    if next(folder.glob(f"*/??/*/{OLD_FILE}"), None):
        problem = f"the store {folder} was written by an older version of ferbench, and its results cannot be read"
        return FerbenchError(problem, hint="choose another folder with --store or FERBENCH_STORE, or delete it if you no longer need it")
    names = ", ".join(sorted(item.name for item in content)[:3])
    return FerbenchError(f"{folder} is not a store: it holds {names} ...", hint=f"{CHOOSE}, or an empty one")


def _is_harmless(item: Path) -> bool:
    return item.name in HARMLESS or item.name.startswith(f".{STORE_MARKER}-")
