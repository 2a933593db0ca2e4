"""The JSON Schema that editors use."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from ferbench.manager import load_plugins
from ferbench.schema import schema

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def validator():
    made = schema(load_plugins())
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.yaml")), ids=lambda p: p.name)
def test_shipped_benchmarks_are_valid_and_name_the_schema(path, validator):
    validator.validate(yaml.safe_load(path.read_text()))
    assert path.read_text().startswith("# yaml-language-server: $schema=../docs/benchmark.schema.json\n")


@pytest.mark.parametrize("change", [{"backbon": "vgg16"}, {"backbone": "vgg61"}, {"backbone": {"vgg16": {"unit": 3}}}, {"seed": "one"}])
def test_mistakes_are_not_valid(change, validator):
    good = yaml.safe_load((ROOT / "benchmarks/london.yaml").read_text())
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, **change})


def test_the_schema_in_docs_is_current():
    stored = json.loads((ROOT / "docs/benchmark.schema.json").read_text())
    assert stored == json.loads(json.dumps(schema(load_plugins()))), "run `make schema`"
