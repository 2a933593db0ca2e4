"""A stand-in for MUG: takes from neutral to the apex in the middle frame and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2

from ferbench.types import Progress
from ferbench_standins.expression import assign_emotions, draw_apex_units, rise_and_fall
from ferbench_standins.files import write_image
from ferbench_standins.jobs import run_jobs
from ferbench_standins.person import Person
from ferbench_standins.scene import Camera, film
from ferbench_standins.seeding import MUG, draw_people, seeded_generator

WEIGHTS = {"anger": 0.17, "fear": 0.17, "surprise": 0.17, "sadness": 0.17, "disgust": 0.17, "happiness": 0.15}
WITH_SESSIONS = ("002", "003", "049")  # the people with one more folder level
TAKES = 4
NEUTRAL_EVERY = 5  # every fifth person has a neutral take


def render(folder: Path, people: int, seed: int, progress: Progress, workers: int | None = None) -> None:
    """Render `people` people into `folder`."""
    jobs: list[Callable[[], None]] = []
    emotions_of = assign_emotions(WEIGHTS, [TAKES] * people, distinct=False)
    for index, (person, emotions) in enumerate(zip(draw_people(MUG, seed, people), emotions_of, strict=True)):
        if index % NEUTRAL_EVERY == 0:
            emotions = [*emotions, "neutral"]
        for number, emotion in enumerate(emotions):
            take = _take_folder(folder, index, emotion, emotions[:number].count(emotion))
            take.mkdir(parents=True)
            jobs.append(partial(_render_take, take, person, index, number, emotion, seed))
    run_jobs(jobs, progress, workers)


def _take_folder(folder: Path, index: int, emotion: str, take: int) -> Path:
    subject = f"{index + 1:03d}"
    session = "session0" if subject in WITH_SESSIONS else ""
    return folder / "subjects3" / subject / session / emotion / f"take{take:03d}"


def _render_take(folder: Path, person: Person, index: int, number: int, emotion: str, seed: int) -> None:
    rng = seeded_generator(MUG, seed, index, number)
    camera = Camera((896, 896), face=170, zoom=0.5, blur=0.8, noise=2.0, restless=0.8)
    activity = rise_and_fall(int(rng.integers(11, 14)))
    for frame, shot in enumerate(film(person, camera, draw_apex_units(emotion, person, 0.6, 1.1, rng), activity, rng)):
        bgr = cv2.cvtColor(shot.image, cv2.COLOR_RGB2BGR)
        write_image(folder / f"img_{frame:04d}.jpg", bgr, cv2.IMWRITE_JPEG_QUALITY, 90)
