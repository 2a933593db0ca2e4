"""Tables in MATLAB files, up to format 7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench import FerbenchError
from ferbench_corpora.tree import read_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

Row = Sequence[object]
"""Cells are str, int or float (whole numbers are int, though MATLAB stores only doubles), or lists for vectors (boxes, points)."""


def read_table(file: Path) -> list[Row]:
    """The rows of the largest table, whether MATLAB wrote a cell array, a struct array or a numeric matrix; without headings.

    Raises FerbenchError if the file cannot be read or contains no table.
    """
    arrays = [value for value in _load(file).values() if getattr(value, "ndim", 0) == 2 and value.size]
    if not arrays:
        raise FerbenchError("ised: the file has no table", where=str(file), hint="expected 16 columns: person, id, video, peak frame ...")
    table = max(arrays, key=lambda array: array.size * len(array.dtype.names or ["one"]))
    if table.dtype.names:
        return [[_to_python(record[name]) for name in table.dtype.names] for record in table.ravel()]
    rows: list[Row] = [[_to_python(value) for value in row] for row in table]
    return rows[1:] if _is_heading(rows[0][0]) else rows


def _is_heading(cell: object) -> bool:
    """Whether a cell is text, and not a number."""
    if not isinstance(cell, str):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _load(file: Path) -> Mapping[str, NDArray]:
    from scipy.io import loadmat

    try:
        content: Mapping[str, NDArray] = loadmat(BytesIO(read_file(file)))
    except NotImplementedError as error:  # scipy reads no HDF5
        hint = "in MATLAB, load it and save it again with -v7"
        raise FerbenchError("ised: the table is in MATLAB's format 7.3, which is not read", where=str(file), hint=hint) from error
    except Exception as error:  # scipy raises many kinds of exceptions if the file is not a .mat
        raise FerbenchError(f"ised: the table cannot be read: {error}", where=str(file), hint="copy it again from the archive") from error
    return content


def _to_python(value: object) -> object:
    import numpy as np

    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()
    plain = value.item() if isinstance(value, np.generic) else value
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain
