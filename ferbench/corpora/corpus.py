"""A corpus as it is on disk, and its identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ferbench.api.clips import Clip, Skipped
from ferbench.api.components import Dataset
from ferbench.corpora.files import PROBLEM
from ferbench.corpora.groups import ClipGroup, group_clips
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.files import digest_bytes
from ferbench.store.keys import identify_component, make_key

EMPTY = digest_bytes(b"")

ClipContents = Mapping[str, list[str | int | None]]
"""Subject, label, apex and digest of each clip."""


@dataclass(frozen=True)
class Corpus:
    """The clips of a corpus (ids and subjects begin with its name), the digests of the files of each, and what was left out."""

    name: str
    root: Path
    clips: tuple[Clip, ...]
    files: Mapping[str, tuple[str, ...]]  # in the order of `clip_files`
    skipped: tuple[Skipped, ...] = ()
    truncated: tuple[str, ...] = ()  # videos that end before their headers say
    unreadable: tuple[str, ...] = ()  # files of its clips
    standin: str = ""  # what it stands in for; empty for a real corpus
    names_people: bool = True  # if not, each clip has a subject of its own

    @property
    def is_standin(self) -> bool:
        """Whether ferbench rendered it, or a part of it, or a rehearsal reads it."""
        return bool(self.standin)

    @cached_property
    def digest(self) -> str:
        """The identity of the corpus's content, labels included."""
        return make_key(self.contents)

    @cached_property
    def contents(self) -> ClipContents:
        """What identifies each clip."""
        return {clip.id: [clip.subject, clip.label, clip.apex, make_key(self.files[clip.id])] for clip in self.clips}

    @cached_property
    def pictures(self) -> Mapping[str, tuple[str, ...]]:
        """The digests of the pictures (files of images or videos) of each clip that can be read and are not empty."""
        return {clip.id: _pictures(clip, self.files[clip.id]) for clip in self.clips}

    @cached_property
    def groups(self) -> Mapping[str, ClipGroup]:
        """The groups of its clips, by name."""
        return {group.name: group for group in group_clips(self.name, self.clips, self.files)}


def _pictures(clip: Clip, files: tuple[str, ...]) -> tuple[str, ...]:
    digests = files[-1:] if clip.video else files[: len(clip.images)]
    if EMPTY not in digests and PROBLEM not in "".join(digests):  # quick, for all but very few clips
        return digests
    return tuple(digest for digest in digests if digest != EMPTY and not digest.startswith(PROBLEM))


def identify_corpus(dataset: Dataset, corpus: Corpus) -> dict[str, object]:
    """Return the part of a row's identity that describes a corpus: its dataset and a digest of its content."""
    return {**identify_component(dataset), "content": corpus.digest, "stand-in": corpus.is_standin}


def store_contents(corpus: Corpus, store: Store) -> None:
    """Store the contents under the corpus's digest, so that a later run can say which clips differ."""
    store.ensure("index", corpus.digest, Content, facts=corpus.contents)


def load_contents(digest: str, store: Store) -> ClipContents:
    """Load the contents of the corpus with this digest; empty if they are not stored."""
    entry = store.find("index", digest)
    return entry.read_facts(dict[str, list[str | int | None]]) if entry else {}
