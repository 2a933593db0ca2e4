"""Stand-ins: found by the name of their dataset, rendered whole or not at all, marked."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import ferbench
from ferbench import FerbenchError, PluginError
from ferbench.corpora.standins import (
    MARKER,
    describe_marker,
    describe_standin,
    find_standin,
    get_standin,
    render_standin,
    standin_folder,
    store_standin,
)
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec
from ferbench.store.entries import Store


@dataclass(frozen=True)
class Dots(ferbench.StandIn):
    """One file per person."""

    name = "dots"
    fail: bool = False

    def render(self, folder, people, seed, progress):
        for person in range(people):
            (folder / f"{person}.txt").write_text(str(seed))
            if self.fail:
                raise OSError(28, "No space left on device")
            progress(person + 1, people)


def test_a_stand_in_is_found_by_the_name_of_its_dataset(toy_plugin):
    catalog = load_plugins([toy_plugin])
    for name in ("toy", "ck+", "mug", "ised", "afew"):
        assert get_standin(catalog.build("dataset", Spec(name)), catalog).name == name
    with pytest.raises(FerbenchError, match="no plugin renders a stand-in for the corpus london"):
        get_standin(catalog.build("dataset", Spec("london")), catalog)


def test_every_stand_in_has_a_dataset():
    catalog = load_plugins()
    assert {entry.name for entry in catalog.entries_of("stand-in")} <= {entry.name for entry in catalog.entries_of("dataset")}


def test_rendered_files_lie_beside_the_marker(tmp_path):
    calls = []
    render_standin(Dots(), tmp_path / "new", 2, 7, lambda *call: calls.append(call))
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["0.txt", "1.txt", MARKER]
    assert calls == [(1, 2), (2, 2)]
    assert describe_marker(tmp_path / "new" / MARKER) == describe_standin(Dots(), 2, 7) == "stand-in of dots, 2 people, seed 7"


@pytest.mark.parametrize("place", ["new", "new/deeper/still", "link", "many/7", "mixed/7"])
def test_clips_of_a_stand_in_are_found_out_wherever_they_are(tmp_path, place, monkeypatch):
    monkeypatch.setattr("ferbench.corpora.standins.MAX_SIBLINGS", 4)
    render_standin(Dots(), tmp_path / "new", 2, 7, lambda *_: None)
    (tmp_path / "link").symlink_to(tmp_path / "new")
    (tmp_path / "many").symlink_to(tmp_path / "new")
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "7").symlink_to(tmp_path / "new")
    (tmp_path / "real").mkdir()
    real = [tmp_path / "real" / str(number) for number in range(9)]
    siblings = [tmp_path / place.partition("/")[0] / str(number) for number in range(9)]
    assert find_standin([*map(str, [*real, tmp_path / place])]) == "stand-in of dots, 2 people, seed 7"
    if "7" in place:
        assert find_standin([*map(str, siblings)]) == "stand-in of dots, 2 people, seed 7"
    assert find_standin([*map(str, real)]) == ""
    monkeypatch.chdir(tmp_path / "new")
    assert find_standin(["deeper"]) == "stand-in of dots, 2 people, seed 7"


@pytest.mark.parametrize("content", ["", "{", '{"people": 3}', None])
def test_a_marker_that_cannot_be_read_marks_too(tmp_path, content):
    if content is None:
        (tmp_path / MARKER).mkdir()
    else:
        (tmp_path / MARKER).write_text(content)
    assert find_standin([str(tmp_path)]) == f"stand-in, whose marker {tmp_path / MARKER} cannot be read"


def test_links_in_a_circle_end(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert find_standin([str(tmp_path / "a")]) == ""


def test_a_rendering_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(PluginError, match="stand-in dots: render failed: OSError"):
        render_standin(Dots(fail=True), tmp_path / "new", 2, 0, lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    leftover = tmp_path / ".new-0123abcd.part"
    leftover.mkdir()
    (leftover / "0.txt").write_text("half a file")
    render_standin(Dots(), tmp_path / "new", 1, 0, lambda *_: None)
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FerbenchError, match="is not empty"):
        render_standin(Dots(), tmp_path, 1, 0, lambda *_: None)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_the_store_renders_once(tmp_path):
    store, calls = Store(tmp_path / "runs"), []
    folder = store_standin(Dots(), 2, 0, store, lambda *call: calls.append(call))
    assert store_standin(Dots(), 2, 0, store, lambda *call: calls.append(call)) == folder == standin_folder(Dots(), 2, 0, store)
    assert len(calls) == 2
    assert len({standin_folder(Dots(), people, seed, store) for people in (1, 2) for seed in (0, 1)}) == 4
