"""Frame attention follows its formulas and ignores padding and the order of frames."""

from __future__ import annotations

import math

import pytest
import torch
import torchvision
from networks import Logits, build

from ferbench_basics.losses import Center
from ferbench_timm.attention import relation_attention, self_attention
from ferbench_timm.backbone import EmotionFAN


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def clip(frames=5, width=4, seed=0):
    return torch.randn(frames, width, generator=torch.Generator().manual_seed(seed))


def make_model(kind, seed=1):
    torch.manual_seed(seed)
    return Logits(*(self_attention(4, 3, 0.5) if kind == "self" else relation_attention(4, 3, 0.5, 0.6))).eval()


def alpha(model):
    """The layer that weighs each frame by itself."""
    return model.body.alpha if hasattr(model.body, "alpha") else model.body.attention.alpha


def by_hand(model, f, relation):
    """The formulas in plain Python."""
    dot = lambda layer, x: sum(w * v for w, v in zip(layer.weight[0].tolist(), x, strict=True)) + layer.bias.item()  # noqa: E731
    frames = [[float(value) for value in frame] for frame in f]
    a = [sigmoid(dot(alpha(model), frame)) for frame in frames]
    whole = [sum(a[i] * frames[i][d] for i in range(len(frames))) / sum(a) for d in range(4)]
    last = whole
    if relation:
        pairs = [frame + whole for frame in frames]
        b = [sigmoid(dot(model.body.beta, pair)) for pair in pairs]
        total = sum(x * y for x, y in zip(a, b, strict=True))
        last = [sum(a[i] * b[i] * pairs[i][d] for i in range(len(frames))) / total for d in range(8)]
    return [
        sum(model.classifier.weight[c].tolist()[d] * last[d] for d in range(len(last))) + model.classifier.bias[c].item() for c in range(3)
    ]


@pytest.mark.parametrize("kind", ["self", "self-relation"])
def test_attention_follows_its_formulas(kind):
    model, f = make_model(kind), clip()
    logits = model(f[None], torch.ones(1, 5, dtype=torch.bool))[0]
    assert logits.tolist() == pytest.approx(by_hand(model, f, kind != "self"), abs=1e-5)


@pytest.mark.parametrize("kind", ["self", "self-relation"])
def test_padding_has_no_effect(kind):
    """To the last bits of float32, whatever stands there."""
    model, f = make_model(kind), clip()
    alone = model(f[None], torch.ones(1, 5, dtype=torch.bool))
    for padding in (1, 3, 20):
        x = torch.cat([f, 1000 * clip(padding, seed=2)])[None]
        mask = torch.arange(5 + padding)[None] < 5
        assert torch.allclose(model(x, mask), alone, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["self", "self-relation"])
def test_the_order_of_frames_has_no_effect(kind):
    model, f = make_model(kind), clip()
    mask = torch.ones(1, 5, dtype=torch.bool)
    assert torch.allclose(model(f[None], mask), model(f[[3, 0, 4, 2, 1]][None], mask), atol=1e-6)


@pytest.mark.parametrize("kind", ["self", "self-relation"])
def test_tiny_weights_do_not_underflow(kind):
    """The sigmoids of all frames underflow; the normalized weights do not."""
    model, f = make_model(kind), clip()
    with torch.no_grad():
        alpha(model).bias.fill_(-200)
    f.requires_grad_(True)
    logits = model(f[None], torch.ones(1, 5, dtype=torch.bool))
    logits.sum().backward()
    assert logits.isfinite().all()
    assert f.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["self", "self-relation"])
def test_one_frame_is_its_own_mean(kind):
    model, f = make_model(kind), clip(1)
    inputs = f if kind == "self" else torch.cat([f, f], 1)
    assert torch.allclose(model(f[None], torch.ones(1, 1, dtype=torch.bool)), model.classifier(inputs), atol=1e-6)


@pytest.mark.parametrize("attention", ["self", "self-relation"])
@pytest.mark.parametrize("trained", [0, 1, "all"])
def test_gradients_reach_what_is_trainable(attention, trained):
    backbone = EmotionFAN("resnet18", "random", attention=attention, size=32, trained_blocks=trained)
    images = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    frozen = backbone.frozen()
    features = frozen.build(None)(images) if frozen else images
    model = build(backbone, features.shape[1:], "abc").train()
    mask = torch.tensor([[True, True, True], [True, True, False]])
    logits = model(features.unflatten(0, (2, 3)), mask)
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert bool(frozen) == (trained != "all")
    assert backbone.frames_per_clip() == 3


def test_the_blocks_of_a_clip_never_see_padding():
    """Batch normalization would count it in its statistics."""
    backbone = EmotionFAN("resnet18", "random", size=32, trained_blocks="all", dropout=0, relation_dropout=0)
    x = torch.randn(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True, True, True], [True, True, False]])
    model = build(backbone, (3, 32, 32), "abc").train()
    other = x.clone()
    other[1, 2] = 1000
    assert torch.equal(model(x, mask), model(other, mask))


def test_the_authors_weights_can_be_loaded(tmp_path):
    """Trained on FER+: a checkpoint of DataParallel, with two heads behind a ResNet18 with torchvision's names."""
    network = torchvision.models.resnet18(num_classes=8)
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    state |= {"module.feature.weight": torch.zeros(4, 512), "module.feature.bias": torch.zeros(4)}
    torch.save({"epoch": 3, "state_dict": state, "prec1": 0.8}, tmp_path / "Resnet18_FER+_pytorch.pth.tar")
    backbone = EmotionFAN("resnet18", str(tmp_path / "Resnet18_FER+_pytorch.pth.tar"), size=64)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    network.fc = torch.nn.Identity()
    assert torch.allclose(backbone.frozen().build(None)(x), network.eval()(x), atol=1e-5)


@pytest.mark.parametrize(("attention", "width"), [("self", 512), ("self-relation", 1024)])
@pytest.mark.parametrize("lengths", [(1,), (3,), (2, 3), (3, 1, 2), (4, 4, 4, 4), (1, 2, 3, 4, 5)])
def test_center_loss_reads_the_embedding_of_each_clip(attention, width, lengths):
    """It used to read the input of the attention gate: a wrong shape at some batch sizes, wrong values at all."""
    backbone = EmotionFAN("resnet18", "random", attention=attention)
    body, classifier = backbone.trainable("abc").build((512,))
    x, mask = torch.randn(len(lengths), max(lengths), 512), torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    embeddings = body.eval()(x, mask)
    assert embeddings.shape == (len(lengths), width)
    loss = Center(weight=1.0).build([1, 1, 1], classifier.in_features)
    target = torch.arange(len(lengths)) % 3
    expected = torch.nn.functional.cross_entropy(classifier(embeddings), target) + embeddings.square().sum(1).mean() / 2  # centers at 0
    assert torch.allclose(loss(classifier(embeddings), target, embeddings), expected)
