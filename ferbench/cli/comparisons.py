"""Prints comparisons of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferbench.benchmark.axes import varying_axes
from ferbench.cli.options import print_lines, print_sentences, print_table
from ferbench.report.across import Across
from ferbench.report.boards import format_estimate, format_p, format_points, percent
from ferbench.report.cards import FittingTable
from ferbench.report.comparison import Comparison, MovedClip
from ferbench.report.legend import REHEARSAL, describe_leaks
from ferbench.report.matching import Match
from ferbench.report.statistics.comparisons import LEVEL
from ferbench.report.statistics.intervals import Estimate
from ferbench.report.statistics.power import LIKENESS, MIN_SEPARABLE, Reach
from ferbench.report.statistics.ranks import RankSummary


def print_comparison(first: Match, second: Match, comparison: Comparison) -> None:
    """Print a comparison of two rows."""
    print_sentences(_describe_comparison(first, second, comparison))
    _print_classes(comparison)
    print_lines([] if comparison.moved is None else list(_list_moved(comparison.moved)))


def _describe_comparison(first: Match, second: Match, comparison: Comparison) -> Iterator[str]:
    """A comparison in words."""
    yield from _describe_marks(comparison.standin, comparison.leaks)
    axes = _differing_axes(first, second)
    for number, match in enumerate((first, second)):
        uar, war = (format_estimate(each[number], 1) for each in (comparison.uar, comparison.war))
        yield f"{'AB'[number]}  {match.describe(axes)}: UAR {uar}, WAR {war}"
    units = "people" if first.first["people_known"] else "clips (people unknown)"
    yield f"on {comparison.clips} clips of {comparison.people} {units}; [ ]: 95 % intervals over {units}"
    yield ""
    difference, war = (_format_points(each) for each in (comparison.difference, comparison.difference_war))
    yield f"B − A: UAR {difference} points, WAR {war} points"
    yield f"permutation test by {units}: p = {format_p(comparison.p)}{_describe_mcnemar(comparison)}"
    yield _describe_verdict(comparison, "people" if first.first["people_known"] else "clips")


def _describe_marks(standin: bool, leaks: Sequence[str]) -> Iterator[str]:
    """Why figures are not what they seem: stand-in corpora, and leaks that the user allowed."""
    if standin:
        yield REHEARSAL
    yield from describe_leaks(leaks)


def _differing_axes(first: Match, second: Match) -> list[str]:
    """The axes on which two results differ; those of the model if there is none."""
    return list(varying_axes([first.first["labels"], second.first["labels"]]))


def _format_points(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{format_points(estimate.value)} (no interval: {estimate.reason})"
    return f"{format_points(estimate.value)} [{format_points(estimate.low)}, {format_points(estimate.high)}]"


def _describe_mcnemar(comparison: Comparison) -> str:
    if comparison.mcnemar is None:
        return "; McNemar's test needs one seed on each side"
    counts = f"{comparison.only_first} only A answers rightly, {comparison.only_second} only B"
    return f"; McNemar over clips, taken for independent: p = {format_p(comparison.mcnemar)} ({counts})"


def _describe_verdict(comparison: Comparison, units: str) -> str:
    if comparison.people < 2:
        return f"Nothing can be estimated: at least two {units} are needed."
    if comparison.is_equal:
        return f"The two rows are equally good on these clips: no number of {units} like these would separate them."
    few = comparison.differing_people
    is_narrow = few < MIN_SEPARABLE and comparison.difference.low is not None
    note = f" Only {few} {units} are answered differently: trust the test, not the interval." if is_narrow else ""
    if comparison.p <= LEVEL:
        return f"Separated at 5 %.{note}"
    needed = f"If the observed difference is the true one, about {comparison.needed} {units} would separate them in 4 of 5 studies."
    return f"Not separable at 5 %.{note} {needed}"


def _print_classes(comparison: Comparison) -> None:
    rows = [
        [each.name, str(each.clips), percent(each.first), percent(each.second), format_points(each.second - each.first)]
        for each in comparison.classes
    ]
    print_table("", FittingTable(("class", "clips", "A", "B", "B − A"), rows))


def _list_moved(moved: Sequence[MovedClip]) -> Iterator[str]:
    yield ""
    yield f"{len(moved)} clips that only one row answers rightly:"
    for clip in moved:
        answers = f"A {clip.first}, B {clip.second}"
        yield f"  {clip.clip}: {clip.true}; {answers}; {'A' if clip.right == 1 else 'B'} is right"


def print_across(across: Across) -> None:
    """Print rows over several corpora."""
    print_sentences(_describe_marks(across.standin, list(dict.fromkeys(leak for leaks in across.leaks for leak in leaks))))
    lines = [[table, *map(percent, uar)] for table, uar in zip(across.tables, across.uar, strict=True)]
    print_table(FittingTable(("UAR", *across.rows), [*lines, ["average rank", *[f"{rank:.2f}" for rank in across.summary.ranks]]]))
    summary = across.summary
    if across.p is not None:
        points = ", ".join(_format_points(each.difference) for each in across.comparisons)
        print_sentences(
            [f"differences, second minus first: {points} points", f"Stouffer's p over corpora, weighted by people: {format_p(across.p)}"]
        )
    friedman = f"Friedman's test: p = {format_p(summary.p)}; " if summary.p is not None else ""
    print_sentences([f"{friedman}{_describe_nemenyi(summary)}", *_describe_failures(across), *_describe_left_out(across)])


def _describe_nemenyi(summary: RankSummary) -> str:
    rows, needed = len(summary.ranks), f"{summary.critical_difference:.2f}"
    if summary.critical_difference >= rows - 1:
        limit = f"average ranks of {rows} rows differ by at most {rows - 1}, and more than {needed} is needed"
        return f"nothing can be separated by ranks: {limit} at 5 % (Nemenyi)"
    return f"average ranks further apart than {needed} differ at 5 % (Nemenyi)"


def _describe_failures(across: Across) -> Iterator[str]:
    for table, counts in zip(across.tables, across.failed_seeds, strict=True):
        yield from (f"{row} on {table}: {count} seeds failed" for row, count in zip(across.rows, counts, strict=True) if count)


def _describe_left_out(across: Across) -> Iterator[str]:
    yield from (f"left out: {table.table}: {table.reason}" for table in across.left_out)


def describe_reach(dataset: str, protocol: str, reach: Reach) -> Iterator[str]:
    """What a protocol can show on its test people, in words."""
    classes = ", ".join(f"{name} {count}" for name, count in reach.classes.items())
    yield f"{dataset}, protocol {protocol}: {reach.clips} test clips of {reach.people} people: {classes}"
    if reach.reason:
        yield f"  no intervals: {reach.reason}"
        return
    uars, widths = list(map(_percent, reach.half_widths)), [f"{100 * each:.1f}" for each in reach.half_widths.values()]
    yield f"  a UAR of {_join(uars)} % will be known to ±{_join(widths)} points"
    pairs = "of two rows that disagree on"
    if hopeless := [_percent(share) for share, each in reach.differences.items() if each is None]:
        yield f"  {pairs} {_join(hopeless)} % of the clips, even the largest possible difference is mostly missed"
    if shown := {_percent(share): f"{100 * each:.1f}" for share, each in reach.differences.items() if each is not None}:
        yield f"  {pairs} {_join([*shown])} % of the clips, differences below {_join([*shown.values()])} points are mostly missed"
    yield f"  assumed: answers about two clips of one person correlate by {LIKENESS}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _join(texts: Sequence[str]) -> str:
    return " / ".join(texts)
