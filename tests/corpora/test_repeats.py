"""The same pictures under two people or in two corpora are counted and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferbench import Clip
from ferbench.corpora.corpus import EMPTY, Corpus
from ferbench.corpora.repeats import Repeats, find_repeats
from ferbench.execution.summary import repeat_lines, summarize_corpus

CONTENT = {
    "a1": "x",
    "a2": "y",
    "a3": "x",
    "b1": "y",
    "b2": "z",
    "c1": "x",
    "c2": EMPTY,
    "d1": EMPTY,
    "e1": "unreadable: gone",
    "f1": "unreadable: gone",
}


def clip(person, *images, video=None):
    return Clip(
        f"m/{person}/{images or video}", f"m/{person}", "joy", tuple(Path(f"{i}.png") for i in images), video and Path(f"{video}.avi")
    )


def corpus(*clips):
    digests = {c.id: tuple(CONTENT[path.stem] for path in (*c.images, *filter(None, [c.video]))) for c in clips}
    return Corpus("m", Path("m"), clips, digests)


def test_equal_pictures_of_two_people_are_repeats():
    one, two = clip("ann", "a1", "a2", "a3"), clip("bob", "b1", "b2")
    assert find_repeats([corpus(one, two)]) == [Repeats(1, [f"{two.id} b1.png = {one.id} a2.png"])]


def test_equal_pictures_of_one_person_are_none():
    assert find_repeats([corpus(clip("ann", "a1"), clip("ann", "a3"))]) == [Repeats()]


def test_a_corpus_repeats_pictures_of_another():
    one, two = clip("ann", "a1"), clip("cas", "c1")
    assert find_repeats([corpus(one), corpus(two)]) == [Repeats(), Repeats(1, [f"{two.id} c1.png = {one.id} a1.png"])]


def test_equal_videos_are_repeats():
    assert find_repeats([corpus(clip("ann", video="a1"), clip("cas", video="c1"))])[0].pictures == 1


def test_files_without_a_picture_are_none():
    assert find_repeats([corpus(clip("cas", "c2"), clip("dan", "d1"), clip("eve", "e1"), clip("fay", "f1"))]) == [Repeats()]


@pytest.mark.parametrize(("count", "end"), [(3, "a1.png"), (5, "a1.png, ...")])
def test_the_first_three_are_named(count, end):
    people = [Clip(f"m/{n}", f"m/{n}", "joy", (Path("a1.png"),)) for n in range(count + 1)]
    (line,) = repeat_lines([summarize_corpus(corpus(*people))])
    assert line.startswith(f"m: {count} pictures are also those of another person or corpus: m/1 a1.png = m/0 a1.png, m/2 a1.png = m/0")
    assert line.endswith(end)
