"""Where corpora are: under FERBENCH_DATA, or where the benchmark says."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ferbench.api.components import Dataset
from ferbench.api.errors import FerbenchError
from ferbench.api.paths import DATA_VARIABLE, data_folder, expand_home


def locate_corpus(dataset: Dataset) -> Path | None:
    """Return the folder of a corpus: its `root`, or one of its `folders` (ignoring case) in the data folder; None if it is missing."""
    if dataset.root:
        root = _expand_root(dataset)
        return root if root.is_dir() else None
    names = [name.lower() for name in dataset.folders]
    present = sorted(data_folder().iterdir()) if data_folder().is_dir() else []
    candidates = [(names.index(path.name.lower()), path) for path in present if path.name.lower() in names and path.is_dir()]
    return min(candidates)[1] if candidates else None


def missing_folders(datasets: Iterable[Dataset]) -> list[str]:
    """Name the folders that the user gave and that do not exist, which are often typing errors, and where each was given."""
    roots = {f"root of the corpus {dataset.name}": _expand_root(dataset) for dataset in datasets if dataset.root}
    named = roots | ({DATA_VARIABLE: data_folder()} if os.environ.get(DATA_VARIABLE) else {})
    return [f"{origin}: there is no folder {folder}" for origin, folder in named.items() if not folder.is_dir()]


def missing_error(dataset: Dataset, where: str = "", option: str = "") -> FerbenchError:
    """Return the error for a missing corpus: where it was searched for, and how to obtain it; `option` gives its folder instead."""
    option = option or f"`--set dataset.{dataset.name}.root=FOLDER`"
    folder = _expand_root(dataset) if dataset.root else data_folder() / dataset.folders[0]
    reasons = missing_folders([dataset]) or ([] if dataset.root or os.environ.get(DATA_VARIABLE) else [f"{DATA_VARIABLE} is not set"])
    return FerbenchError(
        f"the corpus {dataset.name} was not found at {folder}" + "".join(f" ({reason})" for reason in reasons),
        where=where,
        hint=f"{dataset.access} Then set FERBENCH_DATA to the folder that holds it, or {option}.",
    )


def _expand_root(dataset: Dataset) -> Path:
    return expand_home(dataset.root.replace("${FERBENCH_DATA}", str(data_folder())))
