"""Draws one head: lit skin, then mouth, eyes and brows, then hair and glasses on top."""

from __future__ import annotations

import numpy as np

from .canvas import Image, Points, curve, ellipse, filled, moved, paint, ribbon, thrice
from .hair import glasses, hair
from .relief import shading
from .sitter import Sitter, outline, warped

LASHES = (34.0, 24.0, 22.0)


def draw(image: Image, sitter: Sitter) -> None:
    """Paints the head into image [H,W,3] (RGB, 0 to 255)."""
    _ears(image, sitter)
    _skin(image, sitter)
    _nostrils(image, sitter)
    _mouth(image, sitter)
    for start in (36, 42):
        _eye(image, sitter, start)
    _brows(image, sitter)
    hair(image, sitter)
    if sitter.who.glasses:
        glasses(image, sitter)


def _ears(image: Image, sitter: Sitter) -> None:
    for ear in sitter.both([(-0.95, -0.1), (-1.06, -0.15), (-1.11, 0.0), (-1.08, 0.26), (-1.01, 0.45), (-0.93, 0.45)]):
        paint(image, curve(ear, 5, closed=True), sitter.tone(0.72), 1, sitter.px(0.02))
        rim = curve(ear[1:5], 5) * 0.96 + ear.mean(0) * 0.04
        paint(image, ribbon(rim, sitter.px(0.05)), sitter.tone(0.5), 0.6, sitter.px(0.02))


def _skin(image: Image, sitter: Sitter) -> None:
    skin = filled(image, sitter.who.skin)
    _blush(skin, sitter)
    _beard(skin, sitter)
    lips = np.array(sitter.who.skin) * ((0.84, 0.58, 0.58) if sitter.who.female else (0.86, 0.68, 0.66))
    paint(skin, curve(sitter.at(sitter.points[48:60]), 4, closed=True), tuple(lips), 0.9, sitter.px(0.012))
    skin *= thrice(warped(sitter, sitter.textures.skin, image) * shading(image, sitter))
    np.minimum(skin, 250, out=skin)
    head = sitter.at(outline(sitter))
    paint(image, moved(head, 0, sitter.px(0.06)), sitter.tone(0.3), 0.45, sitter.px(0.07))
    paint(image, head, skin, 1, 1)


def _blush(skin: Image, sitter: Sitter) -> None:
    """Red cheeks, dark eye sockets."""
    red = tuple(np.array(sitter.who.skin) * (0.98, 0.8, 0.78))
    for cheek in sitter.both([(-0.75, 0.4), (-0.5, 0.35), (-0.35, 0.55), (-0.5, 0.75), (-0.72, 0.68)]):
        paint(skin, cheek, red, 0.35, sitter.px(0.16))
    for start in (36, 42):
        socket = sitter.points[start : start + 6]
        middle = socket.mean(0)
        paint(skin, sitter.at(middle + (socket - middle) * (1.15, 2.0)), sitter.tone(0.72), 0.55, sitter.px(0.08))


def _beard(skin: Image, sitter: Sitter) -> None:
    who, points = sitter.who, sitter.points
    if who.beard in ("stubble", "full"):
        inner = np.array([(0.5, 0.95), (0.3, 0.78), (0, 0.76), (-0.3, 0.78), (-0.5, 0.95)])
        edge = np.vstack([points[2:15], moved(inner, 0, points[51, 1] - 0.93)])
        paint(skin, sitter.at(edge), who.hair, 0.85 if who.beard == "full" else 0.25, sitter.px(0.09))
    if who.beard in ("moustache", "full"):
        upper = np.vstack([moved(points[48:55], 0, -0.02), [(0.22, 0.75), (0, 0.745), (-0.22, 0.75)]])
        paint(skin, sitter.at(upper), who.hair, 0.85, sitter.px(0.03))


def _nostrils(image: Image, sitter: Sitter) -> None:
    for wing in (sitter.points[31], sitter.points[35]):
        hole = ellipse((wing[0] * 0.5, wing[1] + 0.045), (0.045, 0.02), 16)
        paint(image, sitter.at(hole), sitter.tone(0.25), 0.75, max(1.0, sitter.px(0.012)))
        side = ellipse((wing[0] * 1.05, wing[1] + 0.01), (0.02, 0.05), 16)
        paint(image, sitter.at(side), sitter.tone(0.45), 0.35, sitter.px(0.02))


def _mouth(image: Image, sitter: Sitter) -> None:
    """The line where the lips meet, or the inside of an open mouth."""
    inner = sitter.points[60:68]
    gap = float(inner[6, 1] - inner[2, 1])
    paint(image, sitter.at(ribbon(curve(inner[:5], 4), 0.022)), sitter.tone(0.3), 0.8, 1)
    if gap < 0.02:
        return
    paint(image, curve(sitter.at(inner), 4, closed=True), (52, 18, 18), 1, sitter.px(0.006))
    _teeth(image, sitter, inner, gap)
    if gap > 0.2:
        paint(image, sitter.at(ellipse((0, inner[6, 1] - 0.06), (0.17, 0.055))), (168, 84, 84), 0.8, sitter.px(0.03))


def _teeth(image: Image, sitter: Sitter, inner: Points, gap: float) -> None:
    upper = np.vstack([moved(inner[:5] * (0.93, 1), 0, 0.008), moved(inner[3:0:-1] * (0.85, 1), 0, min(0.1, 0.75 * gap))])
    paint(image, sitter.at(upper), (220, 213, 200), 0.9, sitter.px(0.01))
    if gap <= 0.2 and sitter.unit(16) > 0.3:
        lower = np.vstack([moved(inner[[7, 6, 5]], 0, -0.01), moved(inner[[5, 6, 7]], 0, -min(0.06, 0.5 * gap))])
        paint(image, sitter.at(lower), (206, 198, 186), 0.8, sitter.px(0.008))


def _eye(image: Image, sitter: Sitter, start: int) -> None:
    """The ball inside the lids, then lashes and the lid's fold."""
    lids = sitter.points[start : start + 6]
    opening = curve(sitter.at(lids), 5, closed=True)
    low = np.maximum(np.floor(opening.min(0)).astype(int) - 3, 0)
    high = np.ceil(opening.max(0)).astype(int) + 4
    window = image[low[1] : high[1], low[0] : high[0]]
    if window.size:
        paint(window, opening - low, _ball(window, sitter, lids, opening - low, low), 1, 1)
    upper = curve(sitter.at(lids[:4]), 5)
    paint(image, ribbon(upper, sitter.px(0.045 if sitter.who.female else 0.034)), LASHES, 0.85, 1)
    paint(image, sitter.at(ribbon(curve(lids[[0, 5, 4, 3]], 5), 0.02)), sitter.tone(0.5), 0.5, 1)
    fold = moved(lids[:4], 0, -0.05 - 0.02 * sitter.unit(5))
    paint(image, sitter.at(ribbon(curve(fold, 5), 0.025)), sitter.tone(0.55), 0.55, 1)


def _ball(window: Image, sitter: Sitter, lids: Points, opening: Points, corner: Points) -> Image:
    """White, iris, pupil, highlight and the lid's shadow; as large as the window whose first pixel is `corner`."""
    ball = np.empty_like(window)
    ball[:] = (216, 210, 204)
    x, y = sitter.at([((lids[0, 0] + lids[3, 0]) / 2, 0.005)])[0] - corner
    rim = tuple(0.5 * c for c in sitter.who.iris)
    for radius, colour in ((0.112, rim), (0.095, sitter.who.iris), (0.045, (12.0, 10.0, 10.0))):
        paint(ball, ellipse((x, y), (sitter.px(radius), sitter.px(radius))), colour, 1, sitter.px(0.01))
    spark = (x + np.sign(sitter.light.right) * sitter.px(0.035), y - sitter.px(0.035))
    paint(ball, ellipse(spark, (sitter.px(0.02), sitter.px(0.02)), 10), (250, 250, 250), 0.95)
    paint(ball, moved(opening, 0, -sitter.px(0.1)), (60, 48, 44), 0.5, sitter.px(0.03))
    return ball


def _brows(image: Image, sitter: Sitter) -> None:
    """Two soft bands of hair."""
    colour = tuple(0.8 * c for c in sitter.who.hair)
    for start, widths in ((17, (0.35, 0.75, 1, 1.05, 0.9)), (22, (0.9, 1.05, 1, 0.75, 0.35))):
        line = sitter.at(curve(sitter.points[start : start + 5]))
        width = np.interp(np.linspace(0, 4, len(line)), range(5), widths) * sitter.px(sitter.who.brow_weight)
        paint(image, ribbon(line, width, taper=False), colour, 0.55, sitter.px(0.03))
        paint(image, ribbon(line, 0.6 * width, taper=False), colour, 0.5, sitter.px(0.015))
