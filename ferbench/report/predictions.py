"""What rows predict, clip by clip, as plain data."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence

from ferbench.report.answers import AnswerReader
from ferbench.report.comparison import name_answer
from ferbench.report.exports import escape_formula
from ferbench.report.matching import Match
from ferbench.report.results import REPEATED
from ferbench.store.rows import DoneRow

HASH_LENGTH = 16

Prediction = dict[str, str | int | float | bool]


def list_predictions(match: Match, salt: str | None = None) -> list[Prediction]:
    """One item per tested clip and seed: seed, clip, person, fold, true and predicted class, whether a face was found, and scores.

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
            **{f"score_{name}": score for name, score in zip(names, answers.scores[number].tolist(), strict=True)},
        }


def predictions_to_csv(predictions: Sequence[Prediction]) -> str:
    """One line per prediction."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(predictions[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: escape_formula(value) for name, value in each.items()} for each in predictions)
    return text.getvalue()


def _hide(name: str, salt: str | None) -> str:
    return name if salt is None else hashlib.sha256(f"{salt}\0{name}".encode()).hexdigest()[:HASH_LENGTH]
