from math import sqrt

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from ferbench_thesis.losses import CrossEntropy, WeightedCrossEntropy

COUNTS = [1246, 1495, 1165, 2875, 1904, 1960]  # the thesis's Table 4.2
BETA = 0.99


def to_sum_six(raw):
    return [6 * weight / sum(raw) for weight in raw]


LITERAL = {
    "balanced": [sum(COUNTS) / (6 * n) for n in COUNTS],
    "inverse": to_sum_six([1 / n for n in COUNTS]),
    "inverse-sqrt": to_sum_six([1 / sqrt(n) for n in COUNTS]),
    "effective-number": to_sum_six([(1 - BETA) / (1 - BETA**n) for n in COUNTS]),
}


@pytest.mark.parametrize("weights", LITERAL)
def test_weights_are_their_formulas(weights):
    assert WeightedCrossEntropy(weights, BETA).class_weights(COUNTS) == pytest.approx(LITERAL[weights])


@pytest.mark.parametrize("counts", [COUNTS, [5, 0, 2, 1]])
def test_balanced_is_scikit_learns(counts):
    target = np.repeat(np.arange(len(counts)), counts)
    theirs = dict(zip(np.unique(target), compute_class_weight("balanced", classes=np.unique(target), y=target), strict=True))
    assert WeightedCrossEntropy().class_weights(counts) == pytest.approx([theirs.get(label, 0.0) for label in range(len(counts))])


@pytest.mark.parametrize("weights", LITERAL)
def test_rare_classes_cost_more_and_absent_ones_nothing(weights):
    absent, rare, common = WeightedCrossEntropy(weights).class_weights([0, 3, 30])
    assert absent == 0
    assert rare > common > 0


def test_plain_cross_entropy_is_the_mean_negative_log_probability():
    logits, target = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2, 2])
    expected = -torch.log_softmax(logits, 1)[torch.arange(7), target].mean()
    assert CrossEntropy().build([1, 1, 1])(logits, target).item() == pytest.approx(expected.item())
    assert CrossEntropy().class_weights([1, 2]) is None


def test_weighted_cross_entropy_divides_by_the_batchs_weights():
    logits, target = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2, 2])
    weight = torch.tensor(WeightedCrossEntropy().class_weights([10, 2, 5]))[target]
    costs = -torch.log_softmax(logits, 1)[torch.arange(7), target] * weight
    loss = WeightedCrossEntropy().build([10, 2, 5])
    assert loss(logits, target).item() == pytest.approx((costs.sum() / weight.sum()).item(), rel=1e-6)
    assert dict(loss.named_buffers())["weight"].dtype == torch.float32
