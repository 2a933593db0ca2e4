"""Cropping: the box within the frame, stretched or square."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench import FerbenchError, Frames
from ferbench_basics.crop import Crop

GRID = np.arange(100, dtype=np.uint8).reshape(10, 10)


@pytest.mark.parametrize(
    ("box", "margin", "rows", "columns"),
    [
        ((2, 3, 4, 5), 0.0, (3, 8), (2, 6)),
        ((2, 3, 4, 4), 0.25, (2, 8), (1, 7)),
        ((2, 3, 4, 4), 9.0, (0, 10), (0, 10)),
        ((8, 8, 5, 5), 0.0, (8, 10), (8, 10)),
        ((50, 0, 5, 5), 0.0, (0, 5), (9, 10)),
    ],
)
def test_crop_cuts_the_box_within_the_frame(box, margin, rows, columns):
    cut = Crop(margin)(Frames((GRID,), boxes=(box,), has_face=(True,)))
    assert (cut.images[0] == GRID[slice(*rows), slice(*columns)]).all()
    assert (cut.boxes, cut.has_face) == (None, (True,))


def test_crop_without_boxes_suggests_a_detector():
    with pytest.raises(FerbenchError, match="without boxes") as error:
        Crop()(Frames((GRID,)))
    assert "viola-jones" in error.value.hint


def crop_one(crop, image, box):
    return crop(Frames((image,), boxes=(box,), has_face=(True,))).images[0]


@pytest.mark.parametrize(
    ("box", "margin", "rows", "columns"),
    [
        ((2, 3, 4, 2), 0.0, (2, 6), (2, 6)),  # the shorter side grows around the center
        ((4, 2, 2, 4), 0.25, (1, 7), (2, 8)),
        ((1, 3, 2, 2), 0.5, (2, 6), (0, 4)),
    ],
)
def test_a_square_crop_grows_the_shorter_side_around_the_center(box, margin, rows, columns):
    assert (crop_one(Crop(margin, "square"), GRID, box) == GRID[slice(*rows), slice(*columns)]).all()


@pytest.mark.parametrize("image", [GRID + 1, np.repeat(GRID[..., None] + 1, 3, 2)])
@pytest.mark.parametrize("corner", [(-2, -1), (7, -2), (8, 9), (0, 0), (-9, 4), (30, 4), (4, -40)])
def test_a_square_crop_stays_square_and_is_black_outside_the_frame(image, corner):
    cut = crop_one(Crop(0.0, "square"), image, (*corner, 5, 5))
    assert cut.shape[:2] == (5, 5)
    padded = np.zeros((100, 100, *image.shape[2:]), np.uint8)
    padded[50:60, 50:60] = image
    assert (cut == padded[50 + corner[1] :, 50 + corner[0] :][:5, :5]).all()


def test_both_shapes_agree_on_a_square_box_within_the_frame():
    box = (3, 2, 4, 4)
    assert (crop_one(Crop(0.25), GRID, box) == crop_one(Crop(0.25, "square"), GRID, box)).all()
