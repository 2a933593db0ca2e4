"""Optimizers and learning-rate schedules, by the names of a recipe; all of them are torch's own.

To add a schedule:
1. In ferbench/api/recipe.py, add its name to `Schedule.kind`, its fields to `Schedule.fields`, and a sentence to the docstring.
   A new field must be optional with the default None, so that other kinds can refuse it.
2. Add a case to `_build_schedule` below, with defaults of its fields: if you change one later, raise the version of the fits. Name the
   defaults in the docstring of `Schedule` too. What torch's scheduler keeps between epochs must be numbers, strings or lists; see
   `RateSchedule.state`.
3. If it reads the validation loss, add it to `RateSchedule.step` here, to `validation_need` in ferbench/api/recipe.py, which plan and
   training loop ask, and to `NEEDS_VALIDATION` in tests/training/test_loop.py.
4. Add a test beside `test_step_schedule` in tests/training/test_loop.py: `History.learning_rates` holds the rate of each epoch. Give the
   schedule to one of the `VARIANTS` there that has none, so that a resumed fit is tested with it.
5. Add it to the table of schedules in docs/benchmarks.md and to CHANGELOG.md, and run `make schema` (docs/benchmark.schema.json).
6. Run `.venv/bin/pytest tests/training tests/registry tests/benchmark tests/test_docs.py`, then `make lint`.

Add a case to tests/golden/fits.py, and run `make golden`. Fits with other recipes stay as they are, and so does the version of the fits.
To add an optimizer, add its name to `Recipe.optimizer`, a case to `build_optimizer` and to `test_learns`, and do step 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import unwrap
from typing import TypeVar, cast

import torch
from torch import nn
from torch.optim import lr_scheduler

from ferbench.api.recipe import Recipe, Schedule

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)

MOMENTUM = 0.9
STEP_EPOCHS = 10  # of step and plateau
STEP_FACTOR = 0.1


def build_optimizer(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """Build the optimizer; fused if torch has it: one pass over the weights per step (0.41 s for VGG16's head, 1.46 s without)."""
    lr, decay = recipe.lr, recipe.weight_decay
    match recipe.optimizer:
        case "adam":
            return _without_compiler(torch.optim.Adam)(parameters, lr, weight_decay=decay, fused=True)
        case "adamw":
            return _without_compiler(torch.optim.AdamW)(parameters, lr, weight_decay=decay, fused=True)
        case "sgd":
            momentum = MOMENTUM if recipe.momentum is None else recipe.momentum
            return _without_compiler(torch.optim.SGD)(parameters, lr, momentum, weight_decay=decay, nesterov=recipe.nesterov, fused=True)
        case "adagrad":
            return _without_compiler(torch.optim.Adagrad)(parameters, lr, weight_decay=decay, fused=parameters[0].device.type == "cpu")
        case "adadelta":
            return _without_compiler(torch.optim.Adadelta)(parameters, lr, weight_decay=decay)


@cache
def _without_compiler(optimizer: type[Kind]) -> type[Kind]:
    """The same optimizer without the calls that import torch's compiler, which takes 1.2 s and 0.15 GB: no step is compiled."""
    methods = {name: unwrap(getattr(optimizer, name)) for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict")}
    return cast(type[Kind], type(optimizer.__name__, (optimizer,), {**methods, "step": torch.no_grad()(unwrap(optimizer.step))}))


class RateSchedule:
    """The learning rate of an optimizer, which follows the recipe's schedule if there is one."""

    def __init__(self, optimizer: torch.optim.Optimizer, recipe: Recipe) -> None:
        self.optimizer = optimizer
        self.schedule = _build_schedule(optimizer, recipe.schedule, recipe.epochs) if recipe.schedule else None

    @property
    def rate(self) -> float:
        """The learning rate of the current epoch."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step(self, validation_loss: float) -> None:
        """Call after each epoch."""
        if isinstance(self.schedule, lr_scheduler.ReduceLROnPlateau):
            self.schedule.step(validation_loss)
        elif self.schedule:
            self.schedule.step()

    def state(self) -> dict[str, object]:
        """Values that JSON keeps exactly."""
        state = self.schedule.state_dict() if self.schedule else {}
        return {name: value for name, value in state.items() if isinstance(value, bool | int | float | str | list)}

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from the values of `state`."""
        if self.schedule:
            self.schedule.load_state_dict({**self.schedule.state_dict(), **state})


def _build_schedule(optimizer: torch.optim.Optimizer, schedule: Schedule, epochs: int) -> lr_scheduler.LRScheduler:
    every, factor = schedule.every or STEP_EPOCHS, schedule.factor or STEP_FACTOR
    match schedule.kind:
        case "step":
            return lr_scheduler.StepLR(optimizer, every, factor)
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        case "plateau":
            return lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=every - 1, threshold=0)
