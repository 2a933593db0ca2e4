"""ONNX files as finished systems."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ferbench import FerbenchError
from ferbench_systems import onnx_engines
from ferbench_systems.onnx import ONNX, ONNXInput
from ferbench_systems.onnx_file import read_signature

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the legacy exporter
CLASSES = ("angry", "happy", "neutral")


class Means(nn.Module):
    """[B,3,8,8] -> [B,3]: the mean of each channel, times 1, 2 and 3."""

    def __init__(self, *, is_last: bool = False) -> None:
        super().__init__()
        self.is_last = is_last
        self.scale = nn.Conv2d(3, 3, 1, bias=False)
        self.scale.weight = nn.Parameter(torch.diag(torch.tensor([1.0, 2.0, 3.0]))[..., None, None])

    def forward(self, x):
        x = x.permute(0, 3, 1, 2) if self.is_last else x
        return self.scale(x).mean((2, 3))


@pytest.fixture
def file(tmp_path):
    torch.onnx.export(Means().eval(), (torch.zeros(1, 3, 8, 8),), str(tmp_path / "means.onnx"), input_names=["picture"], dynamo=False)
    return str(tmp_path / "means.onnx")


def answer(system: ONNX, crop: torch.Tensor) -> torch.Tensor:
    """The answer to a crop [3,8,8] of values from 0 to 1, normalized as declared."""
    declared = system.input()
    mean, std = (torch.tensor(values)[:, None, None] for values in (declared.mean, declared.std))
    with torch.inference_mode():
        return system.frozen().build(None)(((crop - mean) / std)[None])[0]


CROP = torch.linspace(0, 1, 192).reshape(3, 8, 8)
MEANS = CROP.mean((1, 2)) * torch.tensor([1.0, 2.0, 3.0])


class Several(Means):
    """Two outputs of three values: those of Means, and ten times these."""

    def forward(self, x):
        values = super().forward(x)
        return values, 10 * values


class Probabilities(Means):
    def forward(self, x):
        return super().forward(x).softmax(1)


class Sum(Means):
    """It reads two pictures."""

    def forward(self, x, y):
        return super().forward(x + y)


def export(network: nn.Module, path, *pictures: torch.Tensor, **options) -> str:
    torch.onnx.export(network.eval(), pictures or (torch.zeros(1, 3, 8, 8),), str(path), dynamo=False, **options)
    return str(path)


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_values_are_given_as_the_network_reads_them(file, engine):
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
    assert torch.allclose(answer(ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8), engine=engine), CROP), MEANS, atol=1e-5)
    bytes_ = ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8, maximum=255, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 5.0)))
    means = (CROP.mean((1, 2)) * 255 - torch.tensor([10.0, 20.0, 30.0])) / torch.tensor([2.0, 4.0, 5.0])
    assert torch.allclose(answer(bytes_, CROP), means * torch.tensor([1.0, 2.0, 3.0]), rtol=1e-4)


def test_channels_in_the_order_of_opencv(file):
    """`mean` is in the order that the network reads: blue first."""
    system = ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8, "bgr", mean=(0.1, 0.2, 0.3)))
    means = CROP.flip(0).mean((1, 2)) - torch.tensor([0.1, 0.2, 0.3])
    assert torch.allclose(answer(system, CROP), means * torch.tensor([1.0, 2.0, 3.0]), atol=1e-5)


def test_channels_may_come_last(tmp_path):
    path = tmp_path / "last.onnx"
    torch.onnx.export(Means(is_last=True).eval(), (torch.zeros(1, 8, 8, 3),), str(path), dynamo=False)
    assert torch.allclose(answer(ONNX(file=str(path), classes=CLASSES, reads_as=ONNXInput(8, layout="nhwc")), CROP), MEANS, atol=1e-5)


def test_several_crops_are_answered_one_by_one(file):
    module = ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8)).frozen().build(None)
    crops = torch.rand(5, 3, 8, 8)
    assert torch.allclose(module(crops), crops.mean((2, 3)) * torch.tensor([1.0, 2.0, 3.0]), atol=1e-5)


def test_probabilities_become_their_logarithms(tmp_path):
    file = export(Probabilities(), tmp_path / "probabilities.onnx")
    system = ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8), scores="probabilities")
    system.check_weights()
    assert torch.allclose(answer(system, CROP), MEANS.log_softmax(0), atol=1e-4)


def test_a_probability_of_zero_has_a_logarithm(file):
    assert answer(ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8), scores="probabilities"), torch.zeros(3, 8, 8)).isfinite().all()


def test_what_is_declared_as_the_other_kind_of_scores_is_an_error(file, tmp_path):
    """A softmax of probabilities, or the logarithm of logits, would give rows that look right."""
    logits = ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8, maximum=255), scores="probabilities")
    with pytest.raises(FerbenchError, match=r"values from .* which are no probabilities\n  set scores: logits"):
        logits.check_weights()
    with pytest.raises(FerbenchError, match="no probabilities"):
        answer(logits, CROP)
    file = export(Probabilities(), tmp_path / "probabilities.onnx")
    with pytest.raises(FerbenchError, match="gives probabilities, not logits\n  set scores: probabilities"):
        ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8)).check_weights()


def test_one_of_several_outputs_is_named(tmp_path):
    """The last one would be taken otherwise, without a word."""
    file = export(Several(), tmp_path / "several.onnx", output_names=["scores", "arousal"])
    parameters = {"file": file, "classes": CLASSES, "reads_as": ONNXInput(8)}
    for number, name in enumerate(("scores", "arousal")):
        system = ONNX(**parameters, output=name)
        system.check_weights()
        assert torch.allclose(answer(system, CROP), MEANS * 10**number, rtol=1e-4)
    with pytest.raises(FerbenchError, match="has 2 outputs, scores, arousal: expected the name of the one with the answers"):
        ONNX(**parameters).check_weights()
    with pytest.raises(FerbenchError, match="has no output 'score': expected one of scores, arousal"):
        ONNX(**parameters, output="score").check_weights()


def test_two_inputs_are_an_error(tmp_path):
    picture = torch.zeros(1, 3, 8, 8)
    file = export(Sum(), tmp_path / "two.onnx", picture, picture, input_names=["first", "second"])
    with pytest.raises(FerbenchError, match="has 2 inputs, first, second: expected one"):
        ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8)).check_weights()


def test_weights_in_another_file_are_an_error(file, tmp_path):
    """OpenCV ends the process when it reads such a file."""
    onnx.save(onnx.load(file), tmp_path / "split.onnx", save_as_external_data=True, location="split.data", size_threshold=0)
    with pytest.raises(FerbenchError, match=r"keeps its weights in another file, split.data"):
        ONNX(file=str(tmp_path / "split.onnx"), classes=CLASSES, reads_as=ONNXInput(8)).check_weights()


def test_sizes_that_a_file_leaves_open_may_be_any(tmp_path):
    axes = {"picture": {0: "batch", 2: "height", 3: "width"}}
    file = export(Means(), tmp_path / "open.onnx", input_names=["picture"], dynamic_axes=axes)
    assert read_signature((tmp_path / "open.onnx").read_bytes()).inputs == {"picture": (None, 3, None, None)}
    ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(16, name="picture")).check_weights()


def test_a_wrong_computation_is_found_by_the_other_engine(file, monkeypatch):
    pytest.importorskip("onnxruntime")
    system = ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8))
    system.check_weights()
    wrong = onnx_engines.ENGINES | {"opencv": lambda *_: lambda picture: np.array([0.3, 0.1, 0.2], np.float32)}
    monkeypatch.setattr("ferbench_systems.onnx_network.ENGINES", wrong)
    with pytest.raises(FerbenchError, match=r"OpenCV computes .* wrongly: .* differ from ONNX Runtime's by .*\n  set engine: onnxruntime"):
        system.check_weights()


def test_without_onnx_runtime(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    parameters = {"file": file, "classes": CLASSES, "reads_as": ONNXInput(8)}
    with pytest.raises(FerbenchError, match=r"onnxruntime is not installed\n  pip install 'ferbench\[onnx\]'"):
        ONNX(**parameters, engine="onnxruntime").check_weights()


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_an_unknown_layer_is_one_line(tmp_path, engine, capfd):
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
    values = [onnx.helper.make_tensor_value_info(name, 1, [1, 3, 8, 8]) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("NoSuchLayer", ["x"], ["y"])], "graph", values[:1], values[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), tmp_path / "unknown.onnx")
    with pytest.raises(FerbenchError, match=r"cannot run .*unknown.onnx \(.*NoSuchLayer") as caught:
        ONNX(file=str(tmp_path / "unknown.onnx"), classes=CLASSES, reads_as=ONNXInput(8), engine=engine).check_weights()
    assert "\n" not in caught.value.message
    assert capfd.readouterr().err == ""


def test_values_that_are_no_answers_are_left_out(file):
    """Networks with several tasks give valence and arousal behind the expressions."""
    system = ONNX(file=file, classes=("happy", None, "angry"), reads_as=ONNXInput(8))
    system.check_weights()
    assert system.answers() == ("happy", "angry")
    assert torch.allclose(answer(system, CROP), MEANS[[0, 2]], atol=1e-5)


def test_its_answers_are_classes(file):
    trained = ONNX(file=file, classes=CLASSES, labels={"neutral": "calm"}).trainable(("happiness", "anger"))
    assert trained.others == ("calm",)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"file": "no/such.onnx"}, "no file no/such.onnx"),
        ({"classes": ("angry", "happy")}, "gives 3 values, and 2 classes are named"),
        ({"reads_as": ONNXInput(8, name="image")}, "has no input 'image': expected picture"),
        ({"reads_as": ONNXInput(8, "gray")}, r"reads 1 x 3 x 8 x 8 as 'picture', and 1 x 1 x 8 x 8 is declared \(gray, nchw\)"),
        ({"reads_as": ONNXInput(16)}, "reads 1 x 3 x 8 x 8 as 'picture', and 1 x 3 x 16 x 16 is declared"),
        ({"reads_as": ONNXInput(8, layout="nhwc")}, "and 1 x 8 x 8 x 3 is declared"),
    ],
)
def test_mistakes_are_errors_before_anything_is_decoded(file, changes, problem):
    parameters = {"file": file, "classes": CLASSES, "reads_as": ONNXInput(8), **changes}
    with pytest.raises(FerbenchError, match=problem):
        ONNX(**parameters).check_weights()


@pytest.mark.parametrize("content", [b"not a network", b"", b"\x08\x07", b"\x3a\x05ab"])
def test_what_is_no_onnx_is_an_error(tmp_path, content):
    (tmp_path / "text.onnx").write_bytes(content)
    with pytest.raises(FerbenchError, match=r"cannot read .*text.onnx as ONNX"):
        ONNX(file=str(tmp_path / "text.onnx"), classes=CLASSES).check_weights()


def test_a_file_that_ends_early_is_an_error(file, tmp_path):
    content = Path(file).read_bytes()
    for length in range(1, len(content), 7):
        (tmp_path / "cut.onnx").write_bytes(content[:length])
        with pytest.raises(FerbenchError, match=r"cannot read .*cut.onnx as ONNX"):
            ONNX(file=str(tmp_path / "cut.onnx"), classes=CLASSES, reads_as=ONNXInput(8)).check_weights()


@pytest.mark.parametrize("changes", [
    {"file": ""}, {"classes": (None,)}, {"classes": ("happy", "happy")},
    {"reads_as": ONNXInput(mean=(0.5,))}, {"reads_as": ONNXInput(std=(1, 0, 1))},
])  # fmt: skip
def test_parameters_that_cannot_be(file, changes):
    with pytest.raises(ValueError, match="expected"):
        ONNX(**{"file": file, "classes": CLASSES, **changes})
