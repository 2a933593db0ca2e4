"""`store merge`: takes what is intact, and names what differs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from filled import Filled, key, write

from ferbench import FerbenchError
from ferbench.cli.main import main
from ferbench.store import files
from ferbench.store.entries import Store
from ferbench.store.merge import Difference, Merge, merge_store
from ferbench.store.records import load_failures, load_records, stored_records
from ferbench.store.upkeep import survey_store
from ferbench.store.verification import verify_store


@pytest.fixture
def other(tmp_path):
    """Another store, whose row `two` is the same and whose fit of `one` differs."""
    other = Filled(Store(tmp_path / "other"))
    other.add_row("one", seed=1)
    other.add_benchmark("more", ["two", "three"], ["bad"])
    other.age(hours=1)
    return other


def merge(filled: Filled, other: Filled) -> Merge:
    return merge_store(filled.store, other.store, lambda done, total: None)


def is_intact(filled: Filled) -> bool:
    return not verify_store(filled.store, lambda done, total: None).problems


def test_takes_what_is_lacking_and_keeps_its_own(filled, other):
    before = {path: path.read_bytes() for path in filled.store.root.rglob("*") if path.is_file()}
    theirs = other.files()
    result = merge(filled, other)
    assert dict(result.taken) == {
        "index": 1, "inputs": 2, "crops": 1, "features": 1, "fits": 1, "rows": 1, "failures": 1, "records": 1,
    }  # fmt: skip
    assert [(each.stage, each.key) for each in result.differences] == [
        (stage, key(name)) for stage, name in (("crops", "crops of one"), ("features", "features of one"), ("fits", "fit of one"))
    ]
    assert {path: path.read_bytes() for path in before} == before
    assert is_intact(filled)
    assert other.files() == theirs
    assert survey_store(filled.store).garbage == []


def test_difference_states_both_digests(filled, other):
    difference = merge(filled, other).differences[-1]
    ours, theirs = (each.store.find("fits", key("fit of one")).digest for each in (filled, other))
    assert difference == Difference("fits", key("fit of one"), ours, theirs)


def test_same_results_of_other_runs_do_not_differ(filled, other):
    """Seconds and provenance are not part of a result."""
    ours, theirs = (each.file("rows", "two") for each in (filled, other))
    assert ours.read_bytes() != theirs.read_bytes()
    result = merge(filled, other)
    assert result.kept["rows"] == 2
    assert not [each for each in result.differences if each.key == key("two")]


@pytest.mark.parametrize("has_links", [True, False])
def test_entries_are_linked_or_copied(filled, other, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr(files.os, "link", lambda *_: (_ for _ in ()).throw(OSError(18, "Invalid cross-device link")))
    merge(filled, other)
    assert filled.file("fits", "fit of three").samefile(other.file("fits", "fit of three")) == has_links
    assert is_intact(filled)
    assert not list((filled.store.root / "partial").iterdir())


def test_damaged_and_unreadable_entries_are_not_taken(filled, other):
    damaged, unreadable = other.file("crops", "crops of three"), other.file("features", "features of three")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    unreadable.unlink()
    unreadable.mkdir()
    result = merge(filled, other)
    assert [(problem.stage, problem.state) for problem in result.problems] == [("features", "unreadable"), ("crops", "damaged")]
    assert not filled.store.has("crops", key("crops of three"))
    assert is_intact(filled)


def test_damaged_entry_here_is_replaced(filled, other, warnings):
    path = filled.file("fits", "fit of one")
    path.write_bytes(path.read_bytes()[:-1])
    result = merge_store(Store(filled.store.root, warnings.append), other.store, lambda done, total: None)
    assert result.taken["fits"] == 2
    assert "is damaged" in warnings[0]
    assert is_intact(filled)


def test_damaged_entry_there_does_not_differ(filled, other):
    path = other.file("fits", "fit of one")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    result = merge(filled, other)
    assert "fits" not in [each.stage for each in result.differences]
    assert [problem.stage for problem in result.problems] == ["fits"]


def test_newer_record_is_kept(filled, other, tmp_path):
    other.add_benchmark("toys", ["one"])
    toys = other.store.root / "benchmarks/toys.json"
    os.utime(toys, (time.time() - 60,) * 2)
    assert merge(filled, other).replaced == ["benchmarks/toys"]
    [record] = load_records(filled.store, "toys")
    assert [row["key"] for row in record["rows"]] == [key("one")]
    os.utime(toys, (time.time() - 9000,) * 2)
    toys.write_text(toys.read_text().replace('"description": ""', '"description": "another"'))
    os.utime(toys, (time.time() - 9000,) * 2)
    again = merge(filled, other)
    assert (again.older, again.replaced) == (["benchmarks/toys"], [])
    assert load_records(filled.store, "toys")[0]["description"] == ""


def test_failures_come_with_their_logs(filled, other):
    merge(filled, other)
    log = filled.store.root / f"logs/{key('bad')}.txt"
    assert log.read_text() == "Traceback"
    assert load_failures([key("bad")], filled.store)[key("bad")]["log"] == str(log)
    [record] = load_records(filled.store, "more")
    assert record["rows"][-1]["log"] == str(log)


def test_failure_of_a_row_that_is_stored_is_not_taken(filled, other):
    other.add_failure("one")
    merge(filled, other)
    assert load_failures([key("one")], filled.store) == {}


def test_record_whose_rows_are_damaged_is_not_taken(filled, other):
    other.file("rows", "three").write_bytes(b"")
    result = merge(filled, other)
    assert [(problem.stage, problem.state) for problem in result.problems] == [("rows", "damaged"), ("records", "missing")]
    assert "1 of its 3 rows are in neither store" in str(result.problems[-1])
    assert is_intact(filled)


@pytest.mark.parametrize("number", range(0, 12, 2))
def test_interrupted_merge_lacks_nothing_and_can_be_repeated(filled, other, monkeypatch, number):
    adopted, done = Store.adopt, []

    def adopt(self, *args):
        if len(done) == number:
            raise KeyboardInterrupt
        done.append(args)
        adopted(self, *args)

    monkeypatch.setattr(Store, "adopt", adopt)
    try:
        merge(filled, other)
    except KeyboardInterrupt:
        assert is_intact(filled)
        monkeypatch.undo()
        merge(filled, other)
    assert is_intact(filled)
    assert filled.store.has("rows", key("three"))


def test_merge_into_a_new_store(other, tmp_path):
    new = Filled(Store(tmp_path / "new"))
    assert not merge(new, other).differences
    assert is_intact(new)
    assert new.files() == {*other.files(), "ferbench-store.json"}


def test_store_is_not_merged_into_itself(filled, tmp_path):
    (tmp_path / "link").symlink_to(filled.store.root)
    with pytest.raises(FerbenchError, match="is the store itself"):
        merge(filled, Filled(Store(tmp_path / "link")))


def test_merge_waits_until_the_gc_of_the_other_store_ends(filled, other):
    def stop(text):
        raise KeyboardInterrupt(text)

    with other.store.exclude_others(), pytest.raises(KeyboardInterrupt, match="waiting for `ferbench store gc`"):
        merge_store(filled.store, Store(other.store.root, stop), lambda done, total: None)


def test_command(filled, other, capsys):
    arguments = ["store", "merge", str(other.store.root), "--store", str(filled.store.root)]
    assert main(arguments) == 1
    output = capsys.readouterr().out
    assert f"fits {key('fit of one')} differs: " in output
    assert "taken: 1 index, 2 inputs, 1 crops, 1 features, 1 fits, 1 rows, 1 failures, 1 records; in both: " in output
    assert main([*arguments, "--format", "json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["taken"], data["replaced"], len(data["differences"])) == ({}, [], 3)
    assert Path(filled.store.root / "benchmarks/more.json").exists()


def test_folder_that_is_no_store_is_refused(filled, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"")
    assert main(["store", "merge", str(tmp_path / "photos"), "--store", str(filled.store.root)]) == 2
    assert "is not a store" in capsys.readouterr().err


def test_entry_under_the_key_of_another_is_damaged(filled, other):
    path = other.file("fits", "nobody's")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(other.file("fits", "fit of three").read_bytes())
    write(other.store, "crops", "more")
    [problem] = merge(filled, other).problems
    assert (problem.stage, problem.name, problem.state) == ("fits", key("nobody's"), "damaged")


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2] + b"xy")


def test_a_damaged_entry_is_replaced_by_the_intact_one_of_the_other_store(filled, other, warnings):
    """Their headers agree, so that only the arrays show it."""
    damage(filled.file("fits", "fit of two"))
    result = merge(filled, other)
    assert result.taken["fits"] == 2
    assert "is damaged" in warnings[0]
    assert is_intact(filled)


def test_a_damaged_entry_of_the_other_store_is_named_even_if_this_one_has_it(filled, other):
    damage(other.file("fits", "fit of two"))
    assert [(problem.stage, problem.state) for problem in merge(filled, other).problems] == [("fits", "damaged")]


def test_the_record_of_a_benchmark_that_ran_again_is_the_newer_one(filled, tmp_path):
    """A run that computes nothing leaves an equal record."""
    other = Filled(Store(tmp_path / "other"))
    other.add_benchmark("toys", ["one"])
    other.age(hours=1)
    assert stored_records(filled.store)[0]["rows"] != stored_records(other.store)[0]["rows"]
    filled.add_benchmark("toys", ["one", "two"], ["broken"])
    before = stored_records(filled.store)
    result = merge(filled, other)
    assert (result.older, result.replaced) == (["benchmarks/toys"], [])
    assert stored_records(filled.store) == before
