"""Face detectors: which face of a clip is its own, frames between searched ones, and numbers of faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import ferbench
from ferbench import Faces, Frames
from ferbench.api.faces import FaceLinker, follow_face, link_faces, measure_overlaps


def faces(*boxes, eyes=False):
    array = np.array(boxes, float).reshape(-1, 4)
    pairs = np.stack([array[:, :2] + [5, 10], array[:, :2] + [15, 10]], 1) if eyes else None
    return Faces(array, np.ones(len(array)), pairs)


@dataclass(frozen=True)
class Detector(ferbench.FaceDetector):
    """Finds the faces that the first pixels of an image list."""

    name = "listed"
    found: tuple = ()

    def detect_faces(self, image):
        return self.found[image[0, 0]]


def run(detector):
    images = tuple(np.full((100, 200), number, np.uint8) for number in range(len(detector.found)))
    return detector(Frames(images))


NEAR, FAR = (20, 20, 40, 40), (120, 30, 30, 30)


def test_overlaps_are_intersections_over_unions():
    shares = measure_overlaps(np.array([[0, 0, 2, 2], [0, 0, 0, 0]]), np.array([[0, 0, 2, 2], [1, 1, 2, 2], [2, 2, 1, 1]]))
    assert shares == pytest.approx(np.array([[1, 1 / 7, 0], [0, 0, 0]]))


def test_a_face_keeps_its_number_while_others_come_and_go():
    frames = [faces(NEAR), faces(FAR, NEAR), faces((22, 21, 40, 40), (121, 30, 30, 30)), faces(FAR), faces((24, 22, 41, 40), FAR)]
    assert link_faces(frames) == [[0], [1, 0], [0, 1], [1], [0, 1]]


def test_the_best_overlap_is_linked_first():
    frames = [faces((0, 0, 40, 40)), faces((10, 0, 40, 40), (2, 0, 40, 40))]
    assert link_faces(frames) == [[0], [1, 0]]


def test_a_face_that_is_lost_for_long_gets_a_new_number_and_is_forgotten():
    linker = FaceLinker(patience=2)
    assert [linker.link(frame) for frame in (faces(NEAR), faces(), faces(), faces(NEAR))] == [[0], [], [], [0]]
    assert [linker.link(frame) for frame in (faces(), faces(), faces(), faces(NEAR))] == [[], [], [], [1]]
    for _ in range(5):
        linker.link(faces())
    assert linker._seen == {}


def test_the_clip_follows_one_face_although_another_is_larger_now_and_then():
    larger = (115, 20, 60, 60)
    found = (faces(NEAR, FAR), faces(larger, NEAR), faces(FAR, NEAR), faces(FAR), faces(NEAR, FAR))
    assert follow_face(found) == [0, 1, 1, None, 0]
    followed, largest = run(Detector(found)), run(Detector(found, follow=False))
    assert followed.boxes == (NEAR,) * 5
    assert followed.has_face == (True, True, True, False, True)
    assert largest.boxes == (NEAR, larger, NEAR, FAR, NEAR)
    assert largest.has_face == (True,) * 5


def test_a_track_that_breaks_off_is_continued_by_a_face_that_was_never_beside_it():
    jumped = (90, 50, 40, 40)
    assert follow_face([faces(NEAR), faces(NEAR), faces(jumped), faces(jumped)]) == [0, 0, 0, 0]
    assert follow_face([faces(NEAR), faces(NEAR), faces(FAR, NEAR), faces(FAR)]) == [0, 0, 1, None]


def test_clips_without_faces_stay_whole():
    assert follow_face([faces(), faces()]) == [None, None]
    frames = run(Detector((faces(eyes=True), faces(eyes=True))))
    assert frames.boxes == ((0, 0, 200, 100),) * 2
    assert frames.has_face == (False, False)
    assert np.isnan(frames.eyes).all()


def test_frames_between_searched_ones_are_interpolated():
    found = tuple(faces((20 + 4 * number, 30, 40, 40 + 2 * number), eyes=True) if number in (0, 3, 6, 7) else None for number in range(8))
    frames = run(Detector(found, every=3))  # None would raise: only frames 0, 3, 6 and the last are searched
    assert frames.boxes == tuple((20 + 4 * number, 30, 40, 40 + 2 * number) for number in range(8))
    assert frames.has_face == (True,) * 8
    assert frames.eyes[:, 0, 0] == pytest.approx(np.arange(8) * 4 + 25)
    assert frames.eyes.dtype == np.float32


def test_frames_beside_one_without_the_face_count_as_without():
    found = (faces(NEAR), None, faces(NEAR), None, faces(), None, faces(NEAR), faces(NEAR))
    assert run(Detector(found, every=2)).has_face == (True, True, True, False, False, False, True, True)


def test_every_frame_is_searched_by_default_and_a_single_one_always():
    assert run(Detector((faces(NEAR), faces(FAR)))).has_face == (True, True)
    assert run(Detector((faces(NEAR),), every=5)).boxes == (NEAR,)
