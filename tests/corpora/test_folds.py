"""Folds: what a protocol returns is checked, and every clip that it leaves out is counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import ferbench
from ferbench import Clip, FerbenchError, Fold, PluginError
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.fold_checks import check_folds, protocol_warnings
from ferbench.corpora.folds import split_clips
from ferbench.corpora.labels import label_map
from ferbench.store.entries import Store

# Persons a, b, c with two clips each.
CLIPS = [Clip(f"{person}{take}", person, label) for person in "abc" for take, label in ((1, "fear"), (2, "joy"))]
A, B, C = ("a1", "a2"), ("b1", "b2"), ("c1", "c2")


@pytest.mark.parametrize(
    "folds",
    [
        [Fold(A, B, C)],
        [Fold(A, (), B)],
        [Fold(A + B, (), C), Fold(B + C, (), A)],
        [Fold(("a1",), (), ("b2",))],
    ],
)
def test_good_folds(folds):
    check_folds(folds, CLIPS, Each())


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([Fold(("a1", "a1"), (), B)], "fold 0: clip 'a1' is listed twice in train"),
        ([Fold(A, (), ("x1",))], "fold 0: unknown clip 'x1' in test"),
        ([Fold(A, ("x1",), B)], "fold 0: unknown clip 'x1' in validation"),
        ([Fold(A, (), C), Fold(B, (), C)], "clip c1 is tested in two folds"),
        ([Fold((), A, B)], "fold 0: its train part is empty"),
        ([Fold(A, B, ())], "fold 0: its test part is empty"),
        ([], "no folds"),
    ],
)
def test_bad_folds(folds, message):
    with pytest.raises(PluginError, match=message) as caught:
        check_folds(folds, CLIPS, Each())
    assert caught.value.message.startswith("protocol each")


@dataclass(frozen=True)
class Each(ferbench.Protocol):
    """The first person trains, the others test; counts its calls in a file."""

    name = "each"
    log: str = ""

    def folds(self, clips):
        with Path(self.log).open("a") as file:
            file.write("x")
        first = clips[0].subject
        return [Fold(tuple(c.id for c in clips if c.subject == first), (), tuple(c.id for c in clips if c.subject != first))]


@pytest.fixture
def split(tmp_path):
    def call(clips=CLIPS, **parameters):
        corpus = Corpus("made-up", tmp_path, tuple(clips), {})
        protocol = Each(**{"classes": ("fear", "joy"), "log": str(tmp_path / "log"), **parameters})
        return split_clips(protocol, [corpus], Store(tmp_path / "runs", lambda _: None))

    return call


def test_split(split, tmp_path):
    for _ in range(2):
        parts = split()
        assert parts.folds == (Fold(A, (), B + C),)
        assert parts.people(parts.folds[0].test) == ["b", "c"]
        assert parts.other_classes == {}
    assert (tmp_path / "log").read_text() == "x"  # the second comes from the store


def test_other_classes_are_left_out_and_counted(split):
    parts = split(classes=("joy",))
    assert [clip.id for clip in parts.clips] == ["a2", "b2", "c2"]
    assert parts.other_classes == {"fear": 3}


def test_labels_are_renamed_first(split):
    parts = split(labels={"fear": "joy"})
    assert {clip.label for clip in parts.clips} == {"joy"}
    assert len(parts.clips) == 6


def test_changed_label_gives_new_folds(split, tmp_path):
    split()
    split([replace(CLIPS[0], label="joy"), *CLIPS[1:]])
    assert (tmp_path / "log").read_text() == "xx"


@pytest.mark.parametrize(
    ("clips", "parameters", "message"),
    [
        (CLIPS[:2], {}, "only one person, a, in made-up at"),
        (CLIPS, {"classes": ("bored",)}, "no clip has a class of the protocol each"),
        (CLIPS, {"classes": ("fear", "joy", "fear")}, "the class 'fear' is listed twice"),
    ],
)
def test_corpora_that_no_protocol_can_split(split, clips, parameters, message):
    with pytest.raises(FerbenchError, match=message):
        split(clips, **parameters)


@dataclass(frozen=True)
class Sparse(ferbench.Protocol):
    """Leaves out clip a1 altogether, and c2 of the second fold."""

    name = "sparse"

    def folds(self, clips):
        return [Fold(("a2",), B, C), Fold(("c1",), (), (*B, "a2"))]


def test_clips_in_no_part_of_a_fold_are_named(tmp_path):
    corpus = Corpus("made-up", tmp_path, tuple(CLIPS), {})
    parts = split_clips(Sparse(classes=("fear", "joy")), [corpus], Store(tmp_path / "runs", lambda _: None))
    assert parts.unassigned == {"in no part of any fold": ["a1"], "in no part of fold 1": ["c2"]}


@dataclass(frozen=True)
class ByPosition(ferbench.Protocol):
    """Tests the people at even positions, then those at odd ones."""

    name = "by-position"

    def folds(self, clips):
        people = sorted({clip.subject for clip in clips})
        parts = [tuple(clip.id for clip in clips if people.index(clip.subject) % 2 == parity) for parity in (0, 1)]
        return [Fold(parts[1], (), parts[0]), Fold(parts[0], (), parts[1])]


def split_by_position(tmp_path, clips, names_people=True, published=False, **parameters):
    """The split of two corpora with the same people, and the warnings about it."""
    corpora = [_corpus(name, tmp_path, clips, names_people) for name in ("one", "two")]
    protocol = type("Kind", (ByPosition,), {"follows_published_split": published})(classes=("fear", "joy"), **parameters)
    split = split_clips(protocol, corpora, Store(tmp_path / "runs", lambda _: None))
    return split, protocol_warnings(protocol, corpora, split.labels, split.folds)


def _corpus(name, tmp_path, clips, names_people):
    own = tuple(replace(clip, id=f"{name}/{clip.id}", subject=f"{name}/{clip.subject}") for clip in clips)
    return Corpus(name, tmp_path, own, {}, names_people=names_people)


ONLY_B = [Clip("b1", "b", "contempt"), *[clip for clip in CLIPS if clip.subject != "b"], Clip("a3", "a", "contempt")]


def test_classes_are_dropped_before_or_after_the_folds_are_made(tmp_path):
    before, warnings = split_by_position(tmp_path, ONLY_B)
    after, more = split_by_position(tmp_path, ONLY_B, drop_after_folding=("contempt",))
    assert [before.people(fold.test) for fold in before.folds] == [["one/a", "two/a"], ["one/c", "two/c"]]
    assert [after.people(fold.test) for fold in after.folds] == [["one/a", "one/c"], ["two/a", "two/c"]]  # one/b and two/b had positions
    assert before.clips == after.clips
    assert before.other_classes == after.other_classes == {"contempt": 4}
    assert before.unassigned == after.unassigned == {}
    assert warnings == more == []


def test_a_fold_of_nothing_but_dropped_classes_is_an_error(tmp_path):
    clips = [replace(clip, label="contempt") if clip.subject == "b" else clip for clip in CLIPS if clip.subject != "c"]
    corpus = Corpus("made-up", tmp_path, (*clips, Clip("c1", "c", "fear")), {})
    protocol = ByPosition(classes=("fear", "joy"), drop_after_folding=("contempt",))
    with pytest.raises(FerbenchError, match="without contempt, which drop_after_folding lists, fold 0 has no training clip") as caught:
        split_clips(protocol, [corpus], Store(tmp_path / "runs", lambda _: None))
    assert not isinstance(caught.value, PluginError)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"drop_after_folding": ("joy",)}, "the class 'joy' is listed twice in classes and drop_after_folding"),
        ({"labels": {"fear": "joy", "tow": {"fear": "joy"}}}, "labels has a map for tow, but the dataset holds one, two"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path, parameters, message):
    with pytest.raises(FerbenchError, match=message):
        split_by_position(tmp_path, CLIPS, **parameters)


def test_a_map_renames_the_labels_of_one_corpus(tmp_path):
    labels = {"fear": "joy", "two": {"fear": "fear", "joy": "fear"}}
    split, warnings = split_by_position(tmp_path, CLIPS, labels=labels)
    assert {clip.label for clip in split.clips if clip.id.startswith("one/")} == {"joy"}
    assert {clip.label for clip in split.clips if clip.id.startswith("two/")} == {"fear"}
    assert warnings == []
    assert label_map(ByPosition(labels=labels), "one") == {"fear": "joy"}
    assert label_map(ByPosition(labels=labels), "two") == {"fear": "fear", "joy": "fear"}


def test_names_that_rename_nothing_are_reported(tmp_path):
    clips = [*CLIPS, Clip("d1", "d", "bored")]
    labels = {"scared": "fear", "two": {"glad": "joy", "bored": "joy"}}
    _, warnings = split_by_position(tmp_path, clips, labels=labels, drop_after_folding=("contempt",))
    assert [warning.removeprefix("protocol by-position: ") for warning in warnings] == [
        "no clip of one + two has the class 'contempt'",
        "protocol.labels renames 'scared', which no clip of one + two has",
        "protocol.labels renames 'glad', which no clip of two has",
    ]


def test_a_class_that_is_never_tested_is_reported(tmp_path):
    corpus = Corpus("made-up", tmp_path, (*CLIPS, Clip("a3", "a", "awe")), {})
    protocol = Each(classes=("fear", "joy", "awe"), log=str(tmp_path / "log"))
    split = split_clips(protocol, [corpus], Store(tmp_path / "runs", lambda _: None))
    assert protocol_warnings(protocol, [corpus], split.labels, split.folds) == [
        "protocol each: the class 'awe' has training clips but no test clip, so UAR leaves it out"
    ]


def test_unknown_people_are_reported_unless_the_split_was_published(tmp_path):
    _, warnings = split_by_position(tmp_path, CLIPS, names_people=False)
    for name, warning in zip(("one", "two"), warnings, strict=True):
        assert warning.startswith(f"protocol by-position: the people of {name} are unknown: clips of one person may be in train and test")
    assert split_by_position(tmp_path, CLIPS, names_people=False, published=True)[1] == []
    assert split_by_position(tmp_path, CLIPS)[1] == []


def test_unknown_people_of_a_corpus_that_is_only_tested_are_in_no_two_parts(tmp_path):
    corpora = [_corpus("one", tmp_path, CLIPS, True), _corpus("two", tmp_path, CLIPS, False)]
    labels = {clip.id: clip.label for corpus in corpora for clip in corpus.clips}
    one, two = ([clip.id for clip in corpus.clips] for corpus in corpora)
    protocol = ByPosition(classes=("fear", "joy"))
    assert protocol_warnings(protocol, corpora, labels, [Fold(tuple(one), (), tuple(two))]) == []
    assert len(protocol_warnings(protocol, corpora, labels, [Fold((*one, two[0]), (), tuple(two[1:]))])) == 1
    assert len(protocol_warnings(protocol, corpora, labels, [Fold(tuple(one), (two[0],), tuple(two[1:]))])) == 1
