"""Texts that name rows."""

from __future__ import annotations

import pytest

from ferbench import FerbenchError
from ferbench.benchmark.axes import AXES
from ferbench.report.patterns import choose_rows

KEYS = ["abcdef0123", "abcdef9999", "d00000beef"]


def labels(**own: str) -> dict[str, str]:
    return dict.fromkeys(AXES, "x") | own


ROWS = [labels(backbone="vgg16", aggregator="mean"), labels(backbone="a, b", aggregator="mean"), labels(backbone="lr=0.1", loss="d")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abcdef", [0, 1]),
        ("abcdef9", [1]),
        ("abcde", []),  # too short for a key: it could be a label
        ("d", [2]),  # a label, not the beginning of a key
        ("vgg*", [0]),
        ("backbone=vgg16,aggregator=mean", [0]),
        ("mean", [0, 1]),
        ("a, b", [1]),
        ("backbone=a, b,mean", [1]),
        ("lr=0.1", [2]),
        ("backbone=lr=0.1,d", [2]),
        ("vgg16,d", []),
    ],
)
def test_rows_are_named_by_the_beginning_of_their_key_or_by_labels(text, expected):
    assert choose_rows(text, KEYS, ROWS) == expected


def test_an_unknown_axis_is_an_error():
    with pytest.raises(FerbenchError, match="did you mean 'backbone'"):
        choose_rows("backbon=vgg16", KEYS, ROWS)
