"""The training loop: one for all methods, so that results compare methods and not loops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ferbench.api.errors import FerbenchError
from ferbench.api.recipe import Recipe
from ferbench.training import sampling
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.device import mixed
from ferbench.training.optimizers import LearningRate, optimizer_of
from ferbench.training.streaming import Streamed, batches

SCORED = 2**23  # values of a batch that is scored: 55 crops of 224x224x3, 334 frames of 25088 features


Change = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class Part:
    """What one part of a fold learns from, or is scored on: M items, each a frame or a clip.

    x [V*N,...]: N frames, view by view where there are several; y [M]: each item's class index. Where the items are clips, `clips` [M,2]
    gives the first row and the number of frames of each; else item i is row i. `change(batch, rows, epoch)` augments crops of which no
    views are stored.
    """

    x: Tensor | Streamed
    y: Tensor
    change: Change | None = None
    clips: Tensor | None = None

    @property
    def frames(self) -> int:
        """N."""
        return len(self.y) if self.clips is None else int(self.clips[:, 1].sum())

    def rows(self, items: Tensor, draws: int | None = None, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Rows of x that items [B] are read from, and a mask: [B] and None for frames, [B,T] both for clips.

        Of each clip all frames, padded by its last one up to the longest; or `draws` frames, one from each of so many equal parts.
        """
        if self.clips is None:
            return items, None
        first, length = self.clips[items].T[..., None]  # [B,1] each
        if draws:
            at = torch.arange(draws) + torch.rand(len(items), draws, generator=generator)  # [B,draws], 0 to draws
            return first + (at * length / draws).long().clamp(max=length - 1), torch.ones(len(items), draws, dtype=torch.bool)
        at = torch.arange(int(length.max()))  # [T]
        return first + torch.minimum(at, length - 1), at < length

    def alike(self) -> list[Tensor]:
        """The items in groups that go through a network together: clips of one length, which need no padding; at most SCORED values."""
        values = math.prod(self.x.shape[1:])
        if self.clips is None:
            return list(torch.arange(len(self.y)).split(max(1, min(256, SCORED // max(1, values)))))
        lengths = self.clips[:, 1]
        return [
            group
            for length in lengths.unique()
            for group in torch.nonzero(lengths == length).flatten().split(max(1, SCORED // (values * int(length))))
        ]


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
    """A network, the loss that it minimises and how, all on one device.

    `prepare` makes a batch of frames what the network reads; `draws` is how many frames of each clip a step sees, None: all. Where the
    loss reads features, too, a hook of the network puts them into `features` [B,D] while it runs; else that is None.
    """

    model: nn.Module
    loss: Callable[..., Tensor]
    prepare: Callable[[Tensor], Tensor]
    recipe: Recipe
    device: torch.device
    draws: int | None = None
    features: list[Tensor] | None = None

    def made(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
        """Frames [B,...], or [B,T,...] of clips with a mask [B,T], -> logits [B,C], and features where the loss reads them; float32."""
        read = self.prepare(x) if mask is None else self.prepare(x.flatten(0, 1)).unflatten(0, mask.shape)
        if self.features is not None:
            self.features.clear()
        with mixed(self.device):
            logits = self.model(read) if mask is None else self.model(read, mask.to(self.device))
        return tuple(each.float() for each in (logits, *(self.features or ())))

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
    """One pass over the training items, each in one of its views; mean loss and accuracy, kept on the device until the end."""
    learner.model.train()
    sums = []
    device, size = learner.device, learner.recipe.batch_size
    order = sampling.order(training.y, learner.recipe.sampling, generator)
    groups = sampling.together(order, size)
    read = [training.rows(items, learner.draws, generator) for items in groups]
    if len(training.x) > training.frames:
        views = torch.randint(len(training.x) // training.frames, (len(order),), generator=generator) * training.frames
        read = [(rows + _beside(view, rows), mask) for (rows, mask), view in zip(read, sampling.together(views, size), strict=True)]
    targets = sampling.together(training.y[order].to(device), size)  # [B] each
    frames = batches(training.x, [rows for rows, _ in read], device)
    for (rows, mask), target, x in zip(read, targets, frames, strict=True):
        if training.change:
            x = training.change(x.flatten(0, rows.ndim - 1), rows.flatten(), epoch).unflatten(0, rows.shape)
        logits, *features = learner.made(x, mask)  # [B,C]
        loss = learner.loss(logits, target, *features)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        right = (logits.detach().argmax(1) == target).sum()
        sums.append(torch.stack([loss.detach() * len(target), right.to(loss.dtype)]))
    summed, right_of_all = torch.stack(sums).cpu().double().sum(0).tolist()
    return summed / len(order), right_of_all / len(order)


def _beside(values: Tensor, rows: Tensor) -> Tensor:
    """[B] -> [B,1] where rows are [B,T]."""
    return values.unflatten(0, (-1, *[1] * (rows.ndim - 1)))


def _stopped(recipe: Recipe, history: History, best: int) -> bool:
    """Whether validation has been past its best for `patience` epochs while training accuracy has not fallen."""
    epoch = len(history.loss)
    return bool(recipe.patience and epoch and epoch - best >= recipe.patience and history.accuracy[-1] >= history.accuracy[best - 1])


def logits_of(learner: Learner, part: Part) -> Tensor:
    """Logits [M,C] of all items, on the CPU; of a clip all frames are read."""
    return _made_of(learner, part)[0]


@torch.inference_mode()
def _made_of(learner: Learner, part: Part) -> list[Tensor]:
    """Logits, and features where the loss reads them, of all items in their order, on the CPU."""
    learner.model.eval()
    groups = part.alike()
    read = [part.rows(items) for items in groups]
    frames = batches(part.x, [rows for rows, _ in read], learner.device)
    made = [[each.cpu() for each in learner.made(x, mask)] for (_, mask), x in zip(read, frames, strict=True)]
    order = torch.cat(groups).argsort()
    return [torch.cat(parts)[order] for parts in zip(*made, strict=True)]


def _validate(learner: Learner, part: Part, history: History) -> None:
    if not len(part.y):
        history.validation_loss.append(math.nan)
        history.validation_accuracy.append(math.nan)
        return
    logits, *features = _made_of(learner, part)
    with torch.inference_mode():
        given = [each.to(learner.device) for each in (logits, part.y, *features)]
        history.validation_loss.append(float(learner.loss(*given)))
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
        if self.learner.device.type == "cuda" and "random on the device" in tensors:  # not where a processor wrote it
            torch.cuda.set_rng_state(tensors["random on the device"], self.learner.device)
        self.best.weights = _below("best", tensors)
        self.best.epoch, self.best.score = facts["best"], tuple(facts["score"])
        vars(self.history).update(facts["history"])


def _below(head: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{head}."): value for name, value in tensors.items() if name.startswith(f"{head}.")}
