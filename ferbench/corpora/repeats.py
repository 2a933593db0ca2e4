"""Finds the same pictures under two people or in two corpora: then training and test clips may not be independent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ferbench.api.clips import Clip
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.files import PROBLEM
from ferbench.store.files import digest_bytes

MAX_EXAMPLES = 3
EMPTY = digest_bytes(b"")


@dataclass
class Repeats:
    """How many pictures (files of images or videos) of a corpus are also those of another person, and the first of them."""

    pictures: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count a picture."""
        self.pictures += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)


def find_repeats(corpora: Iterable[Corpus]) -> list[Repeats]:
    """The repeated pictures of each corpus; people of two corpora count as different ones."""
    first: dict[str, tuple[Clip, int]] = {}  # by digest: a clip, and the number of its picture
    return [_find_repeats(corpus, first) for corpus in corpora]


def _find_repeats(corpus: Corpus, first: dict[str, tuple[Clip, int]]) -> Repeats:
    repeats = Repeats()
    for clip in corpus.clips:
        digests = corpus.files[clip.id]
        for number, digest in enumerate(digests[-1:] if clip.video else digests[: len(clip.images)]):
            other, position = first.setdefault(digest, (clip, number))
            if other.subject != clip.subject and digest != EMPTY and not digest.startswith(PROBLEM):
                repeats.add(f"{_name(clip, number)} = {_name(other, position)}")
    return repeats


def _name(clip: Clip, number: int) -> str:
    """The name of a picture."""
    path = clip.video or clip.images[number]
    return f"{clip.id} {path.name}"
