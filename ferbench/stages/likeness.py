"""Finds frames that are copies of each other, encoded, scaled or lit differently: by perceptual hash, then by a closer look.

The hash has 63 bits: the low frequencies of a small gray version, each above or below its median over all frames. Of the few pairs whose
hashes differ in few bits, one small version is laid over the other, moved and scaled, since a detector does not cut both alike. The limits
were measured (docs/protocols.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 48  # pixels of the small versions
BLUR = SIZE / 12  # pixels; what is coarser than this, such as light and background, does not count in the closer look
INNER = slice(SIZE // 8, SIZE - SIZE // 8)  # of one version, laid over the other
SCALES = range(SIZE * 5 // 8, SIZE * 7 // 8 + 1)  # of the inner part in pixels, 0.83 to 1.17
COARSE_SCALES = SCALES[::3]
MIN_COARSE_LIKENESS, MIN_LIKENESS_TO_REFINE = 0.7, 0.88  # at a coarse scale, and at any; what is less alike is no copy
FINE = 3  # parts of a pixel
MIN_SOURCE_SIZE = 16  # pixels of a crop
MIN_DETAIL = 1.0  # gray levels: the standard deviation of what is finer than BLUR
FREQUENCIES = 8  # in each direction
HASH_BITS = FREQUENCIES**2 - 1  # one for each low frequency but the mean
DECIMALS = 3  # of a sum of gray levels
BANDS, BAND_BITS = 4, 16
FEW_FRAMES, MANY_FRAMES = 2_000, 50_000  # of more frames, the hashes may differ in fewer bits, so that a search takes seconds
MAX_DISTANCE = 15  # bits, of few frames
MAX_PAIRS = 200_000  # pairs of frames that are looked at more closely
BLOCK = 2**18  # pairs of hashes that are compared at once

Gray = NDArray[np.uint8]
Hashes = NDArray[np.uint64]
COSINES = np.cos(np.pi / SIZE * np.arange(FREQUENCIES)[:, None] * (np.arange(SIZE) + 0.5))  # [F,SIZE], a DCT without its factors
BIT_COUNTS = np.array([value.bit_count() for value in range(1 << BAND_BITS)], np.uint8)


def shrink(crop: NDArray[np.uint8]) -> Gray | None:
    """The small gray version [SIZE,SIZE] of a crop [H,W] or [H,W,3]; None if the crop is too small, or too smooth, to compare."""
    gray = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    if min(gray.shape) < MIN_SOURCE_SIZE:
        return None
    small: Gray = cv2.resize(gray, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return small if float(_details(small).std()) >= MIN_DETAIL else None


def measure_frequencies(small: Gray) -> NDArray[np.float32]:
    """The low frequencies [63] of a small version, without the mean; rounded, so that all processors agree."""
    low: NDArray[np.float64] = COSINES @ small.astype(float) @ COSINES.T
    return low.ravel()[1:].round(DECIMALS).astype(np.float32)


def hash_frames(frequencies: Sequence[NDArray[np.float32]]) -> Hashes:
    """The hashes [N] of frames from their low frequencies, in parts [n,63]; these are many, so they are not copied together."""
    medians = np.array([np.median(np.concatenate([part[:, number] for part in frequencies])) for number in range(HASH_BITS)])
    bits = np.concatenate([np.pad(part > medians, ((0, 0), (0, 1))) for part in frequencies])
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def find_candidates(hashes: Hashes, people: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """The pairs of frames [P,2] of two people whose hashes differ in few bits, nearest first; `people` [N] numbers those of the frames.

    That is in at most 15 bits, or 11 or 7 of many frames. If these are more than MAX_PAIRS, only the nearest ones, and True.
    """
    flips = 2 if len(hashes) <= MANY_FRAMES else 1
    # If each band differed in more than `flips` bits, two hashes would differ in more bits than the limit.
    limit = widest = MAX_DISTANCE if len(hashes) <= FEW_FRAMES else BANDS * (flips + 1) - 1
    found = np.zeros((0, 3), np.int64)  # distance, first, second
    for pairs in _all_pairs(hashes) if len(hashes) <= FEW_FRAMES else _near_pairs(hashes, flips):
        pairs = pairs[(people[pairs[:, 1]] != people[pairs[:, 2]]) & (pairs[:, 0] <= limit)]
        pairs[:, 1:].sort(axis=1)
        found = np.concatenate([found, pairs])
        if len(found) > MAX_PAIRS:
            found = np.unique(found, axis=0)
        while len(found) > MAX_PAIRS and limit:
            limit -= 1
            found = found[found[:, 0] <= limit]
        if len(found) > MAX_PAIRS:  # as many frames with one hash
            break
    return np.unique(found, axis=0)[:MAX_PAIRS, 1:], limit < widest


def measure_likeness(one: Gray, other: Gray) -> float:
    """The largest correlation, up to 1, of the inner part of one small version with any part of the other, at several scales.

    What is far from alike is not measured to the end.
    """
    inner, whole = _details(one)[INNER, INNER], _details(other)
    if (coarse := max(_lay_over(inner, whole, size) for size in COARSE_SCALES)).likeness < MIN_COARSE_LIKENESS:
        return coarse.likeness
    best = max(_lay_over(inner, whole, size) for size in SCALES)
    return _refine(inner, whole, best) if best.likeness >= MIN_LIKENESS_TO_REFINE else best.likeness


class _Place(NamedTuple):
    """Where the inner part of a small version, scaled to `size` pixels, is most like a part of another one."""

    likeness: float
    size: int
    left: int
    top: int


def _details(small: Gray) -> NDArray[np.float32]:
    image = small.astype(np.float32)
    details: NDArray[np.float32] = image - cv2.GaussianBlur(image, (0, 0), BLUR)
    return details


def _lay_over(inner: NDArray[np.float32], whole: NDArray[np.float32], size: int, interpolation: int = cv2.INTER_LINEAR) -> _Place:
    scaled = cv2.resize(inner, (size, size), interpolation=interpolation)
    _, likeness, _, (left, top) = cv2.minMaxLoc(cv2.matchTemplate(whole, scaled, cv2.TM_CCOEFF_NORMED))
    return _Place(likeness, size, left, top)


def _refine(inner: NDArray[np.float32], whole: NDArray[np.float32], place: _Place) -> float:
    """Measure the likeness near a place again, in fractions of a pixel."""
    size, margin = FINE * place.size, 2 * FINE
    larger = cv2.resize(whole, (FINE * SIZE, FINE * SIZE), interpolation=cv2.INTER_CUBIC)
    left, top = (max(0, FINE * start - margin) for start in (place.left, place.top))
    window = larger[top : FINE * place.top + size + margin, left : FINE * place.left + size + margin]
    sizes = range(size - FINE, min(size + FINE, *window.shape) + 1)
    return max(place.likeness, *(_lay_over(inner, window, each, cv2.INTER_CUBIC).likeness for each in sizes))


def _all_pairs(hashes: Hashes) -> Iterator[NDArray[np.int64]]:
    """The distances and numbers of all pairs of hashes, [P,3]."""
    first, second = np.triu_indices(len(hashes), 1)
    yield np.stack([_count_bits(hashes[first] ^ hashes[second]), first, second], 1)


def _near_pairs(hashes: Hashes, flips: int) -> Iterator[NDArray[np.int64]]:
    """Those of the pairs with a band of which at most `flips` bits differ, in blocks; some come repeatedly."""
    masks = np.flatnonzero(flips >= BIT_COUNTS).astype(np.uint32)
    for band in range(BANDS):
        values = ((hashes >> np.uint64(band * BAND_BITS)) & np.uint64((1 << BAND_BITS) - 1)).astype(np.uint32)
        order = np.argsort(values, kind="stable")
        values, own = values[order], hashes[order]
        starts = np.searchsorted(values, np.arange((1 << BAND_BITS) + 1))  # of each value
        for mask in masks:
            others = values ^ mask
            firsts = starts[others] if mask else np.arange(1, len(values) + 1)
            counts = np.where(values <= others, starts[others + 1] - firsts, 0)  # each pair once
            for pairs in _join(firsts, counts):
                distances = _count_bits(own[pairs[0]] ^ own[pairs[1]])
                near = distances < BANDS * (flips + 1)
                yield np.stack([distances[near], *order[pairs[:, near]]], 1)


def _count_bits(values: Hashes) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = BIT_COUNTS[values.view(np.uint16)].reshape(-1, BANDS).sum(axis=1, dtype=np.int64)
    return counts


def _join(firsts: NDArray[np.int64], counts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Pair each number n with the counts[n] numbers from firsts[n], as [2,P], in blocks."""
    numbers = np.flatnonzero(counts)
    firsts, counts = firsts[numbers], counts[numbers]
    ends = np.cumsum(counts)
    for part in np.split(np.arange(len(numbers)), np.searchsorted(ends, np.arange(BLOCK, ends[-1], BLOCK))) if len(numbers) else ():
        owners = np.repeat(part, counts[part])
        yield np.stack([numbers[owners], np.arange(len(owners)) - (ends - counts - firsts)[owners] + (ends - counts)[part[:1]]])
