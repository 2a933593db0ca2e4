"""Finds the same pictures under two people or in two corpora: then training and test clips may not be independent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ferbench.api.clips import Clip
from ferbench.corpora.corpus import Corpus

MAX_EXAMPLES = 3


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
    corpora = list(corpora)
    digests = [digest for corpus in corpora for pictures in corpus.pictures.values() for digest in pictures]
    if len(set(digests)) == len(digests):  # quick, and nearly always so
        return [Repeats() for _ in corpora]
    first: dict[str, tuple[Corpus, Clip]] = {}  # by digest
    return [_find_repeats(corpus, first) for corpus in corpora]


def _find_repeats(corpus: Corpus, first: dict[str, tuple[Corpus, Clip]]) -> Repeats:
    repeats = Repeats()
    for clip in corpus.clips:
        here = corpus, clip
        for digest in corpus.pictures[clip.id]:
            there = first.setdefault(digest, here)
            if there is not here and there[1].subject != clip.subject:
                repeats.add(f"{_name(*here, digest)} = {_name(*there, digest)}")
    return repeats


def _name(corpus: Corpus, clip: Clip, digest: str) -> str:
    """The name of the first picture with this digest."""
    path = clip.video or clip.images[corpus.files[clip.id].index(digest)]
    return f"{clip.id} {path.name}"
