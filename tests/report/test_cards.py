"""Tables in terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ferbench.report.cards import FittingTable

TABLE = FittingTable(
    ("stage", "to compute", "disk", "shared by"), [["crops", "1,000", "41.5 kB", ""], ["fits", "2", "560 bytes", "4 rows"]]
)


def print_table(width):
    console = Console(width=width, file=io.StringIO(), highlight=False)
    console.print(TABLE)
    return console.file.getvalue().splitlines()


def test_a_table_that_fits():
    assert [line.split("  ")[0] for line in print_table(40)[::2]] == ["stage", "crops"]
    assert len(print_table(39)) == 4


@pytest.mark.parametrize("width", [20, 25, 30, 38])
def test_no_cell_is_cut_or_broken_in_a_narrow_terminal(width):
    lines = print_table(width)
    assert max(map(len, lines)) <= width
    assert lines[0] == "crops"
    text = "\n".join(lines)
    for cell in ("to compute 1,000", "disk 41.5 kB", "fits", "to compute 2", "disk 560 bytes", "shared by 4 rows"):
        assert cell in text
    assert text.count("shared by") == 1
