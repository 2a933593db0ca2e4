"""Soft, anti-aliased shapes: painted as colour on an image, or as relief on a height map that is lit afterwards."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Points = NDArray[np.float64]
SHIFT = 4  # fillPoly takes coordinates in 1/16 of a pixel


def paint(image: Image, polygon: Points, colour: tuple[float, ...] | Image, opacity: float = 1.0, blur: float = 0.0) -> None:
    """Mixes a polygon of `colour` (three values, or an image like `image`) into image [H,W,3], its edge softened over `blur` pixels."""
    region, mask = _mask(image, polygon, blur)
    if mask is None or opacity <= 0:
        return
    mask = mask * np.float32(opacity)
    target = image[region]
    if isinstance(colour, np.ndarray):
        target += thrice(mask) * (colour[region] - target)
    else:
        target *= thrice(1 - mask)
        target += cv2.merge([mask * np.float32(value) for value in colour])


def emboss(height: Image, polygon: Points, amount: float, blur: float) -> None:
    """Raises (or, for a negative amount, sinks) height [H,W] by `amount` pixels inside a polygon."""
    region, mask = _mask(height, polygon, blur)
    if mask is not None and amount != 0:
        height[region] += mask * np.float32(amount)


def _mask(image: Image, polygon: Points, blur: float) -> tuple[tuple[slice, slice], Image | None]:
    margin = int(2 * blur) + 2
    low = np.maximum(np.floor(polygon.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(polygon.max(0)).astype(int) + margin, image.shape[1::-1])
    region = (slice(low[1], high[1]), slice(low[0], high[0]))
    if (high - low).min() < 1:
        return region, None
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    points = np.round((polygon - low) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, SHIFT)
    soft: Image = mask.astype(np.float32) * np.float32(1 / 255)
    return region, _blurred(soft, int(blur)) if blur >= 1 else soft


def _blurred(mask: Image, radius: int) -> Image:
    blurred: Image = cv2.stackBlur(mask, (2 * radius + 1, 2 * radius + 1))
    return blurred


def thrice(plane: Image) -> Image:
    """A plane [H,W] as [H,W,3]; NumPy would be several times slower where it broadcasts over an innermost axis of three."""
    image: Image = cv2.merge([plane] * 3)
    return image


def filled(like: Image, colour: tuple[float, ...]) -> Image:
    """One colour, as large as an image."""
    image: Image = cv2.merge([np.full(like.shape[:2], value, np.float32) for value in colour])
    return image


def curve(points: Points, steps: int = 6, closed: bool = False) -> Points:
    """A Catmull-Rom curve through points [N,2], `steps` to a stretch."""
    padded = np.vstack([points[-1:], points, points[:2]]) if closed else np.vstack([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    bent = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return bent.reshape(-1, 2) if closed else np.vstack([bent.reshape(-1, 2), points[-1:]])


def ribbon(points: Points, widths: float | Points, taper: bool = True) -> Points:
    """The outline of a line as wide as `widths` (a number or one a point), running out at both ends if it tapers."""
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    if taper:
        widths = widths * np.sqrt(np.sin(np.linspace(0.05, np.pi - 0.05, len(points))))
    half = across * np.reshape(widths / 2 * np.ones(len(points)), (-1, 1))
    return np.vstack([points + half, (points - half)[::-1]])


def moved(points: Points, right: float, down: float) -> Points:
    """Points [N,2] or one point [2], shifted."""
    return points + np.array((right, down))


def ellipse(centre: tuple[float, float], radii: tuple[float, float], steps: int = 32) -> Points:
    """An ellipse as a polygon [steps,2]."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], 1)
