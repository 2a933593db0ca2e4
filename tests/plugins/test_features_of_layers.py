"""`features` of timm's and torchvision's networks and of VGG16: those that the network itself computes there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from ferbench import FerbenchError
from ferbench.store.keys import identify_component
from ferbench.types import Layer
from ferbench_thesis.vgg16 import VGG16
from ferbench_timm.backbone import CNNRNN, EmotionFAN, Timm
from ferbench_torchvision.images import Torchvision

NETWORKS = [
    Timm(model="resnet10t", weights="random", size=64, features=Layer("layer2", 4)),
    Timm(model="tf_efficientnet_lite0", weights="random", size=64, features=Layer("blocks.3.1", 2)),
    Timm(model="test_vit", weights="random", features=Layer("blocks.1", 3)),
    EmotionFAN(model="resnet10t", weights="random", size=64, features=Layer("layer1", 2)),
    CNNRNN(model="resnet10t", weights="random", size=64, features=Layer("layer1", 2)),
    Torchvision(model="squeezenet1_1", weights="random", size=64, features=Layer("features.7", 3)),
    VGG16(weights="random", size=32, features=Layer("features.16", 4)),
]


@pytest.mark.parametrize("backbone", NETWORKS, ids=lambda each: each.name)
def test_features_are_the_output_of_the_layer(backbone):
    declared, kept = backbone.input(), {}
    crops = torch.randn(2, declared.channels, declared.size, declared.size)
    network = backbone.network().eval()
    network.get_submodule(backbone.features.layer).register_forward_hook(lambda _, __, output: kept.update(maps=output))
    cut = backbone.frozen().build(None)
    with torch.no_grad():
        network(crops)
        features = cut(crops)
    maps = kept["maps"]
    if maps.ndim == 3:  # 1 class token and 10 x 10 patches
        maps = maps[:, 1:].transpose(1, 2).reshape(2, -1, 10, 10)
    assert torch.allclose(features, F.adaptive_avg_pool2d(maps, backbone.features.grid).flatten(1), atol=1e-4)


def test_networks_with_the_same_layer_share_its_features():
    one, other = (Timm(weights="random", head=head, features=Layer("layer2", 2)) for head in ("linear", "svm"))
    assert one.frozen() == other.frozen()
    assert identify_component(one.frozen()) != identify_component(replace(one, features=Layer("layer2", 3)).frozen())
    assert identify_component(one.frozen()) != identify_component(replace(one, features=None).frozen())


@pytest.mark.parametrize("kind", [Timm, Torchvision, VGG16])
def test_a_layer_that_does_not_exist_is_an_error_before_anything_is_decoded(kind):
    with pytest.raises(FerbenchError, match="the network has no layer 'layer5'"):
        kind(weights="random", features=Layer("layer5")).check_weights()


@pytest.mark.parametrize("parameters", [{"trained_blocks": 1}, {"trained_blocks": "all"}])
def test_blocks_are_not_trained_behind_a_layer(parameters):
    with pytest.raises(ValueError, match="with features of a layer, which are frozen"):
        Timm(weights="random", features=Layer("layer2"), **parameters)


def test_a_network_that_is_trained_whole_has_no_features():
    with pytest.raises(ValueError, match="trained is all, with features"):
        Torchvision(trained="all", features=Layer("features.0"))
    with pytest.raises(ValueError, match="with features of a layer"):
        VGG16(trained_blocks=2, features=Layer("features.16"))


def test_the_full_head_of_vgg16_reads_only_as_many_features_as_its_own():
    with pytest.raises(FerbenchError, match=r"the full head reads 25088 features of a frame \(512 x 7 x 7\), but there are 4096"):
        VGG16(weights="random", size=64, features=Layer("features.16", 4)).check_weights()
    VGG16(weights="random", size=64, features=Layer("features.16", 4), head="linear").check_weights()
    VGG16(weights="random", size=112, features=Layer("features.23", 7)).check_weights()


def test_the_full_head_is_refused_also_if_features_are_stored():
    backbone = VGG16(weights="random", size=64, features=Layer("features.16", 4))
    with pytest.raises(FerbenchError, match="the full head reads 25088 features"):
        backbone.trainable(["happiness", "sadness"]).build((4096,))


def test_the_branches_of_a_network_are_not_mistaken_for_one_layer():
    with pytest.raises(FerbenchError, match=r"the layer stage2 gives 2 values \(list\)"):
        Timm(model="hrnet_w18_small", weights="random", size=64, features=Layer("stage2")).check_weights()


def test_gray_crops_have_features_of_a_layer_too():
    backbone = Timm(model="resnet10t", weights="random", size=64, channels=1, features=Layer("layer2", 2))
    assert backbone.frozen().build(None)(torch.zeros(3, 1, 64, 64)).shape == (3, 128 * 4)


def test_calibrated_networks_are_calibrated_as_a_whole():
    backbone = Timm(model="resnet10t", weights="calibrated-random", size=64, features=Layer("layer2", 1))
    crops = torch.randn(8, 3, 64, 64) + 2
    plain = Timm(model="resnet10t", weights="random", size=64, features=Layer("layer2", 1)).frozen().build(None)
    features = backbone.frozen().build(crops)(crops)
    assert features.shape == (8, 128)
    assert not torch.allclose(features, plain(crops), atol=1e-3)
