"""The faces of a window: each is cut and numbered by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import ferbench
from ferbench.api.faces import FaceDetector, FaceLinker, Faces
from ferbench.stages.faces import cut_window
from ferbench_basics.crop import Crop
from ferbench_basics.images import Resize
from ferbench_basics.selection import Last


@dataclass(frozen=True)
class Bright(FaceDetector):
    """Every bright square is a face of 10 x 10 pixels, at half that size if the image was halved."""

    name = "bright"

    def detect_faces(self, image):
        size = 10 * image.shape[0] // 60
        corners = [(x, y) for y in range(0, image.shape[0], size) for x in range(0, image.shape[1], size) if image[y, x].max() > 128]
        boxes = np.array([(x, y, size, size) for x, y in corners], float).reshape(-1, 4)
        return Faces(boxes, np.ones(len(boxes)))


@dataclass(frozen=True)
class Box(ferbench.Preprocessor):
    """Finds the upper left quarter, as a step that is no FaceDetector."""

    name = "box"

    def __call__(self, frames):
        boxes = np.array([(0, 0, 30, 30)] * len(frames.images), float)
        boxes[1:2] = np.nan
        return frames.with_faces(boxes)


def draw(*corners):
    image = np.zeros((60, 90, 3), np.uint8)
    for number, (x, y) in enumerate(corners):
        image[y : y + 10, x : x + 10] = 200 + number
    return image


STEPS = (Bright(), Crop(), Resize(size=8))


def test_each_face_is_a_clip_of_the_frames_that_show_it():
    images = {5: draw((10, 10)), 6: draw((10, 10), (60, 40)), 7: draw((60, 40)), 8: draw()}
    window = cut_window("video", images, STEPS, FaceLinker())
    assert window.selected == [5, 6, 7, 8]
    assert [(face.face, face.crops.facts.indices) for face in window.faces] == [(0, [5, 6]), (1, [6, 7])]
    assert [face.box_of(0) for face in window.faces] == [(10, 10, 10, 10), (60, 40, 10, 10)]
    assert [face.crops.crops.shape for face in window.faces] == [(2, 8, 8, 3)] * 2
    assert [int(face.crops.crops[-1].mean()) for face in window.faces] == [200, 200]


def test_faces_keep_their_numbers_over_windows():
    linker = FaceLinker()
    cut_window("video", {0: draw((10, 10), (60, 40))}, STEPS, linker)
    (face,) = cut_window("video", {1: draw((60, 40))}, STEPS, linker).faces
    assert face.face == 1


def test_boxes_are_those_of_the_original_frames():
    (face,) = cut_window("picture", {0: draw((60, 40))}, (Resize(size=60), Bright(), Crop(), Resize(size=8)), FaceLinker()).faces
    assert face.box_of(0) == pytest.approx((60, 40, 15, 10), abs=1)  # 90 x 60 became 60 x 60


def test_searched_frames_and_those_between_them():
    images = {number: draw((10 * (number // 2), 10)) if number % 2 == 0 else draw() for number in range(5)}
    (face,) = cut_window("video", images, (Bright(every=2), Crop(), Resize(size=8)), FaceLinker(min_overlap=0.0)).faces
    assert [face.box_of(at)[0] for at in range(5)] == [0, 5, 10, 15, 20]


def test_frames_are_selected_first():
    window = cut_window("video", {number: draw((10, 10)) for number in range(10, 15)}, (Last(frames=2), *STEPS), FaceLinker())
    assert window.selected == [13, 14]
    assert window.faces[0].crops.facts.indices == [13, 14]


def test_no_face_at_all():
    assert cut_window("picture", {0: draw()}, STEPS, FaceLinker()).faces == []


def test_steps_that_look_for_no_face():
    (face,) = cut_window("picture", {0: draw()}, (Resize(size=8),), FaceLinker()).faces
    assert (face.face, face.boxes, face.crops.facts.has_face) == (None, None, None)


def test_a_detector_of_another_kind_finds_one_face():
    (face,) = cut_window("video", {number: draw() for number in range(3)}, (Box(), Crop(), Resize(size=8)), FaceLinker()).faces
    assert (face.face, face.box_of(2), face.crops.facts.has_face) == (0, (0, 0, 30, 30), [True, False, True])
