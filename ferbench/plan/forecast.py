"""The forecast of a run: stored and missing work, its estimated cost, and which choice saves most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from ferbench.benchmark.axes import AXES
from ferbench.plan.models import STAGES

MAX_SAVINGS = 3
MAX_ROWS_FOR_SAVINGS = 2000  # each saving needs a pass over all missing rows

Labels = Mapping[str, str]


@dataclass(frozen=True)
class WorkUnit:
    """Work that is shared as a whole: the crops of a pipeline, the features of a frozen part, one fit.

    `seconds` and `bytes` are None if no work of its kind was done in this store; `memory` is the bytes that a fit needs.
    """

    stage: str
    entries: int
    missing: int
    seconds: float | None
    bytes: float | None
    memory: float | None = None


class StageForecast(TypedDict):
    """One stage of a forecast; `shared` is by how many rows a unit of work is shared on average."""

    stage: str
    entries: int
    missing: int
    stored: int
    shared: float | None
    seconds: float | None
    bytes: float | None


@dataclass
class Forecast:
    """The rows of a benchmark and the work that the missing ones need.

    `unrendered` names corpora whose stand-ins must be rendered before anything else can be counted. `units` are the units of work by key,
    and `missing_rows` gives for each missing row its labels and the keys of its units.
    """

    total: int = 0
    unrendered: tuple[str, ...] = ()
    stored: int = 0
    failed: int = 0
    units: dict[str, WorkUnit] = field(default_factory=dict)
    missing_rows: list[tuple[Labels, tuple[str, ...]]] = field(default_factory=list)

    def seconds(self, units: Iterable[str] | None = None) -> float | None:
        """The time of all units, or of these; None if that of any is unknown."""
        times = [self.units[unit].seconds for unit in (self.units if units is None else units) if self.units[unit].missing]
        return None if None in times else sum(filter(None, times))

    def unknown_stages(self) -> list[str]:
        """Stages with work of a kind that was never done in this store."""
        return [s for s in STAGES if any(unit.stage == s and unit.missing and unit.seconds is None for unit in self.units.values())]

    def stages(self) -> list[StageForecast]:
        """One line per stage that has any work; the rows come last."""
        users = Counter(unit for _, units in self.missing_rows for unit in units)
        lines = [self._stage(stage, users) for stage in STAGES if any(unit.stage == stage for unit in self.units.values())]
        missing = len(self.missing_rows)
        rows: StageForecast = {
            "stage": "rows", "entries": self.total, "missing": missing, "stored": self.stored, "shared": None, "seconds": 0.0, "bytes": 0.0,
        }  # fmt: skip
        return [*lines, rows]

    def memory(self) -> float | None:
        """Bytes that the largest missing fit needs; fits of unknown cost are not counted, None if all are unknown."""
        known = [unit.memory for unit in self.units.values() if unit.stage == "fits" and unit.missing]
        return max(filter(None, known), default=None)

    def savings(self) -> list[tuple[str, float]]:
        """The options that keep one choice of an axis and save most, each with the seconds that the run would still take."""
        total = self.seconds()
        if total is None or len(self.missing_rows) > MAX_ROWS_FOR_SAVINGS:
            return []
        cheapest = [option for axis in AXES if (option := self._cheapest_choice(axis)) and option[1] < total]
        return sorted(cheapest, key=lambda option: option[1])[:MAX_SAVINGS]

    def fit_into_budget(self, budget: float) -> tuple[list[Labels], list[Labels]]:
        """Labels of the missing rows that fit into the budget (seconds), in the order of computation, and of the rest."""
        spent, done = 0.0, set[str]()
        fitting: list[Labels] = []
        exceeding: list[Labels] = []
        for labels, units in self.missing_rows:
            cost = self.seconds(unit for unit in units if unit not in done)
            if cost is None or spent + cost > budget:
                exceeding.append(labels)
                continue
            spent += cost
            done.update(units)
            fitting.append(labels)
        return fitting, exceeding

    def _stage(self, stage: str, users: Mapping[str, int]) -> StageForecast:
        units = {key: unit for key, unit in self.units.items() if unit.stage == stage}
        entries, missing = sum(unit.entries for unit in units.values()), sum(unit.missing for unit in units.values())
        shared = None if stage == "weights" else sum(users[key] for key in units) / len(units)
        return {
            "stage": stage, "entries": entries, "missing": missing, "stored": entries - missing, "shared": shared,
            "seconds": _total(units.values(), "seconds"), "bytes": _total(units.values(), "bytes"),
        }  # fmt: skip

    def _cheapest_choice(self, axis: str) -> tuple[str, float] | None:
        choices = list(dict.fromkeys(labels[axis] for labels, _ in self.missing_rows))
        if len(choices) < 2:
            return None
        costs = [(self._seconds_of(axis, choice), f"--only '{axis}={choice}'") for choice in choices]
        seconds, option = min(costs, key=lambda cost: cost[0])
        return option, seconds

    def _seconds_of(self, axis: str, choice: str) -> float:
        kept = dict.fromkeys(unit for labels, units in self.missing_rows if labels[axis] == choice for unit in units)
        return self.seconds(kept) or 0.0


def _total(units: Iterable[WorkUnit], amount: Literal["seconds", "bytes"]) -> float | None:
    values = [unit.seconds if amount == "seconds" else unit.bytes for unit in units if unit.missing]
    return None if None in values else sum(filter(None, values))


def format_duration(seconds: float | None) -> str:
    """For humans: 0.4 s, 12 s, 3 min, 2 h 5 min."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def format_size(amount: float | None) -> str:
    """Bytes for humans: 12 kB, 3.4 GB."""
    from rich.filesize import decimal

    return "?" if amount is None else decimal(round(amount))
