"""Published rows beside measured ones: whether they lie inside the interval, and whether they can be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ferbench.report.results import Result
from ferbench.report.statistics.intervals import Estimate
from ferbench.store.records import PublishedRow

Verdict = Literal["inside", "above", "below", ""]
"""Where a published figure lies, seen from the measured interval; empty if there is no interval."""


def matching(published: Sequence[PublishedRow], result: Result) -> list[PublishedRow]:
    """The published rows of a result: those whose labels it has."""
    return [row for row in published if all(row["match"].items() <= own["labels"].items() for own in result.rows)]


def compare(figure: float, estimate: Estimate) -> Verdict:
    """Compare a published figure with a measured one."""
    if estimate.low is None or estimate.high is None:
        return ""
    return "below" if figure < estimate.low else "above" if figure > estimate.high else "inside"


def describe_source(rows: Sequence[PublishedRow]) -> str:
    """Where the figures of rows of one source come from, how they were obtained, and what is impossible about them."""
    row = rows[0]
    protocol = row["protocol"] or "protocol unknown"
    problems = [*filter(None, [row["problem"]]), *impossible_shares(rows)]
    question = ["?: the source does not say whether it is WAR or UAR"] if row["accuracy"] is not None else []
    return "; ".join([f"published: {row['source']}", protocol, *question, *problems])


def impossible_shares(rows: Sequence[PublishedRow]) -> list[str]:
    """Say which accuracies are no whole number of the source's clips, rounded as they are printed."""
    clips, figures = rows[0]["clips"], [figure for row in rows for figure in (row["accuracy"], row["war"]) if figure is not None]
    wrong = dict.fromkeys(f"{figure:.2%}" for figure in figures if clips and not is_share_of(figure, clips))
    return [f"no whole number of {clips} clips: {', '.join(wrong)}"] if wrong else []


def is_share_of(share: float, count: int) -> bool:
    """Whether a printed share can be k / count: rounded, or cut, to the digits that it is given with."""
    digits = max(2, len(f"{share:.10f}".rstrip("0").partition(".")[2]))
    unit = 10.0**-digits
    return any(abs(k / count - share) <= unit for k in (int(share * count), int(share * count) + 1))
