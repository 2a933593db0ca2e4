"""Paints one head: lit skin, then mouth, eyes and brows, then hair and glasses on top."""

from __future__ import annotations

import numpy as np

from ferbench_standins.canvas import Image, Points, ellipse, fill_like, paint, shift, smooth, thicken, to_rgb
from ferbench_standins.hair import paint_glasses, paint_hair
from ferbench_standins.head import Head, head_outline, warp_texture
from ferbench_standins.relief import shade_skin

LASHES = (34.0, 24.0, 22.0)


def paint_head(image: Image, head: Head) -> None:
    """Paint the head into image [H,W,3] (RGB, 0 to 255)."""
    _paint_ears(image, head)
    _paint_skin(image, head)
    _paint_nostrils(image, head)
    _paint_mouth(image, head)
    for start in (36, 42):
        _paint_eye(image, head, start)
    _paint_brows(image, head)
    paint_hair(image, head)
    if head.person.glasses:
        paint_glasses(image, head)


def _paint_ears(image: Image, head: Head) -> None:
    for ear in head.mirror([(-0.95, -0.1), (-1.06, -0.15), (-1.11, 0.0), (-1.08, 0.26), (-1.01, 0.45), (-0.93, 0.45)]):
        paint(image, smooth(ear, 5, closed=True), head.skin_tone(0.72), 1, head.pixels(0.02))
        rim = smooth(ear[1:5], 5) * 0.96 + ear.mean(0) * 0.04
        paint(image, thicken(rim, head.pixels(0.05)), head.skin_tone(0.5), 0.6, head.pixels(0.02))


def _paint_skin(image: Image, head: Head) -> None:
    skin = fill_like(image, head.person.skin)
    _paint_blush(skin, head)
    _paint_beard(skin, head)
    lips = np.array(head.person.skin) * ((0.84, 0.58, 0.58) if head.person.female else (0.86, 0.68, 0.66))
    paint(skin, smooth(head.project(head.points[48:60]), 4, closed=True), tuple(lips), 0.9, head.pixels(0.012))
    skin *= to_rgb(warp_texture(head, head.textures.skin, image) * shade_skin(image, head))
    np.minimum(skin, 250, out=skin)
    contour = head.project(head_outline(head))
    paint(image, shift(contour, 0, head.pixels(0.06)), head.skin_tone(0.3), 0.45, head.pixels(0.07))
    paint(image, contour, skin, 1, 1)


def _paint_blush(skin: Image, head: Head) -> None:
    """Red cheeks, dark eye sockets."""
    red = tuple(np.array(head.person.skin) * (0.98, 0.8, 0.78))
    for cheek in head.mirror([(-0.75, 0.4), (-0.5, 0.35), (-0.35, 0.55), (-0.5, 0.75), (-0.72, 0.68)]):
        paint(skin, cheek, red, 0.35, head.pixels(0.16))
    for start in (36, 42):
        socket = head.points[start : start + 6]
        middle = socket.mean(0)
        paint(skin, head.project(middle + (socket - middle) * (1.15, 2.0)), head.skin_tone(0.72), 0.55, head.pixels(0.08))


def _paint_beard(skin: Image, head: Head) -> None:
    person, points = head.person, head.points
    if person.beard in ("stubble", "full"):
        inner = np.array([(0.5, 0.95), (0.3, 0.78), (0, 0.76), (-0.3, 0.78), (-0.5, 0.95)])
        edge = np.vstack([points[2:15], shift(inner, 0, points[51, 1] - 0.93)])
        paint(skin, head.project(edge), person.hair, 0.85 if person.beard == "full" else 0.25, head.pixels(0.09))
    if person.beard in ("mustache", "full"):
        upper = np.vstack([shift(points[48:55], 0, -0.02), [(0.22, 0.75), (0, 0.745), (-0.22, 0.75)]])
        paint(skin, head.project(upper), person.hair, 0.85, head.pixels(0.03))


def _paint_nostrils(image: Image, head: Head) -> None:
    for wing in (head.points[31], head.points[35]):
        hole = ellipse((wing[0] * 0.5, wing[1] + 0.045), (0.045, 0.02), 16)
        paint(image, head.project(hole), head.skin_tone(0.25), 0.75, max(1.0, head.pixels(0.012)))
        side = ellipse((wing[0] * 1.05, wing[1] + 0.01), (0.02, 0.05), 16)
        paint(image, head.project(side), head.skin_tone(0.45), 0.35, head.pixels(0.02))


def _paint_mouth(image: Image, head: Head) -> None:
    """The line where the lips meet, or the inside of an open mouth."""
    inner = head.points[60:68]
    gap = float(inner[6, 1] - inner[2, 1])
    paint(image, head.project(thicken(smooth(inner[:5], 4), 0.022)), head.skin_tone(0.3), 0.8, 1)
    if gap < 0.02:
        return
    paint(image, smooth(head.project(inner), 4, closed=True), (52, 18, 18), 1, head.pixels(0.006))
    _paint_teeth(image, head, inner, gap)
    if gap > 0.2:
        paint(image, head.project(ellipse((0, inner[6, 1] - 0.06), (0.17, 0.055))), (168, 84, 84), 0.8, head.pixels(0.03))


def _paint_teeth(image: Image, head: Head, inner: Points, gap: float) -> None:
    upper = np.vstack([shift(inner[:5] * (0.93, 1), 0, 0.008), shift(inner[3:0:-1] * (0.85, 1), 0, min(0.1, 0.75 * gap))])
    paint(image, head.project(upper), (220, 213, 200), 0.9, head.pixels(0.01))
    if gap <= 0.2 and head.strongest(16) > 0.3:
        lower = np.vstack([shift(inner[[7, 6, 5]], 0, -0.01), shift(inner[[5, 6, 7]], 0, -min(0.06, 0.5 * gap))])
        paint(image, head.project(lower), (206, 198, 186), 0.8, head.pixels(0.008))


def _paint_eye(image: Image, head: Head, start: int) -> None:
    """The ball inside the lids, then lashes and the lid's fold."""
    lids = head.points[start : start + 6]
    opening = smooth(head.project(lids), 5, closed=True)
    low = np.maximum(np.floor(opening.min(0)).astype(int) - 3, 0)
    high = np.ceil(opening.max(0)).astype(int) + 4
    window = image[low[1] : high[1], low[0] : high[0]]
    if window.size:
        paint(window, opening - low, _paint_eyeball(window, head, lids, opening - low, low), 1, 1)
    upper = smooth(head.project(lids[:4]), 5)
    paint(image, thicken(upper, head.pixels(0.045 if head.person.female else 0.034)), LASHES, 0.85, 1)
    paint(image, head.project(thicken(smooth(lids[[0, 5, 4, 3]], 5), 0.02)), head.skin_tone(0.5), 0.5, 1)
    fold = shift(lids[:4], 0, -0.05 - 0.02 * head.strongest(5))
    paint(image, head.project(thicken(smooth(fold, 5), 0.025)), head.skin_tone(0.55), 0.55, 1)


def _paint_eyeball(window: Image, head: Head, lids: Points, opening: Points, corner: Points) -> Image:
    """White, iris, pupil, highlight and the lid's shadow; as large as the window whose first pixel is `corner`."""
    ball = np.empty_like(window)
    ball[:] = (216, 210, 204)
    x, y = head.project([((lids[0, 0] + lids[3, 0]) / 2, 0.005)])[0] - corner
    rim = tuple(0.5 * c for c in head.person.iris)
    for radius, color in ((0.112, rim), (0.095, head.person.iris), (0.045, (12.0, 10.0, 10.0))):
        paint(ball, ellipse((x, y), (head.pixels(radius), head.pixels(radius))), color, 1, head.pixels(0.01))
    spark = (x + np.sign(head.light.right) * head.pixels(0.035), y - head.pixels(0.035))
    paint(ball, ellipse(spark, (head.pixels(0.02), head.pixels(0.02)), 10), (250, 250, 250), 0.95)
    paint(ball, shift(opening, 0, -head.pixels(0.1)), (60, 48, 44), 0.5, head.pixels(0.03))
    return ball


def _paint_brows(image: Image, head: Head) -> None:
    """Two soft bands of hair."""
    color = tuple(0.8 * c for c in head.person.hair)
    for start, widths in ((17, (0.35, 0.75, 1, 1.05, 0.9)), (22, (0.9, 1.05, 1, 0.75, 0.35))):
        line = head.project(smooth(head.points[start : start + 5]))
        width = np.interp(np.linspace(0, 4, len(line)), range(5), widths) * head.pixels(head.person.brow_weight)
        paint(image, thicken(line, width, taper=False), color, 0.55, head.pixels(0.03))
        paint(image, thicken(line, 0.6 * width, taper=False), color, 0.5, head.pixels(0.015))
