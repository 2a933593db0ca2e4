"""The training loop: one for all methods, so that results compare methods and not loops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from ferbench import sampling
from ferbench.checkpoints import Checkpoints
from ferbench.device import mixed
from ferbench.errors import FerbenchError
from ferbench.recipe import Recipe
from ferbench.streamed import Streamed, batches

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


def train(
    model: nn.Module,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    training: Part,
    validation: Part,
    recipe: Recipe,
    device: torch.device,
    prepare: Callable[[Tensor], Tensor],
    generator: torch.Generator,
    tell: Callable[[int, History], None],
    checkpoints: Checkpoints | None = None,
) -> History:
    """Trains `model` in place and leaves the chosen epoch's weights in it; `prepare` makes a batch the model's input.

    Training accuracy is that of the training passes themselves, with dropout on. From a checkpoint training goes on as if it had
    never stopped. Raises Diverged at the first loss that is no number, and FerbenchError where the best epoch has no validation
    frames to be chosen on.
    """
    if recipe.checkpoint == "best" and not len(validation.y):
        raise FerbenchError(
            "no validation frames to choose the best epoch on", hint="give the protocol validation people, or --set recipe.checkpoint=last"
        )
    if recipe.schedule and recipe.schedule.kind == "plateau" and not len(validation.y):
        raise FerbenchError("no validation frames for a plateau schedule", hint="give the protocol validation people, or take another kind")
    parameters = [*model.parameters(), *(loss_of.parameters() if isinstance(loss_of, nn.Module) else [])]
    optimizer = optimizer_of([p for p in parameters if p.requires_grad], recipe)
    best, history = _Best(model), History()
    schedule = _Rate(optimizer, recipe)
    fit = _Fit(model, loss_of, optimizer, schedule, generator, best, history)
    if checkpoints and (stored := checkpoints.load()):
        fit.restore(*stored)
    while len(history.loss) < recipe.epochs and not _stopped(recipe, history, best.epoch):
        start, epoch = time.perf_counter(), len(history.loss) + 1
        loss, accuracy = epoch_of(model, loss_of, training, recipe, device, prepare, optimizer, generator, epoch)
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} in epoch {epoch}; try a lower recipe.lr than {recipe.lr:g}")
        history.loss.append(loss)
        history.accuracy.append(accuracy)
        _validate(model, loss_of, validation, device, prepare, history)
        history.seconds.append(time.perf_counter() - start)
        schedule.step(history.validation_loss[-1])
        best.offer(epoch, history, keep=recipe.checkpoint == "best")
        tell(epoch, history)
        if checkpoints:
            checkpoints.offer(epoch, fit.state)
    history.chosen = best.restore() if recipe.checkpoint == "best" else len(history.loss)
    return history


def epoch_of(
    model: nn.Module,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    training: Part,
    recipe: Recipe,
    device: torch.device,
    prepare: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    epoch: int = 1,
) -> tuple[float, float]:
    """One pass over the training frames, each in one of its views; mean loss and accuracy, kept on the device until the end."""
    model.train()
    sums = []
    count, order = len(training.y), sampling.order(training.y, recipe.sampling, generator)
    views = torch.randint(len(training.x) // count, (len(order),), generator=generator) if len(training.x) > count else 0
    groups, labels = order.split(recipe.batch_size), training.y.to(device)
    read = (order + count * views).split(recipe.batch_size)
    for rows, x in zip(groups, batches(training.x, read, device), strict=True):
        with mixed(device):
            logits = model(prepare(training.change(x, rows, epoch) if training.change else x)).float()  # [B,C]
        target = labels[rows.to(device)]  # [B]
        loss = loss_of(logits, target)
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
def logits_of(model: nn.Module, x: Tensor | Streamed, device: torch.device, prepare: Callable[[Tensor], Tensor]) -> Tensor:
    """Logits [N,C] on the CPU; features go through in batches of at most 256, crops in smaller ones."""
    model.eval()
    batch = max(1, min(256, SCORED // max(1, math.prod(x.shape[1:]))))
    parts = (
        x.split(batch) if isinstance(x, Tensor) and x.device.type == device.type else batches(x, torch.arange(len(x)).split(batch), device)
    )
    with mixed(device):
        return torch.cat([model(prepare(part)).float().cpu() for part in parts])


def _validate(
    model: nn.Module,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    part: Part,
    device: torch.device,
    prepare: Callable[[Tensor], Tensor],
    history: History,
) -> None:
    if not len(part.y):
        history.validation_loss.append(math.nan)
        history.validation_accuracy.append(math.nan)
        return
    logits = logits_of(model, part.x, device, prepare)
    with torch.inference_mode():
        history.validation_loss.append(float(loss_of(logits.to(device), part.y.to(device))))
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


class _Rate:
    """The schedule of the learning rate, or none."""

    def __init__(self, optimizer: torch.optim.Optimizer, recipe: Recipe) -> None:
        how = recipe.schedule
        self.schedule: Any = None
        if how and how.kind == "step":
            self.schedule = lr_scheduler.StepLR(optimizer, how.every, how.factor)
        elif how and how.kind == "cosine":
            self.schedule = lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)
        elif how:
            self.schedule = lr_scheduler.ReduceLROnPlateau(optimizer, factor=how.factor, patience=how.every - 1, threshold=0)

    def step(self, validation_loss: float) -> None:
        """After each epoch."""
        if isinstance(self.schedule, lr_scheduler.ReduceLROnPlateau):
            self.schedule.step(validation_loss)
        elif self.schedule:
            self.schedule.step()

    def state(self) -> dict[str, Any]:
        """What JSON holds exactly."""
        held = self.schedule.state_dict() if self.schedule else {}
        return {name: value for name, value in held.items() if isinstance(value, bool | int | float | str | list)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up such a state."""
        if self.schedule:
            self.schedule.load_state_dict({**self.schedule.state_dict(), **state})


@dataclass
class _Fit:
    """All that one epoch hands to the next."""

    model: nn.Module
    loss: object
    optimizer: torch.optim.Optimizer
    rate: _Rate
    generator: torch.Generator
    best: _Best
    history: History

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and facts that JSON holds exactly."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.weights.items()}
        if isinstance(self.loss, nn.Module):
            tensors |= {f"loss.{name}": value for name, value in self.loss.state_dict().items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in values.items() if value is not None}
        tensors |= {"random": torch.get_rng_state(), "order": self.generator.get_state()}
        tensors |= {f"cuda.{number}": value for number, value in enumerate(torch.cuda.get_rng_state_all())}
        rate = {"rate": self.rate.state(), "lr": [group["lr"] for group in self.optimizer.param_groups]}
        return tensors, {"history": asdict(self.history), "best": self.best.epoch, "score": self.best.score, **rate}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Takes up such a state."""
        self.model.load_state_dict(_below("model", tensors))
        if isinstance(self.loss, nn.Module):
            self.loss.load_state_dict(_below("loss", tensors))
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
        torch.cuda.set_rng_state_all(list(_below("cuda", tensors).values()))
        self.best.weights = _below("best", tensors)
        self.best.epoch, self.best.score = facts["best"], tuple(facts["score"])
        vars(self.history).update(facts["history"])


def _below(head: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{head}."): value for name, value in tensors.items() if name.startswith(f"{head}.")}


def optimizer_of(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """Fused, where torch has it: one pass over the weights a step (0.41 s for VGG16's head where the default takes 1.46)."""
    rates = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
    match recipe.optimizer:
        case "sgd":
            return torch.optim.SGD(parameters, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True, **rates)
        case "adagrad":
            return torch.optim.Adagrad(parameters, fused=parameters[0].device.type == "cpu", **rates)
        case "adadelta":
            return torch.optim.Adadelta(parameters, **rates)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, fused=True, **rates)
