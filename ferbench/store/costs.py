"""What stages have cost in this store, by what was computed: the ground of every estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ferbench.store.entries import Store, to_json

FILE = "history.json"


@dataclass(frozen=True)
class Cost:
    """Sums over what was made: units (frames; of a fit frames times epochs), seconds, bytes on disk and weights trained."""

    units: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0
    weights: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        sums = (self.units + other.units, self.seconds + other.seconds, self.bytes + other.bytes)
        return Cost(*sums, max(self.weights, other.weights))


@dataclass
class History:
    """Costs by stage and by the identity of what was computed."""

    costs: dict[str, dict[str, Cost]] = field(default_factory=dict)

    def add(self, stage: str, what: str, cost: Cost) -> None:
        """Counts one cost more."""
        known = self.costs.setdefault(stage, {})
        known[what] = known.get(what, Cost()) + cost

    def a_unit(self, stage: str, what: str) -> Cost | None:
        """The mean cost of a unit; None where the like was never computed here."""
        cost = self.costs.get(stage, {}).get(what)
        if not cost or not cost.units:
            return None
        return Cost(1, cost.seconds / cost.units, cost.bytes / cost.units, cost.weights)


def load(store: Store) -> History:
    """The history of a store; empty where there is none, or none that can be read."""
    try:
        return History(msgspec.convert(store.side(FILE) or {}, dict[str, dict[str, Cost]]))
    except msgspec.ValidationError:
        return History()


def add(store: Store, costs: Mapping[tuple[str, str], Cost]) -> None:
    """Adds a run's costs by (stage, identity)."""
    with store.lock("history", ""):
        history = load(store)
        for (stage, what), cost in costs.items():
            history.add(stage, what, cost)
        store.save(FILE, to_json(history.costs))
