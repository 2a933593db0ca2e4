"""What each kind of work has cost in this store; `plan` estimates from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferbench.api.errors import StoreError
from ferbench.store.entries import Store
from ferbench.store.files import to_json

COSTS_FILE = "costs.json"


@dataclass(frozen=True)
class Cost:
    """Sums of units (frames; for a fit, frames times epochs), seconds and bytes on disk, and the largest number of trained weights."""

    units: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0
    weights: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        sums = (self.units + other.units, self.seconds + other.seconds, self.bytes + other.bytes)
        return Cost(*sums, max(self.weights, other.weights))


@dataclass
class CostHistory:
    """Costs by stage and kind of work."""

    costs: dict[str, dict[str, Cost]] = field(default_factory=dict)

    def add(self, stage: str, kind: str, cost: Cost) -> None:
        """Add to the costs of a kind of work."""
        kinds = self.costs.setdefault(stage, {})
        kinds[kind] = kinds.get(kind, Cost()) + cost

    def unit_cost(self, stage: str, kind: str) -> Cost | None:
        """Return the mean cost per unit; None if no such work was done in this store."""
        cost = self.costs.get(stage, {}).get(kind)
        if not cost or not cost.units:
            return None
        return Cost(1, cost.seconds / cost.units, cost.bytes / cost.units, cost.weights)


def load_costs(store: Store) -> CostHistory:
    """Load the costs recorded in a store; empty if there are none, or if they cannot be read."""
    return CostHistory(store.try_read(COSTS_FILE, dict[str, dict[str, Cost]]) or {})


def add_costs(store: Store, costs: Mapping[tuple[str, str], Cost]) -> None:
    """Add the costs of a run, by (stage, kind); a store that cannot be read or written goes without, with a warning."""
    try:
        with store.lock("costs"):
            history = load_costs(store)
            for (stage, kind), cost in costs.items():
                history.add(stage, kind, cost)
            store.write_file(COSTS_FILE, to_json(history.costs))
    except StoreError as error:
        store.warn(f"the costs of this run are not recorded: {error.message}")
