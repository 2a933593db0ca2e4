"""What the doctor concludes from the figures that a dataset declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
import pytest

import ferbench
from ferbench import Clip, Fact, FerbenchError, Official, Skipped, StandardProtocol
from ferbench.corpora.doctor import diagnose
from ferbench.corpora.index import index_corpus
from ferbench.corpora.pictures import look_at_pictures
from ferbench.registry.catalog import Catalog
from ferbench.registry.contracts import KINDS, find_contract_problem
from ferbench.registry.plugins import load_plugins
from ferbench.store.entries import Store

SOURCE = "made by the tests"
FOLDS = {"k": 2, "validation": 0, "classes": ["fear", "joy"]}
HALVES = StandardProtocol("halves", "modulo", FOLDS, clips=Fact(4, SOURCE), tests=Fact((2, 2), SOURCE), by_position=True)
PEOPLE = ("ann", "bob", "cas", "dan")


@dataclass(frozen=True)
class Listed(ferbench.Dataset):
    """Yields what the test lists."""

    name = "listed"
    classes = ("fear", "joy")
    citation = license = access = SOURCE
    folders = ("listed",)
    items: tuple = ()

    def clips(self) -> Iterator[Clip | Skipped]:
        yield from self.items


@pytest.fixture
def examine(tmp_path):
    """The diagnosis of a corpus of one clip per person and label, with these official figures."""

    def run(official, *people, labels=("fear",)):
        class Declared(Listed):
            pass

        Declared.official = official
        picture = tmp_path / "0.png"
        cv2.imwrite(str(picture), np.zeros((8, 9), np.uint8))
        clips = tuple(Clip(f"{person}-{label}", person, label, images=(picture,)) for person in people for label in labels)
        store = Store(tmp_path / "runs")
        dataset = Declared(str(tmp_path), items=clips)
        return diagnose(dataset, index_corpus(dataset, store), load_plugins(), store)

    return run


def verdicts(diagnosis):
    return [report.verdict for report in diagnosis.protocols]


def test_equal_folds(examine):
    diagnosis = examine(Official(protocols=(HALVES,)), *PEOPLE)
    assert verdicts(diagnosis) == ["equal"]
    assert not diagnosis.folds_differ


def test_recalled_figures_decide_nothing(examine):
    recalled = replace(HALVES, clips=Fact(9, SOURCE, recalled=True), tests=Fact((5, 4), SOURCE, recalled=True))
    official = Official(people=Fact(9, SOURCE, recalled=True), labels=Fact({"fear": 9}, SOURCE, recalled=True), protocols=(recalled,))
    diagnosis = examine(official, *PEOPLE)
    assert verdicts(diagnosis) == ["unknown"]
    assert not diagnosis.folds_differ
    assert [(figure.name, figure.status, figure.recalled) for figure in diagnosis.figures] == [
        ("people", "differs", True), ("clips", "unknown", False), ("clips of fear", "differs", True),
    ]  # fmt: skip
    checked = replace(recalled, clips=Fact(9, SOURCE))
    assert examine(replace(official, protocols=(checked,)), *PEOPLE).folds_differ


def test_counts_can_deviate_without_standard_folds(examine):
    diagnosis = examine(Official(people=Fact(9, SOURCE), names=Fact(("ann", "eve"), SOURCE)), *PEOPLE)
    assert not diagnosis.folds_differ
    assert diagnosis.figures[0].is_wrong
    assert diagnosis.missing == ("eve",)


def test_a_label_that_should_not_exist(examine):
    diagnosis = examine(Official(labels=Fact({"fear": 4}, SOURCE), protocols=(HALVES,)), *PEOPLE, labels=("fear", "joy"))
    figures = {figure.name: figure for figure in diagnosis.figures}
    assert (figures["clips of joy"].found, figures["clips of joy"].official, figures["clips of joy"].affects) == (4, 0, ("halves",))


def test_labels_that_the_protocol_renames(examine):
    renaming = replace(HALVES, parameters={"k": 2, "validation": 0, "classes": ["dread"], "labels": {"fear": "dread"}})
    diagnosis = examine(Official(labels=Fact({"fear": 5, "joy": 1}, SOURCE), protocols=(renaming,)), *PEOPLE)
    figures = {figure.name: (figure.found, figure.official) for figure in diagnosis.protocols[0].figures}
    assert figures["clips of dread"] == (4, 5)
    assert "clips of joy" not in figures


@pytest.mark.parametrize("by_position", [True, False])
def test_places_are_sought_only_if_order_decides(examine, by_position):
    standard = replace(HALVES, clips=Fact(4, SOURCE), people=Fact(4, SOURCE), by_position=by_position)
    official = Official(labels=Fact({"fear": 4}, SOURCE), protocols=(standard,))
    (report,) = examine(official, "ann", "bob", "dan").protocols
    assert report.verdict == "differ"
    everywhere = [("", "ann", ("ann", "bob", "dan")), ("ann", "bob", ("bob", "dan")), ("bob", "dan", ("dan",)), ("dan", "", ())]
    assert [(place.after, place.before, place.moved) for place in report.places] == (everywhere if by_position else [])


def test_no_place_is_sought_from_figures_that_are_not_verified_or_without_dropped_clips(examine):
    standard = replace(HALVES, clips=Fact(4, SOURCE), people=Fact(4, SOURCE, recalled=True))
    official = Official(labels=Fact({"fear": 4}, SOURCE), protocols=(standard,))
    assert examine(official, "ann", "bob", "dan").protocols[0].places == ()
    dropping = replace(HALVES, parameters={**HALVES.parameters, "drop_after_folding": ["joy"]}, people=Fact(4, SOURCE))
    official = Official(labels=Fact({"fear": 4}, SOURCE), protocols=(dropping,))
    assert examine(official, "ann", "bob", "dan").protocols[0].places == ()


def test_a_protocol_of_no_plugin_is_an_error(examine):
    with pytest.raises(FerbenchError, match="unknown protocol 'modulos'; did you mean 'modulo'"):
        examine(Official(protocols=(replace(HALVES, name="modulos"),)), *PEOPLE)


def test_figures_without_a_source_are_refused():
    with pytest.raises(TypeError, match=r"people of Official is 5: expected ferbench\.Fact\(figure, source\)"):
        Official(people=5)
    with pytest.raises(TypeError, match="tests of StandardProtocol"):
        StandardProtocol("halves", "modulo", FOLDS, tests=(2, 2))


def test_official_figures_are_optional_and_of_their_class():
    class Wrong(Listed):
        official: ClassVar = {"people": 5}

    assert find_contract_problem(KINDS["dataset"], Listed) == ""
    assert find_contract_problem(KINDS["dataset"], Wrong) == "has `official` {'people': 5}: expected a ferbench.Official"
    with pytest.raises(ferbench.PluginError, match=r"expected a ferbench\.Official"):
        Catalog().add("dataset", Wrong, "mine", "here:1")


def test_first_frames_of_images_and_videos(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "b.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30000 / 1001, (32, 24))
    writer.write(np.zeros((24, 32, 3), np.uint8))
    writer.release()
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 9), np.uint8))
    (tmp_path / "junk.avi").write_bytes(b"no video" * 50)
    clips = [
        Clip("a", "ann", "fear", images=(tmp_path / "a.png",)),
        Clip("b", "bob", "fear", video=tmp_path / "b.avi"),
        Clip("c", "cas", "fear", images=(tmp_path / "gone.png", tmp_path / "a.png")),
        Clip("d", "dan", "fear", video=tmp_path / "junk.avi"),
    ]
    calls = []
    pictures = look_at_pictures(clips, lambda done, total: calls.append((done, total)))
    assert pictures.sizes == {(9, 8): 1, (32, 24): 1}
    assert pictures.rates == {29.97: 1}
    assert pictures.unreadable == [
        "c (gone.png: No such file or directory)", "d (junk.avi: OpenCV cannot decode it as a video)",
    ]  # fmt: skip
    assert calls == [(4, 4)]


def test_frame_rates_are_compared_with_a_tolerance(examine, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "b.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (32, 24))
    writer.write(np.zeros((24, 32, 3), np.uint8))
    writer.release()
    store = Store(tmp_path / "runs")

    def status(*rates):
        class Declared(Listed):
            official = Official(rates=Fact(rates, SOURCE), sizes=Fact(((9, 8),), SOURCE))

        dataset = Declared(str(tmp_path), items=(Clip("b", "bob", "fear", video=tmp_path / "b.avi"),))
        diagnosis = diagnose(dataset, index_corpus(dataset, store), load_plugins(), store)
        assert diagnosis.sizes.status == "differs"
        return diagnosis.rates.status

    assert (status(25.01), status(30.0, 25.0), status(29.97)) == ("equal", "equal", "differs")
