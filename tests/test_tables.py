"""Leaderboards, metrics and the checks of folds."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score

from ferbench import Clip, Fold, PluginError, folds, leaderboard
from ferbench.axes import AXES
from ferbench.metrics import metrics

CLASSES = ["anger", "fear", "joy"]


def row(backbone, uar, fingerprint="f1", status="done", standin=False, loss="cross_entropy & more"):
    labels = dict.fromkeys(AXES, "x") | {"backbone": backbone, "loss": loss}
    shared = {"key": backbone, "benchmark": "b", "labels": labels, "standin": standin, "fingerprint": fingerprint, "classes": CLASSES}
    if status == "failed":
        return {**shared, "status": status, "protocol": "p", "error": "Diverged", "message": "the loss is nan", "log": "logs/1.txt"}
    recall = {"anger": uar, "fear": None, "joy": uar}
    numbers = {"war": uar, "uar": uar, "macro_f1": uar, "recall": recall, "coverage": {"frames": 0.5, "clips": 1.0}, "epochs": [3, 5]}
    return {**shared, "status": status, "protocol": f"protocol {fingerprint}", **numbers, "seconds": {"fit": 2.0, "crops": 1.0}, "clips": 9}


def record(rows, published=()):
    return {"benchmark": "b", "axes": list(AXES), "rows": rows, "published": list(published), "failures": {}}


def paper(backbone, **values):
    none = {"accuracy": None, "war": None, "uar": None, "recall": {}}
    return {"match": {"backbone": backbone}, "source": "a paper", **none, **values}


def text(rec, width):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(leaderboard.show(rec, console))
    return console.file.getvalue()


def test_ranked_by_uar_best_marked_published_unranked():
    (board,) = leaderboard.boards(record([row("a", 0.5), row("c", 0.9)], [paper("a", accuracy=0.95), paper("c", uar=0.99)]))
    assert [(line.kind, line.cells["#"], line.cells["UAR"]) for line in board.lines] == [
        ("best", "1", "90.0"),
        ("published", "", "99.0"),
        ("measured", "2", "50.0"),
        ("published", "", "95.0?"),
    ]
    assert "? the source does not say whether WAR or UAR" in board.caption


def test_other_fingerprints_are_never_ranked_together():
    boards = leaderboard.boards(record([row("a", 0.5, "f1"), row("c", 0.9, "f2"), row("d", 0.4, "f1")]))
    assert [[line.cells["#"] for line in board.lines] for board in boards] == [["1", "2"], ["1"]]
    assert text(record([row("a", 0.5, "f1"), row("c", 0.9, "f2")]), 120).count("fingerprint") == 2


@pytest.mark.parametrize("width", [80, 120, 200])
def test_nothing_is_cut_at_any_width(width):
    rows = [row("resnet18_a_name", 0.612), row("vgg16", 0.5, loss="weighted-cross-entropy")]
    shown = text(record(rows, [paper("vgg16", war=0.755, recall={"fear": 0.31})]), width)
    for cell in ("resnet18_a_name", "cross_entropy & more", "weighted-cross-entropy", "61.2", "75.5", "published", "50", "3-5", "31"):
        assert cell in shown
    assert max(map(len, shown.splitlines())) <= width


def test_rehearsal_is_marked_everywhere():
    rec = record([row("a", 0.5, standin=True)])
    for shown in (text(rec, 80), leaderboard.as_markdown([rec]), leaderboard.as_latex([rec])):
        assert "REHEARSAL" in shown
    assert next(csv.DictReader(io.StringIO(leaderboard.as_csv([rec]))))["standin"] == "True"


def test_failed_rows_are_named_with_their_reason():
    shown = text(record([row("a", 0.5), row("c", 0, status="failed")]), 80)
    assert "Diverged: the loss is nan" in " ".join(shown.split())
    assert "logs/1.txt" in shown


def test_csv_keeps_every_row_and_figure():
    rows = list(csv.DictReader(io.StringIO(leaderboard.as_csv([record([row("a", 0.512345)], [paper("a", uar=0.9)])]))))
    assert [(r["kind"], float(r["uar"])) for r in rows] == [("measured", 0.512345), ("published", 0.9)]
    assert rows[0]["recall_fear"] == ""


def test_latex_is_escaped():
    shown = leaderboard.as_latex([record([row("a_b", 0.5), row("c%", 0.4)])])
    assert r"a\_b" in shown
    assert r"c\%" in shown
    assert r"cross\_entropy \& more" in shown


def test_metrics_against_scikit_learn():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    result = metrics(true, predicted, tuple(CLASSES))
    assert result["uar"] == pytest.approx(balanced_accuracy_score(true, predicted))
    assert result["war"] == pytest.approx(np.mean(true == predicted))
    assert np.sum(result["confusion"]) == 200
    assert result["recall"]["fear"] == pytest.approx(np.mean(predicted[true == 1] == 1))


def test_class_that_is_not_tested():
    result = metrics(np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2]), tuple(CLASSES))
    assert result["recall"] == {"anger": 0.5, "fear": None, "joy": 1.0}
    assert result["uar"] == 0.75


CLIPS = [Clip(f"{p}{n}", p, "anger") for p in "abcd" for n in range(2)]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([(("a0", "b0"), ("c0",), ("a1",))], "person 'a' is in train and in test"),
        ([(("a0", "a0"), (), ("b0",))], "clip 'a0' stands twice"),
        ([(("a0",), (), ("z9",))], "unknown clip 'z9' in test"),
        ([((), ("a0",), ("b0",))], "its train part is empty"),
        ([(("a0",), ("b0",), ())], "its test part is empty"),
        ([(("a0",), (), ("b0",)), (("c0",), (), ("b0",))], "clip b0 is tested in two folds"),
        ([], "no folds"),
    ],
)
def test_folds_are_checked_by_the_harness(parts, message):
    with pytest.raises(PluginError, match=message):
        folds.check([Fold(*p) for p in parts], CLIPS, "theirs")


def test_good_folds_pass():
    folds.check([Fold(("a0", "a1"), ("c0",), ("b0", "b1")), Fold(("b0", "b1"), ("c1",), ("a0", "a1"))], CLIPS, "ours")
