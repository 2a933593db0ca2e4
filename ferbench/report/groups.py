"""Results by group of clips: by fold, by corpus, by whether a face was found, or by any fact that clips carry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ferbench.api.errors import FerbenchError, join_names
from ferbench.api.text import escape_line
from ferbench.benchmark.axes import varying_axes
from ferbench.report.answers import AnswerReader, Answers
from ferbench.report.boards import UAR, WAR, Board, Line, format_estimate, title_of
from ferbench.report.exports import Cell, flatten_estimate
from ferbench.report.legend import describe_failed, describe_leaks
from ferbench.report.results import RankedRecord, Ranking, Result, mark_answers
from ferbench.report.statistics.intervals import MIN_PEOPLE, Estimate, estimate_uar, estimate_war
from ferbench.report.statistics.tallies import make_tally
from ferbench.store.entries import Store

UNKNOWN = "unknown"
MAX_VALUES = 8  # of a number; more are divided into groups
NUMBER_GROUPS = 4

GROUPINGS: Mapping[str, Callable[[Answers], list[str]]] = {
    "fold": lambda answers: [f"fold {fold}" for fold in answers.fold.tolist()],
    "corpus": lambda answers: [name.partition("/")[0] for name in answers.names()],
    "face": lambda answers: ["face found" if covered else "no face found" for covered in answers.covered.tolist()],
}
"""The groups of clips that need no fact."""


class UnknownFact(FerbenchError):
    """No clip of a table carries a fact."""


@dataclass(frozen=True)
class GroupResult:
    """A result on one group of clips; figures are None for a group of fewer than 5 people."""

    result: Result
    group: str
    people: int
    clips: int
    uar: Estimate | None
    war: Estimate | None


def group_results(ranking: Ranking, by: str, store: Store) -> list[GroupResult]:
    """The results of a ranking by group; raises UnknownFact if no tested clip carries the fact."""
    reader = AnswerReader(store)
    return [group for result in ranking.results for group in _group_result(result, by, reader)]


def _group_result(result: Result, by: str, reader: AnswerReader) -> list[GroupResult]:
    answers = reader.read(result.rows[0])
    labels, marks = np.array(label_clips(answers, by)), mark_answers(result.rows, reader)
    labels = labels[np.isin(answers.position, marks.position)]
    groups = []
    for group in order_labels(labels):
        chosen = labels == group
        tally = make_tally(marks.person[chosen], marks.true[chosen], marks.share[None, chosen])
        is_shown = tally.people >= MIN_PEOPLE
        figures = (estimate_uar(tally)[0], estimate_war(tally)[0]) if is_shown else (None, None)
        groups.append(GroupResult(result, group, tally.people, tally.clips, *figures))
    return groups


def label_clips(answers: Answers, by: str) -> list[str]:
    """The group of each clip; raises UnknownFact if no tested clip carries the fact.

    Ranges of numbers are those of all tested clips, so that rows that lack some of them have the same groups.
    """
    if by in GROUPINGS:
        return GROUPINGS[by](answers)
    facts = answers.tested["facts"]
    if not any(by in each for each in facts):
        known = sorted({name for each in facts for name in each} | GROUPINGS.keys())
        raise UnknownFact(f"no clip carries the fact {by!r}: expected one of {join_names(known)}")
    labels = _label_values([each.get(by) for each in facts], answers.tested["people"])
    return [labels[position] for position in answers.position]


def _label_values(values: Sequence[str | int | float | bool | None], people: Sequence[str]) -> list[str]:
    """The values as text; more than 8 different numbers are divided into four groups of about as many people."""
    numbers = [_to_number(value) for value in values]
    of_person = {one: number for one, number in zip(people, numbers, strict=True) if number is not None}
    distinct = {number for number in numbers if number is not None}
    ranges = _divide(distinct, list(of_person.values())) if len(distinct) > MAX_VALUES else {}
    return [ranges.get(number) or (UNKNOWN if value is None else str(value)) for number, value in zip(numbers, values, strict=True)]


def _divide(numbers: Collection[float], by_person: Sequence[float]) -> dict[float | None, str]:
    """The range that each number falls into, such as 18–24; the ranges hold about as many people, each with one number."""
    cuts = np.quantile(by_person, np.linspace(0, 1, NUMBER_GROUPS + 1)[1:-1])
    group_of = {number: int(np.searchsorted(cuts, number, side="left")) for number in numbers}
    names = {group: _name_range([number for number in numbers if group_of[number] == group]) for group in set(group_of.values())}
    return {number: names[group] for number, group in group_of.items()}


def _to_number(value: str | int | float | bool | None) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _name_range(numbers: Sequence[float]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def order_labels(labels: NDArray[np.str_]) -> list[str]:
    """The groups in natural order: 9 before 18–24; clips without the fact last."""
    from natsort import natsorted

    distinct = natsorted(set(labels.tolist()))
    return [label for label in distinct if label != UNKNOWN] + [label for label in distinct if label == UNKNOWN]


def make_group_board(ranked: RankedRecord, ranking: Ranking, groups: Sequence[GroupResult], by: str) -> Board:
    """A board on which each result is followed by its groups."""
    axes = varying_axes([result.labels for result in ranking.results]) if ranking.results else ()
    over = "people" if all(row["people_known"] for row in ranking.rows) else "clips (people unknown: each counts as one)"
    few = f"groups of fewer than {MIN_PEOPLE} people are shown as counts only"
    first = [line for row in ranking.rows[:1] for line in (row["protocol"], *describe_leaks(row["leaks"]))]
    caption = [*first, f"[ ]: 95 % interval over {over}; {few}; UAR over the classes of a group", *describe_failed(ranking)]
    return Board(
        title=title_of(ranked, ranking),
        caption="\n".join(map(escape_line, caption)),
        columns=("#", *axes, by, "people", "clips", UAR, WAR),
        label_columns=2 + len(axes),
        figures=4,
        lines=tuple(_make_line(group, axes, by) for group in groups),
        standin=any(row["standin"] for row in ranking.rows),
    )


def _make_line(group: GroupResult, axes: Sequence[str], by: str) -> Line:
    cells = {
        "#": str(group.result.rank),
        **{axis: group.result.labels[axis] for axis in axes},
        by: group.group,
        "people": str(group.people),
        "clips": str(group.clips),
        **{column: format_estimate(figure, 0) for column, figure in ((UAR, group.uar), (WAR, group.war)) if figure},
    }
    return Line({column: escape_line(cell) for column, cell in cells.items()}, "measured")


def flatten_group(group: GroupResult, by: str) -> dict[str, Cell]:
    """A group of a result without nesting."""
    first = group.result.rows[0]
    return {
        "benchmark": first["benchmark"],
        "rank": group.result.rank,
        **group.result.labels,
        **{"by": by, "group": group.group, "people": group.people, "clips": group.clips},
        **flatten_estimate("uar", group.uar),
        **flatten_estimate("war", group.war),
        "standin": first["standin"],
        "leaks": " ".join(first["leaks"]),
        "fingerprint": first["fingerprint"],
    }
