"""Results: the rows of a record, ranked within each fingerprint, with intervals over people and paired tests against the best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from statistics import fmean, median, stdev

import numpy as np
from numpy.typing import NDArray

from ferbench.api.errors import FerbenchError
from ferbench.benchmark.axes import AXES
from ferbench.report.answers import AnswerReader, Answers
from ferbench.report.statistics.comparisons import LEVEL, correct_holm, run_permutation_test
from ferbench.report.statistics.intervals import Estimate, estimate_differences, estimate_uar, estimate_war
from ferbench.report.statistics.tallies import Tally, make_tally
from ferbench.store.entries import Store
from ferbench.store.records import Record
from ferbench.store.rows import DoneRow, FailedRow, StoredRow

REPEATED = tuple(axis.name for axis in AXES.values() if axis.repeats)


@dataclass(frozen=True)
class Result:
    """One combination: its row, or one for each seed; figures are means over the seeds.

    `spread` is the standard deviation of the UAR over seeds. `difference` is the UAR minus that of the best result, with its interval; `p`
    is the p-value of this difference after Holm's correction. Both are None for the best result. `is_tied` is whether the result is the
    best, or cannot be separated from it at 5 %.
    """

    rank: int
    labels: Mapping[str, str]
    rows: tuple[DoneRow, ...]
    uar: Estimate
    war: Estimate
    spread: float | None
    difference: Estimate | None
    p: float | None
    is_tied: bool

    def average(self, figure: Callable[[DoneRow], float | None]) -> float | None:
        """The mean of a figure over the seeds; None if any of them lacks it."""
        values = [value for row in self.rows if (value := figure(row)) is not None]
        return fmean(values) if len(values) == len(self.rows) else None


@dataclass(frozen=True)
class Ranking:
    """The results of one fingerprint, the best first, and the rows that failed.

    `people` and `clips` are those that all results answer; `smallest_difference` is the least difference in UAR from the best that could
    have been seen: the median half-width of the intervals of the differences. None if there is no such interval. `absent_share` is the
    share of the bootstrap's draws that lack a class, `people_by_class` the number of people that each class is shown by.
    """

    results: tuple[Result, ...]
    failed: tuple[FailedRow, ...]
    people: int
    clips: int
    smallest_difference: float | None
    absent_share: float = 0.0
    people_by_class: Mapping[str, int] = field(default_factory=dict)

    @property
    def units(self) -> str:
        """The number of people, or of clips if a corpus does not name people: what intervals and tests take for independent."""
        if all(row["people_known"] for row in self.rows):
            return f"{self.people} people"
        return f"{self.clips} clips (people unknown)"

    @property
    def rows(self) -> tuple[StoredRow, ...]:
        """All rows."""
        return (*(row for result in self.results for row in result.rows), *self.failed)


@dataclass(frozen=True)
class RankedRecord:
    """A record and its rankings, one for each fingerprint."""

    record: Record
    rankings: tuple[Ranking, ...]


def rank_record(record: Record, store: Store) -> RankedRecord:
    """Rank the rows of a record. Raises AnswersLost if the answers of a row are missing."""
    return RankedRecord(record, rank_rows(record["rows"], AnswerReader(store)))


def rank_rows(rows: Sequence[StoredRow], reader: AnswerReader) -> tuple[Ranking, ...]:
    """Rank rows within their fingerprints, in the order of these."""
    groups: dict[str, list[StoredRow]] = {}
    for row in rows:
        groups.setdefault(row["fingerprint"], []).append(row)
    return tuple(_rank(group, reader) for group in groups.values())


def _rank(rows: Sequence[StoredRow], reader: AnswerReader) -> Ranking:
    failed = tuple(row for row in rows if row["status"] == "failed")
    groups = sorted(fold_seeds([row for row in rows if row["status"] == "done"]), key=_score, reverse=True)
    if not groups:
        return Ranking((), failed, 0, 0, None)
    marks = [mark_answers(group, reader) for group in groups]
    selected = select_shared(marks)
    shared = tally_marks(selected)
    differences, p = _compare_with_best(shared)
    scores = list(map(_score, groups))
    ranks = [1 + scores.index(score) for score in scores]
    results = tuple(map(_make_result, groups, ranks, _estimate_own(marks, shared), differences, p))
    by_class = dict(zip(_tested_classes(groups[0][0], selected[0]), (shared.total > 0).sum(0).tolist(), strict=True))
    widths = [each.half_width for each in differences[1:] if each is not None and each.half_width]
    return Ranking(results, failed, shared.people, shared.clips, median(widths) if widths else None, shared.absent_share(), by_class)


def _make_result(
    rows: Sequence[DoneRow], rank: int, own: tuple[Estimate, Estimate], difference: Estimate | None, p: float | None
) -> Result:
    uar, war = own
    spread = stdev(row["uar"] for row in rows) if len(rows) > 1 else None
    return Result(rank, _join_labels(rows), tuple(rows), uar, war, spread, difference, p, is_tied=p is None or p > LEVEL)


def _tested_classes(row: DoneRow, marks: Marks) -> list[str]:
    return [row["classes"][label] for label in np.unique(marks.true).tolist()]


def fold_seeds(rows: Sequence[DoneRow]) -> list[list[DoneRow]]:
    """Group rows that differ in the seed alone, in their order."""
    groups: dict[tuple[str, ...], list[DoneRow]] = {}
    for row in rows:
        groups.setdefault(tuple(label for axis, label in row["labels"].items() if axis not in REPEATED), []).append(row)
    return list(groups.values())


def find_best(rows: Sequence[StoredRow]) -> list[DoneRow]:
    """The best row of each fingerprint: the first seed of the result that ranks first."""
    groups: dict[str, list[DoneRow]] = {}
    for row in rows:
        if row["status"] == "done":
            groups.setdefault(row["fingerprint"], []).append(row)
    return [max(fold_seeds(group), key=_score)[0] for group in groups.values()]


@dataclass(frozen=True)
class Marks:
    """Which clips a result answers rightly: `share` [N] of its seeds is right about the clip at `position` [N] of the tested ones."""

    position: NDArray[np.int64]
    person: NDArray[np.int64]
    true: NDArray[np.int64]
    share: NDArray[np.float64]

    def select(self, positions: NDArray[np.int64]) -> Marks:
        """Those of some clips."""
        chosen = np.isin(self.position, positions)
        return Marks(self.position[chosen], self.person[chosen], self.true[chosen], self.share[chosen])


def mark_answers(rows: Sequence[DoneRow], reader: AnswerReader) -> Marks:
    """Mark the answers of the seeds of a result."""
    first, *others = [_mark(reader.read(row)) for row in rows]
    if not others:
        return first
    shared = reduce(np.intersect1d, [marks.position for marks in others], first.position)
    marks = [each.select(shared) for each in (first, *others)]
    return Marks(marks[0].position, marks[0].person, marks[0].true, np.mean([each.share for each in marks], axis=0))


def _mark(answers: Answers) -> Marks:
    return Marks(answers.position, answers.person, answers.true, answers.correct.astype(float))


def select_shared(marks: Sequence[Marks]) -> list[Marks]:
    """The marks of the clips that all results answer; raises FerbenchError if there is none."""
    shared = reduce(np.intersect1d, [each.position for each in marks])
    if not len(shared):
        raise FerbenchError("no tested clip has a readable frame in all of the rows, so that they cannot be compared")
    return [each.select(shared) for each in marks]


def tally_marks(marks: Sequence[Marks]) -> Tally:
    """Tally the marks of results that answer the same clips."""
    return make_tally(marks[0].person, marks[0].true, np.array([each.share for each in marks]))


def _estimate_own(marks: Sequence[Marks], shared: Tally) -> list[tuple[Estimate, Estimate]]:
    """UAR and WAR of each result over its own clips, which usually are those that all results share."""
    if all(len(each.position) == shared.clips for each in marks):
        return list(zip(estimate_uar(shared), estimate_war(shared), strict=True))
    tallies = [tally_marks(select_shared([each])) for each in marks]
    return [(estimate_uar(tally)[0], estimate_war(tally)[0]) for tally in tallies]


def _compare_with_best(tally: Tally) -> tuple[list[Estimate | None], list[float | None]]:
    """Difference of each result from the first, and its corrected p-value; None for the first itself."""
    _, *differences = estimate_differences(tally)
    _, *p = run_permutation_test(tally).tolist()
    return [None, *differences], [None, *correct_holm(p)]


def fold_mean(result: Result) -> float:
    """The mean of the UAR over folds, and seeds: another figure than the pooled one, in which every clip counts alike."""
    return fmean(uar for row in result.rows for uar in row["fold_uar"])


def _score(rows: Sequence[DoneRow]) -> tuple[float, float]:
    """Results are ranked by this; equal ones share a rank."""
    return fmean(row["uar"] for row in rows), fmean(row["war"] for row in rows)


def _join_labels(rows: Sequence[DoneRow]) -> dict[str, str]:
    """The labels of a result; those of its seeds are joined."""
    return {axis: ", ".join(dict.fromkeys(row["labels"][axis] for row in rows)) for axis in rows[0]["labels"]}
