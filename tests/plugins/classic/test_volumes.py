"""Descriptors of clips against slow definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ferbench_classic.backbones import LBPTOP, Gradients3
from ferbench_classic.volumes import gradients, lbp_top


def volume(frames=4, size=9, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (frames, size, size), np.uint8)


def at(plane, row, column):
    """Bilinear interpolation."""
    r, c = math.floor(row + 1e-9), math.floor(column + 1e-9)
    fr, fc = max(0.0, row - r), max(0.0, column - c)
    corners = [(r, c, (1 - fr) * (1 - fc)), (r, c + 1, (1 - fr) * fc), (r + 1, c, fr * (1 - fc)), (r + 1, c + 1, fr * fc)]
    return sum(share * float(plane[i, j]) for i, j, share in corners if share > 1e-9)


def pattern(plane, row, column, points, radius):
    """The bits around a pixel, counterclockwise from its right."""
    bits = []
    for p in range(points):
        angle = 2 * math.pi * p / points
        value = at(plane, row - round(radius * math.sin(angle), 5), column + round(radius * math.cos(angle), 5))
        bits.append(int(value >= float(plane[row, column]) - 1e-9))
    return tuple(bits)


def uniform_numbers(points):
    """A number for each pattern of at most two changes around the circle; one more for all others."""
    numbers, many = {}, points * (points - 1) + 2
    for code in range(2**points):
        bits = tuple(code >> p & 1 for p in range(points))
        changes = sum(bits[p] != bits[p - 1] for p in range(points))
        numbers[bits] = None if changes <= 2 else many
    return numbers, many


@pytest.mark.parametrize(("grid", "frames", "radius"), [(1, 4, 1), (2, 5, 1), (1, 6, 2)])
def test_lbp_top_is_its_definition(grid, frames, radius):
    """Which number a uniform pattern has is free: histograms are compared in order of their values, by plane and field."""
    points, clip = 8, volume(frames)
    height, width = clip.shape[1:]
    numbers, many = uniform_numbers(points)
    made = lbp_top(clip, points, radius, grid).reshape(3, grid * grid, many + 1)
    inside = range(radius, frames - radius)
    rows, columns = range(radius, height - radius), range(radius, width - radius)
    for plane in range(3):
        for field, (band, column_band) in enumerate((b, c) for b in np.array_split(rows, grid) for c in np.array_split(columns, grid)):
            counts: dict = {}
            for t in inside:
                for y in band:
                    for x in column_band:
                        bits = (
                            pattern(clip[t], y, x, points, radius),
                            pattern(clip[:, y], t, x, points, radius),
                            pattern(clip[:, :, x], t, y, points, radius),
                        )[plane]
                        name = bits if numbers[bits] is None else "other"
                        counts[name] = counts.get(name, 0) + 1
            total = sum(counts.values())
            assert made[plane, field, -1] == pytest.approx(counts.get("other", 0) / total)
            expected = sorted(count / total for name, count in counts.items() if name != "other")
            assert sorted(value for value in made[plane, field, :-1] if value) == pytest.approx(expected)


def test_a_clip_that_stands_still():
    """Along the time nothing changes: XT and YT patterns of a still clip are the same in every frame."""
    still = np.repeat(volume(1), 5, 0)
    assert np.allclose(lbp_top(still, 8, 1, 2), lbp_top(np.repeat(volume(1), 9, 0), 8, 1, 2))
    assert np.allclose(lbp_top(still[:1], 8, 1, 2), lbp_top(still, 8, 1, 2))  # one frame is continued
    made = gradients(still, 8, 1).reshape(3, 8)
    assert made[0].sum() > 0
    assert np.count_nonzero(made[1]) <= 2  # to the left or to the right, never in time


def test_gradients_point_where_values_rise():
    ramp = np.arange(0, 90, 10, dtype=np.uint8)
    across = np.broadcast_to(ramp, (5, 9, 9))
    in_time = np.broadcast_to(np.arange(0, 50, 10, dtype=np.uint8)[:, None, None], (5, 9, 9))
    xy, xt, yt = gradients(across, 4, 1).reshape(3, 4)
    right = 2  # angle 0 in [-pi, pi) in four bins
    assert xy.tolist() == xt.tolist() == np.eye(4)[right].tolist()
    assert not yt.any()
    xy, xt, yt = gradients(in_time, 4, 1).reshape(3, 4)
    assert not xy.any()
    assert xt.tolist() == yt.tolist() == np.eye(4)[3].tolist()


def test_gradients_by_a_loop():
    clip, bins = volume(5, 6), 8
    values = clip.astype(float)

    def along(t, y, x, axis):
        here = [t, y, x]
        before, after = here.copy(), here.copy()
        before[axis], after[axis] = max(0, here[axis] - 1), min(values.shape[axis] - 1, here[axis] + 1)
        return (values[tuple(after)] - values[tuple(before)]) / (after[axis] - before[axis])

    expected = np.zeros((3, bins))
    for t, y, x in np.ndindex(values.shape):
        dt, dy, dx = (along(t, y, x, axis) for axis in range(3))
        for plane, (a, b) in enumerate(((dx, dy), (dx, dt), (dy, dt))):
            expected[plane, int((math.atan2(b, a) + math.pi) / (2 * math.pi) * bins) % bins] += math.hypot(a, b)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(gradients(clip, bins, 1).reshape(3, bins), expected)


@pytest.mark.parametrize(("backbone", "width"), [(LBPTOP(grid=2, size=32), 3 * 4 * 59), (Gradients3(grid=3, size=32), 3 * 9 * 8)])
def test_one_descriptor_a_clip(backbone, width):
    made = backbone.frozen().build(None)(torch.rand(5, 1, 32, 32))
    assert made.shape == (1, width)
    assert backbone.frozen().reads == "clips"
