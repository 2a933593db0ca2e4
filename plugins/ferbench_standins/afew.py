"""A stand-in for AFEW: short videos in folders by split and emotion; people are not named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ferbench.types import Progress
from ferbench_standins.expression import EMOTIONS, draw_apex_units, rise_and_fall
from ferbench_standins.files import write_video
from ferbench_standins.jobs import run_jobs
from ferbench_standins.person import Person
from ferbench_standins.scene import Camera, film
from ferbench_standins.seeding import AFEW, draw_people, seeded_generator

FOLDERS = {
    "anger": "Angry", "disgust": "Disgust", "fear": "Fear", "happiness": "Happy",
    "neutral": "Neutral", "sadness": "Sad", "surprise": "Surprise",
}  # fmt: skip
VALIDATION_EVERY = 3  # one person in this many is in Val_AFEW; the corpus has 773 and 383 clips


def render(folder: Path, people: int, seed: int, progress: Progress, workers: int | None = None) -> None:
    """Render `people` people, each with every emotion, into `folder`."""
    jobs: list[Callable[[], None]] = []
    for index, person in enumerate(draw_people(AFEW, seed, people)):
        split = "Val_AFEW" if index % VALIDATION_EVERY == VALIDATION_EVERY - 1 else "Train_AFEW"
        for number, (emotion, name) in enumerate(FOLDERS.items()):
            path = folder / split / name / f"{index * 1000 + number * 40:09d}.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            jobs.append(partial(_render_clip, path, person, index, number, emotion, seed))
    run_jobs(jobs, progress, workers)


def _render_clip(path: Path, person: Person, index: int, number: int, emotion: str, seed: int) -> None:
    rng = seeded_generator(AFEW, seed, index, number)
    camera = Camera((720, 576), face=float(rng.uniform(70, 110)), blur=0.8, noise=4.0, restless=2.0)
    units = draw_apex_units(emotion, person, 0.5, 1.0, rng) if EMOTIONS[emotion] else {}
    shots = film(person, camera, units, np.asarray(rise_and_fall(int(rng.integers(8, 13)))), rng)
    write_video(path, [shot.image for shot in shots])
