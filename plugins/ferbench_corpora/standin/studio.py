"""Runs the clips of a corpus side by side; each has its own seed, so that the number of workers leaves no trace."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import cv2
import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray

from .person import Person, person

CKPLUS, MUG, ISED, AFEW = 1, 2, 3, 4
PERSON = 1_000_000  # stands where a clip's number would


def generator(corpus: int, seed: int, who: int, clip: int) -> np.random.Generator:
    """The random numbers of one clip of one person."""
    return np.random.default_rng([corpus, seed, who, clip])


def cast(corpus: int, seed: int, people: int) -> list[Person]:
    """The people of a corpus; a longer list begins with the shorter one."""
    return [person(generator(corpus, seed, who, PERSON)) for who in range(people)]


def run(jobs: Sequence[Callable[[], None]], progress: Callable[[int, int], None], workers: int | None = None) -> None:
    """Calls every job, as many at once as there are processors; `progress(done, of)` is called from this thread."""
    with ThreadPoolExecutor(workers or cpu_count()) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                progress(done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def save(path: Path, image: NDArray[np.uint8], *options: int) -> None:
    """Writes a picture; OSError where the disk is full, which cv2.imwrite keeps to itself."""
    path.write_bytes(cv2.imencode(path.suffix, image, options)[1].tobytes())


def check_video(path: Path, frames: int) -> None:
    """OSError where a video does not hold so many frames: OpenCV's writer tells nothing."""
    capture = cv2.VideoCapture(str(path))
    found = sum(1 for _ in iter(capture.grab, False))
    capture.release()
    if found != frames:
        raise OSError(errno.ENOSPC, f"{found} of {frames} frames were written: is the disk full?", str(path))
