"""A stand-in for ISED: spontaneous, weaker expressions in video files, a picture of each peak, and a MATLAB table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from .expression import apex, deal, rise
from .person import Person
from .scene import Camera, Shot, film
from .studio import ISED, cast, check_video, generator, run, save

CODES = {"happiness": 1, "surprise": 2, "sadness": 3, "disgust": 4}
WEIGHTS = {"happiness": 227.0, "surprise": 73.0, "sadness": 48.0, "disgust": 80.0}
CLIPS = (4, 3, 3)  # clips of one person after another
HEADER = b"MATLAB 5.0 MAT-file, a stand-in rendered by ferbench"  # in place of a header with the time in it


@dataclass(frozen=True)
class Plan:
    """One clip: whose, which (from 1), and how many frames before and after the peak."""

    who: Person
    person: int
    clip: int
    emotion: str
    seed: int

    @property
    def video(self) -> str:
        """The clip's path in the corpus."""
        return f"videos/PS {self.person}/{self.clip}.avi"

    def rng(self) -> np.random.Generator:
        """This clip's random numbers from the start."""
        return generator(ISED, self.seed, self.person, self.clip)


def write(folder: Path, people: int, seed: int, progress: Callable[[int, int], None], workers: int | None = None) -> None:
    """Renders `people` persons into `folder`; see `Rehearsable.render`."""
    hands = deal(WEIGHTS, [CLIPS[i % len(CLIPS)] for i in range(people)], distinct=False)
    plans = [
        Plan(who, index + 1, clip, emotion, seed)
        for index, (who, emotions) in enumerate(zip(cast(ISED, seed, people), hands, strict=True))
        for clip, emotion in enumerate(emotions, 1)
    ]
    rows: list[list[object] | None] = [None] * len(plans)
    (folder / "peakImages").mkdir()
    for index in range(people):
        (folder / "videos" / f"PS {index + 1}").mkdir(parents=True)
    run([partial(_clip, folder, plan, rows, place) for place, plan in enumerate(plans)], progress, workers)
    _write_table(folder / "ISED_details.mat", rows)


def _clip(folder: Path, plan: Plan, rows: list[list[object] | None], place: int) -> None:
    rng = plan.rng()
    camera = Camera((640, 480), face=88, blur=0.7, noise=3.0, restless=1.2)
    units = apex(plan.emotion, plan.who, 0.45, 0.95, rng)
    frames, after = int(rng.integers(8, 11)), int(rng.integers(1, 3))
    peak = frames - after  # 1-based
    activity = np.concatenate([rise(peak), np.linspace(0.95, 0.85, after)])
    shots = list(film(plan.who, camera, units, activity, rng))
    writer = cv2.VideoWriter(str(folder / plan.video), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, camera.size)
    for shot in shots:
        writer.write(cv2.cvtColor(shot.image, cv2.COLOR_RGB2BGR))
    writer.release()
    check_video(folder / plan.video, len(shots))
    picture = f"peakImages/{plan.person}_{plan.clip}_{peak}.jpg"
    save(folder / picture, cv2.cvtColor(shots[peak - 1].image, cv2.COLOR_RGB2BGR))
    rows[place] = _row(plan, place + 1, peak, picture, shots[peak - 1])


def _row(plan: Plan, number: int, peak: int, picture: str, shot: Shot) -> list[object]:
    """The table's sixteen columns."""
    who, points = plan.who, shot.points
    low, high = points.min(0), points.max(0)
    intensity = int(np.clip(round(4.5 * max(shot.units.values())), 1, 5))
    numbers = [float(plan.person), float(number), float(plan.clip), float(peak)]
    people = ["F" if who.female else "M", float(who.glasses), float(who.beard != "none"), 0.0]
    places = [np.round([*low, *(high - low)]), *(np.round(points[part].mean(0)) for part in (slice(36, 42), slice(42, 48), slice(30, 31)))]
    return [*numbers, plan.video, picture, float(CODES[plan.emotion]), float(intensity), *people, *places]


def _write_table(path: Path, rows: list[list[object] | None]) -> None:
    table = np.empty((len(rows), 16), object)
    for place, row in enumerate(rows):
        for column, value in enumerate(row or ()):
            table[place, column] = value
    savemat(path, {"ISED_details": table})
    with path.open("r+b") as file:
        file.write(HEADER.ljust(116))
