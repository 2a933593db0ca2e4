"""Finished systems: backbones that others trained, and what their answers mean."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ferbench.api.errors import FerbenchError
from ferbench.api.networks import Backbone, FinishedSystem

if TYPE_CHECKING:
    from torch import nn

NAMES = {
    "angry": "anger", "disgusted": "disgust", "fearful": "fear", "happy": "happiness", "sad": "sadness", "surprised": "surprise",
}  # fmt: skip
"""The classes that answers stand for, where they have another name."""


@dataclass(frozen=True)
class System(Backbone):
    """A finished system. `labels` maps names of its answers to classes of the protocol, where they differ from the usual ones.

    Its frozen part gives the logits [B,A] of all answers. Answers that are no class of the protocol count as wrong, and tables show them.
    Several answers may be one class: its probability is the sum of theirs.
    """

    labels: Mapping[str, str] = field(default_factory=dict)

    @abstractmethod
    def answers(self) -> tuple[str, ...]:
        """Return the system's own names of its answers, in the order of its outputs."""

    def alternatives(self) -> Sequence[System]:
        """Return the same system with other settings that are often confused, such as the order of the channels; an audit tries them."""
        return ()

    def classes_of_answers(self) -> tuple[str, ...]:
        """Return the class that each answer stands for; raises FerbenchError if `labels` names an unknown answer."""
        own = self.answers()
        for name in self.labels:
            if name not in own:
                close = get_close_matches(name, own, n=1)
                guess = f"did you mean {close[0]!r}? " if close else ""
                raise FerbenchError(f"{self.title} has no answer {name!r}: {guess}it has {', '.join(own)}", where="backbone.labels")
        return tuple(self.labels.get(name, NAMES.get(name, name)) for name in own)

    def trainable(self, classes: Sequence[str]) -> FinishedSystem:
        """Return logits of the answers [B,A] -> logits of the classes, then of the other answers.

        Raises FerbenchError if a class of the protocol is none of the answers.
        """
        answers = self.classes_of_answers()
        if missing := [name for name in classes if name not in answers]:
            raise FerbenchError(
                f"{self.title} never answers {', '.join(missing)}: its answers are {', '.join(answers)}",
                where="backbone.labels",
                hint=f"leave the class out of the protocol, or map an answer to it: labels: {{{self.answers()[0]}: {missing[0]}}}",
            )
        others = tuple(dict.fromkeys(answer for answer in answers if answer not in classes))
        return FinishedSystem(lambda _: _build_choice(answers, (*classes, *others)), others)


def _build_choice(answers: tuple[str, ...], names: tuple[str, ...]) -> nn.Module:
    from ferbench.api.choice import Choice

    return Choice([[number for number, answer in enumerate(answers) if answer == name] for name in names])
