"""A stand-in for AFEW: short videos in folders by split and emotion, which tell nobody's name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from .expression import EMOTIONS, apex, rise_and_fall
from .person import Person
from .scene import Camera, film
from .studio import AFEW, cast, check_video, generator, run

FOLDERS = {
    "anger": "Angry", "disgust": "Disgust", "fear": "Fear", "happiness": "Happy",
    "neutral": "Neutral", "sadness": "Sad", "surprise": "Surprise",
}  # fmt: skip
VALIDATION_EVERY = 3  # of so many people one is in Val_AFEW; the corpus has 773 and 383 clips


def write(folder: Path, people: int, seed: int, progress: Callable[[int, int], None], workers: int | None = None) -> None:
    """Renders `people` persons, each with every emotion, into `folder`; see `Rehearsable.render`."""
    jobs: list[Callable[[], None]] = []
    for index, who in enumerate(cast(AFEW, seed, people)):
        split = "Val_AFEW" if index % VALIDATION_EVERY == VALIDATION_EVERY - 1 else "Train_AFEW"
        for number, (emotion, name) in enumerate(FOLDERS.items()):
            place = folder / split / name
            place.mkdir(parents=True, exist_ok=True)
            jobs.append(partial(_clip, place / f"{index * 1000 + number * 40:09d}.avi", who, index, number, emotion, seed))
    run(jobs, progress, workers)


def _clip(path: Path, who: Person, index: int, number: int, emotion: str, seed: int) -> None:
    rng = generator(AFEW, seed, index, number)
    camera = Camera((720, 576), face=float(rng.uniform(70, 110)), blur=0.8, noise=4.0, restless=2.0)
    units = apex(emotion, who, 0.5, 1.0, rng) if EMOTIONS[emotion] else {}
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, camera.size)
    shots = list(film(who, camera, units, np.asarray(rise_and_fall(int(rng.integers(8, 13)))), rng))
    for shot in shots:
        writer.write(cv2.cvtColor(shot.image, cv2.COLOR_RGB2BGR))
    writer.release()
    check_video(path, len(shots))
