"""Augmentation: alike for all frames of a clip, the same for the same view, and only what is asked for."""

from __future__ import annotations

import pytest
import torch

from ferbench.api.recipe import Augmentation
from ferbench.training.augmentation import augment_clip, augment_frames

EACH = [
    {"flip": 1.0},
    {"rotation": 30.0},
    {"crop": 0.5},
    {"brightness": 0.5},
    {"contrast": 0.5},
    {"saturation": 1.0},
    {"erasing": 1.0},
    {"flip": 0.5, "rotation": 20.0, "crop": 0.7, "brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "erasing": 0.5},
]


def frames(count=3, colour=True, same=True, size=32):
    shape = (1 if same else count, size, size, *[3] * colour)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return images.expand(count, *shape[1:]).clone()


@pytest.mark.parametrize("how", EACH)
@pytest.mark.parametrize("colour", [True, False])
def test_all_frames_of_a_clip_are_changed_alike(how, colour):
    crops = frames(colour=colour)
    made = augment_clip(crops, Augmentation(**how), "toy/a", 1)
    assert made.shape == crops.shape
    assert made.dtype == torch.uint8
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])
    assert torch.equal(made, crops) == (how == {"saturation": 1.0} and not colour)  # gray has none


@pytest.mark.parametrize("how", EACH[1:])
def test_views_and_clips_differ_and_repeat(how):
    crops, how = frames(), Augmentation(**how)
    made = [augment_clip(crops, how, clip, view) for clip, view in (("a", 1), ("a", 2), ("b", 1), ("a", 1))]
    assert torch.equal(made[0], made[3])
    assert not torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_a_mirrored_image():
    crops = frames()
    assert torch.equal(augment_clip(crops, Augmentation(flip=1.0), "a", 1), crops.flip(2))


def test_probabilities_and_ranges():
    """Over 400 views: a quarter is mirrored, factors and angles fill their range evenly."""
    gray = torch.full((1, 16, 16), 100, dtype=torch.uint8)
    mirrored = sum(torch.equal(augment_clip(c := frames(1), Augmentation(flip=0.25), "a", v), c.flip(2)) for v in range(1, 401))
    assert 70 <= mirrored <= 130
    levels = [int(augment_clip(gray, Augmentation(brightness=0.5), "a", v)[0, 0, 0]) for v in range(1, 401)]
    assert 50 <= min(levels) < 60
    assert 140 < max(levels) <= 150
    assert 90 < sum(levels) / 400 < 110


def test_a_crop_keeps_its_share_of_the_area():
    """A ramp of 32 columns: what is kept spans the square root of the share of them, at the least."""
    ramp = (torch.arange(64, dtype=torch.uint8) * 4).expand(1, 64, 64)
    spans = [int(made.max()) - int(made.min()) for v in range(1, 200) for made in [augment_clip(ramp, Augmentation(crop=0.25), "a", v)]]
    assert 0.45 * 252 < min(spans) < 0.6 * 252
    assert max(spans) > 0.9 * 252


def test_erased_is_one_black_rectangle_of_2_to_33_hundredths():
    white = torch.full((2, 60, 60), 255, dtype=torch.uint8)
    for view in range(1, 100):
        black = augment_clip(white, Augmentation(erasing=1.0), "a", view)[0] == 0
        rows, columns = black.any(1), black.any(0)
        assert black.sum() == rows.sum() * columns.sum()
        assert 0.015 < black.float().mean() < 0.36


def test_rows_of_several_clips_are_changed_each_with_its_own():
    crops, how = frames(5, same=False), Augmentation(rotation=40.0)
    made = augment_frames(crops, how, ["a", "b", "a", "c", "b"], 3)
    for clip, rows in (("a", [0, 2]), ("b", [1, 4]), ("c", [3])):
        assert torch.equal(made[rows], augment_clip(crops[rows], how, clip, 3))


def test_an_augmentation_that_changes_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="changes nothing"):
        Augmentation(views=3)
