"""Remembers values, so that rows that need the same one compute it once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

T = TypeVar("T")


@dataclass
class Memo:
    """Values by name."""

    values: dict[Hashable, object] = field(default_factory=dict)

    def get(self, name: Hashable, compute: Callable[[], T]) -> T:
        """The value of this name; computed at the first call. One name must always mean the same computation."""
        if name not in self.values:
            self.values[name] = compute()
        return cast("T", self.values[name])

    def find(self, name: Hashable, compute: Callable[[], T | None]) -> T | None:
        """The value of this name; computed at each call until it is not None."""
        value = self.values.get(name)
        if value is None and (value := compute()) is not None:
            self.values[name] = value
        return cast("T | None", value)
