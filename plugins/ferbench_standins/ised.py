"""A stand-in for ISED: videos of weaker, spontaneous expressions, an image of each peak, and a MATLAB table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from ferbench.types import Progress
from ferbench_standins.expression import assign_emotions, draw_apex_units, rise
from ferbench_standins.files import write_image, write_video
from ferbench_standins.jobs import run_jobs
from ferbench_standins.person import Person
from ferbench_standins.scene import Camera, Shot, film
from ferbench_standins.seeding import ISED, draw_people, seeded_generator

CODES = {"happiness": 1, "surprise": 2, "sadness": 3, "disgust": 4}
WEIGHTS = {"happiness": 227.0, "surprise": 73.0, "sadness": 48.0, "disgust": 80.0}
CLIPS = (4, 3, 3)  # clips per person, in turn
HEADER = b"MATLAB 5.0 MAT-file, a stand-in rendered by ferbench"  # replaces a header with the time in it

Cell = str | float | NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """One clip: its person, its number (from 1) among the person's clips, and its row (from 1) in the table."""

    person: Person
    subject: int
    number: int
    row: int
    emotion: str
    seed: int

    @property
    def video(self) -> str:
        """The clip's path in the corpus."""
        return f"videos/PS {self.subject}/{self.number}.avi"


def render(folder: Path, people: int, seed: int, progress: Progress, workers: int | None = None) -> None:
    """Render `people` people into `folder`."""
    (folder / "peakImages").mkdir()
    for subject in range(1, people + 1):
        (folder / "videos" / f"PS {subject}").mkdir(parents=True)
    recordings = _plan_recordings(people, seed)
    rows = run_jobs([partial(_render_recording, folder, recording) for recording in recordings], progress, workers)
    _write_table(folder / "ISED_details.mat", rows)


def _plan_recordings(people: int, seed: int) -> list[Recording]:
    emotions_of = assign_emotions(WEIGHTS, [CLIPS[i % len(CLIPS)] for i in range(people)], distinct=False)
    clips = [
        (person, subject, number, emotion)
        for subject, (person, emotions) in enumerate(zip(draw_people(ISED, seed, people), emotions_of, strict=True), 1)
        for number, emotion in enumerate(emotions, 1)
    ]
    return [Recording(person, subject, number, row, emotion, seed) for row, (person, subject, number, emotion) in enumerate(clips, 1)]


def _render_recording(folder: Path, recording: Recording) -> list[Cell]:
    """Write the video and the picture of its peak; returns its row of the table."""
    rng = seeded_generator(ISED, recording.seed, recording.subject, recording.number)
    camera = Camera((640, 480), face=88, blur=0.7, noise=3.0, restless=1.2)
    units = draw_apex_units(recording.emotion, recording.person, 0.45, 0.95, rng)
    frames, after = int(rng.integers(8, 11)), int(rng.integers(1, 3))
    peak = frames - after  # from 1
    activity = np.concatenate([rise(peak), np.linspace(0.95, 0.85, after)])
    shots = list(film(recording.person, camera, units, activity, rng))
    write_video(folder / recording.video, [shot.image for shot in shots])
    picture = f"peakImages/{recording.subject}_{recording.number}_{peak}.jpg"
    write_image(folder / picture, cv2.cvtColor(shots[peak - 1].image, cv2.COLOR_RGB2BGR))
    return _table_row(recording, peak, picture, shots[peak - 1])


def _table_row(recording: Recording, peak: int, picture: str, shot: Shot) -> list[Cell]:
    """The table's sixteen columns."""
    person, points = recording.person, shot.points
    low, high = points.min(0), points.max(0)
    intensity = int(np.clip(round(4.5 * max(shot.units.values())), 1, 5))
    numbers = [float(recording.subject), float(recording.row), float(recording.number), float(peak)]
    traits = ["F" if person.female else "M", float(person.glasses), float(person.beard != "none"), 0.0]
    eyes_and_nose = [np.round(points[part].mean(0)) for part in (slice(36, 42), slice(42, 48), slice(30, 31))]
    paths = [recording.video, picture]
    return [*numbers, *paths, float(CODES[recording.emotion]), float(intensity), *traits, np.round([*low, *(high - low)]), *eyes_and_nose]


def _write_table(path: Path, rows: Sequence[Sequence[Cell]]) -> None:
    table = np.empty((len(rows), 16), object)
    for index, row in enumerate(rows):
        for column, value in enumerate(row):
            table[index, column] = value
    savemat(path, {"ISED_details": table})
    with path.open("r+b") as file:
        file.write(HEADER.ljust(116))
