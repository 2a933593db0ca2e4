"""Figures in the store: loss and accuracy curves of each fit, the confusion matrix of each row; drawn anew from what is stored."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ferbench.store.entries import Store, read_json
from ferbench.store.records import Record, figures_folder

BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by colour-blind readers too


def draw(record: Record, store: Store) -> Path:
    """Draws what a record's finished rows lack into figures/BENCHMARK, and returns that folder."""
    folder = figures_folder(record, store)
    folder.mkdir(parents=True, exist_ok=True)
    for row in (r for r in record["rows"] if r["status"] == "done"):
        _once(folder / f"confusion-{_name(row)}.png", confusion, row)
        for fold, key in enumerate(row["fits"]):
            name = f"curves-{_name(row, skip=('aggregator',))}{f'-fold{fold}' if len(row['fits']) > 1 else ''}-{key[:6]}.png"
            _once(folder / name, _curves_of, row, key, store)
    return folder


def confusion(row: Mapping[str, Any], path: Path) -> None:
    """True classes down, predicted across: share of the true class, and clips."""
    counts, classes = row["confusion"], row["classes"]
    figure = _figure(1.5 + 0.8 * len(classes), 1.7 + 0.7 * len(classes), row, row["labels"]["aggregator"])
    axes = figure.add_subplot()
    shares = [[c / max(1, sum(line)) for c in line] for line in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, line in enumerate(shares):
        for j, share in enumerate(line):
            color = "white" if share > 0.5 else "black"
            axes.text(j, i, f"{100 * share:.0f}%\n({counts[i][j]})", ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(classes)), classes, rotation=35, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel(f"predicted   (WAR {row['war']:.1%}, UAR {row['uar']:.1%})")
    axes.set_ylabel("true")
    _save(figure, path)


def curves(history: Mapping[str, Any], row: Mapping[str, Any], path: Path) -> None:
    """Loss and accuracy by frame, training and validation, over epochs; the chosen epoch is marked."""
    figure = _figure(8, 3.4, row, "")
    for number, (name, label) in enumerate([("loss", "loss"), ("accuracy", "accuracy by frame")]):
        axes = figure.add_subplot(1, 2, number + 1)
        epochs = range(1, len(history["loss"]) + 1)
        marker = "o" if len(epochs) < 30 else None
        axes.plot(epochs, history[name], color=BLUE, marker=marker, markersize=3, label="training (dropout on)")
        axes.plot(epochs, history[f"validation_{name}"], color=ORANGE, marker=marker, markersize=3, label="validation")
        axes.axvline(history["chosen"], color="gray", linestyle=":", label=f"chosen: epoch {history['chosen']}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0, top=1.02 if name == "accuracy" else None)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, frameon=False)
    _save(figure, path)


def _curves_of(row: Mapping[str, Any], key: str, store: Store, path: Path) -> None:
    folder = store.find("fits", key)
    history = read_json(folder / "history.json") if folder else {"loss": []}
    if history["loss"]:  # estimators and finished systems have no epochs
        curves(history, row, path)


def _figure(width: float, height: float, row: Mapping[str, Any], also: str) -> Figure:
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    title = " · ".join(filter(None, [row["labels"]["backbone"], row["labels"]["loss"], also]))
    figure.suptitle(title + ("\nREHEARSAL on stand-in corpora" if row["standin"] else ""), fontsize=10)
    return figure


def _once(path: Path, write: Callable[..., None], *args: Any) -> None:
    if not path.exists():
        write(*args, path)


def _save(figure: Figure, path: Path) -> None:
    part = path.with_name(f".{path.name}-{os.getpid()}")
    figure.savefig(part, format="png")
    part.replace(path)


def _name(row: Mapping[str, Any], skip: Sequence[str] = ()) -> str:
    """Labels as a file name, with the start of the row's key so that no two rows share one."""
    labels = [
        label for axis, label in row["labels"].items() if axis in ("backbone", "recipe", "loss", "seed", "aggregator") and axis not in skip
    ]
    text = re.sub(r"[^A-Za-z0-9.+-]+", "_", "-".join(labels))
    return text[:120] if skip else f"{text[:120]}-{row['key'][:6]}"
