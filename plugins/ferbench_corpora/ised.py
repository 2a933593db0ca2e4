"""ISED: spontaneous expressions in videos, described by a MATLAB table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ferbench import Clip, Dataset, FerbenchError, Rehearsable, Skipped
from ferbench_corpora.folders import entries, folders, unlike

if TYPE_CHECKING:
    import numpy as np

EMOTIONS = {1: "happiness", 2: "surprise", 3: "sadness", 4: "disgust"}
VIDEOS = (".avi", ".mp4", ".mov", ".wmv", ".mpg", ".mpeg")
FACTS = {"intensity": 7, "sex": 8, "spectacles": 9, "beard": 10, "occlusion": 11}  # columns of the table, from 0


@dataclass(frozen=True)
class ISED(Dataset, Rehearsable):
    """Indian Spontaneous Expression Database (ISED): 428 videos of 50 people, four emotions, peak frames."""

    name = "ised"
    classes = ("disgust", "happiness", "sadness", "surprise")
    citation: ClassVar[str] = (
        "S. L. Happy, P. Patnaik, A. Routray, R. Guha: The Indian Spontaneous Expression Database for Emotion Recognition. "
        "IEEE Transactions on Affective Computing 8 (1), 2017."
    )
    licence: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = "ISED is given by its authors (S. L. Happy, A. Routray, IIT Kharagpur) to those who sign its agreement."
    folders: ClassVar[tuple[str, ...]] = ("ISED",)

    def clips(self) -> Iterator[Clip | Skipped]:
        """One clip a row of ISED_details.mat whose video is there; the others, and videos without a row, are skipped by name."""
        root = Path(self.root)
        table = next((p for p in entries(root) if p.suffix == ".mat"), None)
        videos = _videos(root)
        if table is None or not videos:
            raise unlike(self.name, root, "ISED_details.mat and videos/PS 1/4.avi")
        described = set()
        for number, row in enumerate(_rows(table), 1):
            thing, key = _clip(number, row, videos)
            described.add(key)
            yield thing
        for key, path in videos.items():
            if key not in described:
                yield Skipped(f"{path.parent.name}/{path.name}", "video without a row in ISED_details.mat")

    @classmethod
    def render(cls, folder: Path, people: int, seed: int, progress: Callable[[int, int], None]) -> None:
        """Faces moved by action units, in ISED's layout."""
        from ferbench_corpora.standin import ised

        ised.write(folder, people, seed, progress)


def _videos(root: Path) -> dict[tuple[int, int], Path]:
    """(person, clip) -> video file, from `videos/PS 1/4.avi` with or without the space."""
    top = next((p for p in folders(root) if p.name.lower() in ("videos", "video")), root)
    found = {}
    for folder in folders(top):
        person = re.search(r"\d+", folder.name)
        for path in entries(folder) if person else ():
            if path.suffix.lower() in VIDEOS and path.stem.isdigit():
                found[int(person[0]), int(path.stem)] = path  # type: ignore[index]
    return found


def _clip(number: int, row: Sequence[Any], videos: dict[tuple[int, int], Path]) -> tuple[Clip | Skipped, tuple[int, int]]:
    """The clip of a table row, and its (person, clip) numbers."""
    try:
        person, video, peak, code = (int(float(row[column])) for column in (0, 2, 3, 6))
    except (ValueError, TypeError, IndexError):
        return Skipped(f"row {number} of ISED_details.mat", "row without person, video, peak frame and label as numbers"), (-1, -1)
    name = f"PS {person}/{video}"
    if code not in EMOTIONS:
        return Skipped(f"{name} (label {code})", "label is no number from 1 to 4"), (person, video)
    if (person, video) not in videos:
        return Skipped(name, "video of a row in ISED_details.mat is missing"), (person, video)
    facts = {fact: row[column] for fact, column in FACTS.items() if column < len(row) and isinstance(row[column], str | int | float)}
    clip = Clip(name, str(person), EMOTIONS[code], video=videos[person, video], apex=max(0, peak - 1), facts=facts)
    return clip, (person, video)


def _rows(table: Path) -> list[list[Any]]:
    """The table's rows as plain values, whether MATLAB wrote a cell array, a struct array or a numeric matrix."""
    from scipy.io import loadmat

    try:
        content = loadmat(table, squeeze_me=False)
    except Exception as error:  # scipy raises many kinds for a file that is no .mat
        raise FerbenchError(f"ised: the table cannot be read: {error}", where=str(table), hint="copy it again from the archive") from error
    arrays = [value for name, value in content.items() if not name.startswith("__") and getattr(value, "ndim", 0) == 2]
    if not arrays:
        raise FerbenchError(
            "ised: the file holds no table", where=str(table), hint="expected 16 columns: person, id, video, peak frame ..."
        )
    widest = max(arrays, key=lambda a: a.size * (len(a.dtype.names) if a.dtype.names else 1))
    if widest.dtype.names:
        return [[_plain(record[field]) for field in widest.dtype.names] for record in widest.ravel()]
    rows = [[_plain(value) for value in row] for row in widest]
    return [row for row in rows if not _is_header(row)]


def _is_header(row: list[Any]) -> bool:
    return isinstance(row[0], str) and not row[0].strip().isdigit()


def _plain(value: np.ndarray | Any) -> Any:
    """A MATLAB cell as str, int or float; vectors (boxes, points) as lists."""
    while getattr(value, "shape", None) and value.size == 1:
        value = value.ravel()[0]
    if getattr(value, "shape", ()):
        return value.ravel().tolist()
    return value.item() if hasattr(value, "item") else value
