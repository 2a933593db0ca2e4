import numpy as np
import pytest

from ferbench_basics.aggregators import Majority, Mean


def test_votes_outweigh_scores():
    scores = np.array([[0.4, 0.35, 0.25], [0.4, 0.35, 0.25], [0.0, 1.0, 0.0]])
    assert Majority()(scores).argmax() == 0
    assert Mean()(scores).argmax() == 1


@pytest.mark.parametrize("winner", [0, 1])
def test_a_tie_of_votes_goes_to_the_higher_mean_score(winner):
    sure, unsure = [0.9, 0.1, 0.0], [0.45, 0.55, 0.0]
    scores = np.array([sure, unsure])
    scores = scores if winner == 0 else scores[:, [1, 0, 2]]
    assert Majority()(scores).argmax() == winner


def test_a_class_without_votes_never_wins():
    scores = np.array([[0.5, 0.49, 0.01], [0.01, 0.49, 0.5]])
    assert Mean()(scores).argmax() == 1
    assert Majority()(scores).argmax() == 0  # equal votes, equal means: the first class


@pytest.mark.parametrize("aggregator", [Majority(), Mean()])
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_predictions_are_float64_that_sum_to_one(aggregator, frames):
    scores = np.random.default_rng(frames).dirichlet(np.ones(6), frames)
    prediction = aggregator(scores.astype(np.float32))
    assert prediction.shape == (6,)
    assert prediction.dtype == np.float64
    assert prediction.sum() == pytest.approx(1, abs=1e-6)


def test_majority_is_the_literal_formula():
    scores = np.random.default_rng(5).dirichlet(np.ones(4), 7)
    votes = [sum(row.argmax() == label for row in scores) for label in range(4)]
    assert Majority()(scores) == pytest.approx([(v + m / 2) / 7.5 for v, m in zip(votes, scores.mean(axis=0), strict=True)])
