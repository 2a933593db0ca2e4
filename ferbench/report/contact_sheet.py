"""A contact sheet: the frames of one clip, the faces found in them, and the crops that networks get, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ferbench.api.clips import Frames
from ferbench.api.text import escape_line
from ferbench.report.figures import BLUE, ORANGE, make_canvas, save_png

MAX_COLUMNS = 10
LABEL_WIDTH, TILE = 1.6, 1.35  # inches
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Strip:
    """What one preprocessing makes of a clip.

    `frames` are those in which faces were last found, or as decoded; None if no frame can be read. `crops` [T,H,W] or [T,H,W,3] are what
    networks get, of the frames with these `indices`; `problems` says why others cannot be read, by index.
    """

    label: str
    frames: Frames | None
    crops: Image
    indices: Sequence[int]
    has_face: Sequence[bool] | None
    problems: Mapping[str, str]


def draw_contact_sheet(title: str, strips: Sequence[Strip], path: Path) -> None:
    """Write a PNG with two rows for each preprocessing: frames with boxes and points, and crops. Of a longer clip, it shows 10 frames."""
    columns = max([1, *(min(MAX_COLUMNS, len(strip.crops)) for strip in strips)])
    with rc_context({"text.parse_math": False, "text.usetex": False}):  # a label may hold dollar signs
        figure = make_canvas(LABEL_WIDTH + TILE * columns, 0.6 + 2.15 * TILE * len(strips), escape_line(title))
        grid = figure.add_gridspec(2 * len(strips), columns + 1, width_ratios=[LABEL_WIDTH / TILE, *[1] * columns])
        for number, strip in enumerate(strips):
            rows = [[figure.add_subplot(grid[2 * number + row, column]) for column in range(columns + 1)] for row in (0, 1)]
            _draw_strip(strip, *rows)
        save_png(figure, path)


def _draw_strip(strip: Strip, above: Sequence[Axes], below: Sequence[Axes]) -> None:
    for axes in (*above, *below):
        axes.set_axis_off()
    shown = _choose_evenly(len(strip.crops), len(above) - 1)
    _write(above[0], [strip.label, *_describe_frames(strip, len(shown))])
    _write(below[0], _describe_crops(strip))
    for axes, (frame_axes, at) in zip(below[1:], zip(above[1:], shown, strict=False), strict=False):
        index, color = strip.indices[at], _color(strip, at)
        if strip.frames is not None:
            _draw_frame(frame_axes, strip.frames, at, color)
        frame_axes.set_title(f"frame {index}", fontsize=7, pad=2)
        _show(axes, strip.crops[at])
        if color == ORANGE:
            axes.set_title("no face", fontsize=7, pad=2, color=ORANGE)


def _draw_frame(axes: Axes, frames: Frames, at: int, color: str) -> None:
    _show(axes, frames.images[at])
    if frames.boxes is not None:
        x, y, width, height = frames.boxes[at]
        style = "--" if color == ORANGE else "-"
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), width, height, fill=False, edgecolor=color, linestyle=style, linewidth=1.2))
    if frames.landmarks is not None and not frames.is_resized:
        axes.plot(*frames.landmarks[at, :, :2].T, ".", color=color, markersize=1.5 if frames.landmarks.shape[1] < 100 else 0.4)
    elif frames.eyes is not None:
        axes.plot(*frames.eyes[at].T, "o", color=color, markersize=2)


def _show(axes: Axes, image: Image) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest" if max(image.shape) < 100 else "antialiased")
    axes.set_xlim(-0.5, image.shape[1] - 0.5)  # whatever is drawn outside
    axes.set_ylim(image.shape[0] - 0.5, -0.5)


def _describe_frames(strip: Strip, shown: int) -> list[str]:
    """How many frames there are, in how many a face was found, and which cannot be read."""
    count = len(strip.crops)
    lines = [f"{shown} of {count} frames" if shown < count else f"{count} frame{'s' if count != 1 else ''}"]
    if strip.has_face is not None:
        lines.append(f"face found in {sum(strip.has_face)}")
    lines += [f"frame {index}: {reason}" for index, reason in list(strip.problems.items())[:3]]
    return lines + ([f"and {len(strip.problems) - 3} more"] if len(strip.problems) > 3 else [])


def _describe_crops(strip: Strip) -> list[str]:
    if not len(strip.crops):
        return ["no crops"]
    height, width = strip.crops.shape[1:3]
    return ["crops", f"{width} x {height} pixels", "gray" if strip.crops.ndim == 3 else "RGB"]


def _write(axes: Axes, lines: Sequence[str]) -> None:
    text = "\n".join(part for line in lines for part in _wrap(escape_line(line)))
    axes.text(0, 1, text, transform=axes.transAxes, va="top", fontsize=7)


def _wrap(line: str) -> list[str]:
    from textwrap import wrap

    return wrap(line, 26)[:6] or [""]


def _color(strip: Strip, at: int) -> str:
    return ORANGE if strip.has_face is not None and not strip.has_face[at] else BLUE


def _choose_evenly(count: int, limit: int) -> list[int]:
    """Up to `limit` of the numbers below `count`, evenly spaced, the first and the last among them."""
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, limit))})
