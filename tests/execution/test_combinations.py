"""A benchmark of many combinations: each of its rows equals that of the combination alone, in a new store, to the bit."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from stored import stored_digests

from ferbench.benchmark.grid import Benchmark, load_benchmark
from ferbench.execution.options import Options
from ferbench.execution.progress import Reporter
from ferbench.execution.runner import run
from ferbench.store.entries import Store
from ferbench.store.records import Record

PROTOCOLS = {
    "plain": "{kfold: {k: 3, validation: 0.2, classes: [dark, light, stripes]}}",
    "order": "{kfold: {k: 3, validation: 0.2, classes: [stripes, light, dark]}}",
    "subset": "{kfold: {k: 3, validation: 0.2, classes: [light, dark]}}",
    "seed": "{kfold: {k: 3, validation: 0.2, seed: 1, classes: [dark, light, stripes]}}",
    "renamed": "{kfold: {k: 3, validation: 0.2, labels: {stripes: light}, classes: [dark, light]}}",
    "larger": "{kfold: {k: 3, validation: 0.4, classes: [dark, light, stripes]}}",
}
SETTINGS = (
    f"protocol=[{', '.join(PROTOCOLS.values())}]",
    "preprocessing={once: [invert], twice: [invert, invert]}",
    "backbone=[toy-net, {toy-net: {calibrated: true}}, whole, trees, clips, "
    "{fusion: {of: [toy-net, {fusion: {of: [{toy-net: {calibrated: true}}, whole]}}]}}]",
    "recipe={plain: {lr: 0.05, batch_size: 8, epochs: 2}, "
    "views: {lr: 0.05, batch_size: 8, epochs: 2, augmentation: {views: 2, flip: 0.5, brightness: 0.3}}}",
    "aggregator=mean",
)
STAGES = ("folds", "tested", "crops", "features", "fits", "inputs", "rows")


@pytest.fixture
def benchmark(data, benchmark_file, toy_plugin, monkeypatch) -> Benchmark:
    monkeypatch.setattr("ferbench.corpora.groups.MAX_CLIPS", 7)  # several groups, which combinations share
    return load_benchmark(benchmark_file, plugins=[toy_plugin], sets=SETTINGS)


def compute(benchmark: Benchmark, folder: Path) -> Record:
    record = run(benchmark, Store(folder), Options(device="cpu", figures=False), Reporter(quiet=True))
    assert not record["failures"]
    return record


def alone(benchmark: Benchmark, labels: dict[str, str]) -> Benchmark:
    """The benchmark with the choices of these labels alone on their axes."""
    choices = {axis: tuple(choice for choice in benchmark.choices[axis] if choice.label == label) for axis, label in labels.items()}
    return replace(benchmark, choices={**benchmark.choices, **choices})


def test_protocols_share_features_and_no_labels(benchmark, tmp_path):
    first = alone(benchmark, {"backbone": "toy-net", "recipe": "plain", "preprocessing": "once"})
    record = compute(first, tmp_path / "together")
    assert len(record["rows"]) == len(PROTOCOLS)
    together = stored_digests(tmp_path / "together", "rows")
    for number, row in enumerate(record["rows"]):
        compute(alone(first, row["labels"]), tmp_path / f"alone{number}")
        assert stored_digests(tmp_path / f"alone{number}", "rows") == {row["key"]: together[row["key"]]}


@pytest.mark.slow
def test_rows_are_those_of_each_combination_alone(benchmark, tmp_path, repeats):
    record = compute(benchmark, tmp_path / "together")
    together = {stage: stored_digests(tmp_path / "together", stage) for stage in STAGES}
    by_protocol: dict[str, list[dict[str, str]]] = {}
    for row in record["rows"]:
        by_protocol.setdefault(row["labels"]["protocol"], []).append(row["labels"])
    assert len(by_protocol) == len(PROTOCOLS)
    chance = random.Random(3)
    for number, labels in enumerate(each for rows in by_protocol.values() for each in chance.sample(rows, min(repeats, len(rows)))):
        folder = tmp_path / f"alone{number}"
        (row,) = compute(alone(benchmark, labels), folder)["rows"]
        assert row["labels"] == labels
        for stage in STAGES:
            digests = stored_digests(folder, stage)
            assert {key: together[stage].get(key) for key in digests} == digests, (stage, labels)


IN_PLACE = """
@ferbench.hookimpl
def register_backbones(register):
    register(InPlace)


@dataclass(frozen=True)
class InPlace(ferbench.Backbone):
    '''May change the features that it reads.'''

    name = "in-place"
    change: str = "none"

    def input(self):
        return ferbench.Input(16, 1, (0.5,), (0.25,))

    def frozen(self):
        return toy.Brightness()

    def trainable(self, classes):
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.tree import DecisionTreeClassifier
        from torch import nn

        if self.change == "scale":
            return ferbench.Estimators(lambda: [make_pipeline(StandardScaler(copy=False), DecisionTreeClassifier(random_state=0))])
        return ferbench.FinishedSystem(lambda shape: nn.ReLU(inplace=True) if self.change == "relu" else nn.Identity())
"""


@pytest.mark.parametrize("change", ["relu", "scale"])
def test_a_plugin_cannot_change_the_features_of_others(data, benchmark_file, toy_plugin, tmp_path, change):
    plugin = tmp_path / "in_place.py"
    plugin.write_text(f"from dataclasses import dataclass\n\nimport ferbench\nimport toy\n\n{IN_PLACE}")
    settings = (f"backbone=[{{in-place: {{change: {change}}}}}, in-place]", "aggregator=mean")
    benchmark = load_benchmark(benchmark_file, plugins=[toy_plugin, plugin], sets=settings)
    _, second = compute(benchmark, tmp_path / "together")["rows"]
    compute(alone(benchmark, second["labels"]), tmp_path / "alone")
    expected, together = (stored_digests(tmp_path / folder, "fits") for folder in ("alone", "together"))
    assert {key: together[key] for key in expected} == expected
