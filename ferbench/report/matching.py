"""Finds the rows that a text names: by the first characters of a key, or by patterns of labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ferbench.api.errors import FerbenchError, join_names, shorten
from ferbench.benchmark.axes import AXES
from ferbench.report.patterns import MIN_KEY, choose_rows
from ferbench.store.entries import Store
from ferbench.store.records import load_records
from ferbench.store.rows import DoneRow, FailedRow, StoredRow

HINT = "`ferbench leaderboard` shows the labels, and with --format csv the keys"
MORE_AXES = "name more axes, as in backbone=vgg16,aggregator=mean"


@dataclass(frozen=True)
class Match:
    """A row that a text names, or one for each seed; `failed` are the seeds that failed."""

    rows: tuple[DoneRow, ...]
    store: Store
    failed: tuple[FailedRow, ...] = ()

    @property
    def first(self) -> DoneRow:
        """The first of them; all share its labels but the seed."""
        return self.rows[0]

    def describe(self, axes: Sequence[str] | None = None) -> str:
        """Benchmark and labels, such as "thesis: vgg16 · cross-entropy · mean"; those of all axes by default."""
        return f"{describe_labels(self.first, axes)}{self._describe_seeds()}"

    def _describe_seeds(self) -> str:
        if self.failed:
            return f" ({len(self.failed)} of {len(self.rows) + len(self.failed)} seeds failed)"
        return f" ({len(self.rows)} seeds)" if len(self.rows) > 1 else ""

    def is_same(self, other: Match) -> bool:
        """Whether these are the same rows of the same store."""
        keys = [{row["key"] for row in match.rows} for match in (self, other)]
        return keys[0] == keys[1] and self.store.root.resolve() == other.store.root.resolve()


@dataclass(frozen=True)
class Matches:
    """What a text names in a store: at least one row that did not fail, and the rows that failed."""

    text: str
    store: Store
    found: tuple[Match, ...]
    failed: tuple[FailedRow, ...]


def describe_labels(row: StoredRow, axes: Sequence[str] | None = None) -> str:
    """Benchmark and labels of a row, without its seed."""
    shown = [axis for axis in AXES if not AXES[axis].in_data and not AXES[axis].repeats] if axes is None else axes
    return f"{row['benchmark']}: {' · '.join(row['labels'][axis] for axis in shown)}"


def find_matches(text: str, store: Store, benchmark: str = "") -> Matches:
    """The rows of the last runs that a text names; rows that differ in their seed alone are one match.

    The text is the beginning of a row's key, or patterns such as "backbone=vgg16,aggregator=mean" or "vgg16*,mean", separated by commas:
    each must match the label of its axis, or of any axis. Raises FerbenchError if no row matches, or all of them failed.
    """
    rows = list({row["key"]: row for record in load_records(store, benchmark) for row in record["rows"]}.values())
    groups: dict[tuple[str, ...], list[StoredRow]] = {}
    for number in choose_rows(text, [row["key"] for row in rows], [row["labels"] for row in rows]):
        groups.setdefault(_identify_combination(rows[number]), []).append(rows[number])
    matches = [_make_match(group, store) for group in groups.values()]
    found = tuple(match for match in matches if match.rows)
    if not found:
        raise _make_error(text, rows, [row for match in matches for row in match.failed])
    return Matches(text, store, found, tuple(row for match in matches for row in match.failed))


def _identify_combination(row: StoredRow) -> tuple[str, ...]:
    """What the seeds of a combination share."""
    return (row["benchmark"], row["fingerprint"], *[label for axis, label in row["labels"].items() if not AXES[axis].repeats])


def _make_match(rows: Sequence[StoredRow], store: Store) -> Match:
    done = tuple(row for row in rows if row["status"] == "done")
    return Match(done, store, tuple(row for row in rows if row["status"] == "failed"))


def _make_error(text: str, rows: Sequence[StoredRow], failed: Sequence[FailedRow]) -> FerbenchError:
    """The error for a text that names no row, or only rows that failed."""
    if failed:
        names = join_names(list(dict.fromkeys(f"{describe_labels(row)}: {row['error']}: {row['message']}" for row in failed)))
        return FerbenchError(
            f"all rows that {text!r} matches failed: {names}", hint="`ferbench leaderboard` shows the file of the traceback"
        )
    labels = dict.fromkeys(label for row in rows for axis, label in row["labels"].items() if not AXES[axis].in_data)
    is_short = re.fullmatch(rf"[0-9a-f]{{1,{MIN_KEY - 1}}}", text)
    key = f" (of a key, give at least {MIN_KEY} characters)" if is_short else ""
    return FerbenchError(f"no row matches {text!r}{key}: labels are {join_names(list(map(shorten, labels))) or 'none'}", hint=HINT)


def keep_real(searches: Sequence[Matches]) -> list[Matches]:
    """Leave out the rows of rehearsals, with a warning, if each text names a row of real corpora too; else keep all."""
    real = [tuple(match for match in search.found if not match.first["standin"]) for search in searches]
    if not all(real) or all(len(found) == len(search.found) for found, search in zip(real, searches, strict=True)):
        return list(searches)
    searches[0].store.warn("rows of rehearsals are left out, since real ones match too")
    pairs = zip(searches, real, strict=True)
    failed = [tuple(row for row in search.failed if not row["standin"]) for search in searches]
    return [Matches(search.text, search.store, found, rest) for (search, found), rest in zip(pairs, failed, strict=True)]


def find_match(text: str, store: Store, benchmark: str = "") -> Match:
    """The only match of a text, a real one if there are rehearsals too; raises FerbenchError if there are several."""
    (search,) = keep_real([find_matches(text, store, benchmark)])
    return _pick_only(text, search.found)


def pick_pair(searches: Sequence[Matches]) -> tuple[Match, Match]:
    """The match of each text; if one text matches several rows, those with the fingerprint of the other one's only match.

    Raises FerbenchError if a text still matches several rows, or both match the same.
    """
    first, second = (search.found for search in searches)
    if len(first) == 1:
        second = tuple(match for match in second if match.first["fingerprint"] == first[0].first["fingerprint"]) or second
    elif len(second) == 1:
        first = tuple(match for match in first if match.first["fingerprint"] == second[0].first["fingerprint"]) or first
    pair = _pick_only(searches[0].text, first), _pick_only(searches[1].text, second)
    check_different([search.text for search in searches], pair)
    return pair


def _pick_only(text: str, matches: Sequence[Match]) -> Match:
    if len(matches) > 1:
        names = "; ".join(match.describe() for match in matches[:5])
        more = f" and {len(matches) - 5} more" if len(matches) > 5 else ""
        raise FerbenchError(f"{text!r} matches {len(matches)} rows: {names}{more}", hint=f"{MORE_AXES}, or a --benchmark")
    return matches[0]


def check_different(texts: Sequence[str], matches: Sequence[Match]) -> None:
    """Raise FerbenchError if two texts name the same row."""
    for (one, first), (other, second) in combinations(zip(texts, matches, strict=True), 2):
        if first.is_same(second):
            raise FerbenchError(f"{one!r} and {other!r} name the same row: {first.describe()}", hint=f"name two rows: {HINT}")
