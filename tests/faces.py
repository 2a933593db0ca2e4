"""Small corpora of rendered faces in the layout of `leaky`, and leaks to plant in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np

from ferbench_standins.expression import draw_apex_units, rise
from ferbench_standins.scene import Camera, film
from ferbench_standins.seeding import CKPLUS, draw_people, seeded_generator

LABELS = ("happiness", "surprise")
CAMERA = Camera((128, 112), face=26)


def render_faces(folder: Path, people: int, seed: int, frames: int = 2, first: int = 0) -> Path:
    """PERSON/LABEL/take/FRAME.png of people that only the seed determines, numbered from `first`."""
    for number, person in list(enumerate(draw_people(CKPLUS, seed, first + people)))[first:]:
        for clip, label in enumerate(LABELS):
            place = folder / f"p{number:02}" / label / "take"
            place.mkdir(parents=True)
            rng = seeded_generator(CKPLUS, seed, number, clip)
            shots = film(person, CAMERA, draw_apex_units(label, person, 0.5, 1.0, rng), rise(frames + 1)[1:], rng)
            for frame, shot in enumerate(shots):
                cv2.imwrite(str(place / f"{frame}.png"), cv2.cvtColor(shot.image, cv2.COLOR_RGB2BGR))
    return folder


def copy_frames(source: Path, target: Path, pattern: str, rng: np.random.Generator, to_the_byte: bool) -> None:
    """Copy frames of a clip to the byte, or encoded, scaled and lit anew."""
    target.mkdir(parents=True)
    for file in sorted(source.glob(pattern)):
        if to_the_byte:
            shutil.copy(file, target)
        else:
            cv2.imwrite(str(target / file.name), disguise(cv2.imread(str(file)), rng))


def disguise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The image as JPEG of another quality, from 0.75 to 1.5 times the size, and up to 15 levels brighter or darker."""
    scale, light = rng.uniform(0.75, 1.5), rng.uniform(-15, 15)
    other = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    other = np.clip(other + light, 0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", other, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 96))])[1], cv2.IMREAD_COLOR)
