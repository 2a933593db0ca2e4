"""Fixtures of the tests of the store."""

from __future__ import annotations

import pytest

from ferbench.store.entries import Store


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def store(tmp_path, warnings):
    return Store(tmp_path / "runs", warnings.append)
