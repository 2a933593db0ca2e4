"""Fixtures of the tests of the store."""

from __future__ import annotations

import pytest
from filled import Filled

from ferbench.store.entries import Store


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def store(tmp_path, warnings):
    return Store(tmp_path / "runs", warnings.append)


@pytest.fixture
def filled(store):
    """A store with two rows in the record of the benchmark toys, and one in no record, all two hours old."""
    filled = Filled(store)
    filled.add_benchmark("toys", ["one", "two"], ["broken"])
    filled.add_row("old")
    filled.age()
    return filled
