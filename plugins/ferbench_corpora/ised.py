"""ISED: spontaneous expressions in videos, described by a MATLAB table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import ClassVar

from ferbench import Clip, Dataset, Fact, Official, Skipped
from ferbench_corpora.matlab import Row, read_table
from ferbench_corpora.tree import Tree

PERSON = r"(PS)?[ _-]*\d+"
EMOTIONS = {1: "happiness", 2: "surprise", 3: "sadness", 4: "disgust"}
PAPER = "abstract of S. L. Happy et al. 2017"
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
    official = Official(
        people=Fact(50, PAPER),
        clips=Fact(428, PAPER),
        labels=Fact({"disgust": 80, "happiness": 227, "sadness": 48, "surprise": 73}, "tables of the paper", recalled=True),
    )

    def clips(self) -> Iterator[Clip | Skipped]:
        """One clip per row of ISED_details.mat that has a video; other rows, and videos without a row, are skipped."""
        tree = Tree(self.name, Path(self.root))
        tables = [path for top in (tree.root, *tree.folders(tree.root)) for path in tree.entries(top) if path.suffix.lower() == ".mat"]
        videos = _find_videos(tree)
        if not tables or not videos:
            raise tree.layout_error("ISED_details.mat and videos/PS 1/4.avi")
        table = min(tables, key=lambda path: "details" not in path.name.lower())
        yield from _read_clips(read_table(table), videos)
        yield from tree.unreadable()


def _find_videos(tree: Tree) -> list[tuple[str, Path]]:
    """(name such as PS 1/4, video file) from `videos/PS 1/4.avi` with or without the space."""
    people = tree.find_folders(PERSON, first="videos")
    videos = [path for person in people for path in tree.entries(person) if path.suffix.lower() in VIDEOS]
    return [(_name(re.sub(r"\D", "", path.parent.name), path.stem), path) for path in videos]


def _name(person: str | int, video: str | int) -> str:
    """Without leading zeros."""
    return f"PS {int(person)}/{int(video) if str(video).isdecimal() else video}"


def _read_clips(rows: Sequence[Row], videos: Sequence[tuple[str, Path]]) -> Iterator[Clip | Skipped]:
    by_name = dict(reversed(videos))  # of two videos with the same number, the first is used
    names = set()
    for number, row in enumerate(rows, 1):
        person, video = _whole_number(row, 0), _whole_number(row, 2)
        if person is None or video is None:
            yield Skipped(f"row {number} of ISED_details.mat", "row without person and video as numbers")
            continue
        name = _name(person, video)
        yield Skipped(name, "second row of a video") if name in names else _read_row(name, str(person), row, by_name.get(name))
        names.add(name)
    for name, path in videos:
        if name not in names:
            yield Skipped(f"{path.parent.name}/{path.name}", "video without a row in ISED_details.mat")
        elif path != by_name[name]:
            yield Skipped(f"{path.parent.name}/{path.name}", "second video of a row in ISED_details.mat")


def _read_row(name: str, person: str, row: Row, video: Path | None) -> Clip | Skipped:
    peak, emotion = _whole_number(row, 3), EMOTIONS.get(_whole_number(row, 6) or 0)
    if video is None:
        return Skipped(name, "video of a row in ISED_details.mat is missing")
    if emotion is None:
        return Skipped(name, "label is not a number from 1 to 4")
    if peak is None or peak < 1:
        return Skipped(name, "peak frame is not a number from 1")
    return Clip(name, person, emotion, video=video, apex=peak - 1, facts=_read_facts(row))


def _read_facts(row: Row) -> dict[str, str | int | float]:
    """The texts and finite numbers among the columns that describe a clip."""
    cells = {fact: row[column] for fact, column in FACTS.items() if column < len(row)}
    return {fact: cell for fact, cell in cells.items() if isinstance(cell, str) or (isinstance(cell, int | float) and isfinite(cell))}


def _whole_number(row: Row, column: int) -> int | None:
    """A cell as a whole number; None if it is something else."""
    try:
        number = float(row[column])  # type: ignore[arg-type]
    except (ValueError, TypeError, IndexError):
        return None
    return int(number) if number.is_integer() else None
