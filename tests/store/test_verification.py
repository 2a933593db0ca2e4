"""`store verify` tells damaged, unreadable and missing apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filled import Filled, key, write

from ferbench.api.errors import FerbenchError
from ferbench.cli.main import main
from ferbench.store.upkeep import delete_garbage
from ferbench.store.verification import Verification, verify_store


def verify(filled: Filled) -> Verification:
    return verify_store(filled.store, lambda done, total: None)


def states(filled: Filled) -> dict[str, str]:
    return {f"{problem.stage} {problem.name}": problem.state for problem in verify(filled).problems}


def test_intact_store(filled, capsys):
    before = filled.files()
    assert main(["store", "verify", "--store", str(filled.store.root)]) == 0
    assert capsys.readouterr() == ("25 entries: 0 damaged, 0 unreadable, 0 missing\n", "")
    assert filled.files() == before


@pytest.mark.parametrize("stage", ["rows", "crops", "features", "fits", "inputs", "folds", "index"])
@pytest.mark.parametrize("cut", [True, False])
def test_damaged_entry(filled, stage, cut):
    path = next((filled.store.root / stage).rglob("*.safetensors"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] if cut else content[:-1] + bytes([content[-1] ^ 1]))
    assert states(filled) == {f"{stage} {path.stem}": "damaged"}
    assert path.exists()  # only a run removes it


@pytest.mark.parametrize("place", ["benchmarks/toys.json", f"failures/{key('broken')}.json"])
def test_damaged_record_or_failure(filled, place):
    (filled.store.root / place).write_text("{bad")
    assert list(states(filled).values()) == ["damaged"]


@pytest.mark.parametrize("stage", ["rows", "crops", "fits", "checkpoints"])
def test_folder_in_place_of_an_entry_is_unreadable(filled, stage):
    path = filled.file(stage, "nobody's")
    path.mkdir(parents=True)
    assert list(states(filled).values()) == ["unreadable"]


def test_unreadable_entry_is_not_damaged(filled, monkeypatch):
    path, opened = filled.file("fits", "fit of one"), Path.open

    def open_other(self, *args, **kwargs):
        if self == path:
            raise OSError(5, "Input/output error", str(path))
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_other)
    assert states(filled) == {f"fits {path.stem}": "unreadable"}


def test_what_is_recomputed_when_needed_is_no_problem(filled, capsys):
    for stage, name in (
        ("crops", "crops of one"),
        ("features", "features of one"),
        ("features", "features of old"),
        ("fits", "fit of two"),
    ):
        filled.file(stage, name).unlink()
    assert main(["store", "verify", "--store", str(filled.store.root)]) == 0
    assert "recomputed when needed: 1 crops, 2 features, 1 fits" in capsys.readouterr().out


@pytest.mark.parametrize(("stage", "name"), [("rows", "one"), ("inputs", "inputs crops of one")])
def test_missing_rows_and_inputs(filled, stage, name):
    filled.file(stage, name).unlink()
    assert states(filled) == {f"{stage} {key(name)}": "missing"}


@pytest.mark.parametrize(
    ("stage", "name", "has_problem"),
    [("rows", "one", True), ("rows", "old", False), ("inputs", "inputs crops of old", True), ("fits", "fit of one", False)],
)
def test_gc_refuses_only_what_verify_names(filled, stage, name, has_problem):
    filled.file(stage, name).unlink()
    assert bool(verify(filled).problems) == has_problem
    if has_problem:
        with pytest.raises(FerbenchError):
            delete_garbage(filled.store)
    else:
        delete_garbage(filled.store)


def test_as_json(filled, capsys):
    path = filled.file("features", "features of one")
    path.write_bytes(b"")
    (filled.store.root / "mine.txt").write_text("")
    assert main(["store", "verify", "--format", "json", "--store", str(filled.store.root)]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["damaged"] == [{"stage": "features", "key": path.stem, "problem": f"its header cannot be read ({path})"}]
    assert (data["entries"], data["unreadable"], data["missing"], data["recomputed"]) == (25, [], [], {})
    assert [other["place"] for other in data["others"]] == ["mine.txt"]


def test_missing_store_is_an_error(tmp_path, capsys):
    for command in (["list"], ["verify"], ["gc"], ["gc", "--delete"], ["merge", str(tmp_path / "absent")]):
        assert main(["store", *command, "--store", str(tmp_path / "absent")]) == 2
        assert "there is no store at" in capsys.readouterr().err
    assert not (tmp_path / "absent").exists()


def test_entry_that_vanishes_meanwhile_is_no_problem(filled, monkeypatch):
    """A run replaces its checkpoints."""
    path = write(filled.store, "crops", "nobody's")
    from ferbench.store import verification

    listed = verification.list_contents
    monkeypatch.setattr(verification, "list_contents", lambda store: (listed(store), path.unlink())[0])
    assert states(filled) == {}
