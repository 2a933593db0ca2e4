"""Combinations that cannot work are refused when the plan is made, before anything is decoded."""

from __future__ import annotations

import json

import pytest

from ferbench.cli.main import main

LOSSES = """
import ferbench
from dataclasses import dataclass

@ferbench.hookimpl
def register_losses(register):
    register(Plain)
    register(Weighted)
    register(Other)
    register(Embedding)

class Plain(ferbench.Loss):
    '''Cross-entropy.'''
    name = "plain"

    def class_weights(self, counts):
        return None

    def build(self, counts):
        from torch import nn
        return nn.CrossEntropyLoss()

    @property
    def only_weighs_classes(self):
        return True

class Weighted(Plain):
    '''Cross-entropy in which the first class counts ten times as much.'''
    name = "weighted"

    def class_weights(self, counts):
        return [10.0, 1.0, 1.0]

class Other(Plain):
    '''A loss that no class weights can express.'''
    name = "other"

    @property
    def only_weighs_classes(self):
        return False

class Embedding(ferbench.EmbeddingLoss):
    '''Cross-entropy and the length of the embedding.'''
    name = "embedding"

    def build(self, counts, width):
        from torch.nn import functional as F

        def loss(logits, target, embeddings):
            assert embeddings.shape == (len(logits), width), (embeddings.shape, width)
            return F.cross_entropy(logits, target) + 0.01 * embeddings.square().mean()

        return loss
"""


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    """Runs the toy benchmark with these losses: (exit code, rows, stderr)."""

    def call(*settings):
        losses, store = tmp_path / "losses.py", tmp_path / "runs"
        losses.write_text(LOSSES)
        plugins = ["--plugin", str(toy_plugin), "--plugin", str(losses)]
        options = ["--store", str(store), "--device", "cpu", "--no-figures", "--format", "json", "--only", "aggregator=mean"]
        code = main(["run", str(benchmark_file), *plugins, *options, *[part for text in settings for part in ("--set", text)]])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else [], output.err

    return call


def is_refused(result, tmp_path, message):
    code, rows, error = result
    assert (code, rows) == (2, [])
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "runs" / "crops").exists()
    return True


def test_a_classifier_refuses_a_loss_that_it_cannot_take(run, tmp_path):
    """Three such losses used to give three identical rows."""
    message = "loss other with backbone trees: a scikit-learn classifier has its own loss"
    assert is_refused(run("backbone=trees", "loss=other"), tmp_path, message)
    assert is_refused(run("backbone=[toy-net, trees]", "loss=[plain, other]"), tmp_path, message)


def test_a_classifier_takes_class_weights(run):
    code, rows, _ = run("backbone=trees", "loss=[plain, weighted]")
    assert code == 0
    assert len(rows) == 2


@pytest.mark.parametrize("backbone", ["whole", "clips", "trees"])
def test_a_loss_that_reads_the_embedding_needs_a_network_that_names_it(run, tmp_path, backbone):
    message = f"loss embedding reads the embedding of a network, but backbone {backbone} has none"
    assert is_refused(run(f"backbone={backbone}", "loss=embedding"), tmp_path, message)


def test_it_reads_what_the_network_names(run):
    code, rows, _ = run("backbone=[toy-net, {toy-net: {hidden: 5}}]", "loss=embedding", "recipe.epochs=20")
    assert code == 0
    assert all(row["uar"] > 0.8 for row in rows)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("[{trees: {pooled: false}}]", "a scikit-learn classifier on crops cannot be trained on augmented ones"),
        ("landmarks", "backbone landmarks reads landmarks, but augmentation changes images"),
    ],
)
def test_augmentations_that_cannot_reach_the_items(run, tmp_path, backbone, message):
    assert is_refused(run(f"backbone={backbone}", "loss=plain", "recipe.augmentation={flip: 1}"), tmp_path, message)


BACKBONE = """
import ferbench
from dataclasses import dataclass

@ferbench.hookimpl
def register_backbones(register):
    register(Net)

{frozen}

    @property
    def is_calibrated(self):
        return False

    def build(self, crops):
        from torch import nn
        return nn.Flatten()

@dataclass(frozen=True)
class Net(ferbench.Backbone):
    '''A network.'''
    name = "net"
    size: int = 1

    def input(self):
        return ferbench.Input(8, 1, (0.5,), (0.5,))

    def frozen(self):
        return {call}

    def trainable(self, classes):
        from torch import nn
        return ferbench.Network(lambda shape: nn.Linear(64, len(classes)))
"""
HIDDEN = """
def make(size):
    class Part(ferbench.Frozen):
        is_calibrated = False

        def build(self, crops):
            print(size)

    return Part()

class Other(ferbench.Frozen):
"""
OWN = "class Part(ferbench.Frozen):\n    def __init__(self, size):\n        object.__setattr__(self, 'size', size)"
EXTRA = "@dataclass(frozen=True)\nclass Part(ferbench.Frozen):\n    width: int = 1\n" + OWN.partition("\n")[2]


@pytest.mark.parametrize(
    ("frozen", "call", "message"),
    [
        (OWN, "Part(self.size)", "Part has its own constructor, which differs from its fields in size: use @dataclass(frozen=True)"),
        (
            EXTRA,
            "Part(self.size)",
            "Part has its own constructor, which differs from its fields in size, width: use",
        ),
        ("class Part(ferbench.Frozen):\n    size: int = 3", "Part()", "Part has parameters but no @dataclass(frozen=True): size"),
        (HIDDEN, "make(self.size)", "Part is defined inside a function and uses its variables size: make them parameters"),
    ],
)
def test_a_frozen_part_whose_arguments_its_key_would_miss_is_refused(
    frozen, call, message, benchmark_file, data, tmp_path, capsys, toy_plugin
):
    """Two of them with other arguments were equal, and shared their features."""
    (tmp_path / "net.py").write_text(BACKBONE.format(frozen=frozen, call=call))
    plugins = ["--plugin", str(toy_plugin), "--plugin", str(tmp_path / "net.py")]
    options = ["--store", str(tmp_path / "runs"), "--device", "cpu", "--format", "json", "--set", "backbone=net"]
    result = main(["run", str(benchmark_file), *plugins, *options]), [], capsys.readouterr().err
    assert is_refused(result, tmp_path, f"the frozen part of backbone net: {message}")
