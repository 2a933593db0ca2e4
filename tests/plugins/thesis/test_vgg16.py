"""VGG16 is torchvision's, its calibration standardizes channels, and its heads start from the weights that fit."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
import torchvision
from networks import build
from safetensors.torch import save_file
from torch import nn

from ferbench import FerbenchError
from ferbench.registry.parameters import build as build_parameters
from ferbench.registry.specs import Spec
from ferbench_thesis.vgg16 import VGG16, ReducedVGG16

CROPS = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) + 1


def ramp(shape, generator):
    """Values whose rows differ and which a file holds once: element [i, j, …] is number i + j of a short list."""
    fan = int(torch.tensor(shape[1:]).prod()) if len(shape) > 1 else 0
    values = torch.randn(shape[0] + fan, generator=generator) / max(fan, 1) ** 0.5
    return values.as_strided((shape[0], fan), (1, 1)).reshape(shape) if len(shape) == 4 else values.as_strided(shape, (1,) * len(shape))


@pytest.fixture(scope="module")
def whole():
    """torchvision's VGG16 for 1000 classes, with weights that take little memory."""
    with torch.device("meta"):
        model = torchvision.models.vgg16(init_weights=False)
    generator = torch.Generator().manual_seed(0)
    model.load_state_dict({name: ramp(tuple(value.shape), generator) for name, value in model.state_dict().items()}, assign=True)
    return model.eval()


@pytest.fixture(scope="module")
def weights_file(whole, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    torch.save(whole.state_dict(), path)
    return str(path)


def test_the_two_parts_together_are_torchvision_s_vgg16(whole, weights_file):
    backbone = VGG16(weights=weights_file, size=32)
    head = build(backbone, (25088,), range(1000)).eval()
    head.classifier.load_state_dict(whole.classifier[-1].state_dict())
    with torch.no_grad():
        torch.testing.assert_close(head(backbone.frozen().build(None)(CROPS)), whole(CROPS), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5])
def test_wherever_it_is_split_it_is_torchvision_s_vgg16(whole, weights_file, blocks):
    backbone = VGG16(weights=weights_file, size=32, trained_blocks=blocks)
    frozen = backbone.frozen()
    with torch.no_grad():
        features = frozen.build(None)(CROPS) if frozen else CROPS
        trainable = build(backbone, features.shape[1:], range(1000)).eval()
        trainable.classifier.load_state_dict(whole.classifier[-1].state_dict())
        torch.testing.assert_close(trainable(features), whole(CROPS), rtol=1e-4, atol=1e-4)
    assert (frozen is None) == (blocks == 5)
    convolutions = [p for name, p in trainable.named_parameters() if p.ndim == 4]
    assert len(convolutions) == [3, 6, 9, 11, 13][blocks - 1]
    assert all(p.requires_grad for p in trainable.parameters())


@pytest.mark.parametrize("parameters", [{"weights": "calibrated-random"}, {"weights": "random", "head": "logistic-regression"}])
def test_some_parameters_cannot_train_blocks(parameters):
    with pytest.raises(FerbenchError, match="trained_blocks is 1, with "):
        build_parameters(VGG16, Spec("", {"trained_blocks": 1, **parameters}), "backbone vgg16")


def test_weights_of_a_network_trained_as_a_whole_are_checked_before_decoding(tmp_path):
    with pytest.raises(FerbenchError, match="no weights at"):
        VGG16(weights=str(tmp_path / "none.pth"), trained_blocks=5).check_weights()


def test_layers_that_fit_start_from_the_weights_but_the_last_is_new(whole, weights_file):
    body, classifier = ReducedVGG16(weights=weights_file).trainable(range(1000)).build((25088,))
    assert torch.equal(body[0].weight, whole.classifier[0].weight)
    assert torch.equal(body[0].bias, whole.classifier[0].bias)
    assert body[3].weight.shape == (1024, 4096)
    assert not torch.equal(classifier.weight, whole.classifier[6].weight[:, :1024])


def test_a_second_layer_with_another_input_width_takes_no_bias_either(weights_file):
    body, _ = VGG16(weights=weights_file, hidden=8).trainable(range(6)).build((25088,))
    assert body[3].bias.shape == (4096,)
    assert not body[3].bias.any()


def test_a_new_head_is_initialized_like_torchvision_s():
    body, classifier = VGG16(weights="random", hidden=64, units=32).trainable(range(6)).build((25088,))
    assert body[0].weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert not body[0].bias.any()
    assert [type(layer) for layer in (*body, classifier)] == [
        type(layer) for layer in torchvision.models.vgg16(init_weights=False).classifier
    ]


def test_weights_without_a_classifier_are_enough(tmp_path):
    save_file(VGG16(weights="random").frozen().build(None).state_dict(), tmp_path / "features.safetensors")
    backbone = VGG16(weights=str(tmp_path / "features.safetensors"), hidden=8, units=8)
    assert build(backbone, (25088,), range(6))(torch.ones(2, 25088)).shape == (2, 6)


def test_the_reduced_network_differs_in_its_1024_units_only():
    assert asdict(ReducedVGG16()) == asdict(VGG16()) | {"units": 1024}
    assert ReducedVGG16(weights="random", hidden=8, units=5).trainable(range(6)).build((25088,))[0][3].weight.shape == (5, 8)


@pytest.mark.parametrize("weights", ["imagenet", "random", "calibrated-random", "local.pth"])
def test_the_reduced_network_shares_the_convolutions(weights):
    assert VGG16(weights=weights).frozen() == ReducedVGG16(weights=weights).frozen()


def test_random_weights_are_he_initialized():
    layer = VGG16(weights="random").frozen().build(None).features[5]
    assert layer.weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert not layer.bias.any()


@pytest.mark.parametrize("crops", [CROPS, CROPS.repeat(4, 1, 1, 1)], ids=["one batch", "batches of unequal size"])
def test_calibrated_channels_have_mean_0_and_variance_1_before_relu(crops):
    activations = crops
    for layer in VGG16(weights="calibrated-random").frozen().build(crops).features:
        activations = layer(activations)
        if isinstance(layer, nn.Conv2d):
            channels = activations.transpose(0, 1).flatten(1).double()
            varying = channels.var(1) > 0.5
            assert channels.mean(1).abs().max() < 1e-3
            assert channels.var(1, correction=0)[varying] == pytest.approx(1, abs=1e-3)
            assert varying.float().mean() > 0.9


def test_calibration_limits_its_memory_by_taking_evenly_spaced_crops(monkeypatch):
    monkeypatch.setattr("ferbench_thesis.vgg16_model.CALIBRATION_BYTES", 3 * 4 * 64 * 32 * 32)  # room for three crops
    crops = torch.cat([CROPS, CROPS + 1])[:9]
    frozen = VGG16(weights="calibrated-random").frozen()
    few, of_many = frozen.build(crops[[0, 4, 8]]).state_dict(), frozen.build(crops).state_dict()
    assert all(torch.equal(few[name], of_many[name]) for name in few)


def test_the_thesis_s_normalization_reaches_the_input():
    mean, std = (0.484, 0.455, 0.405), (0.228, 0.223, 0.224)
    declared = VGG16(mean=mean, std=std, size=112).input()
    assert (declared.size, declared.channels, declared.mean, declared.std) == (112, 3, mean, std)
