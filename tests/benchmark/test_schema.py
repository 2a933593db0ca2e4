"""The JSON Schema of a benchmark file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ferbench.benchmark.axes import AXES
from ferbench.benchmark.document import load_document, parse_value
from ferbench.benchmark.grid import TOP_LEVEL_KEYS
from ferbench.benchmark.schema import make_schema
from ferbench.cli.main import main
from ferbench.registry.parameters import parameter_hints
from ferbench.registry.plugins import load_plugins

ROOT = Path(__file__).parents[2]
FILE = {
    "dataset": "ck+",
    "preprocessing": {"a": ["gray", {"resize": {"size": 64}}]},
    "protocol": "thesis",
    "backbone": "vgg16",
    "loss": "cross-entropy",
    "aggregator": ["majority", "mean"],
}


@pytest.fixture(scope="module")
def validator():
    return Draft202012Validator(make_schema(load_plugins()))


def test_is_a_schema(validator):
    Draft202012Validator.check_schema(validator.schema)
    assert validator.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(validator.schema["properties"]) == set(TOP_LEVEL_KEYS)


def test_knows_every_component_and_parameter(validator):
    text = json.dumps(validator.schema)
    for entry in (entry for axis in AXES.values() for entry in load_plugins().entries_of(axis.kind)):
        assert f'"const": "{entry.name}"' in text
        assert json.dumps(entry.summary) in text
        for parameter in parameter_hints(entry.component):
            assert f'"{parameter}"' in text


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks").glob("*.yaml")), ids=lambda p: p.name)
def test_accepts_the_shipped_benchmarks(validator, file):
    assert [error.message for error in validator.iter_errors(load_document(file).data)] == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed": [0, 1]},
        {"backbone": "[{vgg16: {hidden: [3, 4], label: a}}, timm]"},
        {"backbone": "{vgg16: , timm: {size: 64}}"},
        {"backbone": "{vgg16: {mean: [0.1, 0.2, 0.3]}}"},
        {"backbone": "{vgg16: {mean: [[0.1, 0.2, 0.3], [0, 0, 0]]}}"},
        {"dataset": "[ck+, {thesis: [ck+, {mug: {root: x}}]}]"},
        {"dataset": "[[ck+, mug]]"},
        {"preprocessing": "[[gray], {b: [crop]}]"},
        {"recipe": "{lr: [1e-3, 1e-2], epochs: 3}"},
        {"recipe": "{a: {lr: 1e-3}, b: }"},
        {"recipe": "[a: {lr: 1e-3}, b: {lr: 1}]"},
        {"only": "{backbone: vgg16, seed: 0}"},
        {"rehearsal": "{people: 3, set: {recipe.lr: 1, seed: 3}}"},
        {"published": "[{match: {backbone: vgg16}, source: x, accuracy: 0.5, recall: {fear: 0.4}}]"},
    ],
)
def test_accepts(validator, changes):
    data = FILE | {key: parse_value(value) if isinstance(value, str) else value for key, value in changes.items()}
    assert [error.message for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"backbones": "timm"},
        {"backbone": "vgg61"},
        {"backbone": "{vgg16: {hiden: 3}}"},
        {"backbone": "{vgg16: {hidden: many}}"},
        {"backbone": "{vgg16: {hidden: 0}}"},
        {"backbone": "{vgg16: {head: fancy}}"},
        {"backbone": "{vgg16: {mean: [1, 2]}}"},
        {"backbone": "[]"},
        {"preprocessing": "[gray, crop]"},
        {"preprocessing": "{a: gray}"},
        {"preprocessing": "{a: [grey]}"},
        {"recipe": "{learning_rate: 1}"},
        {"recipe": "fast"},
        {"seed": "x"},
        {"seed": "1.5"},
        {"seed": "true"},
        {"only": "{backbon: vgg16}"},
        {"rehearsal": "{peple: 3}"},
        {"rehearsal": "{people: 0}"},
        {"published": "[{match: {}, sauce: x}]"},
        {"published": "[{match: {backbone: vgg16}}]"},
        {"published": "[{match: {}, source: x, accuracy: 75}]"},
    ],
)
def test_rejects(validator, changes):
    data = FILE | {key: parse_value(value) for key, value in changes.items()}
    assert list(validator.iter_errors(data))


@pytest.mark.parametrize("axis", [axis.name for axis in AXES.values() if axis.kind])
def test_requires_every_axis_without_a_default(validator, axis):
    assert list(validator.iter_errors({key: value for key, value in FILE.items() if key != axis}))


def test_plugin_files_are_in_it(tmp_path, capsys):
    file = tmp_path / "first.py"
    file.write_text(
        "import ferbench\n@ferbench.hookimpl\ndef register_aggregators(register):\n    register(First)\n"
        "class First(ferbench.Aggregator):\n    name = 'first'\n    def __call__(self, scores):\n        return scores[0]\n"
    )
    assert main(["schema", "--plugin", str(file)]) == 0
    assert '"const": "first"' in capsys.readouterr().out


def test_file_in_docs_is_up_to_date(capsys):
    assert main(["schema"]) == 0
    schema = capsys.readouterr().out
    assert schema == (ROOT / "docs/benchmark.schema.json").read_text(), "run `make schema`: a parameter or a description changed"
