"""Results by group of clips, of answers written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ferbench.benchmark.axes import AXES
from ferbench.benchmark.rescoring import Window
from ferbench.report import groups
from ferbench.report.answers import Answers
from ferbench.report.groups import UnknownFact, group_results, label_clips
from ferbench.report.results import rank_rows

CLASSES = ("dark", "light")


def make_row(backbone: str, uar: float = 0.5) -> dict:
    labels = dict.fromkeys(AXES, "0") | {"backbone": backbone}
    known = {"status": "done", "fingerprint": "f", "people_known": True, "classes": list(CLASSES)}
    return known | {"key": backbone, "labels": labels, "uar": uar, "war": uar}


def make_answers(facts: list[dict], wrong: set[int] = frozenset(), without: set[int] = frozenset()) -> Answers:
    """Two clips of each person, one of each class; some people are answered wrongly, or have no readable frame."""
    people = np.repeat(np.arange(len(facts)), 2)
    table = {
        "ids": [f"toy/{number}" for number in range(len(people))],
        "people": [f"p{number:02}" for number in people],
        "labels": list(CLASSES) * len(facts),
        "folds": [0] * len(people),
        "facts": [facts[number] for number in people],
    }
    true = np.tile([0, 1], len(facts))
    predicted = np.where(np.isin(people, list(wrong)), 1 - true, true)
    answers = Answers(CLASSES, table, np.arange(len(people)), np.eye(2)[predicted], np.ones(len(people), bool))
    return answers.select(~np.isin(people, list(without)))


class Reader:
    """Gives answers by the backbone of a row."""

    def __init__(self, answers: dict[str, Answers]) -> None:
        self.answers = answers

    def read(self, row: dict) -> Answers:
        return self.answers[row["labels"]["backbone"]]


@pytest.fixture
def group(monkeypatch):
    """The groups of rows, by backbone: (group, people, clips, UAR or None)."""

    def call(by: str, **answers: Answers) -> dict[str, list[tuple]]:
        reader = Reader(answers)
        monkeypatch.setattr(groups, "AnswerReader", lambda store: reader)
        rows = [make_row(name) for name in answers]
        (ranking,) = rank_rows(rows, reader)
        found: dict[str, list[tuple]] = {name: [] for name in answers}
        for each in group_results(ranking, by, None):
            figures = (each.group, each.people, each.clips, each.uar and each.uar.value)
            found[each.result.labels["backbone"]].append(figures)
        return found

    return call


def test_groups_of_fewer_than_five_people_are_counts_only(group):
    facts = [{"sex": "f"}] * 5 + [{"sex": "m"}] * 4 + [{}] * 6
    found = group("sex", net=make_answers(facts, wrong={0, 14}))["net"]
    assert found == [("f", 5, 10, 0.8), ("m", 4, 8, None), ("unknown", 6, 12, pytest.approx(5 / 6))]


def test_rows_that_lack_clips_have_the_same_ranges_of_numbers(group):
    """They used to be divided by the people of each row."""
    ages = [{"age": 18 + number} for number in range(20)]
    found = group("age", whole=make_answers(ages), part=make_answers(ages, without={0, 1, 2, 3, 4, 5}))
    assert [each[:2] for each in found["whole"]] == [("18–22", 5), ("23–27", 5), ("28–32", 5), ("33–37", 5)]
    assert [each[:2] for each in found["part"]] == [("23–27", 4), ("28–32", 5), ("33–37", 5)]


def test_few_numbers_are_groups_of_their_own():
    answers = make_answers([{"level": number % 8} for number in range(16)])
    assert label_clips(answers, "level") == [str(number % 8) for number in range(16) for _ in range(2)]


def test_unknown_fact():
    with pytest.raises(UnknownFact, match="no clip carries the fact 'mood': expected one of corpus, face, fold, sex"):
        label_clips(make_answers([{"sex": "f"}]), "mood")


def test_a_row_is_compared_on_the_clips_that_both_answer():
    """`part` lacks all that `whole` gets wrong: on the others, they are equal."""
    facts = [{}] * 20
    reader = Reader({"whole": make_answers(facts, wrong={0, 1, 2, 3}), "part": make_answers(facts, without={0, 1, 2, 3})})
    rows = [make_row(name, uar) for uar, name in ((0.8, "whole"), (1.0, "part"))]
    (ranking,) = rank_rows(rows, reader)
    first, second = ranking.results
    assert (first.labels["backbone"], first.uar.value, second.uar.value) == ("part", 1.0, 0.8)
    assert (ranking.people, ranking.clips) == (16, 32)
    assert second.difference.value == 0
    assert second.p == 1


def test_classes_that_all_rows_answer_are_those_of_the_shared_clips():
    """The people of each class are counted on them, whichever row is the best."""
    whole = make_answers([{}] * 12)
    light_of_two = replace(whole).select((whole.true == 0) | (whole.person < 2))
    reader = Reader({"whole": whole, "part": light_of_two})
    for uars in ((0.5, 0.6), (0.6, 0.5)):
        rows = [make_row(name, uar) for uar, name in zip(uars, ("whole", "part"), strict=True)]
        assert dict(rank_rows(rows, reader)[0].people_by_class) == {"dark": 12, "light": 2}


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(), [0, 1, 2, 3, 4]),
        (Window("first", 2), [0, 1]),
        (Window("last", 2), [3, 4]),
        (Window("every", 2), [0, 2, 4]),
        (Window("every", 3), [1, 4]),
        (Window("last", 9), [0, 1, 2, 3, 4]),
        (Window("every", 9), [4]),
    ],
)
def test_windows(window, expected):
    assert window.take(np.arange(5)).tolist() == expected
