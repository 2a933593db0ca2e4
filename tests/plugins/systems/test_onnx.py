"""ONNX files as finished systems."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ferbench import FerbenchError
from ferbench_systems.onnx import ONNX, ONNXInput

pytest.importorskip("onnx")
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


def test_values_are_given_as_the_network_reads_them(file):
    assert torch.allclose(answer(ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8)), CROP), MEANS, atol=1e-5)
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


def test_probabilities_become_their_logarithms(file):
    system = ONNX(file=file, classes=CLASSES, reads_as=ONNXInput(8), scores="probabilities")
    assert torch.allclose(answer(system, CROP), MEANS.log(), atol=1e-4)
    assert answer(system, torch.zeros(3, 8, 8)).isfinite().all()


def test_its_answers_are_classes(file):
    trained = ONNX(file=file, classes=CLASSES, labels={"neutral": "calm"}).trainable(("happiness", "anger"))
    assert trained.others == ("calm",)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"file": "no/such.onnx"}, "no file no/such.onnx"),
        ({"classes": ("angry", "happy")}, "gives 3 values, and 2 classes are named"),
        ({"reads_as": ONNXInput(8, name="image")}, "cannot read 3 x 8 x 8, nchw as the input 'image'"),
        ({"reads_as": ONNXInput(8, "gray")}, "cannot read 1 x 8 x 8"),
    ],
)
def test_mistakes_are_errors_before_anything_is_decoded(file, changes, problem):
    parameters = {"file": file, "classes": CLASSES, "reads_as": ONNXInput(8), **changes}
    with pytest.raises(FerbenchError, match=problem):
        ONNX(**parameters).check_weights()


def test_what_is_no_onnx_is_an_error(tmp_path):
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(FerbenchError, match=r"cannot read .*text.onnx as ONNX"):
        ONNX(file=str(tmp_path / "text.onnx"), classes=CLASSES).check_weights()


@pytest.mark.parametrize("changes", [{"file": ""}, {"classes": ()}, {"reads_as": ONNXInput(mean=(0.5,))}])
def test_parameters_that_cannot_be(file, changes):
    with pytest.raises(ValueError, match="expected"):
        ONNX(**{"file": file, "classes": CLASSES, **changes})
