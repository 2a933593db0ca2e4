"""Tables in CSV files."""

from __future__ import annotations

from ferbench_corpora.tables import parse_table


def test_only_line_breaks_outside_of_quotes_end_a_row():
    table = parse_table('clip,note\r\na\u2028b,1\r\nc,"two\nlines"\r\n')
    assert table.columns == ["clip", "note"]
    assert [(row.line, row.cells) for row in table.rows] == [
        (2, {"clip": "a\u2028b", "note": "1"}),
        (4, {"clip": "c", "note": "two\nlines"}),
    ]
