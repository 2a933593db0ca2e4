"""`ferbench describe`: layers, input and features of a backbone, without looking for weights."""

from __future__ import annotations

import json

import pytest

from ferbench.cli.main import main


@pytest.fixture
def call(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["describe", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_layers_are_those_that_features_can_name(call):
    code, out, _ = call("timm: {model: resnet10t, features: {layer: layer2, grid: 3}}", "--format", "json")
    described = json.loads(out)
    assert code == 0
    assert described["features"] == "1152 numbers for each frame"
    layers = {layer["name"]: layer for layer in described["layers"]}
    assert layers["layer2"]["shape"][0] * 9 == 1152
    assert described["input"]["size"] == 176


def test_the_table_says_how_to_name_a_layer(call):
    code, out, _ = call("torchvision: {model: squeezenet1_1}")
    assert code == 0
    assert "trained beforehand on ImageNet-1k" in out
    assert "features: {layer: classifier.2, grid: 4}" in " ".join(out.split())
    assert max(map(len, out.splitlines()[3:-1])) <= 80


@pytest.mark.parametrize(
    ("backbone", "text"),
    [
        ("lbp", "features: 2891 numbers for each frame"),
        ("lbp-top", "features: 4425 numbers for each clip"),
        ("landmarks", "features: depend on the landmarks of the corpus"),
        ("timm: {weights: calibrated-random}", "features: 512 numbers for each frame"),
        ("c3d", "features: none, everything is trained"),
        ("timm: {model: resnet10t, features: {layer: layer9}}", "unknown: the network has no layer 'layer9'; did you mean layer"),
        ("fusion: {of: [lbp, hog]}", "fuses lbp, hog"),
    ],
)
def test_other_backbones(call, backbone, text):
    code, out, _ = call(backbone)
    assert code == 0
    assert text in out


@pytest.mark.parametrize(
    ("backbone", "problem"),
    [("lbq", "did you mean 'lbp'"), ("[lbp, hog]", "expected a list of names"), ("lbp: {points: x}", "points is 'x'")],
)
def test_mistakes(call, backbone, problem):
    code, out, err = call(backbone)
    assert (code, out) == (2, "")
    assert problem in err
