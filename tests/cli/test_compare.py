"""compare and predictions: marks of rows, tables that cannot be pooled, rows that failed, and patterns."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from compared import NET, TREES, copy_rows, edit_rows, fail_rows, find_rows

from ferbench.report.answers import AnswerReader
from ferbench.store.entries import Store


def compare(ferbench, store, *arguments: str) -> dict:
    code, out, err = ferbench("compare", *arguments, "--format", "json", store=store)
    assert code == 0, err
    return json.loads(out)


def test_classes_are_those_of_the_clips_that_both_rows_answer(ferbench, copy):
    (row,) = find_rows(copy, backbone="trees", aggregator="mean")
    labels = np.array(AnswerReader(Store(copy)).read(row).tested["labels"])
    edit_rows(copy, [row], {}, clips=np.flatnonzero(labels != "dark"))
    for pair in ((NET, TREES), (TREES, NET)):
        classes = compare(ferbench, copy, *pair)["classes"]
        assert [(each["name"], each["clips"]) for each in classes] == [("light", 18), ("stripes", 18)]


def test_clips_that_moved_are_only_listed_if_asked_for(ferbench, finished):
    assert compare(ferbench, finished / "store", NET, TREES)["moved"] is None
    assert compare(ferbench, finished / "store", NET, TREES, "--clips")["moved"]


BANNER = "REHEARSAL on stand-in corpora"


def copy_as_rehearsal(store: Path, benchmark: str, fingerprint: str) -> list[str]:
    """Store the rows of a benchmark again, as those of a rehearsal; returns their keys."""
    return copy_rows(store, benchmark, {"standin": True, "fingerprint": fingerprint}, {"rehearsal": True})


def test_rehearsals_are_left_out_where_real_rows_match(ferbench, copy):
    keys = copy_as_rehearsal(copy, "toys", "f" * 32)
    assert compare(ferbench, copy, NET, TREES)["standin"] is False
    _, out, err = ferbench("compare", NET, TREES, store=copy)
    assert "B − A" in out
    assert BANNER not in out
    assert err == "warning: rows of rehearsals are left out, since real ones match too\n"
    code, out, err = ferbench("predictions", TREES, store=copy)
    assert code == 0
    assert "rehearsals are left out" in err
    last = next(row["key"] for row in find_rows(copy, backbone="trees", aggregator="mean") if row["key"] in keys)
    assert compare(ferbench, copy, last, NET)["standin"] is True
    assert ferbench("compare", last, NET, store=copy)[1].startswith(BANNER)
    assert json.loads(ferbench("predictions", last, "--format", "json", store=copy)[1])[0]["standin"] is True


def test_a_rehearsal_and_real_rows_are_not_compared(ferbench, copy):
    keys = copy_as_rehearsal(copy, "toys", "f" * 32)
    (row,) = find_rows(copy, backbone="trees", aggregator="mean")[:1]
    code, _, err = ferbench("compare", row["key"], keys[0], store=copy)
    assert code == 2
    assert "cannot be compared: real corpora → stand-in corpora" in err


def test_rehearsals_over_several_tables_are_marked(ferbench, tables_copy):
    edit_rows(tables_copy, find_rows(tables_copy), {"standin": True})
    across = compare(ferbench, tables_copy, NET, TREES)
    assert across["standin"] is True
    assert {each["standin"] for each in across["comparisons"]} == {True}
    assert ferbench("compare", NET, TREES, store=tables_copy)[1].startswith(BANNER)


def test_tables_of_stand_ins_and_of_real_corpora_are_not_pooled(ferbench, tables_copy):
    edit_rows(tables_copy, find_rows(tables_copy, "k3"), {"standin": True})
    code, out, err = ferbench("compare", NET, TREES, store=tables_copy)
    assert code == 0
    assert "A  k2: toy-net" in out
    assert "rehearsals are left out" in err
    edit_rows(tables_copy, find_rows(tables_copy, "k2", backbone="trees"), {"standin": True})  # no real row of trees is left
    code, _, err = ferbench("compare", NET, TREES, store=tables_copy)
    assert code == 2
    assert "these tables are of stand-in corpora (REHEARSAL): k3 · toy · kfold; these are not: k2 · toy · kfold" in err


LEAKS = "leaks allowed: person; not comparable with rows without them"


def test_leaks_are_marked(ferbench, copy):
    edit_rows(copy, find_rows(copy, aggregator="mean"), {"leaks": ["person"]})
    assert compare(ferbench, copy, NET, TREES)["leaks"] == ["person"]
    assert LEAKS in ferbench("compare", NET, TREES, store=copy)[1]
    lines = list(csv.DictReader(io.StringIO(ferbench("predictions", TREES, store=copy)[1])))
    assert {(line["leaks"], line["standin"]) for line in lines} == {("person", "False")}
    assert json.loads(ferbench("predictions", TREES, "--format", "json", store=copy)[1])[0]["leaks"] == "person"


def test_tables_with_leaks_are_not_pooled_with_clean_ones(ferbench, tables_copy):
    edit_rows(tables_copy, find_rows(tables_copy, "k2"), {"leaks": ["person"]})
    code, _, err = ferbench("compare", NET, TREES, store=tables_copy)
    assert code == 2
    assert "these tables are of rows with allowed leaks: k2 · toy · kfold;" in err
    edit_rows(tables_copy, find_rows(tables_copy, "k3"), {"leaks": ["clip"]})
    assert compare(ferbench, tables_copy, NET, TREES)["leaks"] == [["person"], ["clip"]]
    assert LEAKS.replace("person", "person, clip") in ferbench("compare", NET, TREES, store=tables_copy)[1]


def test_tables_that_test_the_same_people_are_not_pooled(ferbench, copy):
    other = {"fingerprint": "f" * 32, "labels": {**find_rows(copy)[0]["labels"], "aggregator": "mean", "preprocessing": "other"}}
    for backbone in ("toy-net", "trees"):
        rows = find_rows(copy, backbone=backbone, aggregator="majority", seed="0")
        edit_rows(copy, rows, {**other, "labels": {**other["labels"], "backbone": backbone}})
    code, _, err = ferbench("compare", NET, TREES, store=copy)
    assert code == 2
    (tables,) = re.findall("the tables (.*) test 9 of", err)
    assert set(tables.split(" and ")) == {"toys · toy · kfold · plain", "toys · toy · kfold · other"}
    assert "test 9 of the same people (toy/p00, toy/p01, toy/p02, ...)" in err
    edit_rows(copy, [row for row in find_rows(copy) if row["fingerprint"] == "f" * 32], {"people_known": False})
    assert "test 54 of the same clips (toy/p00/dark/take0, " in ferbench("compare", NET, TREES, store=copy)[2]


def test_tables_that_differ_in_nothing_shown_are_named_by_their_fingerprint(ferbench, copy):
    for backbone in ("toy-net", "trees"):
        (row,) = find_rows(copy, backbone=backbone, aggregator="majority", seed="0")
        edit_rows(copy, [row], {"fingerprint": "f" * 32, "labels": {**row["labels"], "aggregator": "mean"}})
    code, _, err = ferbench("compare", NET, TREES, store=copy)
    assert code == 2
    assert "toys · toy · kfold · plain · fingerprint ffffffffffff" in err


def test_two_parts_of_one_corpus_are_not_pooled(ferbench, tables_copy):
    rows = find_rows(tables_copy, "k2")
    edit_rows(tables_copy, find_rows(tables_copy, "k3"), {}, run={"identity": rows[0]["identity"]})
    code, _, err = ferbench("compare", NET, TREES, store=tables_copy)
    assert code == 2
    assert "the tables k2 · toy · kfold and k3 · toy · kfold test 1 of the same corpora (toy)" in err


def test_failed_seeds_are_counted(ferbench, copy):
    fail_rows(copy, find_rows(copy, backbone="toy-net", aggregator="mean", seed="1"))
    assert compare(ferbench, copy, NET, TREES)["failed_seeds"] == [1, 0]
    assert "A  toys: toy-net (1 of 2 seeds failed)" in ferbench("compare", NET, TREES, store=copy)[1]


def test_rows_that_failed_are_no_missing_rows(ferbench, copy):
    fail_rows(copy, find_rows(copy, backbone="trees"))
    code, _, err = ferbench("compare", NET, TREES, store=copy)
    assert code == 2
    assert "all rows that 'trees,mean' matches failed: toys: trees · default · cross-entropy · mean: RuntimeError: out of memory" in err


def add_table(store: Path) -> None:
    """A third table, of the same rows as k3."""
    copy_rows(store, "k3", {"benchmark": "k4"}, {"benchmark": "k4"})


@pytest.mark.parametrize(
    ("labels", "reason"),
    [({"backbone": "trees"}, f"{TREES!r} failed: RuntimeError: out of memory"), ({}, f"{NET!r} failed: RuntimeError: out of memory; ")],
)
def test_tables_in_which_a_row_failed_are_named(ferbench, tables_copy, labels, reason):
    add_table(tables_copy)
    fail_rows(tables_copy, find_rows(tables_copy, "k4", **labels))
    across = compare(ferbench, tables_copy, NET, TREES)
    assert across["tables"] == ["k2 · toy · kfold", "k3 · toy · kfold"]
    (left_out,) = across["left_out"]
    assert left_out["table"] == "k4 · toy · kfold"
    assert left_out["reason"].startswith(reason)
    assert f"left out: k4 · toy · kfold: {reason}" in ferbench("compare", NET, TREES, store=tables_copy)[1]


def test_tables_that_lack_a_row_are_named(ferbench, tables_copy):
    add_table(tables_copy)
    rows = find_rows(tables_copy, "k4", backbone="trees")
    edit_rows(tables_copy, rows, {"labels": {**rows[0]["labels"], "backbone": "forest"}})
    assert f"left out: k4 · toy · kfold: it has no row {TREES!r}" in ferbench("compare", NET, TREES, store=tables_copy)[1]


def test_rows_that_share_no_table(ferbench, tables_copy):
    fail_rows(tables_copy, find_rows(tables_copy, "k3", backbone="toy-net"))
    code, _, err = ferbench("compare", NET, TREES, TREES.replace("mean", "majority"), store=tables_copy)
    assert code == 2
    assert f"{NET!r} is on k2 · toy · kfold, k3 · toy · kfold (failed)" in err


def test_rows_of_two_stores_that_share_no_table(ferbench, tables_copy, finished):
    command = ("compare", NET, TREES, "majority,trees", "--other-store", str(finished / "store"))
    code, _, err = ferbench(*command, store=tables_copy)
    assert code == 2
    assert "no table holds all 3 rows" in err
    assert f"{NET!r} is in the store {tables_copy} on k2 · toy · kfold, k3 · toy · kfold" in err
    assert f"{TREES!r} is in the store {finished / 'store'} on toys · toy · kfold" in err


def test_labels_with_commas_and_equals_signs_are_whole_patterns(ferbench, copy):
    for backbone, loss in (("toy-net", "a, b"), ("trees", "lr=0.1")):
        for aggregator in ("mean", "majority"):
            rows = find_rows(copy, backbone=backbone, aggregator=aggregator)
            for row in rows:
                edit_rows(copy, [row], {"labels": {**row["labels"], "loss": loss}})
    expected = compare(ferbench, copy, NET, TREES)
    for first, second in (("a, b,mean", "lr=0.1,mean"), ("mean,loss=a, b", "mean,loss=lr=0.1"), ("loss=a*,mean", "lr=*,mean")):
        assert compare(ferbench, copy, first, second) == expected
    code, _, err = ferbench("compare", "a, c", "lr=0.1", store=copy)
    assert code == 2
    assert "labels are 'toy-net', 'default', 'a, b', '0'" in err
    assert err.count("'lr=0.1'") == 1
    assert "unknown axis 'lr'" in ferbench("compare", "lr=0.2", "mean", store=copy)[2]


def keep_people(store: Path, count: int) -> None:
    """Let the rows answer only the clips of the first people."""
    rows = find_rows(store)
    people = np.array(AnswerReader(Store(store)).read(rows[0]).tested["people"])
    edit_rows(store, rows, {}, clips=np.flatnonzero(np.isin(people, np.unique(people)[:count])))


def test_nothing_is_estimated_from_one_person(ferbench, copy):
    keep_people(copy, 1)
    out = ferbench("compare", NET, TREES, store=copy)[1]
    assert "Nothing can be estimated: at least two people are needed." in out
    assert "no number of people" not in out
    assert compare(ferbench, copy, NET, TREES)["needed"] is None


def test_no_interval_is_distrusted_that_is_not_printed(ferbench, copy):
    keep_people(copy, 4)
    out = ferbench("compare", NET, TREES, store=copy)[1]
    assert "(no interval: 4 people: an interval needs at least 5)" in out
    assert "Not separable at 5 %. If the observed difference" in out
    assert "trust the test" not in out


def test_equal_rows(ferbench, copy, finished):
    out = ferbench("compare", TREES, TREES, "--other-store", str(finished / "store"), store=copy)[1]
    assert "The two rows are equally good on these clips: no number of people like these would separate them." in out


def test_the_same_row_on_several_tables(ferbench, two_tables):
    code, _, err = ferbench("compare", TREES, "mean,trees", store=Path(two_tables))
    assert code == 2
    assert "'trees,mean' and 'mean,trees' name the same row: k2: trees" in err
