"""Compares two rows on the same clips: difference, tests, classes and clips that differ, and the people needed to separate them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ferbench.api.errors import FerbenchError
from ferbench.corpora.corpus import load_contents
from ferbench.plan.differences import describe_differences
from ferbench.report.answers import AnswerReader, Answers
from ferbench.report.matching import Match
from ferbench.report.results import REPEATED, Marks, mark_answers, select_shared, tally_marks
from ferbench.report.statistics.comparisons import run_mcnemar_test, run_permutation_test
from ferbench.report.statistics.intervals import Estimate, estimate_differences, estimate_uar, estimate_war
from ferbench.report.statistics.power import people_needed
from ferbench.report.statistics.tallies import Tally
from ferbench.store.rows import DoneRow

DATA = ("dataset", "preprocessing", "protocol")  # parts of a row's identity that its fingerprint depends on

TOLERANCE = 1e-9  # differences are sums of floats: 0.85 - 1 is a little less than -0.15


@dataclass(frozen=True)
class ClassChange:
    """The clips of a class, and the recall of both rows."""

    name: str
    clips: int
    first: float
    second: float


@dataclass(frozen=True)
class MovedClip:
    """A clip that only one of two rows answers rightly, with the answers of the first seed."""

    clip: str
    person: str
    true: str
    first: str
    second: str
    right: int  # 1 or 2


@dataclass(frozen=True)
class Comparison:
    """Two results on the clips that both answer; differences are the second minus the first.

    `standin` and `leaks` are those of both, and `failed_seeds` counts the seeds of each that failed.
    `only_first` and `only_second` count the clips that only one of them answers rightly; they are None if either has several seeds, as is
    `mcnemar`. `moved` is None unless asked for. `needed` is the number of people that would
    separate the two, None if the difference is 0 or there are fewer than two people.
    """

    standin: bool
    leaks: tuple[str, ...]
    failed_seeds: tuple[int, int]
    people: int
    clips: int
    uar: tuple[Estimate, Estimate]
    war: tuple[Estimate, Estimate]
    difference: Estimate
    difference_war: Estimate
    p: float
    mcnemar: float | None
    only_first: int | None
    only_second: int | None
    differing_people: int
    needed: int | None
    classes: tuple[ClassChange, ...]
    moved: tuple[MovedClip, ...] | None

    @property
    def is_equal(self) -> bool:
        """Whether both have the same UAR."""
        return abs(self.difference.value) < TOLERANCE

    def is_worse(self, share: float) -> bool:
        """Whether the UAR of the second is lower than that of the first by more than this share."""
        return self.difference.value < -share - TOLERANCE


def compare_rows(first: Match, second: Match, *, clips: bool = False) -> Comparison:
    """Compare two results, with the clips that moved if `clips`; raises FerbenchError, with what differs, if their fingerprints do."""
    if first.first["fingerprint"] != second.first["fingerprint"]:
        differences = "; ".join(describe_protocols(first, second))
        hint = "compare rows of one table, or `ferbench compare` rows that each have several corpora"
        raise FerbenchError(f"the rows have different protocols and cannot be compared: {differences}", hint=hint)
    marks = select_shared([mark_answers(match.rows, AnswerReader(match.store)) for match in (first, second)])
    tally = tally_marks(marks)
    uar, war, pooled = estimate_uar(tally), estimate_war(tally), tally.pool_classes()
    single = len(first.rows) == len(second.rows) == 1
    only_first, only_second = (int((one.share > other.share).sum()) for one, other in (marks, marks[::-1]))
    return Comparison(
        standin=first.first["standin"],
        leaks=tuple(first.first["leaks"]),
        failed_seeds=(len(first.failed), len(second.failed)),
        people=tally.people,
        clips=tally.clips,
        uar=(uar[0], uar[1]),
        war=(war[0], war[1]),
        difference=estimate_differences(tally)[1],
        difference_war=estimate_differences(pooled)[1],
        p=float(run_permutation_test(tally)[1]),
        mcnemar=run_mcnemar_test(only_first, only_second) if single else None,
        only_first=only_first if single else None,
        only_second=only_second if single else None,
        differing_people=int((tally.correct[0] != tally.correct[1]).any(1).sum()),
        needed=people_needed(tally),
        classes=tuple(_change_by_class(tally, first.first["classes"], marks[0])),
        moved=tuple(_find_moved(first, second)) if clips else None,
    )


def describe_protocols(first: Match, second: Match) -> list[str]:
    """Describe how the protocols of two results differ."""
    rows = (first.first, second.first)
    one, other = ({name: row["identity"][name] for name in DATA} for row in rows)
    lines = describe_differences(one, other, lambda digest: load_contents(digest, first.store) or load_contents(digest, second.store))
    if rows[0]["standin"] != rows[1]["standin"]:
        kinds = ["stand-in corpora" if row["standin"] else "real corpora" for row in rows]
        lines.insert(0, " → ".join(kinds))
    if rows[0]["leaks"] != rows[1]["leaks"]:
        lines.append(f"allowed leaks {' → '.join(', '.join(row['leaks']) or 'none' for row in rows)}")
    if rows[0]["classes"] != rows[1]["classes"]:
        lines.append(f"classes {', '.join(rows[0]['classes'])} → {', '.join(rows[1]['classes'])}")
    if rows[0]["folds"] != rows[1]["folds"]:
        lines.append("other people in the parts of the folds")
    return lines or [f"{rows[0]['protocol']} → {rows[1]['protocol']}"]


def _change_by_class(tally: Tally, classes: Sequence[str], marks: Marks) -> Iterator[ClassChange]:
    correct, total = tally.correct.sum(1), tally.total.sum(0)  # [2,C], [C]
    for number, label in enumerate(np.unique(marks.true)):
        first, second = (correct[:, number] / total[number]).tolist()
        yield ClassChange(classes[label], int(total[number]), first, second)


def _find_moved(first: Match, second: Match) -> Iterator[MovedClip]:
    """The clips that only one row answers rightly; of several seeds, those of the same seed, or the first, are compared."""
    one, other = _pick_pair(first.rows, second.rows)
    a, b = AnswerReader(first.store).read(one), AnswerReader(second.store).read(other)
    shared = np.intersect1d(a.position, b.position)
    a, b = a.select(np.isin(a.position, shared)), b.select(np.isin(b.position, shared))
    for number in np.flatnonzero(a.correct != b.correct).tolist():
        place = int(a.position[number])
        clip, person = a.tested["ids"][place], a.tested["people"][place]
        answers = (name_answer(a, one, number), name_answer(b, other, number))
        yield MovedClip(clip, person, a.tested["labels"][place], *answers, right=1 if a.correct[number] else 2)


def name_answer(answers: Answers, row: DoneRow, number: int) -> str:
    """The name of an answer, a class or one of the others."""
    return [*row["classes"], *row["others"]][answers.predicted[number]]


def _pick_pair(first: Sequence[DoneRow], second: Sequence[DoneRow]) -> tuple[DoneRow, DoneRow]:
    def seed(row: DoneRow) -> list[str]:
        return [row["labels"][axis] for axis in REPEATED]

    return next(((a, b) for a in first for b in second if seed(a) == seed(b)), (first[0], second[0]))
