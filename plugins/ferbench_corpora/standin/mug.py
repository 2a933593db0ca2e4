"""A stand-in for MUG: takes from neutral to apex, in the middle frame, and back to neutral."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2

from .expression import apex, deal, rise_and_fall
from .person import Person
from .scene import Camera, film
from .studio import MUG, cast, generator, run, save

WEIGHTS = {"anger": 0.17, "fear": 0.17, "surprise": 0.17, "sadness": 0.17, "disgust": 0.17, "happiness": 0.15}
SESSIONS = ("002", "003", "049")  # the subjects with one more folder level
TAKES = 4
NEUTRAL_EVERY = 5  # every fifth person has a neutral take


def write(folder: Path, people: int, seed: int, progress: Callable[[int, int], None], workers: int | None = None) -> None:
    """Renders `people` persons into `folder`; see `Rehearsable.render`."""
    jobs: list[Callable[[], None]] = []
    hands = deal(WEIGHTS, [TAKES] * people, distinct=False)
    for index, (who, emotions) in enumerate(zip(cast(MUG, seed, people), hands, strict=True)):
        if index % NEUTRAL_EVERY == 0:
            emotions = [*emotions, "neutral"]
        for number, emotion in enumerate(emotions):
            take = emotions[:number].count(emotion)
            jobs.append(partial(_take, folder, who, index, number, emotion, take, seed))
    run(jobs, progress, workers)


def _take(folder: Path, who: Person, index: int, number: int, emotion: str, take: int, seed: int) -> None:
    rng = generator(MUG, seed, index, number)
    subject = f"{index + 1:03d}"
    above = folder / "subjects3" / subject / ("session0" if subject in SESSIONS else "")
    target = above / emotion / f"take{take:03d}"
    target.mkdir(parents=True)
    camera = Camera((896, 896), face=170, zoom=0.5, blur=0.8, noise=2.0, restless=0.8)
    activity = rise_and_fall(int(rng.integers(11, 14)))
    for frame, shot in enumerate(film(who, camera, apex(emotion, who, 0.6, 1.1, rng), activity, rng)):
        path = target / f"img_{frame:04d}.jpg"
        save(path, cv2.cvtColor(shot.image, cv2.COLOR_RGB2BGR), cv2.IMWRITE_JPEG_QUALITY, 90)
