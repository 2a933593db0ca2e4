"""The benchmark file: axes, labels, settings, and errors that name file and line."""

from __future__ import annotations

import pytest

from ferbench import FerbenchError, benchmark
from ferbench.cli import main

GOOD = """\
dataset: {both: [ck+, mug]}
preprocessing:
  faces: [second-half, {resize: {size: 64}}]
protocol: thesis
backbone:
  - vgg16: {weights: random, units: [8, 16]}
  - timm: {model: resnet18, weights: random, label: ResNet18}
recipe:
  slow: {lr: 1e-4}
  fast: {lr: [0.01, 0.1]}
loss: [cross-entropy, weighted-cross-entropy]
aggregator: mean
seed: [0, 1]
rehearsal: {people: 3, set: {recipe.epochs: 2}}
"""


@pytest.fixture
def load(tmp_path):
    def call(text=GOOD, **options):
        file = tmp_path / "bench.yaml"
        file.write_text(text)
        return benchmark.load(file, **options)

    return call


def labels(loaded, axis):
    return [choice.label for choice in loaded.choices[axis]]


def test_axes(load):
    loaded = load()
    assert labels(loaded, "dataset") == ["both"]
    assert [d.name for d in loaded.choices["dataset"][0].value] == ["ck+", "mug"]
    assert labels(loaded, "backbone") == ["vgg16(units=8)", "vgg16(units=16)", "ResNet18"]
    assert labels(loaded, "recipe") == ["slow", "fast(lr=0.01)", "fast(lr=0.1)"]
    assert loaded.choices["recipe"][0].value.lr == 1e-4
    assert loaded.size == 3 * 3 * 2 * 2
    assert len(list(loaded.cells())) == loaded.size
    assert {cell.seed for cell in loaded.cells()} == {0, 1}


def test_parameters_that_take_a_list_do_not_expand(load):
    loaded = load(GOOD.replace("units: [8, 16]", "mean: [0.1, 0.2, 0.3]"))
    assert labels(loaded, "backbone") == ["vgg16", "ResNet18"]
    assert loaded.choices["backbone"][0].value.mean == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("setting", "check"),
    [
        ("recipe.epochs=7", lambda b: {c.value.epochs for c in b.choices["recipe"]} == {7}),
        ("recipe.slow.epochs=7", lambda b: [c.value.epochs for c in b.choices["recipe"]] == [7, 50, 50]),
        ("backbone.vgg16.units=4", lambda b: labels(b, "backbone") == ["vgg16", "ResNet18"]),
        ("backbone.ResNet18.head=mlp", lambda b: b.choices["backbone"][2].value.head == "mlp"),
        ("backbone.weights=calibrated-random", lambda b: {c.value.weights for c in b.choices["backbone"]} == {"calibrated-random"}),
        ("preprocessing.resize.size=32", lambda b: b.choices["preprocessing"][0].value[1].size == 32),
        ("seed=[5,6,7]", lambda b: labels(b, "seed") == ["5", "6", "7"]),
        ("loss=cross-entropy", lambda b: labels(b, "loss") == ["cross-entropy"]),
        ("rehearsal.people=9", lambda b: b.rehearsal.people == 9),
    ],
)
def test_set(load, setting, check):
    assert not check(load())
    assert check(load(sets=[setting]))


def test_only(load):
    assert load(only=["backbone=ResNet18", "recipe=fast*"]).size == 1 * 2 * 2 * 2
    assert load(only=["loss=cross-entropy,weighted-cross-entropy", "seed=1"]).size == 3 * 3 * 2
    default = GOOD + "only: {recipe: slow}\n"
    assert load(default).size == 3 * 2 * 2
    assert load(default, only=["recipe=*"]).size == 3 * 3 * 2 * 2


def test_rehearsal(load):
    assert {c.value.epochs for c in load().rehearsed().choices["recipe"]} == {2}


BROKEN = [
    (("backbone:", "backbon:"), "bench.yaml:5: unknown key 'backbon'; did you mean 'backbone'?"),
    (("- vgg16:", "- vgg61:"), "bench.yaml:6: unknown backbone 'vgg61'; did you mean 'vgg16'"),
    (("units: [8, 16]", "units: many"), "bench.yaml:6: backbone vgg16: units is 'many': expected `int`, got `str`"),
    (("units: [8, 16]", "unit: 8"), "bench.yaml:6: unknown parameter of backbone vgg16 'unit'; did you mean 'units'"),
    (("units: [8, 16]", "head: big"), "head is 'big': expected one of full, linear, logistic-regression"),
    (("lr: 1e-4", "lr: -1"), "bench.yaml:9: recipe: lr is -1: expected `float` > 0.0"),
    (("lr: 1e-4", "checkpoint: test"), "bench.yaml:9: recipe: checkpoint is 'test': expected one of best, last"),
    (("seed: [0, 1]", "seed: true"), "bench.yaml:13: seed is True: expected `int`"),
    (("seed: [0, 1]", "loss: x"), "bench.yaml:13: the key 'loss' stands twice, first in line 11"),
    (("aggregator: mean", "aggregator: []"), "bench.yaml:12: aggregator is missing or empty"),
    (("protocol: thesis", ""), "protocol is missing or empty"),
    (("faces: [second-half, {resize: {size: 64}}]", "- second-half"), "bench.yaml:3: preprocessing holds"),
    (("[cross-entropy, weighted-cross-entropy]", "[cross-entropy, cross-entropy]"), "loss 'cross-entropy' stands twice"),
    (("people: 3", "people: few"), "bench.yaml:14: rehearsal: people is 'few'"),
    (("recipe.epochs: 2", "recipe.epoch: 2"), "bench.yaml:14: unknown path 'recipe.epoch'; did you mean 'recipe.epochs'"),
    (("protocol: thesis", "protocol: [thesis"), "no valid YAML"),
    (("aggregator: mean", "aggregator: mean\nonly: {backbone: lenet}"), "unknown backbone 'lenet'"),
    (("protocol: thesis", "published: [{match: {loss: x}, source: y}]\nprotocol: thesis"), "bench.yaml:4: unknown loss 'x'"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=[message[-40:] for _, message in BROKEN])
def test_a_mistake_names_file_line_value_and_expectation(tmp_path, capsys, change, message):
    file = tmp_path / "bench.yaml"
    assert change[0] in GOOD
    file.write_text(GOOD.replace(*change))
    assert main(["run", str(file), "--store", str(tmp_path / "runs")]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    assert len(told.strip().splitlines()) <= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sets": ["recipe.lrr=1"]}, "--set recipe.lrr=1: unknown path 'recipe.lrr'; did you mean 'recipe.lr'"),
        ({"sets": ["backbones.units=1"]}, "unknown path 'backbones.units'"),
        ({"sets": ["recipe.lr"]}, "'recipe.lr' is no setting"),
        ({"sets": ["recipe.lr=fast"]}, "--set recipe.lr=fast: recipe: lr is 'fast'"),
        ({"only": ["backbone=lenet"]}, "--only backbone=lenet: unknown backbone 'lenet'"),
        ({"only": ["net=lenet"]}, "unknown axis 'net'"),
        ({"plugins": ["none.py"]}, "no plugin file"),
    ],
)
def test_mistakes_on_the_command_line(load, options, message):
    with pytest.raises(FerbenchError) as error:
        load(**options)
    assert message in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(FerbenchError, match="no file"):
        benchmark.load(tmp_path / "none.yaml")
