"""Prints the tables of leaderboards in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferbench.cli.options import print_json, print_lines, print_table, print_warning
from ferbench.report import exports
from ferbench.report.boards import Board, make_boards
from ferbench.report.groups import GroupResult, UnknownFact, flatten_group, group_results, make_group_board
from ferbench.report.legend import describe_failed
from ferbench.report.results import RankedRecord, Ranking
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
    """Print the results by group of clips, of those tables whose clips carry the fact; raises UnknownFact if there is none."""
    tables = list(_group_tables(ranked, by, store))
    if form in ("json", "csv"):
        for _, ranking, _ in tables:
            for line in describe_failed(ranking):
                print_warning(line)
        rows = [flatten_group(group, by) for _, _, groups in tables for group in groups]
        print_json(rows) if form == "json" else print_lines(exports.to_csv(rows).splitlines())
    else:
        _print_boards([make_group_board(record, ranking, groups, by) for record, ranking, groups in tables], form)


def _group_tables(ranked: Sequence[RankedRecord], by: str, store: Store) -> Iterator[tuple[RankedRecord, Ranking, list[GroupResult]]]:
    problems, tables = [], [(record, ranking) for record in ranked for ranking in record.rankings]
    for record, ranking in tables:
        try:
            yield record, ranking, group_results(ranking, by, store)
        except UnknownFact as problem:
            problems.append((ranking.rows[0], problem))
    if tables and len(problems) == len(tables):
        raise problems[0][1]
    for row, unknown in problems:
        print_warning(f"no table of {row['benchmark']}, {row['protocol']}: {unknown.message}")


def _print_boards(boards: Sequence[Board], form: str) -> None:
    if form == "table":
        print_table(BoardTables(boards))
    else:
        print_lines({"markdown": exports.to_markdown, "latex": exports.to_latex}[form](boards).splitlines())
