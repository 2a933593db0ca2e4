"""Records of the files of a corpus: a digest of each, and the number of frames of videos; unchanged files are not read again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import msgspec

from ferbench.api.clips import Clip, Files
from ferbench.corpora.reading import Unreadable, describe_problem
from ferbench.store.entries import Store
from ferbench.store.files import Fingerprint, digest_stream, open_regular, take_fingerprint
from ferbench.store.keys import make_key
from ferbench.types import Progress

T = TypeVar("T")

THREADS = 8  # disks, above all those of a network, serve several requests at once
FILES_AT_ONCE = 500  # that a thread reads before it reports
PARTS_AT_ONCE = 8 * THREADS  # that several threads read before one of them tries alone again
SLOW = 0.0005  # seconds for a file, from which on several threads are quicker: a disk of the network; a cold one here takes 0.0002
# Nanoseconds. A file that was changed just before it was read may change again without another time: some disks count in 2 seconds.
SETTLED = 2_000_000_000
FILE_GONE = (0, 0, 0, 0)
PROBLEM = "unreadable: "  # begins what stands for the digest of a file that cannot be read


class FileRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One file as it was at the time `looked`, in nanoseconds.

    `problem` says why it cannot be read. A video whose frames were counted has `frames` and `declared`, or `undecodable` says why not.
    """

    digest: str
    fingerprint: Fingerprint
    looked: int
    problem: str = ""
    frames: int | None = None
    declared: int = 0
    undecodable: str = ""

    @property
    def is_counted(self) -> bool:
        """Whether the frames of this video were counted, or cannot be."""
        return self.frames is not None or bool(self.undecodable)

    @property
    def is_settled(self) -> bool:
        """Whether a later change of the file would show in its fingerprint."""
        _, modified, changed, _ = self.fingerprint
        return max(modified, changed) + SETTLED <= self.looked


FileRecords = Mapping[str, FileRecord]
"""By path."""


def clip_files(clip: Clip) -> list[Path]:
    """All files of a clip."""
    return [*clip.images, *clip.landmarks, *([clip.video] if clip.video else [])]


def file_names(clip: Clip) -> list[str]:
    """The names of all files of a clip, in the same order: quick, since there may be a hundred thousand files."""
    return [*_names(clip.images), *_names(clip.landmarks), *([str(clip.video)] if clip.video else [])]


def file_folders(clips: Iterable[Clip]) -> set[str]:
    """The names of the folders of the files of these clips."""
    parts = (part for clip in clips for part in (clip.images, clip.landmarks, (clip.video,) if clip.video else ()) if part)
    return {folder for part in parts for folder in _folders(part)}


def _folders(files: Sequence[Path]) -> Iterable[str]:
    return (str(files.folder),) if isinstance(files, Files) else (os.path.dirname(path) for path in files)  # noqa: PTH120


def _names(files: Sequence[Path]) -> Iterable[str]:
    if not files:
        return ()
    if isinstance(files, Files):
        start = f"{files.folder}{os.sep}"
        return [start + name for name in files.names]
    return map(str, files)


def read_files(
    root: Path,
    clips: Sequence[Clip],
    names: Sequence[Sequence[str]],
    store: Store,
    *,
    rehash: bool = False,
    progress: Progress | None = None,
) -> FileRecords:
    """Return the record of each file of these clips; `names` gives those of each clip's files.

    The frames of videos whose dataset does not give their length are counted.

    Files that did not change since they were last read are not read again, unless `rehash`.
    """
    cache = f"digests/{make_key('settled', str(root.resolve()))}.json"
    known = {} if rehash else _load_records(store, cache)
    paths = list(dict.fromkeys(chain.from_iterable(names)))
    changed = list(_map_files(lambda part: _find_changed(part, known), paths))
    records = known | dict(_map_files(_record_files, changed, progress))
    videos = [str(clip.video) for clip in clips if clip.video and not clip.length]
    uncounted = [video for video in videos if not records[video].is_counted]
    records |= dict(_map_files(lambda part: _count_frames(part, records), uncounted, progress))
    if changed or uncounted:
        _store_records(records, known, store, cache)
    return records


def record_file(path: Path) -> FileRecord:
    """Read a file; raises SystemProblem if the system, not the file, is the reason that it cannot be read."""
    looked = time.time_ns()
    try:
        with open_regular(path) as file:
            fingerprint = take_fingerprint(file.fileno())  # before it is read: a change meanwhile shows later
            return FileRecord(digest_stream(file), fingerprint, looked)
    except OSError as error:
        problem = describe_problem(path, error)
        return FileRecord(problem_digest(problem), FILE_GONE, looked, problem)


def problem_digest(problem: str) -> str:
    """What stands for the digest of a file that cannot be read."""
    return f"{PROBLEM}{problem}"


def is_current(path: str, record: FileRecord) -> bool:
    """Whether a file surely has the content of its record, which is a settled one."""
    try:
        return record.fingerprint == take_fingerprint(path)
    except OSError:
        return False


def _load_records(store: Store, cache: str) -> dict[str, FileRecord]:
    return store.try_read(cache, dict[str, FileRecord]) or {}


def _store_records(records: FileRecords, known: FileRecords, store: Store, cache: str) -> None:
    """Store the records of the files that could be read and are settled: the others are read again in the next run."""
    kept = {path: record for path, record in records.items() if not record.problem and record.is_settled}
    if kept != known:
        store.write_file(cache, msgspec.json.encode(kept))


def _find_changed(paths: Sequence[str], known: FileRecords) -> list[str]:
    """The paths without a record that is current."""
    return [path for path in paths if (record := known.get(path)) is None or not is_current(path, record)]


def _record_files(paths: Sequence[str]) -> list[tuple[str, FileRecord]]:
    return [(path, record_file(Path(path))) for path in paths]


def _count_frames(videos: Sequence[str], records: FileRecords) -> list[tuple[str, FileRecord]]:
    return [(video, _with_frames(Path(video), records[video])) for video in videos]


def _with_frames(video: Path, record: FileRecord) -> FileRecord:
    from ferbench.corpora.videos import count_frames

    try:
        frames, declared = count_frames(video)
    except Unreadable as error:
        return msgspec.structs.replace(record, undecodable=str(error))
    return msgspec.structs.replace(record, frames=frames, declared=declared)


def _map_files(work: Callable[[Sequence[str]], Sequence[T]], paths: Sequence[str], progress: Progress | None = None) -> Iterator[T]:
    """Call a function for parts of the paths, in several threads if the disk is slow, and yield the items of all results in order."""
    size = min(FILES_AT_ONCE, len(paths) // (4 * THREADS) + 1)
    parts = (paths[start : start + size] for start in range(0, len(paths), size))
    for done, items in enumerate(_map_parts(work, parts), 1):
        yield from items
        if progress:
            progress(min(done * size, len(paths)), len(paths))


def _map_parts(work: Callable[[Sequence[str]], Sequence[T]], parts: Iterator[Sequence[str]]) -> Iterator[Sequence[T]]:
    """One thread while files come quickly, from memory or a fast disk: there, threads only wait for each other."""
    with ThreadPoolExecutor(THREADS) as pool:
        for part in parts:
            start = time.perf_counter()
            items = work(part)
            is_slow = time.perf_counter() - start > SLOW * len(part)
            yield items
            if is_slow:
                yield from pool.map(work, islice(parts, PARTS_AT_ONCE))
