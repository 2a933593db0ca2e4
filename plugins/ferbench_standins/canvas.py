"""Soft, anti-aliased shapes: painted as color on an image, or as relief on a height map that is lit afterwards."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Points = NDArray[np.float64]
SHIFT = 4  # fillPoly takes coordinates in 1/16 of a pixel


def paint(image: Image, polygon: Points, color: tuple[float, ...] | Image, opacity: float = 1.0, blur: float = 0.0) -> None:
    """Mix a polygon of `color` (three values, or an image like `image`) into image [H,W,3], its edge softened over `blur` pixels."""
    region, mask = _draw_mask(image, polygon, blur)
    if mask is None or opacity <= 0:
        return
    mask = mask * np.float32(opacity)
    target = image[region]
    if isinstance(color, np.ndarray):
        target += to_rgb(mask) * (color[region] - target)
    else:
        target *= to_rgb(1 - mask)
        target += cv2.merge([mask * np.float32(value) for value in color])


def emboss(height: Image, polygon: Points, amount: float, blur: float) -> None:
    """Raise (or, for a negative amount, lower) height [H,W] by `amount` pixels inside a polygon."""
    region, mask = _draw_mask(height, polygon, blur)
    if mask is not None and amount != 0:
        height[region] += mask * np.float32(amount)


def _draw_mask(image: Image, polygon: Points, blur: float) -> tuple[tuple[slice, slice], Image | None]:
    """Where the polygon lies in the image, and how much of each pixel there it covers, 0 to 1; None if nothing is inside."""
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
    return region, _blur(soft, int(blur)) if blur >= 1 else soft


def _blur(mask: Image, radius: int) -> Image:
    blurred: Image = cv2.stackBlur(mask, (2 * radius + 1, 2 * radius + 1))
    return blurred


def to_rgb(plane: Image) -> Image:
    """A plane [H,W] as [H,W,3]; broadcasting over an innermost axis of three would be several times slower."""
    image: Image = cv2.merge([plane] * 3)
    return image


def fill_like(like: Image, color: tuple[float, ...]) -> Image:
    """One color, as large as an image."""
    image: Image = cv2.merge([np.full(like.shape[:2], value, np.float32) for value in color])
    return image


def smooth(points: Points, steps: int = 6, closed: bool = False) -> Points:
    """A Catmull-Rom curve through points [N,2], `steps` between two of them."""
    padded = np.vstack([points[-1:], points, points[:2]]) if closed else np.vstack([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return curve.reshape(-1, 2) if closed else np.vstack([curve.reshape(-1, 2), points[-1:]])


def thicken(points: Points, widths: float | Points, taper: bool = True) -> Points:
    """The outline of a line as wide as `widths` (a number, or one per point); with `taper` it thins out at both ends."""
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    if taper:
        widths = widths * np.sqrt(np.sin(np.linspace(0.05, np.pi - 0.05, len(points))))
    half = across * np.reshape(widths / 2 * np.ones(len(points)), (-1, 1))
    return np.vstack([points + half, (points - half)[::-1]])


def shift(points: Points, right: float, down: float) -> Points:
    """Points [N,2] or one point [2], moved by so much."""
    return points + np.array((right, down))


def ellipse(center: tuple[float, float], radii: tuple[float, float], steps: int = 32) -> Points:
    """An ellipse as a polygon [steps,2]."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([center[0] + radii[0] * np.cos(angle), center[1] + radii[1] * np.sin(angle)], 1)
