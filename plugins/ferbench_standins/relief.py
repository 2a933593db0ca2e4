"""The relief of a face (bones, nose, lips, folds of the skin) and the light on it."""

from __future__ import annotations

import cv2
import numpy as np

from ferbench_standins.canvas import Image, Points, ellipse, emboss, shift, smooth, thicken
from ferbench_standins.head import Head

FOREHEAD = (-0.78, -0.68, -0.58)  # heights of its lines
CROWS_FEET = (-0.09, 0.0, 0.09)
STEEPEST = 0.93  # the skull's rim is not modeled beyond this share of its radius


def shade_skin(image: Image, head: Head) -> Image:
    """How bright each pixel of the skin is, [H,W], 1 where it faces the lamp."""
    height = np.zeros(image.shape[:2], np.float32)
    _emboss_sockets(height, head)
    _emboss_cheeks(height, head)
    _emboss_nose(height, head)
    _emboss_mouth_and_chin(height, head)
    _emboss_smile_folds(height, head)
    _emboss_forehead(height, head)
    _emboss_nose_wrinkles(height, head)
    _emboss_eye_folds(height, head)
    return _light_surface(cv2.GaussianBlur(height, (0, 0), max(0.5, head.pixels(0.008))), head)


def _raise(height: Image, head: Head, polygon: Points, amount: float, blur: float) -> None:
    """Emboss a polygon; everything is in head coordinates."""
    emboss(height, head.project(polygon), head.pixels(amount), head.pixels(blur))


def _emboss_sockets(height: Image, head: Head) -> None:
    for start, brow in ((36, 17), (42, 22)):
        eye = head.points[start : start + 6]
        middle = eye.mean(0)
        _raise(height, head, shift(middle + (eye - middle) * (1.1, 2.2), 0, -0.04), -0.1, 0.11)
        _raise(height, head, middle + (eye - middle) * (0.95, 1.3), 0.045, 0.05)
        _raise(height, head, thicken(smooth(head.points[brow : brow + 5]), 0.16), 0.035, 0.07)


def _emboss_cheeks(height: Image, head: Head) -> None:
    lift = 0.08 * head.strongest(6, 12)
    bulge = 0.04 + 0.08 * head.strongest(6) + 0.04 * head.strongest(12)
    left = np.array([(-0.8, 0.3), (-0.45, 0.25), (-0.3, 0.45), (-0.42, 0.68), (-0.72, 0.6)])
    for side in (1, -1):
        _raise(height, head, shift(left, 0, -lift) * (side, 1), bulge, 0.15)


def _emboss_nose(height: Image, head: Head) -> None:
    """A ridge that widens downwards, a round tip, two wings."""
    tip, wide = float(head.points[30, 1]), float(head.points[35, 0])
    for share, amount, blur in ((1.0, 0.07, 0.11), (0.6, 0.055, 0.06)):
        ridge = np.array([(-0.09, -0.14), (0.09, -0.14), (0.12, 0.5 * tip), (0.75 * wide, tip), (-0.75 * wide, tip), (-0.12, 0.5 * tip)])
        _raise(height, head, ridge * (share, 1), amount, blur)
    _raise(height, head, ellipse((0, tip + 0.03), (0.55 * wide, 0.1)), 0.09, 0.07)
    for wing in (head.points[31], head.points[35]):
        _raise(height, head, ellipse((wing[0] * 0.85, wing[1] - 0.025), (0.07, 0.07)), 0.05, 0.04)


def _emboss_mouth_and_chin(height: Image, head: Head) -> None:
    points = head.points
    emboss(height, smooth(head.project(points[48:60]), 4, closed=True), head.pixels(0.03), head.pixels(0.05))
    _raise(height, head, thicken(points[60:65], 0.03), -0.022, 0.025)
    press = head.strongest(17, 23, 24)
    _raise(height, head, ellipse((0, points[8, 1] - 0.13), (0.22, 0.1)), 0.05 + 0.05 * press, 0.1)
    _raise(height, head, ellipse((0, points[57, 1] + 0.07), (0.17, 0.025)), -0.022 - 0.035 * press, 0.05)
    groove = np.array([(0, points[33, 1] + 0.04), (0, points[51, 1] - 0.02)])  # from the nose to the upper lip
    _raise(height, head, thicken(groove, 0.06), -0.02, 0.03)


def _emboss_smile_folds(height: Image, head: Head) -> None:
    corner, wing, age = head.points[48], head.points[31], 0.3 * head.person.age
    fold = np.array([shift(wing, -0.04, -0.03), shift((wing + corner) / 2, -0.13, -0.06), shift(corner, -0.11, 0.02)])
    _emboss_furrow(height, head, fold, 0.2 + age + 0.9 * head.strongest(12, 10, 9, 20), 0.05)
    hang = np.array([shift(corner, -0.03, 0.05), shift(corner, -0.1, 0.2)])
    _emboss_furrow(height, head, hang, 0.5 * age + 0.7 * head.strongest(15), 0.04)


def _emboss_forehead(height: Image, head: Head) -> None:
    lift = 0.5 * (head.points[21, 1] - head.person.brow_height + 0.29)
    for row in FOREHEAD:
        line = np.array([(-0.45, row + lift + 0.02), (-0.2, row + lift - 0.01), (0, row + lift)])
        _emboss_furrow(height, head, line, 0.18 * head.person.age + 0.75 * head.strongest(1, 2), 0.04)
    frown = np.array([(-0.07, -0.42), (-0.085, -0.3), (-0.07, -0.2)])
    _emboss_furrow(height, head, shift(frown, 0, 0.06 * head.strongest(4)), 0.9 * head.strongest(4), 0.045)


def _emboss_nose_wrinkles(height: Image, head: Head) -> None:
    depth = 0.9 * head.strongest(9)
    for drop in (-0.1, -0.04, 0.02):
        _emboss_furrow(height, head, np.array([(-0.1, drop + 0.02), (0, drop)]), depth, 0.03)
    _emboss_furrow(height, head, np.array([(-0.24, 0.14), (-0.16, 0.25), (-0.2, 0.38)]), depth, 0.045)


def _emboss_eye_folds(height: Image, head: Head) -> None:
    age = 0.3 * head.person.age
    for tilt in CROWS_FEET:
        outer = shift(head.points[36], -0.06, 0.4 * tilt)
        _emboss_furrow(height, head, np.array([outer, shift(outer, -0.14, tilt)]), 0.5 * age + 0.7 * head.strongest(6), 0.025)
    _emboss_furrow(height, head, shift(head.points[[36, 41, 40, 39]], 0, 0.07), 0.15 + age + 0.5 * head.strongest(6, 7, 9), 0.04)


def _emboss_furrow(height: Image, head: Head, line: Points, depth: float, width: float) -> None:
    """A groove along a line of the left half and its mirror image; `depth` 0 to about 1."""
    if depth < 0.02:
        return
    for side in (line, line * (-1, 1)):
        emboss(height, head.project(thicken(smooth(side), width)), head.pixels(-0.026 * depth), max(1.0, head.pixels(0.4 * width)))


def _light_surface(height: Image, head: Head) -> Image:
    """Lambert's law on the skull's ellipsoid with the relief on top, and a little gloss."""
    light = head.light
    u, v = _skull_coordinates(height, head)
    steep = 1 / np.sqrt(1 - np.minimum(u * u + v * v, STEEPEST))
    right = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125) - u * steep * np.float32(0.75)
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125) - v * steep * np.float32(0.55)
    length = cv2.sqrt(right * right + down * down + 1)
    lambert = np.maximum((np.float32(light.front) - right * np.float32(light.right) - down * np.float32(light.down)) / length, 0)
    shade: Image = np.float32(light.ambient) + np.float32(1 - light.ambient) * lambert + np.float32(0.07) * cv2.pow(lambert, 14)
    return shade


def _skull_coordinates(height: Image, head: Head) -> tuple[Image, Image]:
    """Each pixel's place on the skull, -1 to 1 across and along."""
    back = cv2.invertAffineTransform(head.pose.matrix())
    x, y = np.arange(height.shape[1], dtype=np.float32)[None, :], np.arange(height.shape[0], dtype=np.float32)[:, None]
    back = back.astype(np.float32)
    across = (back[0, 0] * x + back[0, 1] * y + back[0, 2] - np.float32(0.4 * head.pose.yaw)) / np.float32(1.12)
    along = (back[1, 0] * x + back[1, 1] * y + back[1, 2] - np.float32(0.1)) / np.float32(head.points[8, 1] + 0.14)
    return across, along
