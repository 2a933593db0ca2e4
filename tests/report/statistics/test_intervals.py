"""Intervals: against enumeration, other methods and libraries, and their coverage in simulations with people of different ability."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from ferbench.report.statistics import bootstrap, intervals
from ferbench.report.statistics.intervals import estimate_differences, estimate_uar, estimate_war
from ferbench.report.statistics.tallies import Tally, make_tally

DRAWS = 1000


def simulate(people: int, base: float, spread: float, seed: int = 1, rows: int = DRAWS) -> tuple[Tally, float]:
    """Many corpora of one clip of six classes from each person, some people and classes being easier; and the true UAR."""
    generator = np.random.default_rng(seed)
    difficulty = np.linspace(-0.5, 0.5, 6)

    def chances(shape):
        return 1 / (1 + np.exp(-(base + difficulty + generator.normal(0, spread, (*shape, 1)))))

    correct = generator.random((rows, people, 6)) < chances((rows, people))
    return Tally(correct.astype(float), np.ones((people, 6))), float(chances((200_000,)).mean())


def contains(estimate, value: float) -> bool:
    return estimate.low <= value <= estimate.high


def coverage(bounds, truth: float) -> float:
    low, high = np.asarray(bounds).T
    return float(((low <= truth) & (truth <= high)).mean())


@pytest.mark.parametrize("people", [10, 20, 40, 80])
@pytest.mark.parametrize(("base", "spread"), [(1.0, 1.0), (0.0, 0.7)])
def test_intervals_cover_the_truth(people, base, spread):
    tally, truth = simulate(people, base, spread)
    estimates = estimate_uar(tally)
    assert 0.93 <= coverage([(each.low, each.high) for each in estimates], truth) <= 0.97
    margin = stats.t.ppf(0.975, people - 1) * np.sqrt(intervals.jackknife_variance(tally))  # another method, nearly the same intervals
    assert margin.mean() == pytest.approx(np.mean([each.half_width for each in estimates]), rel=0.03)


@pytest.mark.parametrize("people", [10, 20, 40, 80])
def test_intervals_of_very_good_rows_cover_the_truth(people):
    """The plain bootstrap covers 65 to 92 % here, where few people have an error."""
    tally, truth = simulate(people, base=4.5, spread=1.0)
    estimates = estimate_uar(tally)
    assert coverage([(each.low, each.high) for each in estimates], truth) >= 0.93


@pytest.mark.parametrize("people", [10, 20, 40, 80])
def test_intervals_of_differences_cover_the_truth(people):
    """Two equally good rows for which the same people are difficult. The difference of two rows is one to a row without a right answer."""
    generator = np.random.default_rng(5)
    ability = 1 / (1 + np.exp(-generator.normal(0.5, 1, (DRAWS, people, 1))))
    one, other = ((generator.random((DRAWS, people, 6)) < ability).astype(float) for _ in range(2))
    tally = Tally(np.concatenate([np.zeros((1, people, 6)), one - other]), np.ones((people, 6)))
    given = [each for each in estimate_differences(tally)[1:] if not each.reason]
    assert len(given) > 0.8 * DRAWS
    assert 0.93 <= np.mean([contains(each, 0) for each in given]) <= 0.97


def test_difference_of_two_rows_is_that_of_their_answers():
    tally, _ = simulate(20, 0.5, 1.0, rows=2)
    (_, difference), (_, equal) = (
        estimate_differences(tally),
        estimate_differences(Tally(np.stack([np.zeros((20, 6)), tally.correct[1] - tally.correct[0]]), tally.total)),
    )
    assert (difference.value, difference.low, difference.high) == pytest.approx((equal.value, equal.low, equal.high), abs=1e-6)


def test_levels_of_the_percentiles():
    """The normal quantile becomes t sqrt(n / (n - 1)): for 20 people, 2.093 instead of 1.960."""
    low, high = bootstrap.percentile_levels(20)
    assert -stats.norm.ppf(low) == pytest.approx(stats.t.ppf(0.975, 19) * np.sqrt(20 / 19))
    assert low + high == pytest.approx(1)
    assert bootstrap.percentile_levels(10**6)[0] == pytest.approx(0.025, abs=1e-5)


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 19, 79, 1000, 40_000])
def test_quantile_of_student_is_that_of_scipy(freedom):
    for level in (0.9, 0.975, 0.995):
        assert bootstrap.student_quantile(level, freedom) == pytest.approx(stats.t.ppf(level, freedom), rel=1e-9)


def test_bootstrap_is_that_of_an_enumeration():
    """All 5^5 ways to draw five people, against the random draws."""
    generator = np.random.default_rng(3)
    tally = Tally(np.stack([generator.integers(0, 4, (5, 2)).astype(float)]), np.full((5, 2), 3.0))
    every = np.array([np.bincount(draw, minlength=5) for draw in product(range(5), repeat=5)])
    exact = ((every @ tally.correct[0]) / (every @ tally.total)).mean(1)
    drawn = tally.drawn_uar[0]
    assert drawn.mean() == pytest.approx(exact.mean(), abs=0.01)
    assert drawn.std() == pytest.approx(exact.std(), rel=0.05)
    for level in (0.05, 0.5, 0.95):
        assert np.quantile(drawn, level) == pytest.approx(np.quantile(exact, level), abs=0.03)


def test_class_that_a_draw_lacks_does_not_count_in_it():
    total = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 2.0]])
    correct = np.array([[2.0, 0.0]] * 4 + [[2.0, 2.0]])
    tally = Tally(correct[None], total)
    weights = bootstrap.draw_people(5)
    uar = tally.drawn_uar[0]
    assert set(np.unique(uar[weights[:, 4] == 0]).tolist()) == {0.5}
    assert set(np.unique(uar[weights[:, 4] > 0]).tolist()) == {0.75}
    assert tally.absent_share() == pytest.approx((4 / 5) ** 5, abs=0.02)


@pytest.mark.parametrize(("right", "clips"), [(326, 327), (0, 20), (20, 20), (150, 202)])
def test_wilson_is_that_of_statsmodels(right, clips):
    expected = proportion_confint(right, clips, method="wilson")
    assert intervals.wilson_interval(np.array(right / clips), np.array(float(clips))) == pytest.approx(expected)


def test_one_error_among_independent_clips_is_nearly_the_interval_of_wilson():
    """326 of 327 clips of as many people: 98.29 to 99.95 %, up to the t quantile instead of the normal one."""
    correct = np.ones((1, 327, 1))
    correct[0, 0] = 0
    (estimate,) = estimate_war(Tally(correct, np.ones((327, 1))))
    assert (estimate.low, estimate.high) == pytest.approx((0.9829, 0.9995), abs=2e-4)


def test_all_answers_right_still_have_an_interval():
    """If every answer is right, a person's clips may be as alike as one clip: 10 people, not 60 clips, for UAR as for WAR."""
    tally = Tally(np.full((1, 10, 6), 1.0), np.ones((10, 6)))
    size = 10 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 9)) ** 2
    for (estimate,) in (estimate_uar(tally), estimate_war(tally)):
        assert (estimate.value, estimate.high) == (1, pytest.approx(1))
        assert estimate.low == pytest.approx(size / (size + stats.norm.ppf(0.975) ** 2))


def test_a_row_that_is_right_about_the_same_classes_of_everybody_has_an_interval():
    """People do not differ, so that the bootstrap and the jackknife collapse."""
    correct = np.zeros((1, 12, 3))
    correct[:, :, :2] = 2
    (estimate,) = estimate_uar(Tally(correct, np.full((12, 3), 2.0)))
    assert estimate.value == pytest.approx(2 / 3)
    assert estimate.low < 0.5
    assert estimate.high > 0.8


@pytest.mark.parametrize("different", [0, 1, 4, 5])
@pytest.mark.parametrize("clips", [1, 7])
def test_a_difference_about_few_people_has_no_interval(different, clips):
    total = np.random.default_rng(0).integers(1, clips + 1, (30, 2)).astype(float)
    correct = np.stack([total, total])
    correct[1, :different, 0] = 0
    _, difference = estimate_differences(Tally(correct, total))
    assert (difference.low is None) == (different < 5)
    assert str(different) in difference.reason or different == 5


@pytest.mark.parametrize(("few", "low", "high"), [(2, 0.9, 0.95), (3, 0.9, 0.95), (5, 0.91, 0.96), (6, 0.93, 0.97), (9, 0.93, 0.97)])
def test_class_that_few_of_many_people_show(few, low, high):
    """Intervals cover 91 to 94 % where one class of six is shown by two to five of 30 people, which a legend says; by more, about 95 %."""
    generator = np.random.default_rng([7, few])
    total = np.ones((30, 6))
    total[few:, 5] = 0
    ability = 1 / (1 + np.exp(-generator.normal(0.5, 1, (1500, 30, 1))))
    truth = (1 / (1 + np.exp(-generator.normal(0.5, 1, 1_000_000)))).mean()
    tally = Tally((generator.random((1500, 30, 6)) < ability) * total, total)
    assert low <= np.mean([contains(estimate, truth) for estimate in estimate_uar(tally)]) <= high


@pytest.mark.parametrize("people", [1, 2, 4])
def test_few_people_have_no_interval_but_a_reason(people):
    tally = Tally(np.ones((2, people, 3)), np.ones((people, 3)))
    for estimate in (*estimate_uar(tally), *estimate_war(tally), *estimate_differences(tally)):
        assert (estimate.low, estimate.high, estimate.half_width) == (None, None, None)
        assert str(people) in estimate.reason


def test_figures_are_those_of_a_count_by_hand():
    person = np.array([7, 7, 7, 3, 3, 9])
    true = np.array([0, 0, 2, 0, 2, 2])
    tally = make_tally(person, true, np.array([[1, 0, 1, 1, 0, 0.5], [1, 1, 1, 1, 1, 1]]))
    assert tally.total.tolist() == [[1, 1], [2, 1], [0, 1]]
    assert tally.uar.tolist() == [(2 / 3 + 1.5 / 3) / 2, 1]
    assert tally.war.tolist() == [3.5 / 6, 1]
    assert (tally.people, tally.clips) == (3, 6)


def test_jackknife_is_a_loop_that_leaves_one_person_out():
    tally, _ = simulate(12, 0.5, 1.0, rows=1)
    without = []
    for person in range(12):
        others = np.arange(12) != person
        without.append(Tally(tally.correct[:, others], tally.total[others]).uar[0])
    expected = 11 / 12 * ((without - np.mean(without)) ** 2).sum()
    assert intervals.jackknife_variance(tally)[0] == pytest.approx(expected)


def test_equal_answers_have_equal_intervals():
    tally, _ = simulate(20, 1.0, 1.0, rows=2)
    before = estimate_uar(tally)
    bootstrap.draw_people.cache_clear()
    assert estimate_uar(Tally(tally.correct.copy(), tally.total)) == before


def test_many_rows_have_the_intervals_that_each_has_alone():
    """Rows are drawn in parts, so that memory stays small."""
    tally, _ = simulate(40, 1.0, 1.0, rows=150)
    together = estimate_uar(tally)
    assert [estimate_uar(tally.select([row]))[0] for row in (0, 77, 149)] == [together[row] for row in (0, 77, 149)]


def test_many_people_are_drawn_less_often():
    assert len(bootstrap.draw_people(50)) == 5_000
    assert len(bootstrap.draw_people(5_000)) == 1_000
    assert (bootstrap.draw_people(5_000).sum(1) == 5_000).all()
