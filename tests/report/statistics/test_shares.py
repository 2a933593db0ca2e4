"""Shapley values against all orders, and intervals of shares against the bootstrap over people."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from ferbench.report.statistics.bootstrap import draw_people
from ferbench.report.statistics.power import forecast_reach, people_needed
from ferbench.report.statistics.shares import Figure, shapley_values, share_difference
from ferbench.report.statistics.tallies import Tally


@pytest.mark.parametrize("players", [1, 2, 4])
def test_shapley_value_is_the_mean_over_all_orders(players):
    values = np.random.default_rng(players).random(2**players)
    expected, orders = np.zeros(players), list(permutations(range(players)))
    for order in orders:
        position = 0
        for player in order:
            expected[player] += (values[position | 1 << player] - values[position]) / len(orders)
            position |= 1 << player
    assert shapley_values(values) == pytest.approx(expected)


def test_shares_of_two_choices():
    """The first adds 20 points, the second 10, and both together 5 more, which they divide."""
    total = np.ones((1, 100, 1))
    figures = [Figure((np.arange(100) < right).astype(float)[None, :, None], total) for right in (30, 50, 40, 65)]
    shares = share_difference(figures)
    assert [share.value for share in shares.shares] == pytest.approx([0.225, 0.125])
    assert shares.difference.value == pytest.approx(0.35)
    assert all(share.low < share.value < share.high for share in shares.shares)


@pytest.mark.parametrize("people", [20, 60])
def test_intervals_of_shares_cover_the_truth(people):
    """Two choices without an effect, on people of different ability: 300 autopsies."""
    generator, inside = np.random.default_rng(people), []
    for _ in range(300):
        ability = 1 / (1 + np.exp(-generator.normal(0.5, 1, (1, people, 1))))
        figures = [Figure((generator.random((1, people, 4)) < ability).astype(float), np.ones((1, people, 4))) for _ in range(4)]
        inside += [share.low <= 0 <= share.high for share in share_difference(figures).shares]
    assert 0.93 <= np.mean(inside) <= 0.97


def test_mean_over_folds_of_one_person_each_is_the_bootstrap_over_people():
    """A fold counts as often as its person is drawn."""
    right = np.random.default_rng(0).random(40)
    total = np.eye(40)[:, :, None]
    drawn = Figure(total * right[:, None, None], total).draw(draw_people(40).astype(float))
    assert drawn == pytest.approx(draw_people(40).astype(float) @ right / 40)


def test_differences_that_two_rows_cannot_have_are_not_given():
    """Two rows that disagree on a tenth of 24 clips differ by at most 10 points; rows that disagree on clips of a small class, by more."""
    reach = forecast_reach([str(number // 2) for number in range(24)], ["a", "b"] * 12)
    assert (reach.differences[0.1], reach.differences[0.2]) == (None, None)
    assert 0.2 < reach.differences[0.4] < 0.4
    uneven = forecast_reach([str(number) for number in range(200)], ["a"] * 20 + ["b"] * 180)
    assert 0 < uneven.differences[0.1] < 0.5  # all of the small class


def test_shares_of_few_people_have_no_interval():
    figures = [Figure(np.ones((1, 3, 2)), np.ones((1, 3, 2)))] * 2
    assert "3 people" in share_difference(figures).shares[0].reason


def test_people_without_a_clip_are_not_drawn():
    generator = np.random.default_rng(0)
    total = np.ones((1, 12, 2))
    figures = [Figure((generator.random(total.shape) < ability).astype(float), total) for ability in (0.5, 0.8)]
    absent = np.zeros((1, 30, 2))
    widened = [Figure(*(np.concatenate([absent, part, absent], 1) for part in (figure.correct, figure.total))) for figure in figures]
    assert share_difference(widened) == share_difference(figures)


def test_figures_of_few_people_have_no_interval_whoever_else_is_tested():
    total = np.ones((1, 9, 2))
    few = Figure(total * (np.arange(9) < 4)[:, None], total * (np.arange(9) < 4)[:, None])
    assert share_difference([few, Figure(total, total)]).difference.reason == "4 people: an interval needs at least 5"
    assert share_difference([Figure(total, total), few]).difference.reason == "one figure is of 4 people: an interval needs at least 5"


def test_people_needed_is_the_sample_size_of_a_paired_comparison():
    """Differences of people with mean 0.1 and standard deviation 0.5: (2.8 * 0.5 / 0.1)^2 = 196 people."""
    change = np.where(np.arange(400) < 240, 0.59, -0.635)
    change = (change - change.mean()) / change.std() * 0.5 + 0.1
    needed = people_needed(Tally(np.stack([np.zeros((400, 1)), change[:, None]]), np.ones((400, 1))))
    assert needed == pytest.approx(196, abs=2)
    assert people_needed(Tally(np.ones((2, 10, 1)), np.ones((10, 1)))) is None
    sure = np.stack([np.zeros((10, 1)), np.arange(10)[:, None] / 1000 + 0.9])
    assert people_needed(Tally(sure, np.ones((10, 1)))) == 6  # fewer cannot reach 5 %


def test_reach_of_independent_clips():
    """One clip of each of 400 people, two classes: sd of a UAR of 0.5 is 0.5 / 20."""
    reach = forecast_reach([str(n) for n in range(400)], ["a", "b"] * 200)
    assert reach.half_widths[0.5] == pytest.approx(1.966 * 0.5 / 20, rel=1e-3)
    assert reach.differences[0.4] == pytest.approx(1.966 * np.sqrt(0.4) / 20, rel=1e-3)
    assert reach.differences[0.1] == pytest.approx(1.966 * np.sqrt(0.1) / 20, rel=1e-3)  # 3.1 of at most 10 points
    assert "3 people" in forecast_reach(["a", "b", "c"], ["x", "y", "x"]).reason


def test_reach_of_alike_clips():
    """Four clips of each person: the variance is 1 + 3 x 0.1 times that of independent clips."""
    alike = forecast_reach([str(n // 4) for n in range(400)], ["a", "b"] * 200)
    independent = forecast_reach([str(n) for n in range(400)], ["a", "b"] * 200)
    t = 1.9842 / 1.9659
    assert alike.half_widths[0.5] == pytest.approx(independent.half_widths[0.5] * np.sqrt(1.3) * t, rel=1e-3)
