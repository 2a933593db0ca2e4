import pytest

from ferbench import Clip
from ferbench_basics.selection import Apex, Last, Uniform
from ferbench_thesis.selection import SecondHalf


def chosen(step, n, apex=None):
    return list(step.select(Clip("c", "s", "l", apex=apex), range(n)))


@pytest.mark.parametrize(("n", "kept"), [(1, [0]), (2, [0, 1]), (3, [1, 2]), (4, [1, 2, 3]), (5, [2, 3, 4]), (6, [2, 3, 4, 5])])
def test_second_half_keeps_from_the_middle_frame_to_the_last(n, kept):
    assert chosen(SecondHalf(), n) == kept
    assert n % 2 or kept[0] + 1 == n / 2  # the thesis counts from 1


@pytest.mark.parametrize(("apex", "kept"), [(0, [0]), (1, [0, 1]), (4, [2, 3, 4]), (9, [4, 5, 6, 7, 8, 9])])
def test_second_half_ends_at_the_apex(apex, kept):
    assert chosen(SecondHalf(), 10, apex) == kept


@pytest.mark.parametrize("step", [SecondHalf(), Apex(), Last(2), Uniform(2)])
@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize("apex", [None, 0, 2, 5])
def test_a_selection_is_an_ascending_part_of_what_was_left_and_never_empty(step, n, apex):
    left = range(3, 3 + n)  # earlier steps may have dropped the apex
    kept = list(step.select(Clip("c", "s", "l", apex=apex), left))
    assert kept
    assert set(kept) <= set(left)
    assert kept == sorted(set(kept))


def test_apex_and_last():
    assert chosen(Apex(), 6, apex=4) == [4]
    assert chosen(Apex(), 6) == [5]
    assert chosen(Last(), 6, apex=2) == [3, 4, 5]
    assert chosen(Last(), 2) == [0, 1]


def test_uniform_takes_the_middle_of_equal_stretches():
    assert chosen(Uniform(3), 9) == [1, 4, 7]
    assert chosen(Uniform(4), 3) == [0, 1, 2]
    assert chosen(Uniform(1), 7) == [3]
