from math import sqrt

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from ferbench_basics.losses import Center, CrossEntropy, Focal, WeightedCrossEntropy

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
def test_weights_follow_their_formulas(weights):
    assert WeightedCrossEntropy(weights, BETA).class_weights(COUNTS) == pytest.approx(LITERAL[weights])


@pytest.mark.parametrize("counts", [COUNTS, [5, 0, 2, 1]])
def test_balanced_is_scikit_learn_s(counts):
    target = np.repeat(np.arange(len(counts)), counts)
    theirs = dict(zip(np.unique(target), compute_class_weight("balanced", classes=np.unique(target), y=target), strict=True))
    assert WeightedCrossEntropy().class_weights(counts) == pytest.approx([theirs.get(label, 0.0) for label in range(len(counts))])


@pytest.mark.parametrize("weights", LITERAL)
def test_rare_classes_weigh_more_and_absent_ones_nothing(weights):
    absent, rare, common = WeightedCrossEntropy(weights).class_weights([0, 3, 30])
    assert absent == 0
    assert rare > common > 0


def test_plain_cross_entropy_is_the_mean_negative_log_probability():
    logits, target = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2, 2])
    expected = -torch.log_softmax(logits, 1)[torch.arange(7), target].mean()
    assert CrossEntropy().build([1, 1, 1])(logits, target).item() == pytest.approx(expected.item())
    assert CrossEntropy().class_weights([1, 2]) is None


def test_weighted_cross_entropy_divides_by_the_batch_s_weights():
    logits, target = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2, 2])
    weight = torch.tensor(WeightedCrossEntropy().class_weights([10, 2, 5]))[target]
    costs = -torch.log_softmax(logits, 1)[torch.arange(7), target] * weight
    loss = WeightedCrossEntropy().build([10, 2, 5])
    assert loss(logits, target).item() == pytest.approx((costs.sum() / weight.sum()).item(), rel=1e-6)
    assert dict(loss.named_buffers())["weight"].dtype == torch.float32


LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3], [-3.0, 4.0, 0.0], [1.0, 1.0, -1.0]])
TARGET = torch.tensor([0, 2, 0, 1])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("weights", [None, "balanced", "effective-number"])
def test_focal_loss_follows_its_formula(gamma, weights):
    loss, counts = Focal(gamma, weights), [10, 3, 30]
    of_class = loss.class_weights(counts) or [1.0] * 3
    shares = LOGITS.double().exp() / LOGITS.double().exp().sum(1, keepdim=True)
    expected = [-of_class[t] * (1 - p[t]) ** gamma * torch.log(p[t]) for p, t in zip(shares, TARGET.tolist(), strict=True)]
    assert loss.build(counts)(LOGITS, TARGET).item() == pytest.approx(float(sum(expected)) / 4, rel=1e-5)


def test_focal_loss_without_gamma_is_cross_entropy():
    assert Focal(0.0).build([1, 1, 1])(LOGITS, TARGET).item() == pytest.approx(CrossEntropy().build([1, 1, 1])(LOGITS, TARGET).item())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_of_confident_scores_is_finite(gamma):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    Focal(gamma).build([1, 1])(logits, torch.tensor([0, 0])).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", [CrossEntropy(smoothing=0.2), WeightedCrossEntropy(smoothing=0.2)])
def test_smoothing_gives_every_class_a_share(loss):
    soft = torch.full((4, 3), 0.2 / 3)
    soft[torch.arange(4), TARGET] += 0.8
    weights = torch.tensor(loss.class_weights([10, 3, 30]) or [1.0] * 3)
    expected = -(soft * weights * LOGITS.log_softmax(1)).sum() / weights[TARGET].sum()
    assert loss.build([10, 3, 30])(LOGITS, TARGET).item() == pytest.approx(expected.item(), rel=1e-5)


def test_center_loss_follows_its_formula():
    loss = Center(weight=0.3).build([5, 5, 5], 2)
    with torch.no_grad():
        loss.centers.copy_(torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]]))
    logits, target = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.5, 3.0]]), torch.tensor([1, 2])
    features = torch.tensor([[2.0, 2.0], [0.0, 1.0]])
    plain = CrossEntropy().build([5, 5, 5])(logits, target)
    distance = ((0 + 4) + (1 + 0)) / 2
    assert loss(logits, target, features).item() == pytest.approx(plain.item() + 0.3 / 2 * distance)


def test_centers_are_trained_towards_their_class():
    loss = Center(weight=1.0).build([5, 5], 2)
    target = torch.tensor([0, 1, 0, 1])
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0]])[target]
    optimizer = torch.optim.SGD(loss.parameters(), 0.5)
    for _ in range(50):
        optimizer.zero_grad()
        loss(torch.zeros(4, 2), target, features).backward()
        optimizer.step()
    assert torch.allclose(loss.centers, torch.eye(2), atol=0.01)
