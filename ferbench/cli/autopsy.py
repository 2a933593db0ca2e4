"""Prints an autopsy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferbench.cli.options import print_sentences, print_table
from ferbench.execution.autopsy import Autopsy
from ferbench.execution.choices import CHOICES, PEAK
from ferbench.report.boards import format_estimate, format_points, percent
from ferbench.report.cards import FittingTable
from ferbench.report.legend import REHEARSAL
from ferbench.report.statistics.intervals import Estimate


def print_autopsy(autopsy: Autopsy) -> None:
    """Print the difference, the share of each choice, and the figure with each choice alone."""
    print_sentences(_describe_head(autopsy))
    if autopsy.choices:
        print_table("", FittingTable(("choice", "share", "95 %", "alone", "all but it"), list(_list_shares(autopsy))))
        print_sentences(["", *(f"{choice}: {CHOICES[choice]}" for choice in autopsy.choices)])
    print_sentences(_describe_rest(autopsy))


def _describe_head(autopsy: Autopsy) -> Iterator[str]:
    if autopsy.standin:
        yield REHEARSAL
    first, last = autopsy.shares.figures[0], autopsy.shares.figures[-1]
    yield f"autopsy of {autopsy.row}: {autopsy.figures} figures from {autopsy.fits} models; none is stored as a row, or ranked"
    if autopsy.leaks:
        yield f"leaks allowed: {', '.join(autopsy.leaks)}; all figures have them, and are not comparable with figures without them"
    kind = "as the protocol says" if autopsy.leaks else "honest"
    yield f"protocol {autopsy.protocol}, {kind}: UAR {format_estimate(first, 1)} over {autopsy.people} people"
    if not autopsy.choices:
        return
    yield f"with all choices of published code: {format_estimate(last, 1)}"
    order = sorted(zip(autopsy.shares.shares, autopsy.choices, strict=True), key=lambda pair: -pair[0].value)
    shares = ", ".join(f"{100 * share.value:z.1f} from {choice}" for share, choice in order)
    yield f"{percent(last.value)} → {percent(first.value)}: {shares}"


def _list_shares(autopsy: Autopsy) -> Iterator[list[str]]:
    """Each choice, the largest share first: its share in points, and the figures with it alone and with all others."""
    figures, full = autopsy.shares.figures, len(autopsy.shares.figures) - 1
    for number in sorted(range(len(autopsy.choices)), key=lambda number: -autopsy.shares.shares[number].value):
        share, bit = autopsy.shares.shares[number], 1 << number
        yield [
            autopsy.choices[number],
            format_points(share.value),
            _format_interval(share),
            percent(figures[bit].value),
            percent(figures[full ^ bit].value),
        ]


def _format_interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "–"
    return f"[{format_points(estimate.low)}, {format_points(estimate.high)}]"


def _describe_rest(autopsy: Autopsy) -> Iterator[str]:
    yield from (f"not examined: {CHOICES[choice]}: {reason}" for choice, reason in autopsy.impossible.items())
    yield from (f"not examined: {_count_classes(refused.classes)}: {refused.reason}" for refused in autopsy.refused_classes)
    for other in autopsy.classes:
        difference = f"{format_points(other.difference.value)} {_format_interval(other.difference)}"
        yield f"{_count_classes(other.classes)}: UAR {format_estimate(other.uar, 1)}, {difference} points" + _describe_leaks(other.leaks)
    if reason := autopsy.shares.difference.reason:
        yield f"no intervals: {reason}"
    else:
        yield (
            "shares are Shapley values, in points: what a choice adds, averaged over all orders of making the choices; "
            "[ ]: 95 % over tested people, not over seeds or ways to fold"
        )
    if PEAK in autopsy.choices and not autopsy.knows_peak:
        yield "no clip has a known peak: its last frame is taken for it"


def _count_classes(classes: Sequence[str]) -> str:
    return f"{len(classes)} classes ({', '.join(classes)})"


def _describe_leaks(leaks: Sequence[str]) -> str:
    return f"; leaks allowed: {', '.join(leaks)}" if leaks else ""
