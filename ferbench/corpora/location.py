"""Where corpora are: under FERBENCH_DATA, or where the benchmark says."""

from __future__ import annotations

import os
from pathlib import Path

from ferbench.api.components import Dataset
from ferbench.api.errors import FerbenchError
from ferbench.api.paths import expand_home


def data_folder() -> Path:
    """Return the folder to search for corpora: FERBENCH_DATA, else ./data."""
    return expand_home(os.environ.get("FERBENCH_DATA") or "data")


def locate_corpus(dataset: Dataset) -> Path | None:
    """Return the folder of a corpus: its `root`, or one of its `folders` (ignoring case) in the data folder; None if it is missing."""
    if dataset.root:
        root = _expand_root(dataset)
        return root if root.is_dir() else None
    names = [name.lower() for name in dataset.folders]
    present = sorted(data_folder().iterdir()) if data_folder().is_dir() else []
    candidates = [(names.index(path.name.lower()), path) for path in present if path.name.lower() in names and path.is_dir()]
    return min(candidates)[1] if candidates else None


def missing_error(dataset: Dataset, where: str = "") -> FerbenchError:
    """Return the error for a missing corpus: where it was searched for, and how to obtain it."""
    folder = _expand_root(dataset) if dataset.root else data_folder() / dataset.folders[0]
    unset = "" if os.environ.get("FERBENCH_DATA") else " (FERBENCH_DATA is not set)"
    return FerbenchError(
        f"the corpus {dataset.name} was not found at {folder}{unset}",
        where=where,
        hint=f"{dataset.access} Then set FERBENCH_DATA to the folder that holds it, or `--set dataset.{dataset.name}.root=FOLDER`.",
    )


def _expand_root(dataset: Dataset) -> Path:
    return expand_home(dataset.root.replace("${FERBENCH_DATA}", str(data_folder())))
