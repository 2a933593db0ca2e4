"""What finished systems share: their answers, and which classes of a protocol these are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ferbench import Backbone, FerbenchError, FinishedSystem

if TYPE_CHECKING:
    from torch import nn

NAMES = {
    "angry": "anger", "disgusted": "disgust", "fearful": "fear", "happy": "happiness", "sad": "sadness", "surprised": "surprise",
}  # fmt: skip
"""The classes that answers stand for, where they have another name."""


@dataclass(frozen=True)
class System(Backbone):
    """A finished system. `labels` maps names of its answers to classes of the protocol, where they differ from the usual ones.

    Answers that are no class of the protocol count as wrong, and tables show them. Several answers may be one class: its probability is
    the sum of theirs. Raises FerbenchError if a class of the protocol is none of the answers.
    """

    labels: Mapping[str, str] = field(default_factory=dict)

    @abstractmethod
    def answers(self) -> tuple[str, ...]:
        """The system's own names of its answers, in the order of its outputs."""

    def classes_of_answers(self) -> tuple[str, ...]:
        """The class that each answer stands for; raises FerbenchError if `labels` names an unknown answer."""
        own = self.answers()
        for name in self.labels:
            if name not in own:
                close = get_close_matches(name, own, n=1)
                guess = f"did you mean {close[0]!r}? " if close else ""
                raise FerbenchError(f"{self.title} has no answer {name!r}: {guess}it has {', '.join(own)}", where="backbone.labels")
        return tuple(self.labels.get(name, NAMES.get(name, name)) for name in own)

    def trainable(self, classes: Sequence[str]) -> FinishedSystem:
        """Logits of the answers [B,A] -> logits of the classes, then of the other answers."""
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
    from ferbench_systems.choice import Choice

    return Choice([[number for number, answer in enumerate(answers) if answer == name] for name in names])
