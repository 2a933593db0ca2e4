"""Features: which crops calibrate weights, and how frames go through a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferbench.api.clips import Input
from ferbench.stages import features, forward
from ferbench.stages.images import normalize


@pytest.mark.parametrize(
    ("clips", "taken"), [(3, [0, 1, 2]), (64, list(range(64))), (127, list(range(0, 127, 2))), (6301, list(range(0, 6301, 100)))]
)
def test_calibration_crops_come_from_the_whole_list(clips, taken):
    training = [np.full((1, 4, 4), number % 256, np.uint8) for number in range(clips)]
    sample = features._calibration_crops(training, Input(4, 1, (0,), (1 / 255,)), torch.device("cpu"))
    assert sample[:, 0, 0, 0].round().int().tolist() == [number % 256 for number in taken]


class Sums(torch.nn.Module):
    """[B,C,H,W] -> [B,1]; keeps how many came together."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, x):
        self.batches.append(len(x))
        return x.flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize("lengths", [[5], [3, 4, 0, 2, 7, 1], [0], [0, 0], [4, 4], [9, 0], [0, 2], [1] * 9])
@pytest.mark.parametrize("sizes", [(4, 4), (4, 2)], ids=["of one size", "of two sizes"])
def test_frames_go_through_in_full_batches_and_come_back_to_their_clips(monkeypatch, lengths, sizes):
    monkeypatch.setattr(forward, "MIN_BATCH_SIZE", 4)
    random = np.random.default_rng(0)
    clips = [random.integers(0, 256, (length, *[sizes[number > 2]] * 2), np.uint8) for number, length in enumerate(lengths)]
    module, declared = Sums(), Input(4, 1, (0,), (1 / 255,))
    made = list(forward.forward_frames(module, iter(clips), declared, torch.device("cpu"), ""))
    assert len(made) == len(clips)
    for clip, values in zip(clips, made, strict=True):
        assert len(values) == len(clip)
        expected = normalize(torch.from_numpy(clip), declared).flatten(1).sum(1) if len(clip) else torch.zeros(0)
        assert values[:, 0] == pytest.approx(expected.numpy())
    if sizes == (4, 4):
        assert module.batches[:-1] == [4] * (len(module.batches) - 1)
        assert sum(module.batches) == sum(lengths)
