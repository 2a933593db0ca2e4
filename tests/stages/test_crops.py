"""Crops of a group: the same whoever computes them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest

import ferbench
from ferbench import Clip
from ferbench.corpora.files import clip_files
from ferbench.corpora.groups import group_clips
from ferbench.stages.crops import compute_crops
from ferbench.store.files import digest_file


class Scratch:
    """A detector that is made once, and keeps the image that it works on."""

    image: np.ndarray


SCRATCH = Scratch()


@dataclass(frozen=True)
class Detector(ferbench.Preprocessor):
    """Gives the sum of an image, from a scratch that all threads share."""

    name = "detector"

    def __call__(self, frames):
        return replace(frames, images=tuple(self._sum(image) for image in frames.images))

    def _sum(self, image):
        SCRATCH.image = image
        time.sleep(0.001)
        return np.full((2, 2), SCRATCH.image.sum() % 251, np.uint8)


@dataclass(frozen=True)
class SafeDetector(Detector):
    name = "safe-detector"
    is_thread_safe = True

    def _sum(self, image):
        return np.full((2, 2), image.sum() % 251, np.uint8)


@pytest.fixture
def group(data):
    takes = sorted((data / "toy").glob("*/*/*"))
    clips = [Clip("/".join(take.parts[-3:]), "p", "l", images=tuple(sorted(take.glob("*.png"))), length=3) for take in takes]
    files = {clip.id: tuple(digest_file(path) for path in clip_files(clip)) for clip in clips}
    (group,) = group_clips("toy", clips, files)
    return group


@pytest.mark.parametrize("step", [Detector(), SafeDetector()])
def test_steps_with_a_shared_detector_give_the_same_crops_in_threads(group, step):
    expected = compute_crops(group, [SafeDetector()])
    with ThreadPoolExecutor(8) as threads:
        content = compute_crops(group, [step], threads.map)
    assert content.facts == expected.facts
    assert content.arrays.keys() == expected.arrays.keys()
    assert all(np.array_equal(array, expected.arrays[name]) for name, array in content.arrays.items())


def test_steps_that_promise_it_run_at_the_same_time(group):
    running, most = [0], [0]

    @dataclass(frozen=True)
    class Slow(ferbench.Preprocessor):
        name = "slow"
        is_thread_safe = True

        def __call__(self, frames):
            running[0] += 1
            most[0] = max(most[0], running[0])
            time.sleep(0.01)
            running[0] -= 1
            return frames

    with ThreadPoolExecutor(8) as threads:
        compute_crops(group, [Slow()], threads.map)
    assert most[0] > 1
