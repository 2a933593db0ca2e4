"""What a trained row says of pictures and videos, as plain data: one line per frame and face, and one per window and face."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from ferbench.report.answers import AnswerReader
from ferbench.report.exports import escape_formula
from ferbench.report.statistics.conformal import ConformalSets, calibrate
from ferbench.store.entries import Store
from ferbench.store.rows import DoneRow

UNSURE, NO_FACE = "unsure", "no face"
DIGITS = 6  # of a score


@dataclass(frozen=True)
class Finding:
    """One line.

    `level` is "frame" or "clip", which is a window of a video, or a picture. `frame` is the number of the frame, of a clip its first. Times
    are seconds from the start. `answer` is a class, "unsure" or "no face"; `set` holds the classes that cannot be ruled out, None if no set
    can be given: frames have none. `scores` are empty if nothing was scored.
    """

    source: str
    level: str
    clip: int
    frame: int
    time: float
    end: float
    face: int | None
    box: tuple[int, int, int, int] | None
    answer: str
    predicted: str
    set: tuple[str, ...] | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Judge:
    """Turns scores [C+K] into answers: `names` are those of the classes, then of other answers."""

    names: tuple[str, ...]
    sets: ConformalSets | None

    def decide(self, scores: NDArray[np.float64], with_set: bool) -> tuple[str, str, tuple[str, ...] | None]:
        """The answer, the class with the highest score, and the set."""
        predicted = self.names[int(scores.argmax())]
        if not with_set or self.sets is None:
            return predicted, predicted, None
        members = tuple(name for name, is_in in zip(self.names, self.sets.members(scores), strict=True) if is_in)
        return members[0] if len(members) == 1 else UNSURE, predicted, members

    def name_scores(self, scores: NDArray[np.float64]) -> dict[str, float]:
        """Each score by its class."""
        return {name: round(float(score), DIGITS) for name, score in zip(self.names, scores, strict=True)}


def calibrate_row(row: DoneRow, store: Store, confidence: float) -> ConformalSets:
    """Calibrate conformal sets on the row's test clips in which a face was found, pooled over folds."""
    answers = AnswerReader(store).read(row)
    covered = answers.select(answers.covered)
    return calibrate(covered.scores, covered.true, covered.person, confidence)


class JsonWriter:
    """Writes findings as JSON lines."""

    def __init__(self, file: TextIO, _names: Sequence[str]) -> None:
        self.file = file

    def write(self, findings: Iterable[Finding]) -> None:
        """Write one object per line."""
        for finding in findings:
            self.file.write(msgspec.json.encode(finding).decode() + "\n")


class CsvWriter:
    """Writes findings as CSV: a column for each score, classes of a set separated by semicolons."""

    def __init__(self, file: TextIO, names: Sequence[str]) -> None:
        self.file, self.names = file, names
        columns = ["source", "level", "clip", "frame", "time", "end", "face", "x", "y", "width", "height", "answer", "predicted", "set"]
        self._write_line([*columns, *(f"score_{name}" for name in names)])

    def write(self, findings: Iterable[Finding]) -> None:
        """Write one line per finding."""
        for each in findings:
            place = [each.source, each.level, each.clip, each.frame, each.time, each.end, each.face, *(each.box or [None] * 4)]
            members = None if each.set is None else ";".join(each.set)
            self._write_line([*place, each.answer, each.predicted, members, *(each.scores.get(name) for name in self.names)])

    def _write_line(self, cells: Sequence[object]) -> None:
        csv.writer(self.file, lineterminator="\n").writerow([escape_formula(cell) if isinstance(cell, str) else cell for cell in cells])


WRITERS: Mapping[str, type[CsvWriter | JsonWriter]] = {"csv": CsvWriter, "json": JsonWriter}
