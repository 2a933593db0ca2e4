"""Landmarks freed of place, size and rotation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferbench_classic.backbones import Landmarks
from ferbench_classic.geometry import aligned, displacement, shapes


def face(points=68, seed=0):
    return np.random.default_rng(seed).normal(0, 50, (points, 2)) + 300


def moved(points, angle=0.4, scale=1.7, shift=(30, -80)):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ turn + shift


@pytest.mark.parametrize("points", [68, 5])
def test_place_size_and_rotation_of_a_frame_do_not_count(points):
    first = face(points)
    clip = np.stack([first, moved(first), moved(first, -2.5, 0.3)])
    made = aligned(clip)
    assert np.allclose(made[0], made[1])
    assert np.allclose(made[0], made[2])
    assert np.allclose(made.mean(1), 0)
    assert np.allclose(np.linalg.norm(made, axis=(1, 2)), 1)
    assert np.allclose(displacement(clip), 0)


def test_the_eyes_are_level_and_a_turned_clip_is_the_same():
    clip = np.stack([face(seed=0), face(seed=1)])
    made = aligned(clip)
    assert made[0, 36:42].mean(0)[1] == pytest.approx(made[0, 42:48].mean(0)[1])
    assert made[0, 36:42].mean(0)[0] < made[0, 42:48].mean(0)[0]
    assert np.allclose(shapes(np.stack([moved(frame) for frame in clip])), shapes(clip))


def test_no_face_is_mirrored():
    first = face()
    mirrored = first * [-1, 1]
    made = aligned(np.stack([first, mirrored]))
    assert not np.allclose(made[0], made[1], atol=1e-2)


def test_the_displacement_is_that_of_the_point_that_moved():
    first = face()
    last = first.copy()
    last[10] += [0, 8]
    change = displacement(np.stack([first, first, last])).reshape(68, 2)
    assert np.linalg.norm(change, axis=1).argmax() == 10


@pytest.mark.parametrize(("features", "shape"), [("displacement", (1, 136)), ("shape", (3, 136))])
def test_the_backbone(features, shape):
    frozen = Landmarks(features=features).frozen()
    assert frozen.reads == "landmarks"
    assert frozen.build(None)(torch.from_numpy(np.stack([face()] * 3)).float()).shape == shape
