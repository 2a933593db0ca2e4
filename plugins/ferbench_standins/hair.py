"""Hair and glasses."""

from __future__ import annotations

import numpy as np

from ferbench_standins.canvas import Image, Points, ellipse, fill_like, paint, shift, smooth, thicken, to_rgb
from ferbench_standins.head import Head, warp_texture
from ferbench_standins.person import Person

FRAME = (40.0, 34.0, 32.0)


def paint_hair(image: Image, head: Head) -> None:
    """Paint everything between hairline and crown, combed, with a sheen on the lamp's side."""
    person = head.person
    top = head.project(_hair_outline(person))
    color = fill_like(image, person.hair)
    _paint_sheen(color, head)
    color *= to_rgb(np.clip(warp_texture(head, head.textures.hair, image), 0.45, 1.9))
    paint(image, shift(top, 0, head.pixels(0.04)), head.skin_tone(0.4), 0.35, head.pixels(0.05))
    paint(image, top, color, 1, head.pixels(0.035))


def _paint_sheen(color: Image, head: Head) -> None:
    """A bright band over the crown and dark sides."""
    tone = np.array(head.person.hair)
    for side in head.mirror([(-1.5, 1.5), (-1.5, -0.9), (-0.9, -0.9), (-0.9, 1.5)]):
        paint(color, side, tuple(0.6 * tone), 0.8, head.pixels(0.25))
    angle = np.linspace(0.2 * np.pi, 0.8 * np.pi, 9)
    band = np.stack([0.8 * np.cos(angle) + 0.5 * head.light.right, -0.35 - 0.85 * np.sin(angle)], 1)
    paint(color, head.project(thicken(band, 0.16)), tuple(1.25 * tone + 22), 0.7, head.pixels(0.12))


def _hair_outline(person: Person) -> Points:
    """Crown and hairline, in head coordinates; the crown lies on the head at the ears and rises from there."""
    line = person.hairline
    inner = {
        "short": [(-0.985, 0.02), (-0.93, -0.1), (-0.9, -0.4), (-0.76, line + 0.2), (-0.4, line), (0, line - 0.03)],
        "curly": [(-0.985, 0.02), (-0.93, -0.1), (-0.9, -0.42), (-0.74, line + 0.16), (-0.4, line + 0.02), (0, line)],
        "receding": [(-0.99, 0.0), (-0.95, -0.15), (-0.94, -0.45), (-0.84, line), (-0.5, line - 0.22), (0, line - 0.14)],
        "fringe": [(-1.0, 0.3), (-0.95, 0.05), (-0.92, -0.2), (-0.85, -0.42), (-0.5, -0.52), (0, -0.55)],
        "long": [(-1.02, 1.3), (-0.9, 0.7), (-0.93, 0.0), (-0.84, -0.45), (-0.45, line + 0.02), (0.1, line - 0.1)],
    }[person.hair_style]
    left = np.array(inner, float) * (person.width, 1)
    hairline = np.vstack([left, left[-2::-1] * (-1, 1)])
    return np.vstack([smooth(_crown(person), 3), smooth(hairline, 4)])


def _crown(person: Person) -> Points:
    """From the right ear over the top to the left one."""
    angle = np.linspace(0, np.pi, 19)
    rise = np.sin(angle)
    volume = person.hair_volume * (0.5 if person.hair_style == "receding" else 1)
    if person.hair_style == "curly":
        volume = volume + 0.05 + 0.035 * np.cos(np.arange(19) * 2.5 + person.texture % 7)
    across = (person.width + 0.03 + 0.6 * volume * np.sqrt(rise)) * np.cos(angle)
    crown = np.stack([across, -0.1 - (1.16 + volume) * rise**0.95], 1)
    if person.hair_style != "long":
        return crown
    locks = np.array([(1.12, 1.3), (1.2, 0.7), (1.15, 0.2)]) * (person.width, 1)
    return np.vstack([locks, crown[2:-2], locks[::-1] * (-1, 1)])


def paint_glasses(image: Image, head: Head) -> None:
    """Paint a thin dark frame and a faint reflection."""
    points = head.points
    for first, last in ((36, 39), (42, 45)):
        center = shift((points[first] + points[last]) / 2, 0, 0.05)
        rim = head.project(center + ellipse((0, 0), (0.31, 0.21), 28))
        paint(image, thicken(np.vstack([rim, rim[:2]]), head.pixels(0.035), taper=False), FRAME, 0.9, 1)
        gleam = center + np.array([(-0.2, -0.12), (-0.08, -0.15), (-0.17, 0.05)])
        paint(image, head.project(gleam), (255, 255, 255), 0.12, head.pixels(0.04))
    bridge = smooth(head.project([(-0.16, 0.03), (0, -0.02), (0.16, 0.03)]))
    for bar in (bridge, *head.mirror([(-0.78, 0.0), (-1.02, -0.04)])):
        paint(image, thicken(bar, head.pixels(0.035), taper=False), FRAME, 0.9, 1)
