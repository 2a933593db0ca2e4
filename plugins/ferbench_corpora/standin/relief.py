"""The relief of a face (bones, nose, lips, folds of the skin) and the light on it."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import Image, Points, curve, ellipse, emboss, moved, ribbon
from .sitter import Sitter

FOREHEAD = (-0.78, -0.68, -0.58)  # heights of its lines
CROWS_FEET = (-0.09, 0.0, 0.09)
STEEPEST = 0.93  # the skull's rim is not modelled beyond this share of its radius


def shading(image: Image, sitter: Sitter) -> Image:
    """How bright each pixel of the skin is, [H,W], 1 where it faces the lamp."""
    height = np.zeros(image.shape[:2], np.float32)
    _sockets(height, sitter)
    _cheeks(height, sitter)
    _nose(height, sitter)
    _mouth_and_chin(height, sitter)
    _smile_folds(height, sitter)
    _forehead(height, sitter)
    _nose_wrinkles(height, sitter)
    _eye_folds(height, sitter)
    return _lit(cv2.GaussianBlur(height, (0, 0), max(0.5, sitter.px(0.008))), sitter)


def _sockets(height: Image, sitter: Sitter) -> None:
    for start, brow in ((36, 17), (42, 22)):
        eye = sitter.points[start : start + 6]
        middle = eye.mean(0)
        emboss(height, sitter.at(moved(middle + (eye - middle) * (1.1, 2.2), 0, -0.04)), sitter.px(-0.1), sitter.px(0.11))
        emboss(height, sitter.at(middle + (eye - middle) * (0.95, 1.3)), sitter.px(0.045), sitter.px(0.05))
        emboss(height, sitter.at(ribbon(curve(sitter.points[brow : brow + 5]), 0.16)), sitter.px(0.035), sitter.px(0.07))


def _cheeks(height: Image, sitter: Sitter) -> None:
    lift = 0.08 * sitter.unit(6, 12)
    raised = 0.04 + 0.08 * sitter.unit(6) + 0.04 * sitter.unit(12)
    left = np.array([(-0.8, 0.3), (-0.45, 0.25), (-0.3, 0.45), (-0.42, 0.68), (-0.72, 0.6)])
    for side in (1, -1):
        emboss(height, sitter.at(moved(left, 0, -lift) * (side, 1)), sitter.px(raised), sitter.px(0.15))


def _nose(height: Image, sitter: Sitter) -> None:
    """A ridge that widens downwards, a round tip, two wings."""
    tip, wide = float(sitter.points[30, 1]), float(sitter.points[35, 0])
    for share, raised, soft in ((1.0, 0.07, 0.11), (0.6, 0.055, 0.06)):
        ridge = np.array([(-0.09, -0.14), (0.09, -0.14), (0.12, 0.5 * tip), (0.75 * wide, tip), (-0.75 * wide, tip), (-0.12, 0.5 * tip)])
        emboss(height, sitter.at(ridge * (share, 1)), sitter.px(raised), sitter.px(soft))
    emboss(height, sitter.at(ellipse((0, tip + 0.03), (0.55 * wide, 0.1))), sitter.px(0.09), sitter.px(0.07))
    for wing in (sitter.points[31], sitter.points[35]):
        emboss(height, sitter.at(ellipse((wing[0] * 0.85, wing[1] - 0.025), (0.07, 0.07))), sitter.px(0.05), sitter.px(0.04))


def _mouth_and_chin(height: Image, sitter: Sitter) -> None:
    points = sitter.points
    emboss(height, curve(sitter.at(points[48:60]), 4, closed=True), sitter.px(0.03), sitter.px(0.05))
    emboss(height, sitter.at(ribbon(points[60:65], 0.03)), sitter.px(-0.022), sitter.px(0.025))
    press = sitter.unit(17, 23, 24)
    emboss(height, sitter.at(ellipse((0, points[8, 1] - 0.13), (0.22, 0.1))), sitter.px(0.05 + 0.05 * press), sitter.px(0.1))
    emboss(height, sitter.at(ellipse((0, points[57, 1] + 0.07), (0.17, 0.025))), sitter.px(-0.022 - 0.035 * press), sitter.px(0.05))
    emboss(
        height, sitter.at(ribbon(np.array([(0, points[33, 1] + 0.04), (0, points[51, 1] - 0.02)]), 0.06)), sitter.px(-0.02), sitter.px(0.03)
    )


def _smile_folds(height: Image, sitter: Sitter) -> None:
    corner, wing, age = sitter.points[48], sitter.points[31], 0.3 * sitter.who.age
    fold = np.array([moved(wing, -0.04, -0.03), moved((wing + corner) / 2, -0.13, -0.06), moved(corner, -0.11, 0.02)])
    _furrow(height, sitter, fold, 0.2 + age + 0.9 * sitter.unit(12, 10, 9, 20), 0.05)
    hang = np.array([moved(corner, -0.03, 0.05), moved(corner, -0.1, 0.2)])
    _furrow(height, sitter, hang, 0.5 * age + 0.7 * sitter.unit(15), 0.04)


def _forehead(height: Image, sitter: Sitter) -> None:
    lift = 0.5 * (sitter.points[21, 1] - sitter.who.brow_height + 0.29)
    for row in FOREHEAD:
        line = np.array([(-0.45, row + lift + 0.02), (-0.2, row + lift - 0.01), (0, row + lift)])
        _furrow(height, sitter, line, 0.18 * sitter.who.age + 0.75 * sitter.unit(1, 2), 0.04)
    frown = np.array([(-0.07, -0.42), (-0.085, -0.3), (-0.07, -0.2)])
    _furrow(height, sitter, moved(frown, 0, 0.06 * sitter.unit(4)), 0.9 * sitter.unit(4), 0.045)


def _nose_wrinkles(height: Image, sitter: Sitter) -> None:
    wrinkled = 0.9 * sitter.unit(9)
    for drop in (-0.1, -0.04, 0.02):
        _furrow(height, sitter, np.array([(-0.1, drop + 0.02), (0, drop)]), wrinkled, 0.03)
    _furrow(height, sitter, np.array([(-0.24, 0.14), (-0.16, 0.25), (-0.2, 0.38)]), wrinkled, 0.045)


def _eye_folds(height: Image, sitter: Sitter) -> None:
    age = 0.3 * sitter.who.age
    for tilt in CROWS_FEET:
        outer = moved(sitter.points[36], -0.06, 0.4 * tilt)
        _furrow(height, sitter, np.array([outer, moved(outer, -0.14, tilt)]), 0.5 * age + 0.7 * sitter.unit(6), 0.025)
    _furrow(height, sitter, moved(sitter.points[[36, 41, 40, 39]], 0, 0.07), 0.15 + age + 0.5 * sitter.unit(6, 7, 9), 0.04)


def _furrow(height: Image, sitter: Sitter, line: Points, depth: float, width: float) -> None:
    """A groove along a line of the left half and its mirror image; `depth` 0 to about 1."""
    if depth < 0.02:
        return
    for side in (line, line * (-1, 1)):
        emboss(height, sitter.at(ribbon(curve(side), width)), sitter.px(-0.026 * depth), max(1.0, sitter.px(0.4 * width)))


def _lit(height: Image, sitter: Sitter) -> Image:
    """Lambert's law on the skull's ellipsoid with the relief on top, and a little gloss."""
    light = sitter.light
    u, v = _skull(height, sitter)
    steep = 1 / np.sqrt(1 - np.minimum(u * u + v * v, STEEPEST))
    right = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125) - u * steep * np.float32(0.75)
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125) - v * steep * np.float32(0.55)
    length = cv2.sqrt(right * right + down * down + 1)
    lambert = np.maximum((np.float32(light.front) - right * np.float32(light.right) - down * np.float32(light.down)) / length, 0)
    shade: Image = np.float32(light.ambient) + np.float32(1 - light.ambient) * lambert + np.float32(0.07) * cv2.pow(lambert, 14)
    return shade


def _skull(height: Image, sitter: Sitter) -> tuple[Image, Image]:
    """Each pixel's place on the skull, -1 to 1 across and along."""
    back = cv2.invertAffineTransform(sitter.pose.matrix())
    x, y = np.arange(height.shape[1], dtype=np.float32)[None, :], np.arange(height.shape[0], dtype=np.float32)[:, None]
    back = back.astype(np.float32)
    across = (back[0, 0] * x + back[0, 1] * y + back[0, 2] - np.float32(0.4 * sitter.pose.yaw)) / np.float32(1.12)
    along = (back[1, 0] * x + back[1, 1] * y + back[1, 2] - np.float32(0.1)) / np.float32(sitter.points[8, 1] + 0.14)
    return across, along
