"""The features stage: which crops calibrate weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferbench.components import Input
from ferbench.stages import features


@pytest.mark.parametrize(
    ("clips", "taken"), [(3, [0, 1, 2]), (64, list(range(64))), (127, list(range(0, 127, 2))), (6301, list(range(0, 6301, 100)))]
)
def test_calibration_crops_come_from_the_whole_list(monkeypatch, clips, taken):
    monkeypatch.setattr(features.crops, "load", lambda key, _: np.full((1, 4, 4), int(key) % 256, np.uint8))
    made = features.calibration_crops([str(n) for n in range(clips)], Input(4, 1, (0,), (1 / 255,)), None, torch.device("cpu"))
    assert made[:, 0, 0, 0].round().int().tolist() == [n % 256 for n in taken]
