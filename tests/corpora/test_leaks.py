"""Leaks that are known before a frame is decoded: who and what is in two parts of a fold, and corpora that are one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferbench import Clip, Fold
from ferbench.corpora.corpus import EMPTY, Corpus
from ferbench.corpora.folds import Split
from ferbench.corpora.leaks import find_leaks

# People a, b, c with two clips of two pictures each.
CLIPS = tuple(
    Clip(f"{person}{take}", person, label, (Path("0.png"), Path("1.png"))) for person in "abc" for take, label in ((1, "fear"), (2, "joy"))
)
FILES = {clip.id: (f"{clip.id}-0", f"{clip.id}-1") for clip in CLIPS}
A, B, C = ("a1", "a2"), ("b1", "b2"), ("c1", "c2")


def leaks(*folds: Fold, files: dict | None = None, corpora: list[Corpus] | None = None, is_trained: bool = True) -> dict[str, object]:
    corpora = corpora or [Corpus("m", Path("m"), CLIPS, {**FILES, **(files or {})})]
    split = Split("key", tuple(clip for corpus in corpora for clip in corpus.clips), folds, {})
    return {leak.guard: leak for leak in find_leaks(split, corpora, is_trained)}


@pytest.mark.parametrize("folds", [[Fold(A, B, C)], [Fold(A, (), B)], [Fold(A + B, (), C), Fold(B + C, (), A)]])
def test_folds_of_people_do_not_leak(folds):
    assert leaks(*folds) == {}


@pytest.mark.parametrize(
    ("folds", "place", "example"),
    [
        ([Fold(("a1", *B), (), ("a2", *C))], "fold 0", "a in train (a1) and in test (a2)"),
        ([Fold(("a1", *B), ("a2",), C)], "fold 0", "a in train (a1) and in validation (a2)"),
        ([Fold(A, ("b1",), ("b2", *C))], "fold 0", "b in validation (b1) and in test (b2)"),
        ([Fold(A, (), B), Fold(("a1", *B), (), ("a2", "c1", "c2"))], "fold 1", "a in train (a1) and in test (a2)"),
    ],
)
def test_a_person_in_two_parts(folds, place, example):
    (leak,) = leaks(*folds).values()
    assert (leak.guard, leak.place, leak.count, list(leak.examples), leak.others) == ("person", place, 1, [example], 0)


def test_all_are_counted_and_three_are_named():
    clips = tuple(Clip(f"{person}{take}", person, "joy") for person in "abcde" for take in (1, 2))
    fold = Fold(tuple(f"{person}1" for person in "abcde"), (), tuple(f"{person}2" for person in "abcde"))
    other = Fold(("a1", "b1"), (), ("a2", "c2"))
    leak = leaks(fold, other, corpora=[Corpus("m", Path("m"), clips, {clip.id: () for clip in clips})])["person"]
    assert (leak.place, leak.count, leak.others) == ("fold 0", 5, 1)
    assert [example[0] for example in leak.examples] == ["a", "b", "c"]


def test_a_clip_in_two_parts():
    found = leaks(Fold((*A, "c1"), (), C + B))
    assert list(found["clip"].examples) == ["c1 in train and in test"]
    assert set(found) == {"clip", "person"}


def test_a_copied_clip_is_in_two_parts():
    found = leaks(Fold(A, B, C), files={"c2": FILES["a1"]})
    assert list(found["clip"].examples) == ["a1 = c2 in train and in test"]
    assert set(found) == {"clip"}


@pytest.mark.parametrize("files", [("a1-0", "c2-1"), ("a1-1", "a1-0"), ("a1-0",)])
def test_a_clip_with_some_equal_pictures_is_no_copy(files):
    assert leaks(Fold(A, B, C), files={"c2": files}) == {}


@pytest.mark.parametrize("digest", [EMPTY, "unreadable: gone"])
def test_clips_without_readable_pictures_are_no_copies(digest):
    assert leaks(Fold(A, B, C), files=dict.fromkeys(("a1", "b1", "c1"), (digest, digest))) == {}


def test_validation_clips_that_are_tested_have_a_guard_of_their_own():
    leak = leaks(Fold(A, C, C))
    assert set(leak) == {"validation-on-test"}
    assert (leak["validation-on-test"].count, list(leak["validation-on-test"].examples)) == (2, ["c1", "c2"])
    assert set(leaks(Fold(A, (*B, "c1"), C))) == {"validation-on-test"}
    assert set(leaks(Fold(A, ("c1", "c2", "b1"), ("b2", *C)))) == {"validation-on-test", "person"}


def test_classes_that_are_tested_but_not_trained():
    fold = Fold(("a1", "b1"), (), C)
    assert list(leaks(fold)["untrained-class"].examples) == ["joy (tested on c2)"]
    assert leaks(fold, is_trained=False) == {}
    assert leaks(Fold(A, (), ("c1",))) == {}  # a class that is trained and not tested


def copied(name: str, clips: dict[str, tuple[str, ...]]) -> Corpus:
    return Corpus(name, Path(name), tuple(Clip(f"{name}/{clip}", f"{name}/{clip[0]}", "joy", (Path("0"),)) for clip in clips),
                  {f"{name}/{clip}": files for clip, files in clips.items()})  # fmt: skip


@pytest.mark.parametrize(
    ("other", "shared"), [({"x1": ("1",), "y1": ("2",)}, 2), ({"x1": ("1",)}, 1), ({"x1": ("1",), "y1": ("9",)}, 0), ({"x1": ("9",)}, 0)]
)
def test_corpora_that_share_most_pictures(other, shared):
    one, two = copied("one", {"a1": ("1",), "b1": ("2",), "c1": ("3",)}), copied("two", other)
    found = leaks(Fold(("one/a1", "two/x1"), (), ("one/c1",)), corpora=[one, two])
    assert set(found) == ({"same-corpus"} if shared else set())
    if shared:
        expected = f"one at one and two at two share {shared} of 3 and {len(other)} pictures"
        assert list(found["same-corpus"].examples) == [expected]


def test_corpora_without_pictures_are_not_the_same():
    empty = [Corpus(name, Path(name), (Clip(f"{name}/x", name, "joy"),), {f"{name}/x": ()}) for name in "ab"]
    assert leaks(Fold(("a/x",), (), ("b/x",)), corpora=empty) == {}
