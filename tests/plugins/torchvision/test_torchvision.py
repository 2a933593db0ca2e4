"""torchvision's networks, ZFNet and C3D."""

from __future__ import annotations

import pytest
import torch
import torchvision
from networks import build
from safetensors.torch import save_file

from ferbench import FerbenchError
from ferbench.registry.parameters import build as build_parameters
from ferbench.registry.specs import Spec
from ferbench_torchvision.images import Torchvision
from ferbench_torchvision.networks import remove_last_layer, zfnet
from ferbench_torchvision.videos import C3D, TorchvisionVideo
from ferbench_torchvision.volumes import sample_frames


def count_parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("model", "width"), [("alexnet", 4096), ("zfnet", 4096), ("googlenet", 1024), ("resnet18", 512)])
def test_networks_for_images_are_frozen_without_their_last_layer(model, width):
    backbone = Torchvision(model, "random", size=96)
    trunk = backbone.frozen().build(None)
    features = trunk(torch.randn(2, 3, 96, 96))
    assert features.shape == (2, width)
    assert not any(p.requires_grad for p in trunk.parameters())
    assert build(backbone, (width,), "abc")(features).shape == (2, 3)
    assert all(torch.equal(*pair) for pair in zip(trunk.parameters(), backbone.frozen().build(None).parameters(), strict=True))


def test_a_network_for_images_trained_as_a_whole():
    backbone = Torchvision("resnet18", "random", trained="all", head="mlp", hidden=5, size=32)
    model = build(backbone, (32, 32), "abc")
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert backbone.frozen() is None


def test_parameters_of_alexnet_and_zfnet():
    """ZFNet differs from AlexNet of 2012 in the sizes of two layers; both have about 60 million weights."""
    assert count_parameters(torchvision.models.alexnet()) == 61_100_840
    assert count_parameters(zfnet()) == 62_357_608
    assert zfnet().eval()(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)


def test_weights_from_a_file(tmp_path):
    network = torchvision.models.alexnet(num_classes=7)
    save_file(network.state_dict(), tmp_path / "alexnet.safetensors")
    trunk = Torchvision(weights=str(tmp_path / "alexnet.safetensors")).frozen().build(None)
    assert torch.equal(trunk.classifier[4].weight, network.classifier[4].weight)
    with pytest.raises(FerbenchError, match="do not fit"):
        Torchvision("resnet18", str(tmp_path / "alexnet.safetensors")).frozen().build(None)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (Torchvision("alexnett", "random"), "did you mean alexnet"),
        (TorchvisionVideo("r3d", "random"), "did you mean s3d or r3d_18"),
    ],
)
def test_the_error_suggests_names_of_networks(backbone, message):
    with pytest.raises(FerbenchError, match=message):
        backbone.frozen().build(None)


def test_a_head_that_cannot_be_trained_with_the_network_is_refused_when_the_benchmark_is_read():
    with pytest.raises(FerbenchError, match="trained is all, with head svm"):
        build_parameters(Torchvision, Spec("", {"trained": "all", "head": "svm"}), "backbone torchvision")


def test_frames_are_sampled_evenly():
    x = torch.arange(8.0).reshape(1, 8, 1, 1, 1).repeat(2, 1, 1, 1, 1)
    assert sample_frames(x, torch.tensor([8, 3]), 4)[:, 0, :, 0, 0].tolist() == [[1, 3, 5, 7], [0, 1, 1, 2]]
    assert sample_frames(x, torch.tensor([8, 8]), 8)[0].flatten().tolist() == list(range(8))


def test_c3d_is_the_one_of_the_paper():
    """27.7 million weights in its eight convolutions and 78.0 with fc6 and fc7; 78.4 million for 101 classes."""
    model = build(C3D(), (), range(101))
    names = dict(model.body.trunk.named_children())
    convolutions = [name for name in names if name.startswith("conv")]
    assert convolutions == ["conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"]
    assert [names[name].out_channels for name in convolutions] == [64, 128, 256, 256, 512, 512, 512, 512]
    assert all(names[name].kernel_size == (3, 3, 3) for name in convolutions)
    assert sum(count_parameters(names[name]) for name in convolutions) == 27_655_936
    assert names["fc6"].in_features == 8192
    assert count_parameters(model) == 78_409_573


@pytest.mark.parametrize(
    "backbone", [C3D(width=4, hidden=8, size=32), TorchvisionVideo("r3d_18", "random", trained="all", size=32, frames=4)]
)
def test_gradients_reach_all_of_a_network_that_reads_clips(backbone):
    model = build(backbone, (), "abc").train()
    assert backbone.frozen() is None
    logits = model(torch.randn(2, 5, 3, 32, 32), torch.tensor([[True] * 5, [True] * 3 + [False] * 2]))
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_padding_is_never_read():
    torch.manual_seed(0)
    model = build(C3D(width=4, hidden=8, size=32), (), "abc").eval()
    x = torch.randn(1, 5, 3, 32, 32)
    padded = torch.cat([x, torch.full((1, 4, 3, 32, 32), 1e6)], 1)
    assert torch.allclose(model(x, torch.ones(1, 5, dtype=torch.bool)), model(padded, torch.arange(9)[None] < 5), atol=1e-6)


def test_a_frozen_network_gives_one_feature_vector_per_clip():
    backbone = TorchvisionVideo("mc3_18", "random", frames=4, size=32)
    features = backbone.frozen().build(None)(torch.randn(6, 3, 32, 32))
    assert features.shape == (1, 512)
    assert backbone.frames_per_clip() is None
    assert build(backbone, (512,), "abc")(features[None], torch.ones(1, 1, dtype=torch.bool)).shape == (1, 3)


def test_c3d_weights_from_a_file(tmp_path):
    trained = C3D(width=4, hidden=8, size=32)
    save_file(build(trained, (), "abc").body.trunk.state_dict(), tmp_path / "c3d.safetensors")
    loaded = C3D(str(tmp_path / "c3d.safetensors"), width=4, hidden=8, size=32)
    loaded.check_weights()
    with pytest.raises(FerbenchError, match="do not fit"):
        C3D(str(tmp_path / "c3d.safetensors"), width=8, hidden=8, size=32).check_weights()
    with pytest.raises(FerbenchError, match="no weights at"):
        C3D(str(tmp_path / "none.pth")).check_weights()


# RegNets cannot be built on the meta device; the smallest two stand for all of them.
IMAGE = [name for name in torchvision.models.list_models(module=torchvision.models) if "regnet" not in name or "_400mf" in name]


@pytest.mark.parametrize("model", [*IMAGE, *torchvision.models.list_models(module=torchvision.models.video)])
def test_the_last_layer_of_every_network_can_be_removed(model):
    with torch.device("cpu" if "regnet" in model else "meta"):
        network = torchvision.models.get_model(model, weights=None)
    remove_last_layer(network, model)
    assert network.get_buffer("embedding_width").shape == ()


VIDEO = torchvision.models.list_models(module=torchvision.models.video)
LARGE = {"swin3d_b", "swin3d_s"}  # they differ from swin3d_t only in size
TESTED = [name for name in VIDEO if name not in LARGE]


ONE_OF_EACH_FAMILY = ("mvit_v1_b", "r3d_18", "s3d", "swin3d_t")


@pytest.mark.parametrize(("trained", "model"), [*(("head", name) for name in TESTED), *(("all", name) for name in ONE_OF_EACH_FAMILY)])
def test_every_network_for_videos_works(trained, model):
    """s3d used to fail at once, since it ends in a convolution; mvit_v1_b with everything trained, after decoding."""
    backbone = TorchvisionVideo(model, "random", trained=trained)
    backbone.check_weights()
    if trained == "head":
        width = int(backbone.frozen().build(None).trunk.get_buffer("embedding_width"))
        classifier = backbone.trainable("abc").build((width,))[1]
    else:
        body, classifier = backbone.trainable("abc").build(())
        width = int(body.trunk[0].get_buffer("embedding_width"))
    assert classifier.in_features == width > 100


@pytest.mark.parametrize("model", ["vit_b_16", "squeezenet1_1", "densenet121", "swin_t", "efficientnet_b0", "inception_v3"])
def test_networks_for_images_work_when_everything_is_trained(model):
    backbone = Torchvision(model, "random", trained="all")
    backbone.check_weights()
    size = backbone.input().size
    assert build(backbone, (size, size), "abc").eval()(torch.zeros(1, 3, size, size)).shape == (1, 3)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (Torchvision("vit_b_16", "random", size=112), "vit_b_16 cannot read 112x112 pixels: Wrong image height"),
        (Torchvision("vit_b_16", "random", trained="all", size=112), "vit_b_16 cannot read 112x112 pixels"),
        (TorchvisionVideo("mvit_v1_b", "random", trained="all", frames=8), "mvit_v1_b cannot read 8 frames of 224x224 pixels"),
        (TorchvisionVideo("s3d", "random", size=16), "s3d cannot read 16 frames of 16x16 pixels"),
    ],
)
def test_an_input_that_a_network_cannot_read_is_refused_before_decoding(backbone, message):
    with pytest.raises(FerbenchError, match=message):
        backbone.check_weights()
