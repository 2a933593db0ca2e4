"""Tables in CSV files."""

from __future__ import annotations

from csv import DictReader
from io import StringIO
from typing import NamedTuple


class TableRow(NamedTuple):
    """A row of a table: its line in the file, from 1, and its cells by column; missing cells are empty."""

    line: int
    cells: dict[str, str]


class Table(NamedTuple):
    """A table with a line of headings."""

    columns: list[str]
    rows: list[TableRow]


def parse_table(text: str) -> Table:
    """The table in the text of a CSV file; blanks around cells are removed."""
    reader = DictReader(StringIO(text, newline=""))
    columns = list(reader.fieldnames or ())
    rows = [TableRow(reader.line_num, {column: (row[column] or "").strip() for column in columns}) for row in reader]
    return Table(columns, rows)
