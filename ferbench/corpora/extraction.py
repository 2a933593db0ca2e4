"""Writes the frames of a whole tree of videos as images: side by side, resumable, and with a report of what could not be read."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2

from ferbench.api.errors import FerbenchError
from ferbench.corpora.decoding import SURE, Unreadable, frames, promised
from ferbench.types import Progress

VIDEOS = (".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
LEFT = ".part"  # ends the name of what is not yet whole


@dataclass(frozen=True)
class Extracted:
    """What became of a video: so many frames written, there already, or a problem; a problem beside frames is one of the rest."""

    video: str
    frames: int
    written: bool
    problem: str = ""


def extract(source: Path, target: Path, kind: str, every: int, workers: int, tell: Progress) -> list[Extracted]:
    """Writes A/B.mp4 below `source` as A/B/0000001.jpg (or png), 0000002 ... below `target`, each `every`-th frame; in order of names.

    A folder is there whole or not at all: what was interrupted is made again by the next call, what is there stays. Raises
    FerbenchError where there is no video, two would be written to one place, or the disk cannot be written.
    """
    videos = sorted(path for path in source.rglob("*") if path.suffix.lower() in VIDEOS and path.is_file() and not _hidden(path, source))
    if not videos:
        raise FerbenchError(f"no video below {source}", hint=f"expected files that end in {', '.join(VIDEOS)}")
    folders = [target / video.relative_to(source).with_suffix("") for video in videos]
    _check(folders)
    cv2.setNumThreads(1)
    made: dict[Path, Extracted] = {}
    with ThreadPoolExecutor(workers) as pool:
        jobs = {pool.submit(_one, video, source, folder, kind, every): video for video, folder in zip(videos, folders, strict=True)}
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                made[jobs[job]] = job.result()
                tell(done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [made[video] for video in videos]


def report(made: Sequence[Extracted]) -> list[str]:
    """What was written and what was there, then a line for each video that could not be read, or not to its end."""
    new = [each for each in made if each.written]
    there = [each for each in made if each.frames and not each.written]
    lines = [f"{sum(each.frames for each in new)} frames of {len(new)} videos written, {len(there)} videos were there already"]
    return lines + [f"{each.video}: {each.problem}" for each in made if each.problem]


def _one(video: Path, source: Path, folder: Path, kind: str, every: int) -> Extracted:
    name = video.relative_to(source).as_posix()
    if folder.is_dir():
        return Extracted(name, sum(1 for path in folder.iterdir() if path.suffix == f".{kind}"), False)
    work = folder.with_name(f".{folder.name}{LEFT}")
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        written = seen = 0
        for seen, image in enumerate(frames(video), 1):
            if (seen - 1) % every == 0:
                written += 1
                _save(work / f"{seen:07d}.{kind}", image)
        told = promised(video)
        work.replace(folder)
    except Unreadable as problem:
        shutil.rmtree(work, ignore_errors=True)
        return Extracted(name, 0, False, str(problem))
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        raise FerbenchError(f"{folder} cannot be written: {error.strerror}", hint="make room, and run the same command again") from error
    return Extracted(name, written, True, f"ends after {seen} of {told} frames" if seen < SURE * told else "")


def _check(folders: Sequence[Path]) -> None:
    """That no video's folder is another's, or holds another's: A.avi beside A/B.avi would be taken for written."""
    times, above = Counter(folders), {parent for folder in folders for parent in folder.parents}
    if shared := next((folder for folder in folders if times[folder] > 1 or folder in above), None):
        what = f"the frames of one video would be written to {shared}, and those of another there or below"
        raise FerbenchError(what, hint="rename one of them, or extract each from a folder of its own")


def _save(path: Path, image: cv2.typing.MatLike) -> None:
    """BGR; OSError where the disk is full, which cv2.imwrite keeps to itself."""
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def _hidden(path: Path, source: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(source).parts)
