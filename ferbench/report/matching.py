"""Finds the rows that a text names: by the first characters of a key, or by patterns of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ferbench.api.errors import FerbenchError, join_names
from ferbench.benchmark.axes import AXES
from ferbench.registry.parameters import describe_unknown
from ferbench.report.results import fold_seeds
from ferbench.store.entries import Store
from ferbench.store.records import Record, load_records
from ferbench.store.rows import DoneRow

KEY = r"[0-9a-f]{6,32}"
COMMA = r",(?![^(]*\))"  # not inside brackets: a label may hold commas there
HINT = "`ferbench leaderboard` shows the labels, and with --format csv the keys"


@dataclass(frozen=True)
class Match:
    """Rows that a text names: one, or one for each seed."""

    rows: tuple[DoneRow, ...]
    store: Store

    @property
    def first(self) -> DoneRow:
        """The first of them; all share its labels but the seed."""
        return self.rows[0]

    def describe(self, axes: Sequence[str] | None = None) -> str:
        """Benchmark and labels, such as "thesis: vgg16 · cross-entropy · mean"; those of all axes by default."""
        shown = [axis for axis in AXES if not AXES[axis].in_data and not AXES[axis].repeats] if axes is None else axes
        labels = " · ".join(self.first["labels"][axis] for axis in shown)
        seeds = f" ({len(self.rows)} seeds)" if len(self.rows) > 1 else ""
        return f"{self.first['benchmark']}: {labels}{seeds}"


def find_matches(text: str, store: Store, benchmark: str = "") -> list[Match]:
    """The rows of the last runs that a text names; rows that differ in their seed alone are one match.

    The text is the beginning of a row's key, or patterns such as "backbone=vgg16,aggregator=mean" or "vgg16*,mean", separated by commas:
    each must match the label of its axis, or of any axis. Raises FerbenchError if no row matches.
    """
    rows = _done_rows(load_records(store, benchmark))
    chosen = [row for row in rows if row["key"].startswith(text)] if re.fullmatch(KEY, text) else []
    chosen = chosen or [row for row in rows if matches_labels(text, row["labels"])]
    if not chosen:
        labels = dict.fromkeys(label for row in rows for axis, label in row["labels"].items() if not AXES[axis].in_data)
        raise FerbenchError(f"no row matches {text!r}: labels are {join_names(list(labels)) or 'none'}", hint=HINT)
    groups: dict[tuple[str, str], list[DoneRow]] = {}
    for row in chosen:
        groups.setdefault((row["benchmark"], row["fingerprint"]), []).append(row)
    return [Match(tuple(seeds), store) for group in groups.values() for seeds in fold_seeds(group)]


def find_match(text: str, store: Store, benchmark: str = "") -> Match:
    """The only match of a text; raises FerbenchError if there are several."""
    matches = find_matches(text, store, benchmark)
    if len(matches) > 1:
        names = join_names([match.describe() for match in matches])
        raise FerbenchError(f"{text!r} matches {len(matches)} rows: {names}", hint="name more axes, as in backbone=vgg16,aggregator=mean")
    return matches[0]


def pick_pair(texts: Sequence[str], found: Sequence[Sequence[Match]]) -> tuple[Match, Match]:
    """The match of each text; if one text matches several rows, those with the fingerprint of the other one's only match."""
    first, second = found
    if len(first) == 1:
        second = [match for match in second if match.first["fingerprint"] == first[0].first["fingerprint"]] or second
    elif len(second) == 1:
        first = [match for match in first if match.first["fingerprint"] == second[0].first["fingerprint"]] or first
    for text, matches in zip(texts, (first, second), strict=True):
        if len(matches) > 1:
            names = "; ".join(match.describe() for match in matches[:5])
            more = f" and {len(matches) - 5} more" if len(matches) > 5 else ""
            hint = "name more axes, as in backbone=vgg16,aggregator=mean, or a --benchmark"
            raise FerbenchError(f"{text!r} matches {len(matches)} rows: {names}{more}", hint=hint)
    return first[0], second[0]


def _done_rows(records: Sequence[Record]) -> list[DoneRow]:
    """The rows of all records; a row that several records hold counts once."""
    return list({row["key"]: row for record in records for row in record["rows"] if row["status"] == "done"}.values())


def matches_labels(text: str, labels: Mapping[str, str]) -> bool:
    """Whether labels match all patterns of a text."""
    return all(_matches_term(term.strip(), labels) for term in re.split(COMMA, text))


def _matches_term(term: str, labels: Mapping[str, str]) -> bool:
    axis, has_axis, pattern = term.partition("=")
    if has_axis and axis in AXES:
        return _is_like(labels[axis], pattern)
    if has_axis and re.fullmatch(r"[a-z-]+", axis):
        raise FerbenchError(describe_unknown("axis", axis, AXES), where=term)
    return any(_is_like(label, term) for label in labels.values())


def _is_like(label: str, pattern: str) -> bool:
    return label == pattern or fnmatchcase(label, pattern)
