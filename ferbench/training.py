"""The training loop: one for all methods, so that results compare methods and not loops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ferbench import sampling
from ferbench.checkpoints import Checkpoints
from ferbench.device import mixed
from ferbench.errors import FerbenchError
from ferbench.optimizers import LearningRate, optimizer_of
from ferbench.recipe import Recipe
from ferbench.streamed import Streamed, batches, together

SCORED = 2**23  # values of a batch that is scored: 55 crops of 224x224x3, 334 frames of 25088 features


Change = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class Part:
    """Frames of one part of a fold: features [V*N,...], view by view where there are several, and class indices [N].

    `change(batch, rows, epoch)` augments crops of which no views are stored.
    """

    x: Tensor | Streamed
    y: Tensor
    change: Change | None = None


@dataclass
class History:
    """One value an epoch, or a classifier that was tried; accuracies by frame.

    `chosen` is the epoch (from 1) whose weights were kept; `parameters` are those of the classifier that was.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    chosen: int = 0
    parameters: dict[str, float | str] = field(default_factory=dict)


class Diverged(Exception):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Learner:
    """A network, the loss that it minimises and how, all on one device; `prepare` makes a batch what the network reads."""

    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    prepare: Callable[[Tensor], Tensor]
    recipe: Recipe
    device: torch.device

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is trained, of the network and of the loss."""
        modules = [part for part in (self.model, self.loss) if isinstance(part, nn.Module)]
        return [p for module in modules for p in module.parameters() if p.requires_grad]


def train(
    learner: Learner,
    training: Part,
    validation: Part,
    generator: torch.Generator,
    tell: Callable[[int, History], None],
    checkpoints: Checkpoints | None = None,
) -> History:
    """Trains the network in place and leaves the chosen epoch's weights in it.

    Training accuracy is that of the training passes themselves, with dropout on. From a checkpoint training goes on as if it had
    never stopped. Raises Diverged at the first loss that is no number, and FerbenchError where the recipe chooses by validation
    frames and there are none.
    """
    recipe = learner.recipe
    _check(recipe, validation)
    optimizer = optimizer_of(learner.parameters, recipe)
    best, history, rate = _Best(learner.model), History(), LearningRate(optimizer, recipe)
    fit = _Fit(learner, optimizer, rate, generator, best, history)
    if checkpoints and (stored := checkpoints.load()):
        fit.restore(*stored)
    while len(history.loss) < recipe.epochs and not _stopped(recipe, history, best.epoch):
        start, epoch = time.perf_counter(), len(history.loss) + 1
        loss, accuracy = epoch_of(learner, training, optimizer, generator, epoch)
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} in epoch {epoch}; try a lower recipe.lr than {recipe.lr:g}")
        history.loss.append(loss)
        history.accuracy.append(accuracy)
        _validate(learner, validation, history)
        history.seconds.append(time.perf_counter() - start)
        rate.step(history.validation_loss[-1])
        best.offer(epoch, history, keep=recipe.checkpoint == "best")
        tell(epoch, history)
        if checkpoints:
            checkpoints.offer(epoch, fit.state)
    history.chosen = best.restore() if recipe.checkpoint == "best" else len(history.loss)
    return history


def _check(recipe: Recipe, validation: Part) -> None:
    """That there are validation frames for all that they decide."""
    deciding = {
        "to choose the best epoch on": (recipe.checkpoint == "best", "--set recipe.checkpoint=last"),
        "by which `patience` stops": (recipe.patience, "leave recipe.patience out"),
        "for a plateau schedule": (recipe.schedule and recipe.schedule.kind == "plateau", "take another kind"),
    }
    for what, (wanted, otherwise) in deciding.items() if not len(validation.y) else ():
        if wanted:
            raise FerbenchError(f"no validation frames {what}", hint=f"give the protocol validation people, or {otherwise}")


def epoch_of(
    learner: Learner, training: Part, optimizer: torch.optim.Optimizer, generator: torch.Generator, epoch: int = 1
) -> tuple[float, float]:
    """One pass over the training frames, each in one of its views; mean loss and accuracy, kept on the device until the end."""
    learner.model.train()
    sums = []
    device, size = learner.device, learner.recipe.batch_size
    count, order = len(training.y), sampling.order(training.y, learner.recipe.sampling, generator)
    views = torch.randint(len(training.x) // count, (len(order),), generator=generator) if len(training.x) > count else 0
    targets = together(training.y[order].to(device), size)  # [B] each
    read = batches(training.x, order + count * views, size, device)
    for rows, target, x in zip(together(order, size), targets, read, strict=True):
        x = learner.prepare(training.change(x, rows, epoch) if training.change else x)
        with mixed(device):
            logits = learner.model(x).float()  # [B,C]
        loss = learner.loss(logits, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        right = (logits.detach().argmax(1) == target).sum()
        sums.append(torch.stack([loss.detach() * len(rows), right.to(loss.dtype)]))
    summed, right_of_all = torch.stack(sums).cpu().double().sum(0).tolist()
    return summed / len(order), right_of_all / len(order)


def _stopped(recipe: Recipe, history: History, best: int) -> bool:
    """Whether validation has been past its best for `patience` epochs while training accuracy has not fallen."""
    epoch = len(history.loss)
    return bool(recipe.patience and epoch and epoch - best >= recipe.patience and history.accuracy[-1] >= history.accuracy[best - 1])


@torch.inference_mode()
def logits_of(learner: Learner, x: Tensor | Streamed) -> Tensor:
    """Logits [N,C] on the CPU; features go through in batches of at most 256, crops in smaller ones."""
    learner.model.eval()
    size = max(1, min(256, SCORED // max(1, math.prod(x.shape[1:]))))
    made = []
    for part in batches(x, torch.arange(len(x)), size, learner.device):
        read = learner.prepare(part)
        with mixed(learner.device):
            made.append(learner.model(read).float().cpu())
    return torch.cat(made)


def _validate(learner: Learner, part: Part, history: History) -> None:
    if not len(part.y):
        history.validation_loss.append(math.nan)
        history.validation_accuracy.append(math.nan)
        return
    logits = logits_of(learner, part.x)
    with torch.inference_mode():
        history.validation_loss.append(float(learner.loss(logits.to(learner.device), part.y.to(learner.device))))
    history.validation_accuracy.append(float((logits.argmax(1) == part.y).float().mean()))


class _Best:
    """The weights of the best epoch so far, in buffers that are written over."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.epoch, self.score = model, 0, (-1.0, 0.0)
        self.weights: dict[str, Tensor] = {}

    def offer(self, epoch: int, history: History, keep: bool) -> None:
        loss = history.validation_loss[-1]
        score = (history.validation_accuracy[-1], -math.inf if math.isnan(loss) else -loss)
        if score <= self.score:
            return
        self.epoch, self.score = epoch, score
        for name, value in self.model.state_dict().items() if keep else ():
            if name in self.weights:
                self.weights[name].copy_(value)
            else:
                self.weights[name] = value.detach().clone()

    def restore(self) -> int:
        self.model.load_state_dict(self.weights)
        return self.epoch


@dataclass
class _Fit:
    """All that one epoch hands to the next."""

    learner: Learner
    optimizer: torch.optim.Optimizer
    rate: LearningRate
    generator: torch.Generator
    best: _Best
    history: History

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and facts that JSON holds exactly."""
        tensors = {f"model.{name}": value for name, value in self.learner.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.weights.items()}
        if isinstance(self.learner.loss, nn.Module):
            tensors |= {f"loss.{name}": value for name, value in self.learner.loss.state_dict().items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in values.items() if value is not None}
        tensors |= {"random": torch.get_rng_state(), "order": self.generator.get_state()}
        if self.learner.device.type == "cuda":
            tensors["random on the device"] = torch.cuda.get_rng_state(self.learner.device)
        rate = {"rate": self.rate.state(), "lr": [group["lr"] for group in self.optimizer.param_groups]}
        return tensors, {"history": asdict(self.history), "best": self.best.epoch, "score": self.best.score, **rate}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Takes up such a state."""
        self.learner.model.load_state_dict(_below("model", tensors))
        if isinstance(self.learner.loss, nn.Module):
            self.learner.loss.load_state_dict(_below("loss", tensors))
        states: dict[int, dict[str, Tensor]] = {}
        for path, value in _below("optimizer", tensors).items():
            number, _, name = path.partition(".")
            states.setdefault(int(number), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": states})
        for group, lr in zip(self.optimizer.param_groups, facts["lr"], strict=True):
            group["lr"] = lr
        self.rate.restore(facts["rate"])
        torch.set_rng_state(tensors["random"])
        self.generator.set_state(tensors["order"])
        if self.learner.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random on the device"], self.learner.device)
        self.best.weights = _below("best", tensors)
        self.best.epoch, self.best.score = facts["best"], tuple(facts["score"])
        vars(self.history).update(facts["history"])


def _below(head: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{head}."): value for name, value in tensors.items() if name.startswith(f"{head}.")}
