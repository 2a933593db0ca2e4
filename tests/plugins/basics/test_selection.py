import pytest

from ferbench import Clip
from ferbench_basics.selection import Apex, Last, Uniform
from ferbench_thesis.selection import SecondHalf


def select(step, n, apex=None):
    return list(step.select(Clip("c", "s", "l", apex=apex), range(n)))


@pytest.mark.parametrize(("n", "expected"), [(1, [0]), (2, [0, 1]), (3, [1, 2]), (4, [1, 2, 3]), (5, [2, 3, 4]), (6, [2, 3, 4, 5])])
def test_second_half_keeps_from_the_middle_frame_to_the_last(n, expected):
    assert select(SecondHalf(), n) == expected
    assert n % 2 or expected[0] + 1 == n / 2  # the thesis counts from 1


@pytest.mark.parametrize(("apex", "expected"), [(0, [0]), (1, [0, 1]), (4, [2, 3, 4]), (9, [4, 5, 6, 7, 8, 9])])
def test_second_half_ends_at_the_apex(apex, expected):
    assert select(SecondHalf(), 10, apex) == expected


@pytest.mark.parametrize("step", [SecondHalf(), Apex(), Last(2), Uniform(2)])
@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize("apex", [None, 0, 2, 5])
def test_a_selection_is_an_ascending_part_of_what_was_left_and_never_empty(step, n, apex):
    left = range(3, 3 + n)  # earlier steps may have dropped the apex
    selection = list(step.select(Clip("c", "s", "l", apex=apex), left))
    assert selection
    assert set(selection) <= set(left)
    assert selection == sorted(set(selection))


def test_apex_and_last():
    assert select(Apex(), 6, apex=4) == [4]
    assert select(Apex(), 6) == [5]
    assert select(Last(), 6, apex=2) == [3, 4, 5]
    assert select(Last(), 2) == [0, 1]


def test_uniform_takes_the_middle_of_equal_stretches():
    assert select(Uniform(3), 9) == [1, 4, 7]
    assert select(Uniform(4), 3) == [0, 1, 2]
    assert select(Uniform(1), 7) == [3]
