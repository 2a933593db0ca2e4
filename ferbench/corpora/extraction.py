"""Writes the frames of a tree of videos as image files: several videos at once, resumable, with a report of what could not be read."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec

from ferbench.api.errors import FerbenchError
from ferbench.api.text import escape_line
from ferbench.corpora.reading import Unreadable, is_truncated, translate_os_errors
from ferbench.corpora.videos import declared_frames, read_frames
from ferbench.store.files import digest_file, to_json
from ferbench.store.leases import Leases
from ferbench.types import Progress

VIDEOS = (".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
RECORD_FILE = ".extraction.json"  # in each folder


@dataclass(frozen=True)
class Request:
    """What to write: `images` are jpg or png, of each `every`-th frame."""

    images: str
    every: int

    def __str__(self) -> str:
        return f"{self.images} files of {'every frame' if self.every == 1 else f'1 in {self.every} frames'}"


@dataclass(frozen=True)
class VideoState:
    """A video as it was when it was read."""

    size: int
    changed: int  # nanoseconds
    digest: str


@dataclass(frozen=True)
class ExtractionRecord:
    """What a folder was extracted from and how, and how many image files were written."""

    request: Request
    source: VideoState
    frames: int


@dataclass(frozen=True)
class Extraction:
    """The result for one video: how many image files, whether they were written now, and what is wrong."""

    video: str
    frames: int
    written: bool
    problem: str = ""


def extract_frames(
    source: Path, target: Path, request: Request, workers: int, progress: Progress, wait: Callable[[str], None]
) -> list[Extraction]:
    """Write A/B.mp4 below `source` as A/B/0000001.jpg, 0000002.jpg ... below `target`; results are in the order of names.

    Folders are written under a hidden name and then renamed, so that a run reads only whole ones; the next call repeats what was
    interrupted and keeps the rest. `wait` is called with a description of another process that extracts the same video. Raises
    FerbenchError if there is no video, two would share a folder, a folder holds anything else than was asked for, or the disk is full.
    """
    folders = {video: target / video.relative_to(source).with_suffix("") for video in _find_videos(source)}
    _check_distinct(list(folders.values()))
    for folder in folders.values():
        _check_folder(folder, request)
    with _opencv_threads(1), ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(_extract_alone, video, source, folder, request, wait) for video, folder in folders.items()]
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                job.result()
                progress(done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [job.result() for job in jobs]


@contextmanager
def _opencv_threads(count: int) -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def report_lines(extractions: Sequence[Extraction]) -> list[str]:
    """What was written and what was there, then a line for each video with a problem."""
    written = [extraction for extraction in extractions if extraction.written]
    present = sum(1 for extraction in extractions if extraction.frames and not extraction.written)
    lines = [f"{sum(e.frames for e in written)} frames of {len(written)} videos written, {present} videos were already extracted"]
    return lines + [f"{extraction.video}: {extraction.problem}" for extraction in extractions if extraction.problem]


def _find_videos(source: Path) -> list[Path]:
    videos = sorted(path for path in source.rglob("*") if path.suffix.lower() in VIDEOS and path.is_file() and not _is_hidden(path, source))
    if not videos:
        raise FerbenchError(f"no video below {source}", hint=f"expected files that end in {', '.join(VIDEOS)}")
    return videos


def _is_hidden(path: Path, source: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(source).parts)


def _check_distinct(folders: Sequence[Path]) -> None:
    """No video's folder may be another's, or hold it: A.avi beside A/B.avi would look as if it were extracted."""
    counts, parents = Counter(folders), {parent for folder in folders for parent in folder.parents}
    if shared := next((folder for folder in folders if counts[folder] > 1 or folder in parents), None):
        what = f"the frames of two videos would be written to {shared}, or one set into a subfolder of the other"
        raise FerbenchError(what, hint="rename one of them, or extract each from a folder of its own")


def _check_folder(folder: Path, request: Request) -> None:
    """Raises FerbenchError if the folder holds something else than was asked for."""
    if not _is_taken(folder):
        return
    hint = "name another TARGET, or remove the folder to extract the video again"
    record = _load_record(folder)
    if record is None:
        raise FerbenchError(f"{folder} exists and was not written by `ferbench corpus extract`", hint=hint)
    if record.request != request:
        raise FerbenchError(f"{folder} holds {record.request}: you asked for {request}", hint=hint)


def _is_taken(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _load_record(folder: Path) -> ExtractionRecord | None:
    try:
        return msgspec.json.decode((folder / RECORD_FILE).read_bytes(), type=ExtractionRecord)
    except (OSError, msgspec.DecodeError):
        return None


def _extract_alone(video: Path, source: Path, folder: Path, request: Request, wait: Callable[[str], None]) -> Extraction:
    """Extract a video unless its folder is there; if another process extracts it, wait for that."""
    name = escape_line(video.relative_to(source).as_posix())
    lease = nullcontext() if _is_taken(folder) else Leases(folder.parent).hold(f".{folder.name}", wait)
    with _translate_write_errors(folder), lease:
        _check_folder(folder, request)
        try:
            return _check_extraction(video, name, folder) if _is_taken(folder) else _extract_video(video, name, folder, request)
        except Unreadable as problem:
            return Extraction(name, 0, False, escape_line(str(problem)))


@contextmanager
def _translate_write_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FerbenchError(f"{folder} cannot be written: {error.strerror}", hint="make room, and run the same command again") from error


def _extract_video(video: Path, name: str, folder: Path, request: Request) -> Extraction:
    partial_folder = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial_folder, ignore_errors=True)  # of a killed process
    try:
        partial_folder.mkdir()
        video_state = _read_state(video)
        decoded, written = _write_frames(video, partial_folder, request)
        declared = declared_frames(video)
        (partial_folder / RECORD_FILE).write_bytes(to_json(ExtractionRecord(request, video_state, written)))
        partial_folder.replace(folder)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return Extraction(name, written, True, f"ends after {decoded} of {declared} frames" if is_truncated(decoded, declared) else "")


def _check_extraction(video: Path, name: str, folder: Path) -> Extraction:
    """A folder that was extracted before, with what changed since."""
    record = _load_record(folder)
    assert record is not None  # it was checked
    frames = sum(1 for path in folder.iterdir() if path.suffix == f".{record.request.images}")
    problem = ""
    if frames != record.frames:
        problem = f"{frames} of its {record.frames} image files are there: remove {folder} to extract it again"
    elif _has_changed(video, record.source):
        problem = f"the video has changed since it was extracted: remove {folder} to extract it again"
    return Extraction(name, frames, False, problem)


def _has_changed(video: Path, source: VideoState) -> bool:
    """Whether the content differs; it is read only if size or time differ."""
    with translate_os_errors(video):
        stat = video.stat()
    return (stat.st_size, stat.st_mtime_ns) != (source.size, source.changed) and _read_state(video).digest != source.digest


def _read_state(video: Path) -> VideoState:
    with translate_os_errors(video):
        stat = video.stat()
        return VideoState(stat.st_size, stat.st_mtime_ns, digest_file(video))


def _write_frames(video: Path, folder: Path, request: Request) -> tuple[int, int]:
    """Frames decoded and written; each is named by its number, from 1."""
    decoded = written = 0
    for decoded, image in enumerate(read_frames(video), 1):
        if (decoded - 1) % request.every == 0:
            written += 1
            _write_image(folder / f"{decoded:07d}.{request.images}", image)
    return decoded, written


def _write_image(path: Path, image: cv2.typing.MatLike) -> None:
    """BGR; raises OSError if the disk is full, which cv2.imwrite does not report."""
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
