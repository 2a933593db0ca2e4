"""Figures of a record, stored as PNG files: learning curves of each fit, and a confusion matrix of each row."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypedDict

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ferbench.api.text import escape_line
from ferbench.benchmark.axes import AXES, MODEL_AXES
from ferbench.store.entries import Store
from ferbench.store.records import Record, figures_folder
from ferbench.store.rows import DoneRow, FitHistory

BLUE, ORANGE = "#0072B2", "#D55E00"  # distinct for color-blind readers
MAX_MARKERS = 30  # epochs; longer curves have no markers
MAX_NAME_LENGTH = 120

Draw = Callable[[Path], None]
"""Draws one figure into a file."""


class _FitFacts(TypedDict):
    history: FitHistory


def draw_figures(record: Record, store: Store) -> list[str]:
    """Draw the missing figures of a record's rows; returns the reason for each figure that cannot be drawn."""
    folder = figures_folder(record, store)
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    with rc_context({"text.parse_math": False, "text.usetex": False}):  # a label may hold dollar signs
        for file, draw in [figure for row in record["rows"] if row["status"] == "done" for figure in _missing_figures(row, folder, store)]:
            try:
                draw(file)
            except Exception as error:  # matplotlib may raise anything, and the other figures can still be drawn
                problems.append(f"{file}: {type(error).__name__}: {error}")
    return problems


def _missing_figures(row: DoneRow, folder: Path, store: Store) -> Iterator[tuple[Path, Draw]]:
    matrix = folder / f"confusion-{_join_labels(row, AXES)}-{row['key'][:6]}.png"
    if not matrix.exists():
        yield matrix, partial(draw_confusion, row)
    for fold, key in enumerate(row["fits"]):
        suffix = f"-fold{fold}" if len(row["fits"]) > 1 else ""
        file = folder / f"curves-{_join_labels(row, MODEL_AXES)}{suffix}-{key[:6]}.png"
        if not file.exists() and (entry := store.find("fits", key)):
            history = entry.read_facts(_FitFacts)["history"]
            if history["loss"]:  # estimators and finished systems have no epochs
                yield file, partial(draw_curves, history, row)


def draw_confusion(row: DoneRow, path: Path) -> None:
    """Rows are true classes, columns predicted ones; cells show the share of the true class, and the number of clips."""
    counts, classes = row["confusion"], list(map(escape_line, row["classes"]))
    figure = _make_figure(1.5 + 0.8 * len(classes), 1.7 + 0.7 * len(classes), row, row["labels"]["aggregator"])
    axes = figure.add_subplot()
    shares = [[count / max(1, sum(line)) for count in line] for line in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, line in enumerate(shares):
        for j, share in enumerate(line):
            color = "white" if share > 0.5 else "black"
            axes.text(j, i, f"{100 * share:.0f}%\n({counts[i][j]})", ha="center", va="center", color=color, fontsize=8)
    answers = [*classes, *map(escape_line, row["others"])]
    axes.set_xticks(range(len(answers)), answers, rotation=35, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel(f"predicted   (WAR {row['war']:.1%}, UAR {row['uar']:.1%})")
    axes.set_ylabel("true")
    save_png(figure, path)


def draw_curves(history: FitHistory, row: DoneRow, path: Path) -> None:
    """Plot loss and accuracy (of frames, or of clips if the backbone reads clips) over epochs; the chosen epoch is marked."""
    figure = _make_figure(8, 3.4, row)
    loss, accuracy = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    _plot_epochs(loss, history["loss"], history["validation_loss"], history["chosen_epoch"])
    loss.set_ylabel("loss")
    loss.set_ylim(bottom=0)
    _plot_epochs(accuracy, history["accuracy"], history["validation_accuracy"], history["chosen_epoch"])
    accuracy.set_ylabel("accuracy")
    accuracy.set_ylim(bottom=0, top=1.02)
    save_png(figure, path)


def _plot_epochs(axes: Axes, training: Sequence[float], validation: Sequence[float | None], chosen_epoch: int) -> None:
    epochs = range(1, len(training) + 1)
    marker = "o" if len(epochs) < MAX_MARKERS else None
    axes.plot(epochs, training, color=BLUE, marker=marker, markersize=3, label="training (dropout on)")
    axes.plot(
        epochs,
        [math.nan if value is None else value for value in validation],
        color=ORANGE,
        marker=marker,
        markersize=3,
        label="validation",
    )
    axes.axvline(chosen_epoch, color="gray", linestyle=":", label=f"chosen: epoch {chosen_epoch}")
    axes.set_xlabel("epoch")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)


def make_canvas(width: float, height: float, title: str) -> Figure:
    """An empty figure of this size in inches."""
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    return figure


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure; a file that is there is replaced at once, or not at all."""
    part = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        figure.savefig(part, format="png")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _make_figure(width: float, height: float, row: DoneRow, detail: str = "") -> Figure:
    title = " · ".join(filter(None, [row["labels"]["backbone"], row["labels"]["loss"], detail]))
    return make_canvas(width, height, escape_line(title) + ("\nREHEARSAL on stand-in corpora" if row["standin"] else ""))


def _join_labels(row: DoneRow, axes: Iterable[str]) -> str:
    """The labels of these axes as part of a file name, without those that determine the data."""
    labels = [row["labels"][axis] for axis in axes if not AXES[axis].in_data]
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", "-".join(labels))[:MAX_NAME_LENGTH]
