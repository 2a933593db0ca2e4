"""Recurrent networks over frame features."""

from __future__ import annotations

import pytest
import torch
from networks import build

from ferbench_timm.backbone import CNNRNN
from ferbench_timm.recurrent import Recurrent


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("state", ["last", "mean"])
def test_padding_has_no_effect_but_order_has(cell, state):
    torch.manual_seed(0)
    model = Recurrent(4, 5, cell, state, 0.5).eval()
    long, short = torch.randn(1, 6, 4), torch.randn(1, 2, 4)
    alone = [model(x, torch.ones(x.shape[:2], dtype=torch.bool)) for x in (long, short)]
    batch = torch.cat([long, torch.cat([short, torch.full((1, 4, 4), 1e6)], 1)])
    embeddings = model(batch, torch.arange(6) < torch.tensor([[6], [2]]))
    assert torch.allclose(embeddings, torch.cat(alone), atol=1e-6)
    assert not torch.allclose(alone[0], model(long.flip(1), torch.ones(1, 6, dtype=torch.bool)), atol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_embedding_is_the_last_or_the_mean_state(cell):
    torch.manual_seed(0)
    x, mask = torch.randn(1, 4, 3), torch.ones(1, 4, dtype=torch.bool)
    last, mean = Recurrent(3, 5, cell, "last", 0).eval(), Recurrent(3, 5, cell, "mean", 0).eval()
    mean.load_state_dict(last.state_dict())
    states, _ = last.cells(x)
    assert torch.allclose(last(x, mask), states[:, -1], atol=1e-6)
    assert torch.allclose(mean(x, mask), states.mean(1), atol=1e-6)


def test_the_backbone_reads_clips():
    backbone = CNNRNN("resnet18", "random", size=32, cell="gru", hidden=7)
    assert backbone.frames_per_clip() is None
    assert CNNRNN(segments=4).frames_per_clip() == 4
    assert backbone.frozen() == CNNRNN("resnet18", "random", size=32).frozen()
    assert build(backbone, (512,), "abc")(torch.zeros(2, 3, 512), torch.ones(2, 3, dtype=torch.bool)).shape == (2, 3)
