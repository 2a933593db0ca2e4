"""How often each frame is drawn in an epoch."""

from __future__ import annotations

import pytest
import torch

from ferbench.training.sampling import draw_order

Y = torch.tensor([0] * 12 + [1] * 5 + [3] * 2)


def drawn(how, seed=0):
    return draw_order(Y, how, torch.Generator().manual_seed(seed))


def counts(rows):
    return torch.bincount(Y[rows], minlength=4).tolist()


def test_each_frame_once():
    assert sorted(drawn(None).tolist()) == list(range(19))


@pytest.mark.parametrize(("how", "expected"), [("oversample", [12, 12, 0, 12]), ("undersample", [2, 2, 0, 2]), ("balanced", [7, 7, 0, 7])])
def test_classes_are_equally_frequent(how, expected):
    assert counts(drawn(how)) == expected


@pytest.mark.parametrize("how", ["oversample", "balanced"])
def test_frames_of_a_class_are_repeated_equally_often(how):
    times = torch.bincount(drawn(how), minlength=19)
    for c in (0, 1, 3):
        assert times[c == Y].max() - times[c == Y].min() <= 1


@pytest.mark.parametrize("how", [None, "oversample", "undersample", "balanced"])
def test_epochs_differ_and_seeds_repeat(how):
    assert torch.equal(drawn(how), drawn(how))
    assert not torch.equal(drawn(how), drawn(how, seed=1))


def test_balanced_batches_hold_every_class_equally_often():
    for batch in drawn("balanced").split(6)[:-1]:
        assert counts(batch) == [2, 2, 0, 2]


def test_undersampling_leaves_no_frame_out_for_ever():
    generator = torch.Generator().manual_seed(0)
    seen = {row for _ in range(60) for row in draw_order(Y, "undersample", generator).tolist()}
    assert seen == set(range(19))
