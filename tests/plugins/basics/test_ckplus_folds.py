"""The protocols of CK+ in docs/protocols.md, on a made-up tree with as many sequences, people and classes as CK+ has."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from pathlib import Path
from random import Random

import pytest

from ferbench.benchmark.grid import load_benchmark
from ferbench.corpora.index import index_corpus
from ferbench.plan.planner import Planner
from ferbench.store.entries import Store

SIZES = (33, 39, 40, 35, 30, 37, 29, 29, 33, 22)  # of the folds
CODES = {"anger": 1, "contempt": 2, "disgust": 3, "fear": 4, "happiness": 5, "sadness": 6, "surprise": 7}
TOTALS = {"anger": 45, "disgust": 59, "fear": 25, "happiness": 69, "sadness": 28, "surprise": 83}  # and 18 of contempt
PAGE = (Path(__file__).parents[3] / "docs/protocols.md").read_text(encoding="utf-8")
REST = "preprocessing: [[gray, {resize: {size: 32}}]]\nbackbone: lbp\nloss: cross-entropy\naggregator: mean\n"


def draw_sequences() -> list[tuple[int, str]]:
    """(position of the person, emotion) of 327 sequences: made up, but the totals of folds and classes are those of CK+.

    The person at position p belongs to fold p mod 10. The first twelve people show only contempt, and the tenth fold no fear.
    """
    random = Random(0)
    *others, tenth = (_share(fold, size) for fold, size in enumerate(SIZES))
    emotions = [emotion for emotion, total in {**TOTALS, "contempt": 6}.items() for _ in range(total) if emotion != "fear"]
    random.shuffle(emotions)
    rest = emotions[len(tenth) :] + ["fear"] * TOTALS["fear"]
    random.shuffle(rest)
    contempt = [(position, "contempt") for position in range(12)]
    return sorted([*contempt, *zip(tenth, emotions, strict=False), *zip(chain(*others), rest, strict=True)])


def _share(fold: int, size: int) -> list[int]:
    """The people of a fold, each as often as they have sequences, besides the first twelve."""
    people = [position for position in range(fold, 118, 10) if position >= 12]
    alone = len(range(fold, 12, 10))
    return [people[number % len(people)] for number in range(size - alone)]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """The tree, with empty images."""
    folder = tmp_path_factory.mktemp("data") / "CK+"
    for number, (position, emotion) in enumerate(draw_sequences()):
        name = f"S{8 * position + 5:03}/{number:03}"
        _write(folder / "cohn-kanade-images" / name, [f"{name.replace('/', '_')}_{frame:08}.png" for frame in (1, 2, 3, 4)])
        _write(folder / "Emotion" / name, [f"{name.replace('/', '_')}_00000004_emotion.txt"], f"   {CODES[emotion]:.7e}\n")
    return folder


def _write(folder: Path, names: list[str], text: str = "") -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(text)


@pytest.fixture
def plan(root, tmp_path):
    """Plans the rows of a benchmark on the tree, by the label of the protocol."""

    def models(text):
        (tmp_path / "page.yaml").write_text(f"name: page\n{text}{REST}")
        benchmark = load_benchmark(tmp_path / "page.yaml", sets=[f"dataset.ck+.root={root}"])
        store = Store(tmp_path / "runs", pytest.fail)
        corpora = {choice.label: tuple(index_corpus(d, store) for d in choice.value) for choice in benchmark.choices["dataset"]}
        return {row.labels["protocol"]: row.model for row in Planner(benchmark, corpora, store, "float32").rows()}

    return models


def count_tested(model):
    return [len(fold.test) for fold in model.split.folds]


def test_ten_folds_with_contempt_or_without_it_before_or_after_folding(plan):
    (block,) = re.findall(r"```yaml\n(protocol:\n  - modulo: {label.*?)```", PAGE, re.DOTALL)
    models = plan(f"dataset: ck+\n{block}")
    seven, before, after = (models[f"ckplus-10fold-{name}"] for name in ("7c", "6c", "6c-after"))
    assert Counter(seven.split.labels.values()) == {**TOTALS, "contempt": 18}
    assert count_tested(seven) == list(SIZES)
    assert len({clip.subject for clip in seven.split.clips}) == 118
    assert not any(seven.split.labels[clip] == "fear" for clip in seven.split.folds[9].test)

    assert before.split.clips == after.split.clips
    assert len(before.split.clips) == 309
    assert len({clip.subject for clip in before.split.clips}) == 106
    assert len({model.fingerprint for model in (seven, before, after)}) == 3
    without = [{clip for clip in fold.test if seven.split.labels[clip] != "contempt"} for fold in seven.split.folds]
    assert [set(fold.test) for fold in after.split.folds] == without
    people = sorted({clip.subject for clip in before.split.clips})
    assert [before.split.people(fold.test) for fold in before.split.folds] == [people[fold::10] for fold in range(10)]
    assert "| `ckplus-10fold-7c` | 327 | 118 | " + " ".join(map(str, SIZES)) in PAGE


def test_first_frames_as_neutral(plan):
    (block,) = re.findall(r"```yaml\n(dataset:\n  ck\+: {neutral_frames.*?)```", PAGE, re.DOTALL)
    block = re.sub(r"preprocessing:\n.*\n", "", block)
    (model,) = plan(block).values()
    assert Counter(model.split.labels.values()) == {**TOTALS, "contempt": 18, "neutral": 327}
    assert count_tested(model) == [2 * size for size in SIZES]
    assert {clip.length for clip in model.split.clips if clip.label == "neutral"} == {1}
    assert {clip.length for clip in model.split.clips if clip.label != "neutral"} == {3}
    emotions = "[anger, disgust, fear, happiness, sadness, surprise]"
    fewer = block.replace("neutral_frames: 1", f"neutral_frames: 1, neutral_of: {emotions}").replace("contempt, ", "")
    (model,) = plan(fewer).values()
    assert Counter(model.split.labels.values()) == {**TOTALS, "neutral": 309}
    assert len({clip.subject for clip in model.split.clips}) == 106
