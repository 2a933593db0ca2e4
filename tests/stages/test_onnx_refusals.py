"""Rows that are not written as ONNX, because a part of them is not computed by torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ferbench import FerbenchError
from ferbench.stages import onnx_model

pytest.importorskip("onnxruntime")


class Outside(nn.Module):
    """It computes the mean of each crop from a list, as a network in an ONNX file is run by OpenCV: exporters take it for a constant."""

    def forward(self, crops):
        means = torch.tensor([float(np.mean(crop)) for crop in crops.tolist()])
        return torch.stack([means, 255 - means], 1) / 255


def test_what_is_computed_outside_of_torch_is_refused(monkeypatch):
    monkeypatch.setattr(onnx_model, "make_scorer", lambda chain: Outside())
    with pytest.raises(FerbenchError, match=r"cannot be written as ONNX .*scores that do not depend on the crops: not all of it"):
        onnx_model.write_onnx([None], np.arange(128, dtype=np.uint8).reshape(2, 8, 8))
