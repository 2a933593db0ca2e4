"""Forecasts and stores as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ferbench.plan.forecast import Forecast, duration, size
from ferbench.store.upkeep import Entry

SHOWN = 12  # rows named on either side of a budget


def plan(forecast: Forecast, axes: Sequence[str], budget: float | None) -> RenderableType:
    """The stages as a table, then what it takes, what would cut it, and what fits a budget."""
    if forecast.unrendered:
        names = ", ".join(forecast.unrendered)
        return Text(
            f"{forecast.total} rows. A run renders the stand-ins of {names} first (about a minute); only then can the rest be counted."
        )
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("stage", "to make", "stored", "of", "shared by", "time", "disk"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for line in forecast.stages():
        shared = "" if line["shared"] is None else f"{line['shared']:,.3g} rows" if line["shared"] < 100 else f"{line['shared']:,.0f} rows"
        numbers = [f"{line[name]:,}" for name in ("missing", "stored", "entries")]
        cost = ["", ""] if not line["missing"] or line["stage"] == "rows" else [duration(line["seconds"]), size(line["bytes"])]
        table.add_row(Text(line["stage"]), *numbers, shared, *cost)
    return Group(table, *[Text(line) for line in notes(forecast, axes, budget)])


def notes(forecast: Forecast, axes: Sequence[str], budget: float | None) -> list[str]:
    """What stands below the table."""
    if not forecast.missing_rows:
        failed = f"; {forecast.failed} failed before (--retry-failed)" if forecast.failed else ""
        return [f"nothing to do: {forecast.stored} of {forecast.total} rows are stored{failed}"]
    told = []
    if unknown := forecast.unknown_stages():
        told.append(f"{', '.join(unknown)} of this kind were never made in this store: --calibrate measures a few of them")
    else:
        told.append(f"about {duration(forecast.seconds())}, from what the like took in this store")
    if (memory := forecast.memory()) is not None:
        told.append(f"memory: about {size(memory)} for the largest fit (its inputs, weights and optimiser)")
    if forecast.failed:
        told.append(f"{forecast.failed} rows failed before and are left alone (--retry-failed)")
    told += [f"{flag} leaves {duration(seconds)}" for flag, seconds in forecast.savings()]
    return told if budget is None else [*told, *_budget(forecast, axes, budget)]


def _budget(forecast: Forecast, axes: Sequence[str], budget: float) -> list[str]:
    fit, over = forecast.within(budget)
    varying = [axis for axis in axes if len({labels[axis] for labels, _ in forecast.missing_rows}) > 1] or ["backbone"]
    told = [f"within {duration(budget)}: {len(fit)} of {len(forecast.missing_rows)} rows"]
    for head, rows in (("fits", fit), ("too much", over)):
        told += [f"  {head}: {_named(labels, varying)}" for labels in rows[:SHOWN]]
        told += [f"  {head}: {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return told


def _named(labels: Mapping[str, str], axes: Sequence[str]) -> str:
    return " ".join(labels[axis] for axis in axes)


def as_data(forecast: Forecast, budget: float | None) -> dict[str, Any]:
    """The same for machines; seconds and bytes."""
    data: dict[str, Any] = {
        "rows": forecast.total,
        "unrendered": list(forecast.unrendered),
        "stored": forecast.stored,
        "failed": forecast.failed,
        "stages": forecast.stages(),
        "seconds": forecast.seconds(),
        "memory": forecast.memory(),
        "savings": [{"flag": flag, "seconds": seconds} for flag, seconds in forecast.savings()],
    }
    if budget is not None:
        fit, over = forecast.within(budget)
        data |= {"budget": budget, "fits": fit, "over": over}
    return data


def store(entries: Sequence[Entry]) -> RenderableType:
    """What a store holds, by stage."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("stage", "entries", "size", "not needed", "size"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for line in by_stage(entries):
        spare = [f"{line['unneeded']:,}", size(line["unneeded_bytes"])] if line["unneeded"] else ["", ""]
        table.add_row(line["stage"], f"{line['entries']:,}", size(line["bytes"]), *spare)
    return table


def by_stage(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Counts and bytes by stage, and of what is not needed; the sums last."""
    lines = []
    for stage in [*dict.fromkeys(entry.stage for entry in entries), "all"]:
        of_stage = [entry for entry in entries if stage in (entry.stage, "all")]
        spare = [entry for entry in of_stage if entry.why]
        sums = {"entries": len(of_stage), "bytes": sum(e.bytes for e in of_stage)}
        lines.append({"stage": stage, **sums, "unneeded": len(spare), "unneeded_bytes": sum(e.bytes for e in spare)})
    return lines


def unneeded(entries: Sequence[Entry]) -> list[str]:
    """Why what is not needed is not, in lines."""
    reasons: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.why:
            reasons.setdefault((entry.stage, entry.why), []).append(entry)
    return [f"{stage}: {len(found):,} ({size(sum(e.bytes for e in found))}): {why}" for (stage, why), found in reasons.items()]
