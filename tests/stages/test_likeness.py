"""Frames that are copies of each other: hashes find them, a closer look confirms them."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest
from faces import disguise

from ferbench.stages import likeness
from ferbench.stages.duplicates import MIN_LIKENESS
from ferbench.stages.likeness import SIZE, find_candidates, hash_frames, measure_frequencies, measure_likeness, shrink


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def picture(rng: np.random.Generator, size: int = 96) -> np.ndarray:
    """Blobs of random size, place and color."""
    image = np.full((size, size, 3), 128, np.uint8)
    for _ in range(30):
        middle, radius = rng.integers(0, size, 2).tolist(), int(rng.integers(4, size // 4))
        cv2.circle(image, middle, radius, rng.integers(0, 255, 3).tolist(), -1)
    return cv2.GaussianBlur(image, (0, 0), 1)


def bits(count: int) -> int:
    return (1 << count) - 1


def test_disguised_copies_are_found_and_no_others(rng):
    pictures = [picture(rng) for _ in range(30)]
    copies = [disguise(image, rng) for image in pictures[:10]]
    small = [shrink(image) for image in (*pictures, *copies)]
    candidates, is_limited = find_candidates(hash_frames([np.stack(list(map(measure_frequencies, small)))]), np.arange(40))
    alike = {(a, b) for a, b in candidates.tolist() if measure_likeness(small[a], small[b]) >= MIN_LIKENESS}
    assert alike == {(number, 30 + number) for number in range(10)}
    assert not is_limited


@pytest.mark.parametrize("offset", [-3, 0, 3])
@pytest.mark.parametrize("scale", [0.9, 1, 1.1])
def test_a_detector_need_not_cut_both_alike(rng, offset, scale):
    image = picture(rng, 160)
    half = round(40 * scale)
    one, other = image[40:120, 40:120], image[80 - half + offset : 80 + half + offset, 80 - half : 80 + half]
    assert measure_likeness(shrink(one), shrink(other)) > MIN_LIKENESS
    assert measure_likeness(shrink(one), shrink(picture(rng, 80))) < 0.8


@pytest.mark.parametrize(
    "crop",
    [
        np.full((40, 40), 90, np.uint8),
        np.zeros((40, 40, 3), np.uint8),
        np.tile(np.linspace(90, 110, 40).astype(np.uint8), (40, 1)),  # no edge, only shading
        np.random.default_rng(0).integers(0, 255, (15, 40), np.uint8),
    ],
)
def test_frames_that_cannot_be_compared(crop):
    assert shrink(crop) is None


def test_dark_frames_with_contrast_are_compared(rng):
    assert shrink(picture(rng) // 8) is not None


def brute_force(hashes: np.ndarray, people: np.ndarray, limit: int) -> list[tuple[int, int]]:
    values = hashes.tolist()
    pairs = [(a, b) for a, b in combinations(range(len(values)), 2) if people[a] != people[b]]
    return [(a, b) for a, b in pairs if (values[a] ^ values[b]).bit_count() <= limit]


@pytest.mark.parametrize(("few", "many", "limit"), [(2000, 50_000, 15), (0, 50_000, 11), (0, 0, 7)])
def test_the_search_misses_no_pair(rng, monkeypatch, few, many, limit):
    monkeypatch.setattr(likeness, "FEW_FRAMES", few)
    monkeypatch.setattr(likeness, "MANY_FRAMES", many)
    monkeypatch.setattr(likeness, "BLOCK", 50)
    hashes = rng.integers(0, 1 << 63, 300, np.uint64)
    for number in range(0, 300, 2):
        hashes[number + 1] = hashes[number]
        for bit in rng.choice(63, int(rng.integers(0, 18)), replace=False).tolist():
            hashes[number + 1] ^= np.uint64(1 << bit)
    people = rng.integers(0, 40, 300)
    expected = brute_force(hashes, people, limit)
    found, is_limited = find_candidates(hashes, people)
    assert len(expected) > 20
    assert sorted(map(tuple, found.tolist())) == expected
    assert not is_limited


def test_too_many_pairs_leave_the_nearest(monkeypatch):
    monkeypatch.setattr(likeness, "MAX_PAIRS", 3)
    hashes = np.array([0, 0, bits(1), bits(4) << 20, bits(15) << 40], np.uint64)
    found, is_limited = find_candidates(hashes, np.arange(5))
    assert is_limited
    assert found.tolist() == [[0, 1], [0, 2], [1, 2]]


@pytest.mark.parametrize("few", [2000, 0])
def test_very_many_equal_frames_end_the_search(monkeypatch, few):
    monkeypatch.setattr(likeness, "FEW_FRAMES", few)
    monkeypatch.setattr(likeness, "MAX_PAIRS", 10)
    found, is_limited = find_candidates(np.zeros(100, np.uint64), np.arange(100))
    assert is_limited
    assert len(found) == 10


def test_hashes_are_balanced(rng):
    small = np.stack([shrink(picture(rng)) for _ in range(64)])
    values = np.unpackbits(hash_frames([np.stack(list(map(measure_frequencies, small)))]).view(np.uint8)).reshape(64, 64)
    assert small.shape == (64, SIZE, SIZE)
    assert set(values.sum(axis=0).tolist()) == {0, 32}  # one of the 64 bits is not used
    assert (values.sum(axis=0) == 0).sum() == 1
