"""Optimizers are torch's own, to the bit, without its compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from ferbench.api.recipe import Recipe
from ferbench.training.optimizers import build_optimizer

STEPS = """
import sys, torch
from ferbench.api.recipe import Recipe
from ferbench.training.optimizers import build_optimizer
for kind in ("adam", "adamw", "sgd", "adagrad", "adadelta"):
    weights = torch.nn.Parameter(torch.ones(2))
    optimizer = build_optimizer([weights], Recipe(optimizer=kind))
    optimizer.zero_grad()
    weights.sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
ORIGINALS = {
    "adam": lambda weights: torch.optim.Adam(weights, 0.1, weight_decay=0.01, fused=True),
    "adamw": lambda weights: torch.optim.AdamW(weights, 0.1, weight_decay=0.01, fused=True),
    "sgd": lambda weights: torch.optim.SGD(weights, 0.1, 0.9, weight_decay=0.01, fused=True),
    "adagrad": lambda weights: torch.optim.Adagrad(weights, 0.1, weight_decay=0.01, fused=True),
    "adadelta": lambda weights: torch.optim.Adadelta(weights, 0.1, weight_decay=0.01),
}


def train(make_optimizer):
    """The weights of a small network after four steps."""
    torch.manual_seed(0)
    network, x = nn.Linear(5, 3), torch.randn(7, 5)
    optimizer = make_optimizer(list(network.parameters()))
    for _ in range(4):
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()
    return network.weight.detach()


@pytest.mark.parametrize("kind", ORIGINALS)
def test_steps_are_those_of_torch(kind):
    recipe = Recipe(optimizer=kind, lr=0.1, weight_decay=0.01)
    assert torch.equal(train(lambda weights: build_optimizer(weights, recipe)), train(ORIGINALS[kind]))


def test_no_optimizer_imports_the_compiler_of_torch():
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
