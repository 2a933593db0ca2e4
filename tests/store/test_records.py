"""Records: one for each benchmark's last run, and another for its last rehearsal."""

from __future__ import annotations

import json

import pytest

from ferbench import FerbenchError
from ferbench.store.entry_format import Content
from ferbench.store.records import figures_folder, load_records, record_file, save_record


def record(benchmark: str, rehearsal: bool = False, rows: list[str] | None = None) -> dict:
    described = {"benchmark": benchmark, "rehearsal": rehearsal, "description": ""}
    return {**described, "rows": rows or [], "failures": {}, "published": [], "corpora": []}


def names(records: list[dict]) -> list[tuple[str, bool]]:
    return [(each["benchmark"], each["rehearsal"]) for each in records]


def test_rehearsal_and_a_benchmark_of_that_name_have_records_of_their_own(store):
    """The record of the benchmark x-rehearsal used to replace that of a rehearsal of x."""
    both = [save_record(record("x", rehearsal=True), store), save_record(record("x-rehearsal"), store)]
    assert names(load_records(store)) == [("x", True), ("x-rehearsal", False)]
    assert names(load_records(store, "x")) == [("x", True)]
    assert len({record_file(each, store) for each in both}) == len({figures_folder(each, store) for each in both}) == 2


def test_real_record_comes_before_the_rehearsal(store):
    save_record(record("x", rehearsal=True), store)
    save_record(record("x"), store)
    assert names(load_records(store, "x")) == [("x", False), ("x", True)]


def test_last_run_replaces_the_record(store):
    save_record(record("x") | {"description": "first"}, store)
    save_record(record("x") | {"description": "second"}, store)
    assert [each["description"] for each in load_records(store)] == ["second"]


def test_lost_rows_are_counted(store, warnings):
    assert save_record(record("x", rows=["a" * 32, "b" * 32]), store)["rows"] == []
    assert warnings == ["2 of 2 rows of x are no longer in the store: run the benchmark again"]


@pytest.mark.parametrize(("benchmark", "message"), [("", "no benchmark has been run"), ("x", "no benchmark has been run")])
def test_empty_store(store, benchmark, message):
    with pytest.raises(FerbenchError, match=message):
        load_records(store, benchmark)


def test_unknown_benchmark(store):
    save_record(record("x"), store)
    with pytest.raises(FerbenchError, match="no benchmark 'y' in the store") as error:
        load_records(store, "y")
    assert "stored: x" in error.value.hint


def test_record_of_another_version_is_ignored_with_a_warning(store, warnings):
    save_record(record("x"), store)
    save_record(record("y"), store)
    (store.root / "benchmarks/x.json").write_text(json.dumps({"benchmark": "x"}))
    assert names(load_records(store)) == [("y", False)]
    assert len(warnings) == 1


def test_row_of_another_version_is_counted_and_named(store, warnings):
    """It used to end the command, and so hid all other benchmarks."""
    store.write("rows", "a" * 32, Content, facts={"status": "done", "war": 0.5}, run={"seconds": {}, "provenance": []})
    (loaded,) = [save_record(record("x", rows=["a" * 32, "b" * 32]), store)]
    assert loaded["rows"] == []
    assert warnings == [
        "1 of 2 rows of x are no longer in the store: run the benchmark again",
        "1 of 2 rows of x were written by another version of ferbench: run the benchmark again",
    ]
