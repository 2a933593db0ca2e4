"""Records of the files of a corpus: a digest of each, and the number of frames of videos; unchanged files are not read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from ferbench.api.clips import Clip
from ferbench.store.entries import Store
from ferbench.store.files import digest_file, to_json
from ferbench.store.keys import make_key


@dataclass(frozen=True)
class FileRecord:
    """One file as it was when its content was last read; `size` and `changed` are None if it was missing.

    `problem` says why it cannot be read. A video whose frames were counted has `frames` and `declared`, or `undecodable` says why not.
    """

    size: int | None
    changed: int | None  # nanoseconds
    digest: str
    problem: str = ""
    frames: int | None = None
    declared: int = 0
    undecodable: str = ""

    @property
    def is_counted(self) -> bool:
        """Whether the frames of this video were counted, or cannot be."""
        return self.frames is not None or bool(self.undecodable)


FileRecords = Mapping[str, FileRecord]
"""By path."""


def clip_files(clip: Clip) -> Iterator[Path]:
    """All files of a clip."""
    yield from clip.images
    yield from clip.landmarks
    if clip.video:
        yield clip.video


def read_files(root: Path, clips: Sequence[Clip], store: Store) -> FileRecords:
    """Return the record of each file of these clips; counts the frames of videos whose dataset does not give their length."""
    cache = f"digests/{make_key(str(root.resolve()))}.json"
    known = _load_records(store, cache)
    records = dict(known)
    with ThreadPoolExecutor() as pool:
        changed = [path for path in _distinct(path for clip in clips for path in clip_files(clip)) if not _is_current(path, known)]
        records |= zip(map(str, changed), pool.map(_read_record, changed), strict=True)
        uncounted = [video for clip in clips if (video := clip.video) and not clip.length and not records[str(video)].is_counted]
        records |= zip(map(str, uncounted), pool.map(lambda video: _count_frames(video, records[str(video)]), uncounted), strict=True)
    if changed or uncounted:
        store.write_file(cache, to_json(records))
    return records


def _load_records(store: Store, cache: str) -> dict[str, FileRecord]:
    return store.try_read(cache, dict[str, FileRecord]) or {}


def _distinct(paths: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(paths))


def _is_current(path: Path, known: FileRecords) -> bool:
    record = known.get(str(path))
    return record is not None and (record.size, record.changed) == _stat(path)


def _stat(path: Path) -> tuple[int | None, int | None]:
    try:
        stat = path.stat()
    except OSError:
        return None, None
    return stat.st_size, stat.st_mtime_ns


def _read_record(path: Path) -> FileRecord:
    size, changed = _stat(path)
    try:
        return FileRecord(size, changed, digest_file(path))
    except OSError as error:
        problem = error.strerror or type(error).__name__
        return FileRecord(size, changed, f"unreadable: {problem}", problem)


def _count_frames(video: Path, record: FileRecord) -> FileRecord:
    from ferbench.corpora.reading import Unreadable
    from ferbench.corpora.videos import count_frames

    try:
        frames, declared = count_frames(video)
    except Unreadable as error:
        return replace(record, undecodable=str(error))
    return replace(record, frames=frames, declared=declared)
