"""Indexing: the clips of a dataset, the content of their files, and what is left out and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path

from ferbench.api.clips import Clip, Files, Skipped
from ferbench.api.components import Dataset
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, location, shorten
from ferbench.api.text import is_unicode
from ferbench.corpora.corpus import Corpus, store_contents
from ferbench.corpora.files import FileRecords, file_folders, file_names, read_files
from ferbench.corpora.names import check_names
from ferbench.corpora.reading import is_truncated
from ferbench.corpora.standins import find_standin
from ferbench.store.entries import Store
from ferbench.types import Progress

EXACT = {str, bool, int}  # types of facts; floats must be finite too


def index_corpus(dataset: Dataset, store: Store, *, rehash: bool = False, progress: Progress | None = None) -> Corpus:
    """Read what a corpus holds; `dataset.root` is its folder. Raises FerbenchError if it holds no labeled clip.

    Files that did not change since they were last read are not read again, unless `rehash`.
    """
    listed, skipped = _list_clips(dataset)
    names = list(map(file_names, listed))
    records = read_files(Path(dataset.root), listed, names, store, rehash=rehash, progress=progress)
    checked = [_check_clip(clip, dataset.name, records) for clip in listed]
    clips = [clip for clip in checked if isinstance(clip, Clip)]
    skipped += [clip for clip in checked if isinstance(clip, Skipped)]
    if not clips:
        raise _empty_error(dataset, skipped)
    _check_ids(dataset, clips)
    corpus = Corpus(
        dataset.name,
        Path(dataset.root),
        tuple(clips),
        {
            clip.id: tuple([records[path].digest for path in files])
            for clip, files in zip(checked, names, strict=True)
            if isinstance(clip, Clip)
        },
        tuple(skipped),
        truncated=tuple(_truncated(clips, records)),
        unreadable=tuple(_unreadable(dataset, clips, records)),
        standin=find_standin(file_folders(clips)),
        names_people=dataset.names_people,
    )
    store_contents(corpus, store)
    return corpus


def _list_clips(dataset: Dataset) -> tuple[list[Clip], list[Skipped]]:
    if not is_unicode(dataset.root):
        raise FerbenchError(f"the name of the folder {dataset.root} is not in UTF-8", hint="rename it")
    with blame_plugin(dataset.title, type(dataset)):
        yielded = list(dataset.clips())
    for item in yielded:
        if problem := _contract_problem(item):
            raise PluginError(f"{dataset.title}: clips() yields {problem}", where=location(type(dataset)))
    checked = list(map(check_names, yielded))
    return [item for item in checked if isinstance(item, Clip)], [item for item in checked if isinstance(item, Skipped)]


def _contract_problem(item: object) -> str:
    """What is wrong with something that a dataset yields; empty if nothing is."""
    if isinstance(item, Skipped):
        return "" if isinstance(item.what, str) and isinstance(item.reason, str) else f"{shorten(item)}: expected strings"
    if not isinstance(item, Clip):
        return f"{shorten(item)}: expected a Clip or a Skipped"
    if not (isinstance(item.id, str) and isinstance(item.subject, str) and isinstance(item.label, str)):
        return f"a clip with id {item.id!r}, subject {item.subject!r} and label {item.label!r}: expected strings"
    if problem := _files_problem(item) or _values_problem(item):
        return f"the clip {item.id} with {problem}"
    return ""


def _files_problem(clip: Clip) -> str:
    for files in _groups_of_files(clip):
        if (
            not isinstance(files, Files)
            and files != ()
            and not (isinstance(files, Sequence) and all(isinstance(path, Path) for path in files))
        ):
            return "images, landmarks or a video of another type: expected pathlib.Path"
    return "images and a video: expected one of them" if clip.images and clip.video else ""


def _values_problem(clip: Clip) -> str:
    """What is wrong with the length, the apex or the facts: keys are made of them, and numbers of numpy have no JSON."""
    if type(clip.length) is not int or clip.length < 0:
        return f"length {shorten(clip.length)}: expected an int, 0 or above"
    if clip.apex is not None and type(clip.apex) is not int:
        return f"apex {shorten(clip.apex)}: expected an int or None"
    if type(clip.facts) is not dict and not isinstance(clip.facts, Mapping):
        return f"facts {shorten(clip.facts)}: expected a dict"
    for name, value in clip.facts.items():
        if type(name) is not str or not (type(value) in EXACT or (type(value) is float and isfinite(value))):
            return f"the fact {shorten(name)}: {shorten(value)}: expected a name, and a str, bool, int or finite float"
    return ""


def _groups_of_files(clip: Clip) -> tuple[Sequence[Path], ...]:
    return clip.images, clip.landmarks, (clip.video,) if clip.video else ()


def _check_clip(clip: Clip, corpus: str, records: FileRecords) -> Clip | Skipped:
    """The clip with the number of its frames, and names that are unique over all corpora; or why it cannot be used."""
    length, problem = _count_frames(clip, records)
    if not problem and clip.landmarks and len(clip.landmarks) != length:
        problem = f"{len(clip.landmarks)} files of landmarks for {length} frames"
    if not problem and clip.apex is not None and not 0 <= clip.apex < length:
        problem = f"apex {clip.apex} (from 0) lies outside its {length} frames"
    if problem:
        return Skipped(clip.id, problem)
    checked = object.__new__(Clip)  # four times as quick as a new frozen dataclass, for tens of thousands of clips
    vars(checked).update(vars(clip), id=f"{corpus}/{clip.id}", subject=f"{corpus}/{clip.subject}", length=length)
    return checked


def _count_frames(clip: Clip, records: FileRecords) -> tuple[int, str]:
    """Number of frames, and why there are none."""
    if clip.video is None:
        return len(clip.images), "" if clip.images else "no frames"
    record = records[str(clip.video)]
    if not clip.length and record.frames is None:
        return 0, f"video cannot be read ({record.undecodable})"
    return clip.length or record.frames or 0, ""


def _check_ids(dataset: Dataset, clips: Sequence[Clip]) -> None:
    if repeated := next((clip for clip, count in Counter(clip.id for clip in clips).items() if count > 1), ""):
        raise PluginError(f"{dataset.title} yields the clip id {repeated!r} twice", where=dataset.root)


def _truncated(clips: Sequence[Clip], records: FileRecords) -> Iterator[str]:
    """Clips whose video clearly ends before its header says."""
    for clip in clips:
        record = records[str(clip.video)] if clip.video else None
        if record and record.frames is not None and is_truncated(record.frames, record.declared):
            yield f"{clip.id} ({record.frames} of {record.declared} frames)"


def _unreadable(dataset: Dataset, clips: Sequence[Clip], records: FileRecords) -> Iterator[str]:
    """Yield files that cannot be read, or that have been deleted."""
    if not any(record.problem for record in records.values()):
        return
    for path in (path for clip in clips for path in file_names(clip)):
        if problem := records[path].problem:
            yield f"{path.removeprefix(f'{Path(dataset.root)}{os.sep}')} ({problem})"


def _empty_error(dataset: Dataset, skipped: Sequence[Skipped]) -> FerbenchError:
    reasons = f"; left out: {len(skipped)} ({skipped[0].what}: {skipped[0].reason}, ...)" if skipped else ""
    return FerbenchError(
        f"the corpus {dataset.name} at {dataset.root} holds no labeled clip{reasons}",
        hint=f"`ferbench corpus check {dataset.name} {dataset.root}` lists what was found; docs/corpora.md shows the layout",
    )
