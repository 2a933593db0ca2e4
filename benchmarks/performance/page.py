"""Fills the template of docs/performance.md with the measured figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("page.md")


def render_page(results: dict[str, dict[str, Any]]) -> str:
    """The text of the page."""
    grid, limits, detection, orchestration = (results[name] for name in ("grid", "limits", "detection", "orchestration"))
    large, tables = results["large"], results["tables"]
    return TEMPLATE.read_text().format(
        clips=grid["clips"],
        epochs=grid["epochs"],
        plain=grid["plain seconds"],
        own=grid["ferbench seconds"],
        ratio=grid["ratio"],
        plain_epoch=grid["plain epoch"],
        own_epoch=grid["ferbench epoch"],
        epoch_ratio=grid["epoch ratio"],
        plain_accuracy=_shares(grid["plain accuracy"]),
        own_accuracy="; ".join(map(_shares, grid["ferbench accuracy"])),
        tested=grid["tested"],
        one=100 / grid["tested"],
        peak=limits["peak"] / 1e9,
        bandwidth=limits["bandwidth"] / 1e9,
        frame=limits["features a frame"],
        share=100 * limits["features share of peak"],
        batch=limits["batch"],
        step=limits["step"],
        over=limits["step over least"],
        least=limits["least"],
        frames=detection["frames"],
        serial=detection["serial"],
        default=detection["default"],
        pooled=detection["pooled"],
        detection_ratio=detection["ratio"],
        equal="are identical" if detection["equal"] else "DIFFER",
        near=detection["near"],
        agreement=100 * detection["near agreement"],
        least_overlap=detection["near least overlap"],
        combinations=orchestration["combinations"],
        cold=1000 * orchestration["cold a combination"],
        finished=orchestration["finished beyond start-up"],
        startup=orchestration["start-up"],
        large_clips=large["clips"],
        large_frames=large["frames in a clip"],
        index=large["first index"],
        plan=large["plan, nothing computed"],
        finished_plan=large["plan, everything computed"],
        crops=large["crops"],
        features=large["features"],
        duplicates=large["near-duplicates"],
        memory=large["memory"],
        finished_run=large["finished run"],
        files=large["files"],
        folders=large["folders"],
        store=large["store"],
        table_rows=tables["rows"],
        table=tables["large"],
        small_table=tables["small"],
        benchmarks=tables["benchmarks"],
        many_tables=tables["many"],
        **{f"{name}_machine": f"({part['day']}, {part['machine']})" for name, part in results.items()},
    )


def _shares(values: list[float]) -> str:
    return ", ".join(f"{100 * value:.0f}" for value in values)
