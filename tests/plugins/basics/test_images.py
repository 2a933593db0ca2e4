import cv2
import numpy as np
import pytest

from ferbench import Frames
from ferbench_basics.gray import Gray
from ferbench_basics.images import Equalize, Resize

RNG = np.random.default_rng(0)


def run(step, *images):
    return step(Frames(images)).images


def thesis_formula(image):
    """The four formulas of the thesis, pixel by pixel."""
    pixels = [int(x) for x in image.ravel()]
    share = {i: pixels.count(i) / len(pixels) for i in range(256)}
    out = [sum(share[j] for j in range(x + 1)) * (max(pixels) - min(pixels)) + min(pixels) for x in pixels]
    return np.array(out).reshape(image.shape)


@pytest.mark.parametrize("low_high", [(0, 256), (60, 90), (254, 256), (7, 8)])
def test_equalize_is_the_thesis_formula(low_high):
    image = RNG.integers(*low_high, (9, 13), dtype=np.uint8)
    (equal,) = run(Equalize(), image)
    assert equal.dtype == np.uint8
    assert np.abs(equal - thesis_formula(image)).max() <= 0.5 + 1e-9
    assert equal.max() == image.max()


def test_equalize_to_the_full_range_is_opencv_s():
    image = RNG.integers(60, 90, (9, 13), dtype=np.uint8)
    (equal,) = run(Equalize("full"), image)
    assert (equal == cv2.equalizeHist(image)).all()
    assert (equal.min(), equal.max()) == (0, 255)


def test_equalize_changes_the_luma_of_a_color_image_and_keeps_its_hue():
    image = np.repeat(RNG.integers(60, 90, (20, 20, 1), dtype=np.uint8), 3, axis=2) + np.array([40, 0, 0], np.uint8)
    (equal,) = run(Equalize("full"), image)
    luma = cv2.cvtColor(equal, cv2.COLOR_RGB2YCrCb)[..., 0]
    assert equal.shape == image.shape
    assert int(luma.max()) - int(luma.min()) > 180
    middle = (equal > 50).all(axis=2) & (equal < 200).all(axis=2)
    assert (equal[middle][:, 0].astype(int) - equal[middle][:, 1] > 30).all()


def test_gray_is_luma_and_leaves_gray_images():
    red, flat = np.full((4, 5, 3), (255, 0, 0), np.uint8), np.full((4, 5), 9, np.uint8)
    of_red, of_flat = run(Gray(), red, flat)
    assert (of_red == round(0.299 * 255)).all()
    assert of_flat is flat


def test_resize_makes_sizes_equal_and_drops_boxes():
    frames = Frames((np.zeros((3, 5), np.uint8), np.zeros((300, 400, 3), np.uint8)), boxes=((0, 0, 1, 1),) * 2, has_face=(True, False))
    resized = Resize(32)(frames)
    assert [image.shape for image in resized.images] == [(32, 32), (32, 32, 3)]
    assert resized.boxes is None
    assert resized.has_face == (True, False)


def test_resize_averages_areas_when_it_shrinks():
    image = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    (small,) = run(Resize(2), image)
    assert np.abs(small - image.reshape(2, 4, 2, 4).mean(axis=(1, 3))).max() <= 0.5


def test_resize_interpolates_when_it_grows():
    (large,) = run(Resize(8), np.array([[0, 200], [0, 200]], np.uint8))
    assert len(np.unique(large)) > 2
    assert (np.diff(large.astype(int), axis=1) >= 0).all()
