"""Landmarks without position, size and rotation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferbench_classic.backbones import Landmarks
from ferbench_classic.geometry import align, describe_displacement, describe_shapes


def face(points=68, seed=0):
    return np.random.default_rng(seed).normal(0, 50, (points, 2)) + 300


def transform(points, angle=0.4, scale=1.7, shift=(30, -80)):
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ rotation + shift


@pytest.mark.parametrize("points", [68, 5])
def test_position_size_and_rotation_of_a_frame_have_no_effect(points):
    first = face(points)
    clip = np.stack([first, transform(first), transform(first, -2.5, 0.3)])
    aligned = align(clip)
    assert np.allclose(aligned[0], aligned[1])
    assert np.allclose(aligned[0], aligned[2])
    assert np.allclose(aligned.mean(1), 0)
    assert np.allclose(np.linalg.norm(aligned, axis=(1, 2)), 1)
    assert np.allclose(describe_displacement(clip), 0)


def test_the_eyes_are_level_and_a_rotated_clip_gives_the_same_shapes():
    clip = np.stack([face(seed=0), face(seed=1)])
    aligned = align(clip)
    assert aligned[0, 36:42].mean(0)[1] == pytest.approx(aligned[0, 42:48].mean(0)[1])
    assert aligned[0, 36:42].mean(0)[0] < aligned[0, 42:48].mean(0)[0]
    assert np.allclose(describe_shapes(np.stack([transform(frame) for frame in clip])), describe_shapes(clip))


def test_no_face_is_mirrored():
    first = face()
    mirrored = first * [-1, 1]
    aligned = align(np.stack([first, mirrored]))
    assert not np.allclose(aligned[0], aligned[1], atol=1e-2)


def test_the_displacement_is_that_of_the_point_that_moves():
    first = face()
    last = first.copy()
    last[10] += [0, 8]
    change = describe_displacement(np.stack([first, first, last])).reshape(68, 2)
    assert np.linalg.norm(change, axis=1).argmax() == 10


@pytest.mark.parametrize(("features", "shape"), [("displacement", (1, 136)), ("shape", (3, 136))])
def test_the_backbone_reads_landmarks(features, shape):
    frozen = Landmarks(features=features).frozen()
    assert frozen.reads == "landmarks"
    assert frozen.build(None)(torch.from_numpy(np.stack([face()] * 3)).float()).shape == shape
