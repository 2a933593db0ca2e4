"""Finds the tables that hold all of several rows, and refuses those that must not be pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ferbench.api.errors import FerbenchError, join_names
from ferbench.api.splitting import corpus_of
from ferbench.report.answers import AnswerReader
from ferbench.report.matching import MORE_AXES, Match, Matches, check_different
from ferbench.store.rows import ClipTable, StoredRow

TableKey = tuple[str, str]
"""The benchmark and the fingerprint of a table."""

MAX_EXAMPLES = 3
CHOOSE = "compare tables of different corpora, or one with --benchmark"


@dataclass(frozen=True)
class LeftOut:
    """A table that lacks one of the rows, and why."""

    table: str
    reason: str


@dataclass(frozen=True)
class SharedTables:
    """N tables that hold all of K rows: `names` [N] and the `matches` [N][K]; and the tables that lack one."""

    names: tuple[str, ...]
    matches: tuple[tuple[Match, ...], ...]
    left_out: tuple[LeftOut, ...]


def find_shared_tables(searches: Sequence[Matches]) -> SharedTables:
    """Find the tables that hold all rows. Raises FerbenchError if there are fewer than two, or a row is ambiguous on one."""
    by_table = [_group_by_table(search) for search in searches]
    names = _name_tables([row for search in searches for row in _list_rows(search)])
    shared = [key for key in names if all(key in matches for matches in by_table)]
    if len(shared) < 2:
        raise _make_error(searches, names, len(shared))
    lines = tuple(tuple(matches[key] for matches in by_table) for key in shared)
    for line in lines:
        check_different([search.text for search in searches], line)
    others = {key: name for key, name in names.items() if key not in shared}
    left_out = tuple(LeftOut(name, _explain_absence(key, searches, by_table)) for key, name in others.items())
    return SharedTables(tuple(names[key] for key in shared), lines, left_out)


def _list_rows(search: Matches) -> list[StoredRow]:
    return [*(match.first for match in search.found), *search.failed]


def _table_key(row: StoredRow) -> TableKey:
    return row["benchmark"], row["fingerprint"]


def _group_by_table(search: Matches) -> dict[TableKey, Match]:
    tables: dict[TableKey, Match] = {}
    for match in search.found:
        other = tables.setdefault(_table_key(match.first), match)
        if other is not match:
            names = "; ".join(each.describe() for each in (other, match))
            raise FerbenchError(f"{search.text!r} matches several rows of one table: {names}", hint=MORE_AXES)
    return tables


def _name_tables(rows: Sequence[StoredRow]) -> dict[TableKey, str]:
    """A name for each table: benchmark, corpora and protocol; and the preprocessing or the fingerprint, if others have the same name."""
    tables = {_table_key(row): row for row in rows}
    parts = {key: [key[0], row["labels"]["dataset"], row["labels"]["protocol"]] for key, row in tables.items()}
    for label in ("preprocessing", "fingerprint"):
        counts = Counter(map(tuple, parts.values()))
        for key in [key for key, part in parts.items() if counts[tuple(part)] > 1]:
            parts[key].append(tables[key]["labels"][label] if label == "preprocessing" else f"fingerprint {key[1][:12]}")
    return {key: " · ".join(part) for key, part in parts.items()}


def _explain_absence(key: TableKey, searches: Sequence[Matches], by_table: Sequence[Mapping[TableKey, Match]]) -> str:
    return "; ".join(_explain_one(key, search) for search, matches in zip(searches, by_table, strict=True) if key not in matches)


def _explain_one(key: TableKey, search: Matches) -> str:
    errors = [f"{row['error']}: {row['message']}" for row in search.failed if _table_key(row) == key]
    return f"{search.text!r} failed: {errors[0]}" if errors else f"it has no row {search.text!r}"


def _make_error(searches: Sequence[Matches], names: Mapping[TableKey, str], count: int) -> FerbenchError:
    """The error for fewer than two shared tables: where each row was found."""
    stores = {search.store.root for search in searches}
    places = []
    for search in searches:
        store = f" in the store {search.store.root}" if len(stores) > 1 else ""
        tables = [names[_table_key(match.first)] for match in search.found]
        failed = [f"{names[key]} (failed)" for key in dict.fromkeys(map(_table_key, search.failed)) if names[key] not in tables]
        places.append(f"{search.text!r} is{store} on {join_names([*tables, *failed])}")
    problem = f"{'1 table holds' if count else 'no table holds'} all {len(searches)} rows: expected at least two, one per corpus"
    hint = "give two rows of one table, or run the benchmark on more corpora"
    return FerbenchError(f"{problem}; {'; '.join(places)}", hint=hint)


def check_poolable(tables: SharedTables) -> None:
    """Raise FerbenchError if some tables, but not all, are of stand-ins or have leaks, or if two test the same people."""
    firsts = {name: line[0] for name, line in zip(tables.names, tables.matches, strict=True)}
    _check_alike({name: match.first["standin"] for name, match in firsts.items()}, "of stand-in corpora (REHEARSAL)")
    _check_alike({name: bool(match.first["leaks"]) for name, match in firsts.items()}, "of rows with allowed leaks")
    tested = {name: AnswerReader(match.store).read_tested(match.first) for name, match in firsts.items()}
    for one, other in combinations(firsts, 2):
        if overlap := _describe_overlap([firsts[one], firsts[other]], [tested[one], tested[other]]):
            raise FerbenchError(f"the tables {one} and {other} test {overlap}, which a comparison would count twice", hint=CHOOSE)


def _check_alike(marks: Mapping[str, bool], description: str) -> None:
    if len(set(marks.values())) > 1:
        marked, clean = ([name for name, mark in marks.items() if mark is value] for value in (True, False))
        problem = f"these tables are {description}: {join_names(marked)}; these are not: {join_names(clean)}"
        raise FerbenchError(f"{problem}; they cannot be pooled", hint="compare the tables of one kind, with --benchmark or a key")


def _describe_overlap(matches: Sequence[Match], tested: Sequence[ClipTable]) -> str:
    """The people, clips or corpora that two tables both test; empty if there are none."""
    one, other = tested
    clips = set(one["ids"]) & set(other["ids"])
    people = set(one["people"]) & set(other["people"]) if all(match.first["people_known"] for match in matches) else set[str]()
    contents, others = map(_find_contents, matches, tested)
    corpora = {name for content, name in contents.items() if content in others}
    shared = {"people": people, "clips": clips, "corpora": corpora}
    return next((_name_examples(what, sorted(names)) for what, names in shared.items() if names), "")


def _name_examples(what: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > MAX_EXAMPLES else ""
    return f"{len(names)} of the same {what} ({', '.join(names[:MAX_EXAMPLES])}{more})"


def _find_contents(match: Match, tested: ClipTable) -> dict[str, str]:
    """From the digest of the content of each tested corpus to its name."""
    corpora = match.first["identity"]["dataset"]
    assert isinstance(corpora, dict)
    return {corpora[name]["content"]: name for name in map(corpus_of, tested["ids"])}
