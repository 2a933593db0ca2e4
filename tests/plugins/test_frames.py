"""What Frames offer to face detectors."""

from __future__ import annotations

import numpy as np

from ferbench import Frames

IMAGES = tuple(np.zeros((100, 120), np.uint8) for _ in range(4))
MISSING = [np.nan] * 4


def test_a_frame_without_a_face_takes_the_median_of_the_others():
    boxes = np.array([[10.4, 20, 30, 40], MISSING, [12, 22.6, 33, 0.2], MISSING])
    eyes = np.full((4, 2, 2), np.nan, np.float32)
    eyes[0], eyes[2] = [[15, 30], [35, 31]], [[19, 32], [39, 31]]
    frames = Frames(IMAGES).with_faces(boxes, eyes)
    assert frames.has_face == (True, False, True, False)
    assert frames.boxes == ((10, 20, 30, 40), (11, 21, 32, 20), (12, 23, 33, 1), (11, 21, 32, 20))
    assert frames.eyes[1].tolist() == frames.eyes[3].tolist() == [[17, 31], [37, 31]]
    assert frames.eyes.dtype == np.float32


def test_without_any_face_boxes_span_whole_frames():
    frames = Frames(IMAGES[:2]).with_faces(np.array([MISSING] * 2), np.full((2, 2, 2), np.nan, np.float32))
    assert frames.boxes == ((0, 0, 120, 100),) * 2
    assert frames.has_face == (False, False)
    assert np.isnan(frames.eyes).all()


def test_a_detector_need_not_find_eyes():
    assert Frames(IMAGES[:1]).with_faces(np.array([[1, 2, 3, 4]])).eyes is None
