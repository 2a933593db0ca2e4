"""What every backbone with a frozen part guarantees, whatever its network."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import build
from safetensors.torch import save_file

from ferbench import FerbenchError
from ferbench_thesis.vgg16 import VGG16
from ferbench_timm.backbone import Timm

SIZE, CLASSES = 32, 6
BACKBONES = [
    VGG16(weights="random", hidden=24, units=16, size=SIZE),
    Timm(weights="random", model="resnet18", size=SIZE),
    Timm(weights="random", model="test_efficientnet", head="mlp", dropout=0.2, channels=1, size=SIZE),
]
each_backbone = pytest.mark.parametrize("backbone", BACKBONES, ids=lambda b: f"{b.name}-{getattr(b, 'model', '')}")


def crops(backbone, count=8, seed=0):
    declared = backbone.input()
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, declared.channels, declared.size, declared.size, generator=generator)


def features(backbone, inputs, training=None):
    with torch.no_grad():
        return backbone.frozen().build(training)(inputs)


def save_weights(backbone, path):
    """The weights of a random trunk in a file that also holds a classifier."""
    state = {name: value.contiguous() for name, value in backbone.frozen().build(None).state_dict().items()}
    state |= {"fc.weight": torch.ones(3, 3)} if getattr(backbone, "model", "") == "resnet18" else {"classifier.weight": torch.ones(3, 3)}
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return str(path)


@each_backbone
def test_logits_for_any_batch_size_and_gradients_in_the_trainable_part_only(backbone):
    frozen = backbone.frozen().build(None)
    extracted = frozen(crops(backbone, 3))
    head = build(backbone, extracted.shape[1:], range(CLASSES))
    logits = head(extracted)
    logits.square().sum().backward()
    assert extracted.shape[0] == 3
    assert extracted.ndim == 2
    assert logits.shape == (3, CLASSES)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())
    assert not any(p.requires_grad for p in frozen.parameters())
    assert not any(module.training for module in frozen.modules())


@each_backbone
def test_random_weights_depend_on_their_seed_and_on_nothing_else(backbone):
    inputs = crops(backbone, 2)
    torch.manual_seed(1)
    first = features(backbone, inputs)
    state = torch.get_rng_state()
    again = features(backbone, inputs)
    assert torch.equal(first, again)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.allclose(first, features(replace(backbone, weights_seed=1), inputs))


@each_backbone
def test_a_head_draws_from_the_global_generator(backbone):
    heads = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        heads.append(torch.cat([p.flatten() for p in build(backbone, (40,), range(CLASSES)).parameters()]))
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


@each_backbone
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_local_file_gives_the_same_features(backbone, suffix, tmp_path):
    inputs = crops(backbone, 2)
    local = replace(backbone, weights=save_weights(backbone, tmp_path / f"weights{suffix}"))
    assert torch.equal(features(local, inputs), features(backbone, inputs))


@each_backbone
def test_a_seed_that_is_not_used_does_not_separate_features(backbone):
    from_file = replace(backbone, weights="some.pth")
    assert from_file.frozen() == replace(from_file, weights_seed=5).frozen()
    assert backbone.frozen() != replace(backbone, weights_seed=5).frozen()
    assert not from_file.frozen().is_calibrated


@each_backbone
def test_every_head_shares_the_frozen_part(backbone):
    assert {replace(backbone, head=head).frozen() for head in ("linear", "logistic-regression")} == {backbone.frozen()}


@each_backbone
def test_calibration_depends_on_the_training_crops(backbone):
    calibrated = replace(backbone, weights="calibrated-random")
    inputs, training = crops(backbone, 2), crops(backbone, 8, seed=1)
    first = features(calibrated, inputs, training)
    assert calibrated.frozen().is_calibrated
    assert torch.equal(first, features(calibrated, inputs, training))
    assert not torch.allclose(first, features(calibrated, inputs, training + 3))
    assert torch.isfinite(first).all()


@each_backbone
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_calibration_survives_constant_crops(backbone, value):
    calibrated = replace(backbone, weights="calibrated-random")
    assert torch.isfinite(features(calibrated, crops(backbone), torch.full_like(crops(backbone), value))).all()


@each_backbone
def test_calibration_without_crops_is_an_error(backbone):
    with pytest.raises(FerbenchError, match="training crops"):
        replace(backbone, weights="calibrated-random").frozen().build(None)


@each_backbone
def test_the_error_names_a_missing_file(backbone, tmp_path):
    with pytest.raises(FerbenchError, match=r"no weights at .*absent\.pth.*\n.*--set backbone\.weights"):
        replace(backbone, weights=str(tmp_path / "absent.pth")).frozen().build(None)


@each_backbone
def test_the_error_names_weights_of_another_shape_or_network(backbone, tmp_path):
    state = backbone.frozen().build(None).state_dict()
    first, second, *_ = state
    torch.save({name: value[:1] if name == first else value for name, value in state.items() if name != second}, tmp_path / "odd.pth")
    with pytest.raises(FerbenchError, match=rf"{first} is \[1, .*\], expected \[.*{second} is missing"):
        replace(backbone, weights=str(tmp_path / "odd.pth")).frozen().build(None)


class Harmful:
    def __reduce__(self):
        return print, ("code of the file ran",)


@each_backbone
def test_code_in_a_file_of_weights_does_not_run(backbone, tmp_path, capsys):
    torch.save({"features.0.weight": Harmful()}, tmp_path / "harmful.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Harmful(), protocol=2))
    for name in ("harmful.pth", "plain.pth"):
        with pytest.raises(FerbenchError, match=f"cannot read .*{name}"):
            replace(backbone, weights=str(tmp_path / name)).frozen().build(None)
    assert "ran" not in capsys.readouterr().out


@each_backbone
@pytest.mark.parametrize(("content", "message"), [({"state_dict": {"epoch": 3}, "epoch": 3}, "state_dict, epoch"), ([1, 2], "list")])
def test_a_file_without_a_state_dict_is_refused(backbone, content, message, tmp_path):
    torch.save(content, tmp_path / "run.pth")
    with pytest.raises(FerbenchError, match=rf"holds .*{message}; expected a state dict"):
        replace(backbone, weights=str(tmp_path / "run.pth")).frozen().build(None)


@each_backbone
def test_logistic_regression_separates_separable_classes(backbone):
    target = np.repeat([0, 1, 2], 10)
    inputs = np.random.default_rng(0).normal(size=(30, 12)) + 4 * np.eye(12)[target]
    (classifier,) = replace(backbone, head="logistic-regression").trainable("abc").build()
    classifier.fit(inputs, target)
    assert classifier.predict_proba(inputs).shape == (30, 3)
    assert classifier.score(inputs, target) == 1


@each_backbone
def test_the_error_for_an_unreachable_network_has_two_lines(backbone, tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FerbenchError, match=r"https://.*\n.*--set backbone\.weights=FILE.*calibrated-random") as error:
        replace(backbone, weights="imagenet").frozen().build(None)
    assert str(tmp_path) in str(error.value)
    assert len(str(error.value).splitlines()) == 2
