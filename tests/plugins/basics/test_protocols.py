from collections import Counter
from random import Random

import pytest

from ferbench import Clip, FerbenchError
from ferbench_basics.cross_corpus import CrossCorpus
from ferbench_basics.protocols import LOSO, Fixed, HoldOut, KFold, Modulo
from ferbench_thesis.protocol import Thesis

TRAIN = {"anger": 80, "disgust": 112, "fear": 70, "happiness": 152, "sadness": 84, "surprise": 133}  # the thesis's Table 3.2
TEST = {"anger": 25, "disgust": 31, "fear": 25, "happiness": 58, "sadness": 28, "surprise": 35}
ALL = {"anger": 109, "disgust": 146, "fear": 98, "happiness": 213, "sadness": 115, "surprise": 173}


def corpus(people, totals):
    """Clips with these class counts; everybody has at least one, some have many."""
    random = Random(people)
    labels = random.sample([label for label, n in totals.items() for _ in range(n)], sum(totals.values()))
    more = random.choices(range(people), [random.choice([1, 2, 6]) for _ in range(people)], k=len(labels) - people)
    return [Clip(f"c{i:03}", f"p{who:03}", label) for i, (who, label) in enumerate(zip([*range(people), *more], labels, strict=True))]


FULL, SMALL = corpus(260, ALL), corpus(20, {label: n // 10 for label, n in ALL.items()})


def parts(fold):
    return {"train": fold.train, "validation": fold.validation, "test": fold.test}


def people(ids, clips):
    return {clip.subject for clip in clips if clip.id in ids}


def assert_sound(fold, clips):
    """Every clip in one part, nobody in two, no part empty."""
    assert sorted(fold.train + fold.validation + fold.test) == sorted(clip.id for clip in clips)
    who = [people(ids, clips) for ids in parts(fold).values()]
    assert all(who)
    assert sum(map(len, who)) == len(set.union(*who))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_thesis_comes_near_table_3_2(seed):
    (fold,) = Thesis(seed=seed).folds(FULL)
    assert_sound(fold, FULL)
    sizes = [len(ids) for ids in (fold.train, fold.test, fold.validation)]
    assert all(abs(size - target) <= 0.02 * 854 / 8 for size, target in zip(sizes, (631, 202, 21), strict=True))
    label = {clip.id: clip.label for clip in FULL}
    for ids, total in ((fold.train, 631), (fold.test, 202)):
        counts = Counter(label[i] for i in ids)
        assert all(abs(counts[name] - n * total / 854) <= 3 for name, n in ALL.items())


@pytest.mark.parametrize("clips", [SMALL, SMALL[:12]])
def test_thesis_splits_a_small_corpus(clips):
    (fold,) = Thesis().folds(clips)
    assert_sound(fold, clips)
    assert len(fold.train) > len(fold.test)


@pytest.mark.parametrize("protocol", [Thesis(), HoldOut(), KFold()])
def test_the_order_of_the_clips_does_not_matter_and_the_seed_does(protocol):
    shuffled = Random(1).sample(SMALL, len(SMALL))
    assert protocol.folds(SMALL) == protocol.folds(shuffled)
    assert protocol.folds(SMALL) != type(protocol)(seed=1).folds(SMALL)


def test_thesis_gives_train_and_test_every_class():
    rare = [Clip(f"r{i}", f"p{i:03}", "contempt") for i in (3, 4)]
    (fold,) = Thesis().folds(SMALL + rare)
    assert {"r3", "r4"} <= {*fold.train, *fold.test}
    assert len({"r3", "r4"} & {*fold.train}) == 1


@pytest.mark.parametrize("number", [3, 4])
def test_as_few_as_three_people_are_split(number):
    clips = [Clip(f"c{i}", f"p{i % number}", "anger") for i in range(12)]
    (fold,) = Thesis().folds(clips)
    assert_sound(fold, clips)


@pytest.mark.parametrize("clips", [[], SMALL[:2]])
def test_the_error_for_too_few_people_states_both_numbers(clips):
    with pytest.raises(FerbenchError, match=rf"thesis: found {len(clips)} people .* at least 3"):
        Thesis().folds(clips)


@pytest.mark.parametrize(("k", "clips"), [(5, FULL), (10, FULL), (3, SMALL), (20, SMALL)])
def test_kfold_tests_every_clip_once(k, clips):
    folds = KFold(k=k).folds(clips)
    assert sorted(i for fold in folds for i in fold.test) == sorted(clip.id for clip in clips)
    assert len(folds) == k
    for fold in folds:
        assert_sound(fold, clips)


def test_kfold_is_stratified():
    label = {clip.id: clip.label for clip in FULL}
    for fold in KFold(k=5).folds(FULL):
        counts = Counter(label[i] for i in fold.test)
        assert all(abs(counts[name] - n / 5) <= 2 for name, n in ALL.items())
        assert len(fold.validation) == pytest.approx(0.1 * 854 * 4 / 5, abs=3)


def test_kfold_works_without_validation_people():
    assert all(fold.validation == () and fold.train for fold in KFold(k=2, validation=0).folds(SMALL[:2]))


@pytest.mark.parametrize(("k", "found", "needed"), [(5, 4, 5), (2, 1, 2)])
def test_kfold_refuses_too_few_people(k, found, needed):
    with pytest.raises(FerbenchError, match=rf"kfold.*found {found} people .* at least {needed}"):
        KFold(k=k).folds([Clip(f"c{i}", f"p{i}", "anger") for i in range(4 if k == 5 else 2)])


def clips_with(facts, corpus="toy"):
    return [Clip(f"{corpus}/c{n}", f"{corpus}/p{n}", "ab"[n % 2], length=1, facts=fact) for n, fact in enumerate(facts)]


def test_fixed_follows_the_corpus_s_own_splits():
    clips = clips_with([{"split": "train"}] * 20 + [{"split": "validation"}] * 4 + [{"split": "test"}] * 6)
    (fold,) = Fixed().folds(clips)
    assert [len(part) for part in (fold.train, fold.validation, fold.test)] == [20, 4, 6]
    (fold,) = Fixed().folds(clips[:24])  # AFEW: the test list is not public, figures are those of the validation clips
    assert set(fold.test) == {c.id for c in clips[20:24]}
    assert len(fold.validation) == 2
    assert set(fold.train) | set(fold.validation) == {c.id for c in clips[:20]}
    (fold,) = Fixed(held_out=0).folds(clips[:24])
    assert fold.validation == ()


def test_fixed_follows_the_splits_of_each_of_several_corpora():
    """Validation clips of a corpus without a test list used to be validation clips as soon as another corpus had a test list."""
    without = clips_with([{"split": "train"}] * 20 + [{"split": "validation"}] * 4, "afew")
    complete = clips_with([{"split": "train"}] * 10 + [{"split": "validation"}] * 3 + [{"split": "test"}] * 6, "whole")
    (fold,) = Fixed().folds([*without, *complete])
    assert set(fold.test) == {clip.id for clip in (*without[20:], *complete[13:])}
    assert set(fold.validation) == {clip.id for clip in complete[10:13]}


def test_fixed_follows_the_corpus_s_own_folds():
    clips = clips_with([{"fold": 1 + number % 5} for number in range(40)])
    folds = Fixed().folds(clips)
    assert len(folds) == 5
    assert sorted(clip for fold in folds for clip in fold.test) == sorted(c.id for c in clips)
    assert all(len(fold.validation) == 3 for fold in folds)
    assert all(not set(fold.test) & (set(fold.train) | set(fold.validation)) for fold in folds)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ([{"split": "train"}, {}, {}], r"found no split \(2 clips\), such as .*1: expected split train, validation, test of every clip"),
        ([{"split": "train"}, {"split": "Test"}, {"split": "val"}], r"found split 'Test' \(1 clips\), split 'val' \(1 clips\), such as"),
        ([{"split": "train"}, {"split": "test"}, {"fold": 1}], r"found no split \(1 clips\), such as"),
    ],
)
def test_fixed_needs_every_clip_in_a_list(facts, message):
    with pytest.raises(FerbenchError, match=message):
        Fixed().folds(clips_with(facts))


def test_modulo_assigns_people_by_position():
    """Twelve people, given in any order; person p07 is at position 7, and is tested in fold 7 mod 5."""
    clips = [Clip(f"p{p:02}/{t}", f"p{p:02}", "ab"[(p + t) % 2], length=1) for p in range(12) for t in range(3)]
    Random(0).shuffle(clips)
    folds = Modulo(k=5).folds(clips)
    assert [{clip[:3] for clip in fold.test} for fold in folds] == [{f"p{p:02}" for p in range(12) if p % 5 == n} for n in range(5)]
    assert all(fold.validation for fold in folds)
    assert Modulo(k=5, validation=0).folds(clips)[0].validation == ()
    with pytest.raises(FerbenchError, match=r"12 people have clips .* at least 13"):
        Modulo(k=13).folds(clips)


def test_loso_tests_each_person_in_a_fold_of_their_own():
    folds = LOSO().folds(SMALL)
    assert [people(fold.test, SMALL) for fold in folds] == [{f"p{number:03}"} for number in range(20)]
    for fold in folds:
        assert_sound(fold, SMALL)
    assert all(fold.validation == () for fold in LOSO(validation=0).folds(SMALL))


def test_loso_refuses_more_people_than_can_be_folds():
    crowd = [Clip(f"c{number}", f"p{number}", "anger") for number in range(1001)]
    with pytest.raises(FerbenchError, match="1,001 people would be as many folds: expected at most 1,000"):
        LOSO().folds(crowd)
    with pytest.raises(FerbenchError, match=r"loso: training and validation people of a fold: found 1 people .* at least 2"):
        LOSO().folds(crowd[:2])
    assert len(LOSO(validation=0).folds(crowd[:2])) == 2


@pytest.mark.parametrize(("train", "test", "validation"), [(0.7, 0.2, 0.1), (60, 20, 20), (1, 1, 0)])
def test_holdout_comes_near_its_proportions(train, test, validation):
    (fold,) = HoldOut(train=train, test=test, validation=validation).folds(FULL)
    total = train + test + validation
    sizes = [len(part) for part in (fold.train, fold.test, fold.validation)]
    assert all(abs(size - 854 * share / total) <= 3 for size, share in zip(sizes, (train, test, validation), strict=True))
    assert sum(sizes) == 854
    assert len(people(fold.train, FULL) | people(fold.test, FULL) | people(fold.validation, FULL)) == 260


def test_thesis_is_holdout_in_the_thesis_s_proportions():
    assert Thesis(seed=3).folds(FULL) == HoldOut(train=631, test=202, validation=21, seed=3).folds(FULL)


NESTED = [KFold(k=4), Modulo(k=4), LOSO(), Fixed(), CrossCorpus(train=("one",), test=("two",))]


def nested_clips():
    """Two corpora of the same ten people, with the facts of a published split."""
    places = [(corpus, number) for corpus in ("one", "two") for number in range(40)]
    return [
        Clip(f"{corpus}/{number:02}", f"{corpus}/p{number % 10}", "ab"[number % 3 % 2], facts={"fold": number % 10 % 5})
        for corpus, number in places
    ]


@pytest.mark.parametrize("protocol", NESTED)
def test_validation_people_are_nested_and_the_seed_chooses_them(protocol):
    clips, label = nested_clips(), {clip.id: clip.label for clip in nested_clips()}
    folds = protocol.folds(clips)
    for fold in folds:
        who = [people(part, clips) for part in (fold.train, fold.validation, fold.test)]
        assert all(who)
        assert sum(map(len, who)) == len(set.union(*who))
        assert {label[clip] for clip in fold.train} == {"a", "b"}
    others = type(protocol)(**{**vars(protocol), "seed": 1}).folds(clips)
    assert folds == protocol.folds(clips)
    assert [fold.validation for fold in folds] != [fold.validation for fold in others]
    if not isinstance(protocol, KFold):
        assert [fold.test for fold in folds] == [fold.test for fold in others]


def test_cross_corpus_trains_on_one_corpus_and_tests_on_another():
    clips = nested_clips()
    (fold,) = CrossCorpus(train=("two",), test=("one",)).folds(clips)
    assert set(fold.test) == {clip.id for clip in clips if clip.id.startswith("one/")}
    assert {*fold.train, *fold.validation} == {clip.id for clip in clips if clip.id.startswith("two/")}
    assert len(fold.validation) == 4  # one of ten people
    (fold,) = CrossCorpus(train=("two",), test=("one",), validation=0).folds(clips)
    assert (len(fold.train), len(fold.validation), len(fold.test)) == (40, 0, 40)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (("one",), ("tow",), "train and test list tow, of which the dataset has no clip of the classes"),
        (("one",), ("one", "two"), "one is listed twice in train and test"),
        (("one", "one"), ("two",), "one is listed twice in train and test"),
    ],
)
def test_cross_corpus_refuses_lists_that_do_not_fit(train, test, message):
    with pytest.raises(FerbenchError, match=message) as caught:
        CrossCorpus(train=train, test=test).folds(nested_clips())
    assert caught.value.hint == "corpora with clips of the classes: one, two"


def test_cross_corpus_needs_every_corpus_in_a_list():
    clips = [*nested_clips(), Clip("three/1", "three/p1", "a")]
    with pytest.raises(FerbenchError, match="three is neither in train nor in test"):
        CrossCorpus(train=("one",), test=("two",)).folds(clips)
