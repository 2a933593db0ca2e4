"""Figures of rows with labels that are hard to draw."""

from __future__ import annotations

import cv2
import pytest
from matplotlib import rc_context

from ferbench.report import figures
from ferbench.report.figures import draw_figures
from ferbench.store.entries import Store
from ferbench.store.records import figures_folder


def row(number, backbone="net", classes=("a", "b")):
    labels = dict.fromkeys(figures.AXES, "x") | {"backbone": backbone}
    shared = {"status": "done", "labels": labels, "classes": list(classes), "standin": False, "war": 0.5, "uar": 0.5}
    return {**shared, "key": f"{number:032x}"[::-1], "confusion": [[1, 0], [0, 1]], "others": [], "fits": []}


@pytest.fixture
def draw(tmp_path):
    """Draw the figures of rows; returns the problems and the pictures."""

    def draw_rows(*rows):
        record = {"benchmark": "made-up", "rehearsal": False, "rows": list(rows)}
        store = Store(tmp_path / "store", print)
        problems = draw_figures(record, store)
        return problems, [cv2.imread(str(file)) for file in sorted(figures_folder(record, store).iterdir())]

    return draw_rows


@pytest.mark.parametrize("label", [r"$\frac{1$", "$x$", "a\x1b[31m\x00", "\udcff", "$", "{"])
def test_labels_are_drawn_as_they_are_written(draw, label):
    """`$` used to begin a formula, and the error of an invalid one stopped all further figures."""
    problems, pictures = draw(row(1, label, (label, "b")), row(2))
    assert problems == []
    assert len(pictures) == 2


def test_labels_never_reach_latex(draw):
    with rc_context({"text.usetex": True}):
        problems, _ = draw(row(1, r"\input{/etc/passwd}"))
    assert problems == []


def test_a_figure_that_cannot_be_drawn_stops_no_other(draw):
    problems, pictures = draw(row(1) | {"confusion": "?"}, row(2), row(3) | {"war": None})
    assert len(pictures) == 1
    assert [problem.partition(": ")[2].partition(":")[0] for problem in problems] == ["TypeError", "TypeError"]
    assert "confusion-" in problems[0]
