"""What rows predict, clip by clip, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ferbench.report.answers import AnswerReader
from ferbench.report.comparison import name_answer
from ferbench.report.exports import Cell
from ferbench.report.matching import Match
from ferbench.report.results import REPEATED
from ferbench.store.rows import DoneRow

HASH_LENGTH = 16

Prediction = dict[str, Cell]


def list_predictions(match: Match, salt: str | None = None) -> list[Prediction]:
    """One item per tested clip and seed: seed, clip, person, fold, true and predicted class, whether a face was found, and scores.

    Each also says whether the corpora are stand-ins, and which leaks the user allowed.

    With a `salt`, people and clips, whose names may name people, are replaced by 16 hex digits of the SHA-256 of salt and name.
    """
    reader = AnswerReader(match.store)
    return [prediction for row in match.rows for prediction in _list_of_row(row, reader, salt)]


def _list_of_row(row: DoneRow, reader: AnswerReader, salt: str | None) -> Iterator[Prediction]:
    answers = reader.read(row)
    names = [*row["classes"], *row["others"]]
    for number, place in enumerate(answers.position.tolist()):
        table = answers.tested
        yield {
            **{axis: row["labels"][axis] for axis in REPEATED},
            "clip": _hide(table["ids"][place], salt),
            "person": _hide(table["people"][place], salt),
            "fold": table["folds"][place],
            "true": table["labels"][place],
            "predicted": name_answer(answers, row, number),
            "face": bool(answers.covered[number]),
            "standin": row["standin"],
            "leaks": " ".join(row["leaks"]),
            **{f"score_{name}": score for name, score in zip(names, answers.scores[number].tolist(), strict=True)},
        }


def _hide(name: str, salt: str | None) -> str:
    return name if salt is None else hashlib.sha256(f"{salt}\0{name}".encode()).hexdigest()[:HASH_LENGTH]
