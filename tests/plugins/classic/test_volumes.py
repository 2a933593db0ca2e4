"""Descriptors of clips agree with literal implementations of their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ferbench_classic.backbones import LBPTOP, Gradients3D
from ferbench_classic.volumes import gradient_histograms, lbp_top


def volume(frames=4, size=9, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (frames, size, size), np.uint8)


def interpolate(plane, row, column):
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
        value = interpolate(plane, row - round(radius * math.sin(angle), 5), column + round(radius * math.cos(angle), 5))
        bits.append(int(value >= float(plane[row, column]) - 1e-9))
    return tuple(bits)


def uniform_numbers(points):
    """A number for each pattern of at most two changes around the circle; one more for all others."""
    numbers, others = {}, points * (points - 1) + 2
    for code in range(2**points):
        bits = tuple(code >> p & 1 for p in range(points))
        changes = sum(bits[p] != bits[p - 1] for p in range(points))
        numbers[bits] = None if changes <= 2 else others
    return numbers, others


@pytest.mark.parametrize(("grid", "frames", "radius"), [(1, 4, 1), (2, 5, 1), (1, 6, 2)])
def test_lbp_top_follows_its_definition(grid, frames, radius):
    """Which number a uniform pattern has is free: histograms are compared in order of their values, by plane and cell."""
    points, clip = 8, volume(frames)
    height, width = clip.shape[1:]
    numbers, others = uniform_numbers(points)
    histograms = lbp_top(clip, points, radius, grid).reshape(3, grid * grid, others + 1)
    inside = range(radius, frames - radius)
    rows, columns = range(radius, height - radius), range(radius, width - radius)
    for plane in range(3):
        for cell, (band, column_band) in enumerate((b, c) for b in np.array_split(rows, grid) for c in np.array_split(columns, grid)):
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
            assert histograms[plane, cell, -1] == pytest.approx(counts.get("other", 0) / total)
            expected = sorted(count / total for name, count in counts.items() if name != "other")
            assert sorted(value for value in histograms[plane, cell, :-1] if value) == pytest.approx(expected)


def test_a_still_clip_has_no_gradients_in_time():
    """Nothing changes in time: XT and YT patterns of a still clip are the same in every frame."""
    still = np.repeat(volume(1), 5, 0)
    assert np.allclose(lbp_top(still, 8, 1, 2), lbp_top(np.repeat(volume(1), 9, 0), 8, 1, 2))
    assert np.allclose(lbp_top(still[:1], 8, 1, 2), lbp_top(still, 8, 1, 2))  # a single frame is extended
    histograms = gradient_histograms(still, 8, 1).reshape(3, 8)
    assert histograms[0].sum() > 0
    assert np.count_nonzero(histograms[1]) <= 2  # to the left or to the right, never in time


def test_gradients_point_where_values_rise():
    ramp = np.arange(0, 90, 10, dtype=np.uint8)
    across = np.broadcast_to(ramp, (5, 9, 9))
    in_time = np.broadcast_to(np.arange(0, 50, 10, dtype=np.uint8)[:, None, None], (5, 9, 9))
    xy, xt, yt = gradient_histograms(across, 4, 1).reshape(3, 4)
    right = 2  # angle 0 in [-pi, pi) in four bins
    assert xy.tolist() == xt.tolist() == np.eye(4)[right].tolist()
    assert not yt.any()
    xy, xt, yt = gradient_histograms(in_time, 4, 1).reshape(3, 4)
    assert not xy.any()
    assert xt.tolist() == yt.tolist() == np.eye(4)[3].tolist()


def test_gradient_histograms_follow_their_definition():
    clip, bins = volume(5, 6), 8
    values = clip.astype(float)

    def gradient(t, y, x, axis):
        here = [t, y, x]
        before, after = here.copy(), here.copy()
        before[axis], after[axis] = max(0, here[axis] - 1), min(values.shape[axis] - 1, here[axis] + 1)
        return (values[tuple(after)] - values[tuple(before)]) / (after[axis] - before[axis])

    expected = np.zeros((3, bins))
    for t, y, x in np.ndindex(values.shape):
        dt, dy, dx = (gradient(t, y, x, axis) for axis in range(3))
        for plane, (a, b) in enumerate(((dx, dy), (dx, dt), (dy, dt))):
            expected[plane, int((math.atan2(b, a) + math.pi) / (2 * math.pi) * bins) % bins] += math.hypot(a, b)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(gradient_histograms(clip, bins, 1).reshape(3, bins), expected)


@pytest.mark.parametrize(("backbone", "width"), [(LBPTOP(grid=2, size=32), 3 * 4 * 59), (Gradients3D(grid=3, size=32), 3 * 9 * 8)])
def test_one_descriptor_per_clip(backbone, width):
    features = backbone.frozen().build(None)(torch.rand(5, 1, 32, 32))
    assert features.shape == (1, width)
    assert backbone.frozen().reads == "clips"
