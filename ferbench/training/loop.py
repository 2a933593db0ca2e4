"""The training loop: one for all methods, so that results compare methods and not loops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ferbench.api.errors import FerbenchError
from ferbench.api.recipe import Recipe, validation_need
from ferbench.training import sampling
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.history import History
from ferbench.training.items import Items
from ferbench.training.learner import Learner, compute_outputs
from ferbench.training.optimizers import RateSchedule, build_optimizer
from ferbench.training.state import BestEpoch, TrainingState
from ferbench.training.streaming import read_batches

OnEpoch = Callable[[int, History], None]
"""Called with (epoch, history) after each epoch."""


class Diverged(Exception):
    """The loss became NaN or infinite."""


def train(
    learner: Learner,
    training: Items,
    validation: Items,
    generator: torch.Generator,
    on_epoch: OnEpoch,
    checkpoints: Checkpoints | None = None,
) -> History:
    """Train the network in place, and leave the weights of the chosen epoch in it.

    Training accuracy is measured during the training passes, with dropout on. A stored checkpoint is continued as if training had never
    stopped. Raises Diverged at the first loss that is not finite, and FerbenchError if the recipe needs validation items that are missing.
    """
    recipe = learner.recipe
    _check_validation(recipe, validation)
    optimizer = build_optimizer(learner.parameters, recipe)
    best, history, rate = BestEpoch(learner.network), History(), RateSchedule(optimizer, recipe)
    state = TrainingState(learner, optimizer, rate, generator, best, history)
    if checkpoints and (stored := checkpoints.load()):
        state.restore(*stored)
    while len(history.loss) < recipe.epochs and not _is_patience_over(recipe, history, best.epoch):
        start, epoch = time.perf_counter(), len(history.loss) + 1
        loss, accuracy, history.steps_per_epoch = train_epoch(learner, training, optimizer, generator, epoch)
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} in epoch {epoch}: try a lower learning rate: recipe.lr below {recipe.lr:g}")
        history.loss.append(loss)
        history.accuracy.append(accuracy)
        history.learning_rates.append(rate.rate)
        validate(learner, validation, history)
        history.seconds.append(time.perf_counter() - start)
        rate.step(history.validation_loss[-1])
        best.offer(epoch, history, keep_weights=recipe.checkpoint == "best")
        on_epoch(epoch, history)
        if checkpoints:
            checkpoints.offer(epoch, state.save)
    history.chosen_epoch = best.load_weights() if recipe.checkpoint == "best" else len(history.loss)
    return history


def train_epoch(
    learner: Learner, training: Items, optimizer: torch.optim.Optimizer, generator: torch.Generator, epoch: int = 1
) -> tuple[float, float, int]:
    """Pass once over the training items; returns mean loss and accuracy, and the number of the optimizer's steps."""
    learner.network.train()
    batch_sums, count = [], 0
    for x, target, mask in _training_batches(learner, training, generator, epoch):
        logits, *embedding = learner.outputs(x, mask)  # [B,C]
        loss = learner.loss(logits, target, *embedding)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        correct = (logits.detach().argmax(1) == target).sum()
        batch_sums.append(torch.stack([loss.detach() * len(target), correct.to(loss.dtype)]))  # stays on the device until the end
        count += len(target)
    total_loss, total_correct = torch.stack(batch_sums).cpu().double().sum(0).tolist()
    return total_loss / count, total_correct / count, len(batch_sums)


def _training_batches(
    learner: Learner, training: Items, generator: torch.Generator, epoch: int
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """(x, target [B], mask) of each step: frames [B,...], or clips [B,T,...] with a mask [B,T], in random order, one view each."""
    size, device = learner.recipe.batch_size, learner.device
    order = sampling.draw_order(training.y, learner.recipe.sampling, generator)
    rows = [training.rows(items, learner.frames_per_clip, generator) for items in sampling.split_batches(order, size)]
    if training.views > 1:
        views = torch.randint(training.views, (len(order),), generator=generator) * training.frames  # the first row of each item's view
        starts = sampling.split_batches(views, size)
        rows = [(each + _like(start, each), mask) for (each, mask), start in zip(rows, starts, strict=True)]
    targets = sampling.split_batches(training.y[order].to(device), size)
    frames = read_batches(training.x, [each for each, _ in rows], device)
    for (each, mask), target, x in zip(rows, targets, frames, strict=True):
        if training.augment:
            x = training.augment(x.flatten(0, each.ndim - 1), each.flatten(), epoch).unflatten(0, each.shape)
        yield x, target, mask


def _like(values: Tensor, rows: Tensor) -> Tensor:
    """[B] -> [B,1] if the rows are [B,T]."""
    return values.unflatten(0, (-1, *[1] * (rows.ndim - 1)))


def validate(learner: Learner, validation: Items, history: History) -> None:
    """Add loss and accuracy on the validation items to the history; NaN if there are none."""
    if not len(validation.y):
        history.validation_loss.append(math.nan)
        history.validation_accuracy.append(math.nan)
        return
    logits, *embedding = compute_outputs(learner, validation)
    with torch.inference_mode():
        loss = learner.loss(*[values.to(learner.device) for values in (logits, validation.y, *embedding)])
    history.validation_loss.append(float(loss))
    history.validation_accuracy.append(float((logits.argmax(1) == validation.y).float().mean()))


def _is_patience_over(recipe: Recipe, history: History, best: int) -> bool:
    """Whether `patience` epochs have passed since the best one while training accuracy has not fallen."""
    epoch = len(history.loss)
    return bool(recipe.patience and epoch and epoch - best >= recipe.patience and history.accuracy[-1] >= history.accuracy[best - 1])


def _check_validation(recipe: Recipe, validation: Items) -> None:
    """Raise FerbenchError if the recipe needs validation items but no clip has a readable frame."""
    if not len(validation.y) and (need := validation_need(recipe)):
        purpose, otherwise = need
        raise FerbenchError(f"no validation frames {purpose}", hint=f"add validation people to the protocol, or {otherwise}")
