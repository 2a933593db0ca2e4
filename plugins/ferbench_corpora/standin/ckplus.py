"""A stand-in for CK+: image sequences from neutral to apex with labels, landmarks and action units beside them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from .expression import apex, deal, rise
from .person import Person
from .scene import Camera, Shot, film
from .studio import CKPLUS, cast, generator, run, save

CODES = {"anger": 1, "contempt": 2, "disgust": 3, "fear": 4, "happiness": 5, "sadness": 6, "surprise": 7}
WEIGHTS = {"surprise": 0.26, "disgust": 0.2, "anger": 0.15, "happiness": 0.13, "fear": 0.12, "sadness": 0.09, "contempt": 0.05}
LABELLED = (3, 3, 2, 3, 3)  # sequences of one person after another: 2.8 each
UNLABELLED_EVERY = 5  # after so many labelled sequences comes one without a label


def write(folder: Path, people: int, seed: int, progress: Callable[[int, int], None], workers: int | None = None) -> None:
    """Renders `people` persons into `folder`; see `Rehearsable.render`."""
    hands = deal(WEIGHTS, [LABELLED[i % len(LABELLED)] for i in range(people)], distinct=True)
    jobs: list[Callable[[], None]] = []
    labelled = 0
    for index, (who, emotions) in enumerate(zip(cast(CKPLUS, seed, people), hands, strict=True)):
        sequence = 0
        for emotion in emotions:
            sequence, labelled = sequence + 1, labelled + 1
            jobs.append(partial(_sequence, folder, who, index, sequence, emotion, True, seed))
            if labelled % UNLABELLED_EVERY == 0:
                sequence += 1
                jobs.append(partial(_sequence, folder, who, index, sequence, emotion, False, seed))
    run(jobs, progress, workers)


def _sequence(folder: Path, who: Person, index: int, sequence: int, emotion: str, labelled: bool, seed: int) -> None:
    rng = generator(CKPLUS, seed, index, sequence)
    subject, number = f"S{5 * (index + 1):03d}", f"{sequence:03d}"
    camera = Camera((640, 480 if index % 4 == 3 else 490), face=108, noise=2.5, restless=0.8)
    units = apex(emotion, who, 0.6, 1.1, rng) if labelled else apex(emotion, who, 0.2, 0.4, rng)
    frames = int(rng.integers(6, 9))
    for kind in ("cohn-kanade-images", "Landmarks"):
        (folder / kind / subject / number).mkdir(parents=True)
    for frame, shot in enumerate(film(who, camera, units, rise(frames), rng), 1):
        stem = f"{subject}_{number}_{frame:08d}"
        pixels = cv2.cvtColor(shot.image, cv2.COLOR_RGB2BGR if index % 7 == 5 else cv2.COLOR_RGB2GRAY)
        save(folder / "cohn-kanade-images" / subject / number / f"{stem}.png", pixels, cv2.IMWRITE_PNG_COMPRESSION, 1)
        _write_rows(folder / "Landmarks" / subject / number / f"{stem}_landmarks.txt", shot.points)
    _label(folder, subject, number, stem, emotion if labelled else None, shot)


def _label(folder: Path, subject: str, number: str, stem: str, emotion: str | None, last: Shot) -> None:
    """What is told of the last frame. Unlabelled sequences have an empty label folder, as in the corpus."""
    for kind in ("Emotion", "FACS"):
        (folder / kind / subject / number).mkdir(parents=True)
    units = [(unit, min(5, 1 + int(5 * amount))) for unit, amount in sorted(last.units.items()) if amount > 0.1]
    _write_rows(folder / "FACS" / subject / number / f"{stem}_facs.txt", np.array(units, float).reshape(-1, 2))
    if emotion:
        _write_rows(folder / "Emotion" / subject / number / f"{stem}_emotion.txt", np.array([[float(CODES[emotion])]]))


def _write_rows(path: Path, rows: np.ndarray) -> None:
    path.write_text("".join("".join(f"   {value:.7e}" for value in row) + "\n" for row in rows), encoding="ascii", newline="\n")
