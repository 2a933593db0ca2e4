"""Folds: whatever a protocol returns, no person is in two parts, and every clip that it leaves out is counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import ferbench
from ferbench import Clip, FerbenchError, Fold, PluginError
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.fold_checks import check_folds
from ferbench.corpora.folds import split_clips
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
        ([Fold(A, B, ("c1", "a2"))], "fold 0: clip 'a2' is listed twice"),
        ([Fold(("a1",), B, ("c1", "a2"))], "fold 0: person 'a' is in train and in test"),
        ([Fold(("a1",), ("a2",), C)], "fold 0: person 'a' is in train and in validation"),
        ([Fold(A, ("b1",), ("b2",))], "fold 0: person 'b' is in validation and in test"),
        ([Fold(A, (), B), Fold(("a1",), (), ("a2",))], "fold 1: person 'a' is in train and in test"),
        ([Fold(("a1", "a1"), (), B)], "fold 0: clip 'a1' is listed twice"),
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
