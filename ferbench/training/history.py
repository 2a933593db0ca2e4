"""The course of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """One value per epoch of a network, or per candidate classifier; accuracies are over items (frames, or clips).

    `learning_rates` are those that each epoch was trained with; an epoch has `steps_per_epoch` steps of the optimizer. `chosen_epoch` is
    the epoch (from 1) whose weights are used, 0 if there are no epochs. `parameters` are those of the chosen classifier, or the weights
    of a fusion.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    steps_per_epoch: int = 0
    chosen_epoch: int = 0
    parameters: dict[str, float | str] = field(default_factory=dict)
