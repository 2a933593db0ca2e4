"""Messages stay short, whatever they repeat."""

from __future__ import annotations

import pytest

from ferbench import FerbenchError
from ferbench.api.errors import join_names, shorten, shorten_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (3, "3"),
        ("x" * 198, repr("x" * 198)),
        ("x" * 199, "'" + "x" * 99 + " ... (201 characters) ... " + "x" * 99 + "'"),
    ],
)
def test_shorten(value, text):
    assert shorten(value) == text


def test_shorten_a_list():
    text = shorten(list(range(20_000)))
    assert text.startswith("[0, 1, 2, ")
    assert " characters) ... " in text
    assert len(text) < 240


def test_shorten_text_keeps_both_ends():
    assert shorten_text("a" * 50 + "b" * 50, 10) == "aaaaa ... (100 characters) ... bbbbb"
    assert shorten_text("short", 10) == "short"


def test_join_names():
    assert join_names([]) == ""
    assert join_names(["a", "b"]) == "a, b"
    names = join_names([f"n{number}" for number in range(1060)])
    assert names.startswith("n0, n1, ")
    assert names.endswith("n49, and 1,010 more")


def test_error_of_any_origin_is_short():
    error = FerbenchError("m" * 70_000, where="w" * 70_000, hint="h" * 70_000)
    assert len(str(error)) < 7000
    assert all(f"{letter} ... (70,000 characters) ... {letter}" in str(error) for letter in "mwh")
