"""Groups of clips: small enough, complete, and the same whatever else a corpus holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ferbench import Clip
from ferbench.corpora.files import clip_files
from ferbench.corpora.groups import MAX_CLIPS, MAX_FRAMES, Groups, group_clips


def make_clips(count: int, length: int) -> list[Clip]:
    return [Clip(f"corpus/{number}", "p", "l", length=length) for number in range(count)]


def divide(clips: list[Clip]) -> dict[str, object]:
    return {group.name: group for group in group_clips("corpus", clips, {clip.id: (clip.id,) for clip in clips})}


@pytest.mark.parametrize(("count", "length"), [(1, 3), (64, 8), (65, 1), (1000, 4), (300, 30), (5, 600)])
def test_groups_are_small_and_hold_each_clip_once(count, length):
    clips = make_clips(count, length)
    groups = divide(clips).values()
    assert sorted(clip for group in groups for clip in group.clips) == sorted(clip.id for clip in clips)
    assert all(len(group.clips) <= MAX_CLIPS for group in groups)
    assert all(sum(clip.length for clip in group.clips.values()) <= MAX_FRAMES or len(group.clips) == 1 for group in groups)
    assert len(groups) <= 4 * max(1, count / MAX_CLIPS, count * length / MAX_FRAMES)


def test_one_group_holds_a_corpus_that_is_small_enough():
    assert list(divide(make_clips(64, 8))) == ["corpus/"]
    assert len(divide(make_clips(64, 9))) > 1
    assert divide([]) == {}


def test_order_of_the_clips_does_not_matter():
    clips = make_clips(300, 4)
    assert {name: group.key for name, group in divide(clips).items()} == {name: group.key for name, group in divide(clips[::-1]).items()}


@pytest.mark.parametrize("count", [100, 1000, 5000])
def test_a_new_clip_touches_one_group(count):
    before, after = divide(make_clips(count, 4)), divide(make_clips(count + 1, 4))
    gone = {name for name, group in before.items() if name not in after or after[name].key != group.key}
    assert len(gone) == 1
    assert len({name for name, group in after.items() if name not in before or before[name].key != group.key}) <= 2  # halved


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"label": "other"}, False),
        ({"subject": "other"}, False),
        ({"length": 5}, True),
        ({"apex": 1}, True),
        ({"facts": {"sex": "f"}}, True),
    ],
)
def test_key_counts_what_steps_can_see(change, counts):
    (clip,) = make_clips(1, 4)
    before, after = ({group.key for group in divide([each]).values()} for each in (clip, replace(clip, **change)))
    assert (before != after) is counts


def test_key_counts_the_content_of_files():
    clips = make_clips(1, 4)
    (one,), (two,) = (group_clips("corpus", clips, {"corpus/0": (digest,)}) for digest in ("a", "b"))
    assert one.key != two.key


def test_groups_with_some_clips():
    groups = Groups(divide(make_clips(1000, 4)))
    chosen = groups.with_any_of(["corpus/3", "corpus/7", "corpus/3"])
    assert {"corpus/3", "corpus/7"} <= chosen.owners.keys()
    assert 1 <= len(chosen.by_name) <= 2


def test_key_counts_what_kind_each_file_is():
    """A GIF is one image or a video; of two files of a clip, the second may be an image or landmarks."""
    gif, other = Path("a.gif"), Path("b")
    clips = [
        Clip("c/x", "p", "l", images=(gif,), length=1),
        Clip("c/x", "p", "l", video=gif, length=1),
        Clip("c/x", "p", "l", images=(gif, other), length=1),
        Clip("c/x", "p", "l", images=(gif,), landmarks=(other,), length=1),
        Clip("c/x", "p", "l", landmarks=(gif,), video=other, length=1),
    ]
    keys = {group_clips("c", [clip], {"c/x": ("1", "2")[: len(clip_files(clip))]})[0].key for clip in clips}
    assert len(keys) == len(clips)
