"""ISED: spontaneous expressions in videos, described by a MATLAB table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar

from ferbench import Clip, Dataset, FerbenchError, Skipped
from ferbench_corpora.folders import entries, folders, holding, named, unlike

PERSON = r"(PS)?[ _-]*\d+"
EMOTIONS = {1: "happiness", 2: "surprise", 3: "sadness", 4: "disgust"}
VIDEOS = (".avi", ".mp4", ".mov", ".wmv", ".mpg", ".mpeg")
FACTS = {"intensity": 7, "sex": 8, "spectacles": 9, "beard": 10, "occlusion": 11}  # columns of the table, from 0


@dataclass(frozen=True)
class ISED(Dataset):
    """Indian Spontaneous Expression Database (ISED): 428 videos of 50 people, four emotions, peak frames."""

    name = "ised"
    classes = ("disgust", "happiness", "sadness", "surprise")
    citation: ClassVar[str] = (
        "S. L. Happy, P. Patnaik, A. Routray, R. Guha: The Indian Spontaneous Expression Database for Emotion Recognition. "
        "IEEE Transactions on Affective Computing 8 (1), 2017."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "ISED is given by its authors (S. L. Happy, A. Routray, IIT Kharagpur) to those who sign its agreement: iseddatabase@gmail.com."
    )
    folders: ClassVar[tuple[str, ...]] = ("ISED",)

    def clips(self) -> Iterator[Clip | Skipped]:
        """One clip a row of ISED_details.mat whose video is there; the others, and videos without a row, are skipped by name."""
        root = Path(self.root)
        tables = [p for top in (root, *folders(root)) for p in entries(top) if p.suffix.lower() == ".mat"]
        videos = _videos(root)
        if not tables or not videos:
            raise unlike(self.name, root, "ISED_details.mat and videos/PS 1/4.avi")
        yield from _clips(_rows(min(tables, key=lambda p: "details" not in p.name.lower())), videos)


def _videos(root: Path) -> list[tuple[str, Path]]:
    """(name such as PS 1/4, video file) from `videos/PS 1/4.avi` with or without the space."""
    people = [p for top in holding(root, PERSON, first="videos") for p in folders(top) if named(p, PERSON)]
    videos = [p for person in people for p in entries(person) if p.suffix.lower() in VIDEOS]
    return [(_name(re.sub(r"\D", "", p.parent.name), p.stem), p) for p in videos]


def _name(person: str | int, video: str | int) -> str:
    """Without leading zeros."""
    return f"PS {int(person)}/{int(video) if str(video).isdecimal() else video}"


def _clips(rows: list[list[Any]], videos: list[tuple[str, Path]]) -> Iterator[Clip | Skipped]:
    present = dict(reversed(videos))  # the first of two videos with the same number counts
    described = set()
    for number, row in enumerate(rows, 1):
        person, video = _whole(row, 0), _whole(row, 2)
        if person is None or video is None:
            yield Skipped(f"row {number} of ISED_details.mat", "row without person and video as numbers")
            continue
        name = _name(person, video)
        yield Skipped(name, "second row of a video") if name in described else _clip(name, str(person), row, present.get(name))
        described.add(name)
    for name, path in videos:
        if name not in described:
            yield Skipped(f"{path.parent.name}/{path.name}", "video without a row in ISED_details.mat")
        elif path != present[name]:
            yield Skipped(f"{path.parent.name}/{path.name}", "second video of a row in ISED_details.mat")


def _clip(name: str, person: str, row: list[Any], video: Path | None) -> Clip | Skipped:
    peak, emotion = _whole(row, 3), EMOTIONS.get(_whole(row, 6) or 0)
    if video is None:
        return Skipped(name, "video of a row in ISED_details.mat is missing")
    if emotion is None:
        return Skipped(name, "label is no number from 1 to 4")
    if peak is None or peak < 1:
        return Skipped(name, "peak frame is no number from 1")
    return Clip(name, person, emotion, video=video, apex=peak - 1, facts=_facts(row))


def _facts(row: list[Any]) -> dict[str, str | int | float]:
    """The texts and finite numbers among the columns that describe a clip."""
    told = {fact: row[column] for fact, column in FACTS.items() if column < len(row)}
    return {fact: value for fact, value in told.items() if isinstance(value, str) or (isinstance(value, int | float) and isfinite(value))}


def _whole(row: list[Any], column: int) -> int | None:
    """A cell as a whole number; None where it is none."""
    try:
        number = float(row[column])
    except (ValueError, TypeError, IndexError):
        return None
    return int(number) if number.is_integer() else None


def _rows(table: Path) -> list[list[Any]]:
    """The table's rows as plain values, whether MATLAB wrote a cell array, a struct array or a numeric matrix."""
    arrays = [value for value in _content(table).values() if getattr(value, "ndim", 0) == 2 and value.size]
    if not arrays:
        raise FerbenchError(
            "ised: the file holds no table", where=str(table), hint="expected 16 columns: person, id, video, peak frame ..."
        )
    widest = max(arrays, key=lambda a: a.size * len(a.dtype.names or ["one"]))
    if widest.dtype.names:
        return [[_plain(record[field]) for field in widest.dtype.names] for record in widest.ravel()]
    rows = [[_plain(value) for value in row] for row in widest]
    return rows[1:] if isinstance(rows[0][0], str) and _whole(rows[0], 0) is None else rows  # without the headings


def _content(table: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        return loadmat(table)
    except NotImplementedError as error:  # scipy reads no HDF5
        hint = "in MATLAB, load it and save it again with -v7"
        raise FerbenchError("ised: the table is in MATLAB's format 7.3, which is not read", where=str(table), hint=hint) from error
    except Exception as error:  # scipy raises many kinds for a file that is no .mat
        raise FerbenchError(f"ised: the table cannot be read: {error}", where=str(table), hint="copy it again from the archive") from error


def _plain(value: Any) -> Any:
    """A MATLAB cell as str, int or float, whole numbers without a fraction (MATLAB has only doubles); vectors (boxes, points) as lists."""
    import numpy as np

    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()
    plain = value.item() if isinstance(value, np.generic) else value
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain
