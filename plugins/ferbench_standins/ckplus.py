"""A stand-in for CK+: image sequences from neutral to apex, with labels, landmarks and action units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ferbench.types import Progress
from ferbench_standins.expression import assign_emotions, draw_apex_units, rise
from ferbench_standins.files import write_image
from ferbench_standins.jobs import run_jobs
from ferbench_standins.person import Person
from ferbench_standins.scene import Camera, Shot, film
from ferbench_standins.seeding import CKPLUS, draw_people, seeded_generator

CODES = {"anger": 1, "contempt": 2, "disgust": 3, "fear": 4, "happiness": 5, "sadness": 6, "surprise": 7}
WEIGHTS = {"surprise": 0.26, "disgust": 0.2, "anger": 0.15, "happiness": 0.13, "fear": 0.12, "sadness": 0.09, "contempt": 0.05}
LABELED = (3, 3, 2, 3, 3)  # sequences per person, in turn: 2.8 on average
UNLABELED_EVERY = 5  # one unlabeled sequence follows this many labeled ones


@dataclass(frozen=True)
class Sequence:
    """One sequence: the index of its person, its number (from 1), and whether it has a label."""

    person: Person
    index: int
    number: int
    emotion: str
    labeled: bool
    seed: int

    @property
    def folder(self) -> str:
        """Below each of the corpus's trees: S005/001."""
        return f"S{5 * (self.index + 1):03d}/{self.number:03d}"

    def stem(self, frame: int) -> str:
        """The name of a frame's files, without their ending."""
        return f"{self.folder.replace('/', '_')}_{frame:08d}"


def render(folder: Path, people: int, seed: int, progress: Progress, workers: int | None = None) -> None:
    """Render `people` people into `folder`."""
    run_jobs([partial(_render_sequence, folder, sequence) for sequence in _plan_sequences(people, seed)], progress, workers)


def _plan_sequences(people: int, seed: int) -> Iterator[Sequence]:
    emotions_of = assign_emotions(WEIGHTS, [LABELED[i % len(LABELED)] for i in range(people)], distinct=True)
    labeled = 0
    for index, (person, emotions) in enumerate(zip(draw_people(CKPLUS, seed, people), emotions_of, strict=True)):
        number = 0
        for emotion in emotions:
            number, labeled = number + 1, labeled + 1
            yield Sequence(person, index, number, emotion, True, seed)
            if labeled % UNLABELED_EVERY == 0:
                number += 1
                yield Sequence(person, index, number, emotion, False, seed)


def _render_sequence(folder: Path, sequence: Sequence) -> None:
    rng = seeded_generator(CKPLUS, sequence.seed, sequence.index, sequence.number)
    camera = Camera((640, 480 if sequence.index % 4 == 3 else 490), face=108, noise=2.5, restless=0.8)
    units = draw_apex_units(sequence.emotion, sequence.person, *((0.6, 1.1) if sequence.labeled else (0.2, 0.4)), rng)
    frames = int(rng.integers(6, 9))
    for tree in ("cohn-kanade-images", "Landmarks", "Emotion", "FACS"):  # an unlabeled sequence has an empty folder, as in the corpus
        (folder / tree / sequence.folder).mkdir(parents=True)
    for frame, shot in enumerate(film(sequence.person, camera, units, rise(frames), rng), 1):
        stem = sequence.stem(frame)
        pixels = cv2.cvtColor(shot.image, cv2.COLOR_RGB2BGR if sequence.index % 7 == 5 else cv2.COLOR_RGB2GRAY)
        write_image(folder / "cohn-kanade-images" / sequence.folder / f"{stem}.png", pixels, cv2.IMWRITE_PNG_COMPRESSION, 1)
        _write_rows(folder / "Landmarks" / sequence.folder / f"{stem}_landmarks.txt", shot.points)
    _write_label(folder, sequence, stem, shot)


def _write_label(folder: Path, sequence: Sequence, stem: str, last: Shot) -> None:
    """The action units of the last frame, and its emotion if the sequence is labeled."""
    units = [(unit, min(5, 1 + int(5 * amount))) for unit, amount in sorted(last.units.items()) if amount > 0.1]
    _write_rows(folder / "FACS" / sequence.folder / f"{stem}_facs.txt", np.array(units, float).reshape(-1, 2))
    if sequence.labeled:
        code = np.array([[float(CODES[sequence.emotion])]])
        _write_rows(folder / "Emotion" / sequence.folder / f"{stem}_emotion.txt", code)


def _write_rows(path: Path, rows: np.ndarray) -> None:
    path.write_text("".join("".join(f"   {value:.7e}" for value in row) + "\n" for row in rows), encoding="ascii", newline="\n")
