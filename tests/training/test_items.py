"""Items that are whole clips: which frames are read, batches, and the order of scores."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ferbench.api.recipe import Recipe
from ferbench.training.items import Items
from ferbench.training.learner import Learner, score_items
from ferbench.training.loop import train

LENGTHS = (3, 1, 5, 3, 2)


@pytest.fixture
def items():
    """Five clips; the values of a frame are its clip and its position."""
    x = torch.tensor([[float(clip), float(at)] for clip, length in enumerate(LENGTHS) for at in range(length)])
    ends = torch.tensor(LENGTHS).cumsum(0)
    return Items(x, torch.arange(5) % 2, clips=torch.stack([ends - torch.tensor(LENGTHS), torch.tensor(LENGTHS)], 1))


def test_all_frames_of_clips_and_a_mask(items):
    rows, mask = items.rows(torch.tensor([2, 1, 4]))
    assert items.frames == 14
    assert mask.sum(1).tolist() == [5, 1, 2]
    for number, clip in enumerate((2, 1, 4)):
        frames = items.x[rows[number]]
        assert frames[:, 0].tolist() == [clip] * 5
        assert frames[mask[number], 1].tolist() == list(range(LENGTHS[clip]))


def test_frames_are_drawn_from_equal_segments_of_a_clip(items):
    """Three draws of five frames: the segments end at 5/3 and 10/3, so frames 1 and 3 are in two of them."""
    generator, seen = torch.Generator().manual_seed(0), [set(), set(), set()]
    for _ in range(200):
        rows, mask = items.rows(torch.tensor([2]), 3, generator)
        assert mask.tolist() == [[True] * 3]
        for segment, row in enumerate(rows[0].tolist()):
            seen[segment].add(row - 4)
    assert seen == [{0, 1}, {1, 2, 3}, {3, 4}]
    rows, _ = items.rows(torch.tensor([1]), 3, generator)
    assert rows.tolist() == [[3, 3, 3]]  # one frame, three times


def test_batches_to_score_hold_clips_of_one_length(items):
    assert sorted(sorted(group.tolist()) for group in items.batches_to_score()) == [[0, 3], [1], [2], [4]]
    assert [group.tolist() for group in Items(items.x, torch.zeros(14)).batches_to_score()] == [list(range(14))]


class Sum(nn.Module):
    """Logits that depend on which frames were read."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(2, 2)

    def forward(self, x, mask):
        return self.last((x * mask[..., None]).sum(1))


def test_scores_are_in_the_order_of_the_clips(items):
    model = Sum()
    learner = Learner(model, nn.CrossEntropyLoss(), lambda x: x, Recipe(), torch.device("cpu"))
    sums = torch.stack([items.x[start : start + length].sum(0) for start, length in items.clips.tolist()])
    assert torch.allclose(score_items(learner, items), model.last(sums))


def test_all_frames_of_a_clip_are_drawn_from_one_view(items):
    seen = []

    class Seen(Sum):
        def forward(self, x, mask):
            if self.training:
                seen.extend({int(value) // 1000 for value in frames[real][:, 1]} for frames, real in zip(x, mask, strict=True))
            return super().forward(x, mask)

    views = Items(torch.cat([items.x + torch.tensor([0, 1000 * view]) for view in range(3)]), items.y, clips=items.clips)
    recipe = Recipe(epochs=40, batch_size=2, lr=1e-4)
    learner = Learner(Seen(), nn.CrossEntropyLoss(), lambda x: x, recipe, torch.device("cpu"))
    train(learner, views, items, torch.Generator().manual_seed(0), lambda *_: None)
    assert len(seen) == 200
    assert all(len(each) == 1 for each in seen)
    counts = [sum(each == {view} for each in seen) for view in range(3)]
    assert all(40 < count < 95 for count in counts)
