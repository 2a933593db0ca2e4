"""Prints the tables of leaderboards in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferbench.cli.options import print_json, print_lines, print_table, print_warning
from ferbench.report import exports, groups
from ferbench.report.boards import Board, make_boards
from ferbench.report.results import RankedRecord
from ferbench.report.tables import BoardTables
from ferbench.store.entries import Store


def print_ranked(ranked: Sequence[RankedRecord], form: str) -> None:
    """Print the results of records."""
    if form == "json":
        print_json([row for record in ranked for row in exports.to_data(record)])
    elif form == "csv":
        print_lines(exports.to_csv([row for record in ranked for row in exports.flatten_record(record)]).splitlines())
    else:
        _print_boards([board for record in ranked for board in make_boards(record)], form)


def print_groups(ranked: Sequence[RankedRecord], by: str, store: Store, form: str) -> None:
    """Print the results by group of clips, of those benchmarks whose clips carry the fact; raises UnknownFact if there is none."""
    ranked = list(_with_fact(ranked, by, store))
    if form in ("json", "csv"):
        rows = [row for record in ranked for row in groups.flatten_groups(record, by, store)]
        print_json(rows) if form == "json" else print_lines(exports.to_csv(rows).splitlines())
    else:
        _print_boards([board for record in ranked for board in groups.make_group_boards(record, by, store)], form)


def _with_fact(ranked: Sequence[RankedRecord], by: str, store: Store) -> Iterator[RankedRecord]:
    problems = []
    for record in ranked:
        try:
            groups.group_results(record, by, store)
        except groups.UnknownFact as problem:
            problems.append((record.record["benchmark"], problem))
        else:
            yield record
    if ranked and len(problems) == len(ranked):
        raise problems[0][1]
    for benchmark, unknown in problems:
        print_warning(f"no table of {benchmark}: {unknown.message}")


def _print_boards(boards: Sequence[Board], form: str) -> None:
    if form == "table":
        print_table(BoardTables(boards))
    else:
        print_lines({"markdown": exports.to_markdown, "latex": exports.to_latex}[form](boards).splitlines())
