"""Finds the same pictures under two people or in two corpora: then training and test clips may not be independent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

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
    first: dict[str, tuple[Clip, Path]] = {}  # by digest
    return [_find_repeats(corpus, first) for corpus in corpora]


def _find_repeats(corpus: Corpus, first: dict[str, tuple[Clip, Path]]) -> Repeats:
    repeats = Repeats()
    for clip in corpus.clips:
        for path, digest in _pictures(clip, corpus):
            other, place = first.setdefault(digest, (clip, path))
            if other.subject != clip.subject:
                repeats.add(f"{clip.id} {path.name} = {other.id} {place.name}")
    return repeats


def _pictures(clip: Clip, corpus: Corpus) -> Iterator[tuple[Path, str]]:
    """The image files or the video of a clip, with their digests."""
    digests = corpus.files[clip.id]
    pictures = zip((clip.video,), digests[-1:], strict=True) if clip.video else zip(clip.images, digests, strict=False)
    return ((path, digest) for path, digest in pictures if digest != EMPTY and not digest.startswith(PROBLEM))
