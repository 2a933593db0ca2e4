"""compare and predictions: marks of rows, tables that cannot be pooled, rows that failed, and patterns."""

from __future__ import annotations

import json

import numpy as np
from compared import NET, TREES, edit_rows, find_rows

from ferbench.report.answers import AnswerReader
from ferbench.store.entries import Store


def compare(ferbench, store, *arguments: str) -> dict:
    code, out, err = ferbench("compare", *arguments, "--format", "json", store=store)
    assert code == 0, err
    return json.loads(out)


def test_classes_are_those_of_the_clips_that_both_rows_answer(ferbench, copy):
    (row,) = find_rows(copy, backbone="trees", aggregator="mean")
    labels = np.array(AnswerReader(Store(copy)).read(row).tested["labels"])
    edit_rows(copy, [row], {}, np.flatnonzero(labels != "dark"))
    for pair in ((NET, TREES), (TREES, NET)):
        classes = compare(ferbench, copy, *pair)["classes"]
        assert [(each["name"], each["clips"]) for each in classes] == [("light", 18), ("stripes", 18)]


def test_clips_that_moved_are_only_listed_if_asked_for(ferbench, finished):
    assert compare(ferbench, finished / "store", NET, TREES)["moved"] is None
    assert compare(ferbench, finished / "store", NET, TREES, "--clips")["moved"]
