"""`ferbench describe`: layers, input and features of a backbone, without looking for weights."""

from __future__ import annotations

import json
import re

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
    assert layers["layer1"]["multiply_adds"] < layers["layer2"]["multiply_adds"] < described["multiply_adds"]


def test_the_table_says_how_to_name_a_layer(call):
    code, out, _ = call("torchvision: {model: squeezenet1_1}")
    assert code == 0
    assert "trained beforehand on ImageNet-1k" in out
    (hint,) = re.findall(r"features: ({layer: .*, grid: 4})", " ".join(out.split()))
    code, out, _ = call(f"torchvision: {{model: squeezenet1_1, features: {hint}}}")
    assert (code, "unknown" in out) == (0, False), "what it suggests works"
    assert max(map(len, out.splitlines()[3:-1])) <= 80


@pytest.mark.parametrize("backbone", ["timm: {model: resnet10t, trained_blocks: 1}", "torchvision: {model: resnet18, trained: all}"])
def test_nothing_is_suggested_that_the_backbone_refuses(call, backbone):
    code, out, _ = call(backbone)
    assert code == 0
    assert "layer3" in out
    assert "to use one of them" not in out


def test_a_layer_that_is_used_twice_is_listed_once(call):
    _, out, _ = call("torchvision: {model: resnet18}", "--depth", "3")
    assert [line.split()[:4] for line in out.splitlines() if line.startswith("layer3.1.relu")] == [["layer3.1.relu", "ReLU,", "2", "times"]]


def test_a_fusion_in_json(call):
    code, out, _ = call("fusion: {of: [lbp, hog]}", "--format", "json")
    assert (code, json.loads(out)) == (0, {"backbone": "fusion", "members": ["lbp", "hog"]})


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
