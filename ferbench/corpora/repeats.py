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
    corpora = list(corpora)
    digests = [digest for corpus in corpora for clip in corpus.clips for digest in picture_digests(corpus, clip)]
    if len(set(digests)) == len(digests):  # quick, and nearly always so
        return [Repeats() for _ in corpora]
    first: dict[str, tuple[Corpus, Clip]] = {}  # by digest
    return [_find_repeats(corpus, first) for corpus in corpora]


def picture_digests(corpus: Corpus, clip: Clip) -> tuple[str, ...]:
    """The digests of the pictures of a clip that could be read and are not empty."""
    digests = _digests(corpus, clip)
    if EMPTY not in digests and PROBLEM not in "".join(digests):  # quick, for all but very few clips
        return digests
    return tuple(digest for digest in digests if digest != EMPTY and not digest.startswith(PROBLEM))


def _find_repeats(corpus: Corpus, first: dict[str, tuple[Corpus, Clip]]) -> Repeats:
    repeats = Repeats()
    for clip in corpus.clips:
        here = corpus, clip
        for digest in picture_digests(*here):
            there = first.setdefault(digest, here)
            if there is not here and there[1].subject != clip.subject:
                repeats.add(f"{_name(*here, digest)} = {_name(*there, digest)}")
    return repeats


def _digests(corpus: Corpus, clip: Clip) -> tuple[str, ...]:
    """Those of the pictures of a clip, without its landmarks."""
    digests = corpus.files[clip.id]
    return digests[-1:] if clip.video else digests[: len(clip.images)]


def _name(corpus: Corpus, clip: Clip, digest: str) -> str:
    """The name of the first picture with this digest."""
    path = clip.video or clip.images[_digests(corpus, clip).index(digest)]
    return f"{clip.id} {path.name}"
