"""Turned and mirrored frames, and exchanged channels."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench import Frames
from ferbench_basics.turns import Mirror, Rotate, SwapChannels

IMAGE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def run(step, image=IMAGE):
    frames = step(Frames((image,), boxes=((0, 0, 1, 1),)))
    return frames, frames.images[0]


def test_a_quarter_turn_is_clockwise():
    frames, turned = run(Rotate(90))
    assert turned.shape == (3, 2, 3)
    assert (turned[0, 1] == IMAGE[0, 0]).all(), "the upper left corner goes to the upper right"
    assert frames.boxes is None
    assert frames.is_resized, "landmarks no longer fit"


@pytest.mark.parametrize("gray", [False, True])
def test_four_quarter_turns_change_nothing(gray):
    image = IMAGE[..., 0].copy() if gray else IMAGE
    turned = image
    for degrees in (90, 270, 180, 180):
        turned = run(Rotate(degrees), turned)[1]
    assert (turned == image).all()


def test_a_half_turn_is_two_quarters():
    assert (run(Rotate(180))[1] == run(Rotate(90), run(Rotate(90))[1])[1]).all()


def test_a_mirror_exchanges_left_and_right():
    assert (run(Mirror())[1][:, 0] == IMAGE[:, 2]).all()


def test_red_and_blue_are_exchanged():
    frames, swapped = run(SwapChannels())
    assert (swapped[..., 0] == IMAGE[..., 2]).all()
    assert (swapped[..., 1] == IMAGE[..., 1]).all()
    assert frames.boxes == ((0, 0, 1, 1),)
    gray = IMAGE[..., 0]
    assert (run(SwapChannels(), gray)[1] == gray).all()
