"""Paths that users write."""

from __future__ import annotations

import os
from pathlib import Path

DATA_VARIABLE = "FERBENCH_DATA"


def data_folder() -> Path:
    """Return the folder to search for corpora and models: FERBENCH_DATA, else ./data."""
    return expand_home(os.environ.get(DATA_VARIABLE) or "data")


def expand_home(path: str | Path) -> Path:
    """Expand `~`; it stays if there is no such home, so that the error about the missing file shows it."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises RuntimeError)
