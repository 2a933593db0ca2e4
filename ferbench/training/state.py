"""The state between two epochs of training, which a checkpoint stores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypedDict

import torch
from torch import Tensor, nn

from ferbench.training.history import History
from ferbench.training.learner import Learner
from ferbench.training.optimizers import RateSchedule

DEVICE_RANDOM = "random on the device"


class StateFacts(TypedDict):
    """The part of a state that is not tensors; JSON keeps it exactly."""

    history: dict[str, object]
    best: int
    score: list[float]
    rate: dict[str, object]
    lr: list[float]


SavedState = tuple[dict[str, Tensor], StateFacts]
"""Tensors by name, and facts."""


class BestEpoch:
    """The weights of the best epoch so far, in buffers that are reused."""

    def __init__(self, network: nn.Module) -> None:
        self.network, self.epoch, self.score = network, 0, (-1.0, 0.0)
        self.weights: dict[str, Tensor] = {}

    def offer(self, epoch: int, history: History, keep_weights: bool) -> None:
        """Take the epoch if its validation accuracy is higher, or equal at a lower validation loss."""
        loss = history.validation_loss[-1]
        score = (history.validation_accuracy[-1], -math.inf if math.isnan(loss) else -loss)
        if score <= self.score:
            return
        self.epoch, self.score = epoch, score
        for name, value in self.network.state_dict().items() if keep_weights else ():
            if name in self.weights:
                self.weights[name].copy_(value)
            else:
                self.weights[name] = value.detach().clone()

    def load_weights(self) -> int:
        """Put the best epoch's weights into the network, and return the epoch."""
        self.network.load_state_dict(self.weights)
        return self.epoch


@dataclass
class TrainingState:
    """Everything that the next epoch depends on; a restored state continues to the same bits on the same processor."""

    learner: Learner
    optimizer: torch.optim.Optimizer
    rate: RateSchedule
    generator: torch.Generator  # of the order of items
    best: BestEpoch
    history: History

    def save(self) -> SavedState:
        """Return the state: tensors by name, and facts."""
        tensors = {"random": torch.get_rng_state(), "order": self.generator.get_state()}
        for name, module in self.learner.modules.items():
            tensors |= _prefixed(name, module.state_dict())
        tensors |= _prefixed("best", self.best.weights)
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= _prefixed(f"optimizer.{number}", {name: value for name, value in values.items() if value is not None})
        if self.learner.device.type == "cuda":
            tensors[DEVICE_RANDOM] = torch.cuda.get_rng_state(self.learner.device)
        rates = [group["lr"] for group in self.optimizer.param_groups]
        best = self.best
        facts: StateFacts = {
            "history": asdict(self.history), "best": best.epoch, "score": list(best.score), "rate": self.rate.state(), "lr": rates,
        }  # fmt: skip
        return tensors, facts

    def restore(self, tensors: Mapping[str, Tensor], facts: StateFacts) -> None:
        """Continue from a saved state."""
        for name, module in self.learner.modules.items():
            module.load_state_dict(_without_prefix(name, tensors))
        self._restore_optimizer(tensors, facts)
        torch.set_rng_state(tensors["random"])
        self.generator.set_state(tensors["order"])
        if self.learner.device.type == "cuda" and DEVICE_RANDOM in tensors:  # missing if a CPU wrote the checkpoint
            torch.cuda.set_rng_state(tensors[DEVICE_RANDOM], self.learner.device)
        self.best.weights = _without_prefix("best", tensors)
        self.best.epoch, self.best.score = facts["best"], (facts["score"][0], facts["score"][1])
        vars(self.history).update(facts["history"])

    def _restore_optimizer(self, tensors: Mapping[str, Tensor], facts: StateFacts) -> None:
        states: dict[int, dict[str, Tensor]] = {}
        for path, value in _without_prefix("optimizer", tensors).items():
            number, _, name = path.partition(".")
            states.setdefault(int(number), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": states})
        for group, lr in zip(self.optimizer.param_groups, facts["lr"], strict=True):
            group["lr"] = lr
        self.rate.restore(facts["rate"])


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def _without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
