"""What stays in place while the head moves: long hair behind the neck, the neck, the shoulders."""

from __future__ import annotations

import numpy as np

from ferbench_standins.canvas import Image, Points, ellipse, paint, shift, smooth, thicken
from ferbench_standins.head import Light
from ferbench_standins.person import Color, Person
from ferbench_standins.shape import Pose

BACK_HAIR = [(-0.9, -0.8), (-1.15, 0.2), (-1.15, 1.3), (-0.7, 1.7), (0.7, 1.7), (1.15, 1.3), (1.15, 0.2), (0.9, -0.8)]
NECK = [(-0.62, 0.6), (-0.58, 1.4), (-0.66, 1.75), (-0.9, 2.3), (0.9, 2.3), (0.66, 1.75), (0.58, 1.4), (0.62, 0.6)]
SHOULDERS = [
    (-0.66, 1.8),
    (-1.2, 1.98),
    (-1.75, 2.2),
    (-2.15, 2.9),
    (-2.3, 5),
    (2.3, 5),
    (2.15, 2.9),
    (1.75, 2.2),
    (1.2, 1.98),
    (0.66, 1.8),
]
COLLAR = [(-0.66, 1.8), (-0.4, 2.1), (0, 2.25), (0.4, 2.1), (0.66, 1.8)]


def paint_body(image: Image, person: Person, pose: Pose, light: Light) -> None:
    """Paint hair, neck and clothes into image [H,W,3] for a head in this pose."""

    def at(points: Points | list[tuple[float, float]]) -> Points:
        return np.asarray(points, float) * pose.scale + (pose.x, pose.y)

    if person.hair_style == "long":
        paint(image, smooth(at(BACK_HAIR), 5), _scale(person.hair, 0.6), 1, 0.05 * pose.scale)
    bright = 0.8 * light.ambient + 0.5
    paint(image, smooth(at(NECK), 4, closed=True), _scale(person.skin, bright), 1, 0.03 * pose.scale)
    for side in (-1, 1):
        edge = np.array([(0.56, 0.8), (0.54, 1.4), (0.68, 2.1)]) * (side, 1)
        brightness = 0.35 if side * light.right < 0 else 0.55  # the side away from the lamp is darker
        paint(image, at(thicken(smooth(edge), 0.3, taper=False)), _scale(person.skin, brightness), 0.6, 0.14 * pose.scale)
    paint(image, at(ellipse((0, 1.2), (0.62, 0.5))), _scale(person.skin, 0.35), 0.65, 0.18 * pose.scale)
    _paint_clothes(image, person, at(smooth(np.array(SHOULDERS), 5)), at(smooth(np.array(COLLAR), 5)), pose.scale)


def _paint_clothes(image: Image, person: Person, shoulders: Points, collar: Points, scale: float) -> None:
    shirt = np.vstack([shoulders, collar[::-1]])
    paint(image, shirt, person.clothes, 1, 0.02 * scale)
    neck = _between_eyes(collar, scale)
    for x in (-1.75, -0.8, 0.75, 1.8):  # folds
        fold = np.array([(x, 2.5), (0.85 * x, 3.3), (0.9 * x, 4.5)]) * scale
        paint(image, shift(thicken(smooth(fold), 0.28 * scale), *neck), _scale(person.clothes, 0.7), 0.5, 0.18 * scale)
    paint(image, thicken(collar, 0.09 * scale, taper=False), _scale(person.clothes, 0.75), 0.9, 0.02 * scale)


def _between_eyes(collar: Points, scale: float) -> tuple[float, float]:
    """The pixel between the eyes, from the collar's middle."""
    x, y = collar[len(collar) // 2]
    return float(x), float(y - COLLAR[2][1] * scale)


def _scale(color: Color, brightness: float) -> Color:
    return brightness * color[0], brightness * color[1], brightness * color[2]
