"""What happened while a network or a classifier was trained."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """One value per epoch, or per classifier that was tried; accuracies are over items (frames, or clips).

    `chosen` is the epoch (from 1) whose weights were kept, 0 if there are no epochs; `parameters` are those that the kept classifier, or a
    fusion, was chosen with.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    chosen: int = 0
    parameters: dict[str, float | str] = field(default_factory=dict)
