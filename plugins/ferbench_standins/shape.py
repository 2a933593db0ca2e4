"""The 68 points of a face in CK+'s order, moved by FACS action units and projected into the picture.

Head coordinates: the face is about 2 wide, x to the right of the picture, y down, the eyes at y = 0 and the chin near y = 1.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ferbench_standins.canvas import Points
from ferbench_standins.person import Person

Units = Mapping[int, float]
"""Action units and their intensities, 0 to about 1."""

# Points of the picture's left half and of the middle line, by the index of the first.
LEFT: dict[int, list[tuple[float, float]]] = {
    0: [(-1, -0.04), (-0.985, 0.25), (-0.94, 0.54), (-0.86, 0.81), (-0.73, 1.04), (-0.57, 1.22), (-0.38, 1.34), (-0.18, 1.41), (0, 1.43)],
    17: [(-0.82, -0.22), (-0.69, -0.34), (-0.51, -0.38), (-0.33, -0.35), (-0.18, -0.29)],
    27: [(0, -0.02), (0, 0.17), (0, 0.36), (0, 0.53), (-0.21, 0.63), (-0.1, 0.68), (0, 0.7)],
    36: [(-0.66, 0.02), (-0.55, -0.075), (-0.38, -0.075), (-0.26, 0.04), (-0.38, 0.08), (-0.54, 0.08)],
    48: [(-0.38, 1.0), (-0.24, 0.945), (-0.09, 0.91), (0, 0.925)],
    57: [(0, 1.12), (-0.1, 1.115), (-0.24, 1.075), (-0.34, 1.0), (-0.13, 0.992), (0, 0.997)],
    66: [(0, 1.0), (-0.13, 0.996)],
}
MIRROR: dict[int, int] = {
    **{i: 16 - i for i in range(8)},
    **{i: 43 - i for i in range(17, 22)},
    **{31: 35, 32: 34, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46},
    **{48: 54, 49: 53, 50: 52, 58: 56, 59: 55, 60: 64, 61: 63, 67: 65},
}
# Action unit: point of the left half, (outwards, downwards) at full intensity.
MOVES: dict[int, dict[int, tuple[float, float]]] = {
    1: {21: (0, -0.15), 20: (0, -0.13), 19: (0, -0.06)},
    2: {17: (0, -0.11), 18: (0, -0.16), 19: (0, -0.11), 20: (0, -0.03)},
    4: {21: (-0.06, 0.11), 20: (-0.05, 0.11), 19: (-0.03, 0.09), 18: (-0.01, 0.06), 17: (0, 0.03)},
    5: {37: (0, -0.065), 38: (0, -0.065)},
    6: {40: (0, -0.035), 41: (0, -0.04), 37: (0, 0.015), 38: (0, 0.01), 36: (0, 0.01), 18: (0, 0.02), 17: (0, 0.02)},
    7: {37: (0, 0.03), 38: (0, 0.035), 40: (0, -0.035), 41: (0, -0.035)},
    9: {21: (-0.02, 0.08), 20: (-0.01, 0.06), 19: (0, 0.03), 31: (0.03, -0.06), 32: (0, -0.05), 33: (0, -0.04), 30: (0, -0.03)}
    | {40: (0, -0.03), 41: (0, -0.025), 49: (0, -0.05), 50: (0, -0.06), 51: (0, -0.05), 61: (0, -0.06), 62: (0, -0.05)},
    10: {49: (0, -0.06), 50: (0, -0.07), 51: (0, -0.06), 61: (0, -0.07), 62: (0, -0.06), 31: (0.03, -0.02)},
    12: {48: (0.14, -0.13), 60: (0.13, -0.12), 49: (0.07, -0.05), 59: (0.08, -0.05), 61: (0.04, -0.02), 67: (0.04, -0.02)}
    | {50: (0.02, 0.01), 51: (0.0, 0.015), 58: (0.03, 0.0), 31: (0.03, -0.01), 3: (0.03, -0.01), 4: (0.03, -0.01)},
    14: {48: (0.06, -0.05), 60: (0.06, -0.05), 49: (0.02, -0.02), 59: (0.02, -0.02)},
    15: {48: (0.01, 0.13), 60: (0.01, 0.12), 49: (0, 0.04), 59: (0, 0.06), 61: (0, 0.01), 67: (0, 0.02)},
    16: {57: (0, 0.06), 58: (0, 0.06), 59: (0, 0.04), 66: (0, 0.07), 67: (0, 0.06)},
    17: {57: (0.0, -0.06), 58: (0, -0.06), 59: (0, -0.03), 66: (0, -0.04), 67: (0, -0.04), 51: (0, -0.035), 50: (0, -0.035)}
    | {61: (0.0, -0.035), 62: (0, -0.04), 8: (0, -0.04), 7: (0, -0.03)},
    20: {48: (0.13, 0.035), 60: (0.13, 0.035), 49: (0.06, 0.015), 59: (0.07, 0.02), 61: (0.03, 0), 67: (0.03, 0), 6: (0.02, 0.01)},
    23: {
        48: (-0.05, 0),
        60: (-0.05, 0),
        49: (-0.02, 0.025),
        50: (0, 0.03),
        51: (0, 0.03),
        59: (-0.02, -0.025),
        58: (0, -0.04),
        57: (0, -0.04),
    },
    24: {48: (-0.04, 0), 60: (-0.04, 0), 49: (0, 0.02), 50: (0, 0.02), 51: (0, 0.02), 59: (0, -0.02), 58: (0, -0.025), 57: (0, -0.025)},
    25: {61: (0, -0.025), 62: (0, -0.025), 50: (0, -0.01), 51: (0, -0.01), 66: (0, 0.06), 67: (0, 0.05), 58: (0, 0.05), 57: (0, 0.055)},
    26: {66: (0, 0.17), 67: (-0.01, 0.15), 58: (0, 0.17), 57: (0, 0.17), 59: (-0.01, 0.12), 48: (-0.02, 0.06), 60: (-0.02, 0.06)}
    | {8: (0, 0.16), 7: (0, 0.16), 6: (0, 0.15), 5: (0, 0.12), 4: (0, 0.07), 3: (0, 0.03)},
    27: {66: (0, 0.34), 67: (-0.03, 0.31), 58: (-0.02, 0.33), 57: (0, 0.33), 59: (-0.04, 0.25), 48: (-0.07, 0.13), 60: (-0.07, 0.13)}
    | {61: (0, -0.02), 62: (0, -0.02), 8: (0, 0.3), 7: (0, 0.3), 6: (0, 0.28), 5: (0.0, 0.22), 4: (0, 0.13), 3: (0, 0.05)},
}
SIDED = frozenset({14})  # contempt pulls one corner only


@dataclass(frozen=True)
class Pose:
    """Where the head is: center between the eyes and scale (pixels a unit) in pixels, angles in radians."""

    x: float
    y: float
    scale: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0

    def matrix(self) -> Points:
        """The affine map [2,3] from the head's front plane to pixels."""
        cos, sin = np.cos(self.roll) * self.scale, np.sin(self.roll) * self.scale
        return np.array([[cos, -sin, self.x], [sin, cos, self.y]])

    def project(self, points: Points) -> Points:
        """Head coordinates [N,2] to pixels [N,2]; a turn moves a point by its depth."""
        depth = _depth(points)
        turned = np.stack(
            [
                points[:, 0] * np.cos(self.yaw) + (depth - 0.5) * np.sin(self.yaw),
                points[:, 1] * np.cos(self.pitch) + (depth - 0.5) * np.sin(self.pitch),
            ],
            1,
        )
        matrix = self.matrix()
        pixels: Points = turned @ matrix[:, :2].T + matrix[:, 2]
        return pixels


def _depth(points: Points) -> Points:
    x, y = points[:, 0], points[:, 1]
    skull = np.sqrt(np.maximum(0.0, 1 - (x / 1.1) ** 2 - ((y - 0.1) / 1.7) ** 2))
    return skull + 0.25 * np.exp(-((x / 0.15) ** 2) - ((y - 0.5) / 0.25) ** 2)


def landmarks(person: Person, units: Units) -> Points:
    """The 68 points in head coordinates, [68,2]."""
    points = _rest(person)
    for unit, amount in units.items():
        for index, move in MOVES[unit].items():
            points[index] += amount * np.array([-move[0], move[1]])
            if index in MIRROR and unit not in SIDED:
                points[MIRROR[index]] += amount * np.array(move)
    _keep_order(points)
    return points


def _rest(person: Person) -> Points:
    points = np.zeros((68, 2))
    for start, left in LEFT.items():
        points[start : start + len(left)] = left
    points[:9, 0] *= person.width * (1 + (person.jaw - 1) * np.linspace(0, 1, 9))
    points[4:9, 1] += person.chin
    eye = points[36:42].mean(0)
    points[36:42] = eye * (person.eye_distance, 1) + (points[36:42] - eye) * (1, person.eye_size)
    points[36:42, 1] += (points[36:42, 0] - eye[0]) * person.eye_tilt * 3
    points[17:22, 1] += person.brow_height
    points[27:34] *= (person.nose_width, person.nose_length)
    lips = slice(48, 68)
    points[lips] = (points[lips] - (0, 1)) * (person.mouth_width, person.lips) + (0, 1 + 0.4 * (person.nose_length - 1))
    points[[48, 60], 1] += person.mouth_rest
    for left_index, right_index in MIRROR.items():
        points[right_index] = points[left_index] * (-1, 1)
    return points


def _keep_order(points: Points) -> None:
    """Lips touch but do not cross; lids neither."""
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        points[lower, 1] = max(points[lower, 1], points[upper, 1] + 0.003)
    for upper, lower in ((49, 61), (50, 61), (51, 62), (52, 63), (53, 63)):
        points[upper, 1] = min(points[upper, 1], points[lower, 1] - 0.02)
    for lower, upper in ((59, 67), (58, 67), (57, 66), (56, 65), (55, 65)):
        points[lower, 1] = max(points[lower, 1], points[upper, 1] + (0.0 if lower in (59, 55) else 0.03))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        points[lower, 1] = max(points[lower, 1], points[upper, 1] + 0.03)
