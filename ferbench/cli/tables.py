"""Forecasts and the contents of a store, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from rich.console import Group, RenderableType
from rich.text import Text

from ferbench.api.text import escape_line
from ferbench.benchmark.axes import varying_axes
from ferbench.plan.forecast import Forecast, StageForecast, format_duration, format_size
from ferbench.report.cards import FittingTable
from ferbench.store.upkeep import StoredEntry

MAX_ROWS = 12  # listed on each side of a budget


def render_forecast(forecast: Forecast, budget: float | None) -> RenderableType:
    """A table of the stages; below it time and memory, the largest savings, and the rows within the budget (seconds)."""
    if forecast.unrendered:
        names = ", ".join(forecast.unrendered)
        return Text(f"{forecast.total} rows. A run renders stand-ins for {names} first (about a minute); plan again after that.")
    columns = ("stage", "to compute", "stored", "of", "shared by", "time", "disk")
    table = FittingTable(columns, list(map(_stage_cells, forecast.stages())))
    return Group(table, *[Text(escape_line(note)) for note in _forecast_notes(forecast, budget)])


def forecast_data(forecast: Forecast, budget: float | None) -> dict[str, object]:
    """A forecast for JSON, in seconds and bytes."""
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
        within, over = forecast.fit_into_budget(budget)
        data |= {"budget": budget, "within": within, "over": over}
    return data


def render_entries(entries: Sequence[StoredEntry]) -> RenderableType:
    """What a store contains, by stage."""
    return FittingTable(("stage", "entries", "size", "unneeded", "unneeded size"), list(map(_entry_cells, entries_by_stage(entries))))


class StageEntries(TypedDict):
    """Counts and bytes of a stage's entries, and of those that no row needs."""

    stage: str
    entries: int
    bytes: int
    unneeded: int
    unneeded_bytes: int


def entries_by_stage(entries: Sequence[StoredEntry]) -> list[StageEntries]:
    """One line per stage, then one for all."""
    return [_count_entries(stage, entries) for stage in [*dict.fromkeys(entry.stage for entry in entries), "all"]]


def describe_unneeded(entries: Sequence[StoredEntry]) -> list[str]:
    """One line per stage and reason why its entries are not needed."""
    groups: dict[tuple[str, str], list[StoredEntry]] = {}
    for entry in entries:
        if entry.unneeded_reason:
            groups.setdefault((entry.stage, entry.unneeded_reason), []).append(entry)
    return [f"{stage}: {len(group):,} ({format_size(sum(e.bytes for e in group))}): {reason}" for (stage, reason), group in groups.items()]


def _entry_cells(line: StageEntries) -> list[str]:
    unneeded = [f"{line['unneeded']:,}", format_size(line["unneeded_bytes"])] if line["unneeded"] else ["", ""]
    return [line["stage"], f"{line['entries']:,}", format_size(line["bytes"]), *unneeded]


def _stage_cells(stage: StageForecast) -> list[str]:
    shared = stage["shared"]
    sharing = "" if shared is None else f"{shared:,.3g} rows" if shared < 100 else f"{shared:,.0f} rows"
    has_cost = stage["missing"] and stage["stage"] != "rows"
    cost = [format_duration(stage["seconds"]), format_size(stage["bytes"])] if has_cost else ["", ""]
    return [stage["stage"], f"{stage['missing']:,}", f"{stage['stored']:,}", f"{stage['entries']:,}", sharing, *cost]


def _forecast_notes(forecast: Forecast, budget: float | None) -> list[str]:
    """The lines below the table of stages."""
    if not forecast.missing_rows:
        failed = f"; {forecast.failed} failed before; add --retry-failed to try again" if forecast.failed else ""
        return [f"nothing to compute: {forecast.stored} of {forecast.total} rows are stored{failed}"]
    notes = [_describe_time(forecast)]
    if (memory := forecast.memory()) is not None:
        notes.append(f"memory: about {format_size(memory)} for the largest fit (its inputs, weights and optimizer)")
    if forecast.failed:
        notes.append(f"{forecast.failed} rows failed before and are skipped; add --retry-failed to try again")
    notes += [f"with {option}: {format_duration(seconds)}" for option, seconds in forecast.savings()]
    return notes if budget is None else [*notes, *_budget_notes(forecast, budget)]


def _describe_time(forecast: Forecast) -> str:
    if unknown := forecast.unknown_stages():
        return f"time unknown: this store has no {', '.join(unknown)} of this kind yet; add --measure to time a few"
    return f"about {format_duration(forecast.seconds())}, estimated from similar work in this store"


def _budget_notes(forecast: Forecast, budget: float) -> list[str]:
    within, over = forecast.fit_into_budget(budget)
    varying = varying_axes([labels for labels, _ in forecast.missing_rows])
    notes = [f"within {format_duration(budget)}: {len(within)} of {len(forecast.missing_rows)} rows"]
    for heading, rows in (("within", within), ("over", over)):
        notes += [f"  {heading}: {_join_labels(labels, varying)}" for labels in rows[:MAX_ROWS]]
        notes += [f"  {heading}: {len(rows) - MAX_ROWS} more"] if len(rows) > MAX_ROWS else []
    return notes


def _join_labels(labels: Mapping[str, str], axes: Sequence[str]) -> str:
    return " ".join(labels[axis] for axis in axes)


def _count_entries(stage: str, entries: Sequence[StoredEntry]) -> StageEntries:
    of_stage = [entry for entry in entries if stage in (entry.stage, "all")]
    unneeded = [entry for entry in of_stage if entry.unneeded_reason]
    return {
        "stage": stage,
        "entries": len(of_stage),
        "bytes": sum(entry.bytes for entry in of_stage),
        "unneeded": len(unneeded),
        "unneeded_bytes": sum(entry.bytes for entry in unneeded),
    }
