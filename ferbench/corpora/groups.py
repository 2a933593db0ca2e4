"""Groups of clips: crops and features are computed and stored by group, so that large corpora have few entries.

The clips of a corpus are divided by the bits of a hash of their ids until each group is small enough: a new clip touches one group.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

from ferbench.api.clips import Clip
from ferbench.store.keys import make_key

MAX_CLIPS = 64
HASH_BITS = 128
MAX_FRAMES = 512  # of clips with more, there is one in a group


@dataclass(frozen=True, eq=False)
class ClipGroup:
    """Some clips of one corpus, by id. `key` depends on what preprocessing steps can see of them, and on the content of their files.

    `name` is that of the corpus and the bits that the hashes of the clips' ids begin with.
    """

    name: str
    clips: Mapping[str, Clip]
    files: Mapping[str, Sequence[str]]  # the digests of the files of each clip

    @cached_property
    def key(self) -> str:
        """Equal for groups of equal clips; labels, people and paths do not count."""
        clips = self.clips.values()
        kinds = [(len(c.images), len(c.landmarks), c.video is not None) for c in clips]  # of the files: one of them alone may be either
        return make_key("group", [[c.id, c.length, c.apex, dict(c.facts), self.files[c.id]] for c in clips], kinds)


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups by name."""

    by_name: Mapping[str, ClipGroup]

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """The name of the group of each clip."""
        return {clip: name for name, group in self.by_name.items() for clip in group.clips}

    def with_any_of(self, clips: Iterable[str]) -> Groups:
        """Select the groups that hold any of these clips."""
        names = {self.owners[clip] for clip in clips}
        return Groups({name: group for name, group in self.by_name.items() if name in names})


def group_clips(corpus: str, clips: Sequence[Clip], files: Mapping[str, Sequence[str]]) -> tuple[ClipGroup, ...]:
    """Divide clips into groups of at most MAX_CLIPS clips and MAX_FRAMES frames; `files` gives the digests of the files of each clip."""
    hashed = sorted(((_hash_name(clip.id), clip) for clip in clips), key=itemgetter(0))
    return tuple(
        ClipGroup(f"{corpus}/{bits}", {clip.id: clip for clip in part}, {clip.id: files[clip.id] for clip in part})
        for bits, part in _divide("", hashed)
    )


def _hash_name(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[: HASH_BITS // 8])


def _divide(bits: str, clips: Sequence[tuple[int, Clip]]) -> Iterator[tuple[str, list[Clip]]]:
    """Yield groups of (hash, clip), which are sorted, each with the bits that its hashes begin with."""
    if len(clips) <= 1 or (len(clips) <= MAX_CLIPS and sum(clip.length for _, clip in clips) <= MAX_FRAMES):
        if clips:
            yield bits, [clip for _, clip in clips]
        return
    middle = bisect_left(clips, int(bits + "1", 2) << (HASH_BITS - 1 - len(bits)), key=itemgetter(0))
    yield from _divide(bits + "0", clips[:middle])
    yield from _divide(bits + "1", clips[middle:])
