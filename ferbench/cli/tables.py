"""Forecasts and the contents of a store, as tables and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ferbench.benchmark.axes import AXES
from ferbench.plan.forecast import Forecast, StageForecast, duration, size
from ferbench.store.upkeep import StoredEntry

MOST_ROWS = 12  # named on either side of a budget


def render_forecast(forecast: Forecast, budget: float | None) -> RenderableType:
    """The stages as a table, then what it takes, what would save most, and what fits a budget."""
    if forecast.unrendered:
        names = ", ".join(forecast.unrendered)
        return Text(f"{forecast.total} rows. A run renders the stand-ins of {names} first (about a minute); then the rest can be counted.")
    table = _make_table("stage", "to compute", "stored", "of", "shared by", "time", "disk")
    for stage in forecast.stages():
        table.add_row(*_stage_cells(stage))
    return Group(table, *map(Text, _forecast_notes(forecast, budget)))


def forecast_data(forecast: Forecast, budget: float | None) -> dict[str, object]:
    """The same for machines; seconds and bytes."""
    data: dict[str, object] = {
        "rows": forecast.total,
        "unrendered": list(forecast.unrendered),
        "stored": forecast.stored,
        "failed": forecast.failed,
        "stages": forecast.stages(),
        "seconds": forecast.seconds(),
        "memory": forecast.memory(),
        "savings": [{"option": option, "seconds": seconds} for option, seconds in forecast.savings()],
    }
    if budget is not None:
        fitting, exceeding = forecast.within(budget)
        data |= {"budget": budget, "fits": fitting, "over": exceeding}
    return data


def render_entries(entries: Sequence[StoredEntry]) -> RenderableType:
    """What a store holds, by stage."""
    table = _make_table("stage", "entries", "size", "unneeded", "size")
    for line in entries_by_stage(entries):
        unneeded = [f"{line['unneeded']:,}", size(line["unneeded_bytes"])] if line["unneeded"] else ["", ""]
        table.add_row(line["stage"], f"{line['entries']:,}", size(line["bytes"]), *unneeded)
    return table


class StageEntries(TypedDict):
    """Counts and bytes of a stage's entries, and of those that no row needs."""

    stage: str
    entries: int
    bytes: int
    unneeded: int
    unneeded_bytes: int


def entries_by_stage(entries: Sequence[StoredEntry]) -> list[StageEntries]:
    """One line per stage, and the sums last."""
    return [_count(stage, entries) for stage in [*dict.fromkeys(entry.stage for entry in entries), "all"]]


def describe_unneeded(entries: Sequence[StoredEntry]) -> list[str]:
    """Why entries are not needed, in lines."""
    groups: dict[tuple[str, str], list[StoredEntry]] = {}
    for entry in entries:
        if entry.unneeded:
            groups.setdefault((entry.stage, entry.unneeded), []).append(entry)
    return [f"{stage}: {len(group):,} ({size(sum(e.bytes for e in group))}): {reason}" for (stage, reason), group in groups.items()]


def _make_table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _stage_cells(stage: StageForecast) -> list[str]:
    shared = stage["shared"]
    sharing = "" if shared is None else f"{shared:,.3g} rows" if shared < 100 else f"{shared:,.0f} rows"
    has_cost = stage["missing"] and stage["stage"] != "rows"
    cost = [duration(stage["seconds"]), size(stage["bytes"])] if has_cost else ["", ""]
    return [stage["stage"], f"{stage['missing']:,}", f"{stage['stored']:,}", f"{stage['entries']:,}", sharing, *cost]


def _forecast_notes(forecast: Forecast, budget: float | None) -> list[str]:
    """The lines below the table."""
    if not forecast.missing_rows:
        failed = f"; {forecast.failed} failed before (--retry-failed)" if forecast.failed else ""
        return [f"nothing to do: {forecast.stored} of {forecast.total} rows are stored{failed}"]
    notes = [_describe_time(forecast)]
    if (memory := forecast.memory()) is not None:
        notes.append(f"memory: about {size(memory)} for the largest fit (its inputs, weights and optimizer)")
    if forecast.failed:
        notes.append(f"{forecast.failed} rows failed before and are skipped (--retry-failed)")
    notes += [f"with {option}: {duration(seconds)}" for option, seconds in forecast.savings()]
    return notes if budget is None else [*notes, *_budget_notes(forecast, budget)]


def _describe_time(forecast: Forecast) -> str:
    if unknown := forecast.unknown_stages():
        return f"{', '.join(unknown)} of this kind were never computed in this store: --measure times a few of them"
    return f"about {duration(forecast.seconds())}, from what similar work took in this store"


def _budget_notes(forecast: Forecast, budget: float) -> list[str]:
    fitting, exceeding = forecast.within(budget)
    varying = [axis for axis in AXES if len({labels[axis] for labels, _ in forecast.missing_rows}) > 1] or ["backbone"]
    notes = [f"within {duration(budget)}: {len(fitting)} of {len(forecast.missing_rows)} rows"]
    for heading, rows in (("in time", fitting), ("too long", exceeding)):
        notes += [f"  {heading}: {_join_labels(labels, varying)}" for labels in rows[:MOST_ROWS]]
        notes += [f"  {heading}: {len(rows) - MOST_ROWS} more"] if len(rows) > MOST_ROWS else []
    return notes


def _join_labels(labels: Mapping[str, str], axes: Sequence[str]) -> str:
    return " ".join(labels[axis] for axis in axes)


def _count(stage: str, entries: Sequence[StoredEntry]) -> StageEntries:
    of_stage = [entry for entry in entries if stage in (entry.stage, "all")]
    unneeded = [entry for entry in of_stage if entry.unneeded]
    return {
        "stage": stage,
        "entries": len(of_stage),
        "bytes": sum(entry.bytes for entry in of_stage),
        "unneeded": len(unneeded),
        "unneeded_bytes": sum(entry.bytes for entry in unneeded),
    }
