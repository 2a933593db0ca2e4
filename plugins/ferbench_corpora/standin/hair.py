"""Hair and glasses."""

from __future__ import annotations

import numpy as np

from .canvas import Image, Points, curve, ellipse, filled, moved, paint, ribbon, thrice
from .person import Person
from .sitter import Sitter, warped

FRAME = (40.0, 34.0, 32.0)


def hair(image: Image, sitter: Sitter) -> None:
    """Everything between hairline and crown, combed, with a sheen on the lamp's side."""
    who = sitter.who
    top = sitter.at(_outline(who))
    colour = filled(image, who.hair)
    _sheen(colour, sitter)
    colour *= thrice(np.clip(warped(sitter, sitter.textures.hair, image), 0.45, 1.9))
    paint(image, moved(top, 0, sitter.px(0.04)), sitter.tone(0.4), 0.35, sitter.px(0.05))
    paint(image, top, colour, 1, sitter.px(0.035))


def _sheen(colour: Image, sitter: Sitter) -> None:
    """A bright band over the crown and dark sides."""
    tone = np.array(sitter.who.hair)
    for side in sitter.both([(-1.5, 1.5), (-1.5, -0.9), (-0.9, -0.9), (-0.9, 1.5)]):
        paint(colour, side, tuple(0.6 * tone), 0.8, sitter.px(0.25))
    angle = np.linspace(0.2 * np.pi, 0.8 * np.pi, 9)
    band = np.stack([0.8 * np.cos(angle) + 0.5 * sitter.light.right, -0.35 - 0.85 * np.sin(angle)], 1)
    paint(colour, sitter.at(ribbon(band, 0.16)), tuple(1.25 * tone + 22), 0.7, sitter.px(0.12))


def _outline(who: Person) -> Points:
    """Crown and hairline, in head coordinates; the crown lies on the head at the ears and rises from there."""
    line = who.hairline
    inner = {
        "short": [(-0.985, 0.02), (-0.93, -0.1), (-0.9, -0.4), (-0.76, line + 0.2), (-0.4, line), (0, line - 0.03)],
        "curly": [(-0.985, 0.02), (-0.93, -0.1), (-0.9, -0.42), (-0.74, line + 0.16), (-0.4, line + 0.02), (0, line)],
        "receding": [(-0.99, 0.0), (-0.95, -0.15), (-0.94, -0.45), (-0.84, line), (-0.5, line - 0.22), (0, line - 0.14)],
        "fringe": [(-1.0, 0.3), (-0.95, 0.05), (-0.92, -0.2), (-0.85, -0.42), (-0.5, -0.52), (0, -0.55)],
        "long": [(-1.02, 1.3), (-0.9, 0.7), (-0.93, 0.0), (-0.84, -0.45), (-0.45, line + 0.02), (0.1, line - 0.1)],
    }[who.hair_style]
    left = np.array(inner, float) * (who.width, 1)
    hairline = np.vstack([left, left[-2::-1] * (-1, 1)])
    return np.vstack([curve(_crown(who), 3), curve(hairline, 4)])


def _crown(who: Person) -> Points:
    """From the right ear over the top to the left one."""
    angle = np.linspace(0, np.pi, 19)
    rise = np.sin(angle)
    volume = who.hair_volume * (0.5 if who.hair_style == "receding" else 1)
    if who.hair_style == "curly":
        volume = volume + 0.05 + 0.035 * np.cos(np.arange(19) * 2.5 + who.texture % 7)
    across = (who.width + 0.03 + 0.6 * volume * np.sqrt(rise)) * np.cos(angle)
    crown = np.stack([across, -0.1 - (1.16 + volume) * rise**0.95], 1)
    if who.hair_style != "long":
        return crown
    locks = np.array([(1.12, 1.3), (1.2, 0.7), (1.15, 0.2)]) * (who.width, 1)
    return np.vstack([locks, crown[2:-2], locks[::-1] * (-1, 1)])


def glasses(image: Image, sitter: Sitter) -> None:
    """A thin dark frame and a faint reflection."""
    points = sitter.points
    for first, last in ((36, 39), (42, 45)):
        centre = moved((points[first] + points[last]) / 2, 0, 0.05)
        rim = sitter.at(centre + ellipse((0, 0), (0.31, 0.21), 28))
        paint(image, ribbon(np.vstack([rim, rim[:2]]), sitter.px(0.035), taper=False), FRAME, 0.9, 1)
        gleam = centre + np.array([(-0.2, -0.12), (-0.08, -0.15), (-0.17, 0.05)])
        paint(image, sitter.at(gleam), (255, 255, 255), 0.12, sitter.px(0.04))
    bridge = curve(sitter.at([(-0.16, 0.03), (0, -0.02), (0.16, 0.03)]))
    for bar in (bridge, *sitter.both([(-0.78, 0.0), (-1.02, -0.04)])):
        paint(image, ribbon(bar, sitter.px(0.035), taper=False), FRAME, 0.9, 1)
