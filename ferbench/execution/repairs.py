"""What an audit changes: steps of the pipeline, settings of the system, and what its answers stand for; and how the YAML says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ferbench.api.components import Component, Preprocessor
from ferbench.api.systems import System
from ferbench.api.text import write_yaml
from ferbench.registry.catalog import Catalog
from ferbench.store.keys import identify_component, make_key

Labels = Mapping[str, str]
"""The class that each answer stands for; those of other answers count as wrong."""

Scores = NDArray[np.float64]
"""[N,A]: the mean probability of each answer over the frames of each clip; NaN for a clip without a readable frame."""


@dataclass(frozen=True)
class Variant:
    """A pipeline, a system and what its answers stand for; `changes` says what differs from what was given."""

    steps: tuple[Preprocessor, ...]
    system: System
    labels: Labels
    changes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Equal if the answers are."""
        return make_key([identify_component(step) for step in self.steps], identify_component(self.system))

    def predict(self, scores: Scores, classes: Sequence[str]) -> NDArray[np.int64]:
        """The number of the predicted class of each clip; -1 for answers that are none, and for clips without scores."""
        names = tuple(dict.fromkeys((*classes, *self.labels.values())))
        summed = np.zeros((len(scores), len(names)))
        for answer, name in enumerate(self.labels.values()):
            summed[:, names.index(name)] += scores[:, answer]
        predicted = np.nan_to_num(summed, nan=-1).argmax(1)
        return np.where((predicted < len(classes)) & np.isfinite(scores).all(1), predicted, -1)


def change_once(variant: Variant, catalog: Catalog) -> Iterator[Variant]:
    """The variants with one more change of the pipeline, or of the system's settings; of equal ones, the simplest comes first."""
    steps = variant.steps
    for number, step in enumerate(steps):
        if step.repairs:
            yield _with_steps(variant, (*steps[:number], *steps[number + 1 :]), f"without {write(step)}")
        for other in step.alternatives():
            yield _with_steps(variant, (*steps[:number], other, *steps[number + 1 :]), f"{write(other)} instead of {write(step)}")
    for step in _repairing_steps(catalog):
        if all(type(step) is not type(own) for own in steps):
            is_first = step.repairs == "frames"
            where = "before all other steps" if is_first else "after all other steps"
            yield _with_steps(variant, (step, *steps) if is_first else (*steps, step), f"{write(step)} {where}")
    for system in variant.system.alternatives():
        yield Variant(steps, system, variant.labels, (*variant.changes, describe_difference(variant.system, system)))


def relabel(variant: Variant, scores: Scores, true: NDArray[np.int64], classes: Sequence[str]) -> Iterator[Variant]:
    """The variant whose answers stand for the classes that these clips suggest, if it is another; `true` are the numbers of their classes.

    One answer for each class, so that the recall of all classes together is as high as it can be.
    """
    answers = [*variant.labels]
    answered = np.where(np.isfinite(scores).all(1), np.nan_to_num(scores).argmax(1), len(answers))
    shares = np.zeros((len(answers), len(classes)))
    for number in range(len(classes)):
        shares[:, number] = np.bincount(answered[true == number], minlength=len(answers) + 1)[:-1] / max(1, (true == number).sum())
    pairs = zip(*linear_sum_assignment(shares, maximize=True), strict=True)
    found = _exchange(variant.labels, {answers[a]: classes[c] for a, c in pairs if shares[a, c] > 0})
    if changed := {answer: name for answer, name in found.items() if name != variant.labels[answer]}:
        yield Variant(variant.steps, variant.system, found, (*variant.changes, f"labels: {write_yaml(changed)}"))


def _exchange(labels: Labels, permuted: Labels) -> Labels:
    """The labels with other answers for the classes; an answer that loses its class takes one that lost its answer."""
    taken = set(permuted.values())
    free = [name for answer, name in labels.items() if answer in permuted and name not in taken]
    result = dict(permuted)
    for answer, name in labels.items():
        if answer not in result:
            result[answer] = name if name not in taken else (free.pop(0) if free else f"not {name}")
    return {answer: result[answer] for answer in labels}


def _repairing_steps(catalog: Catalog) -> Iterator[Preprocessor]:
    for entry in catalog.entries_of("preprocessor"):
        if issubclass(entry.component, Preprocessor) and entry.component.repairs:
            step = entry.component()
            yield from (step, *step.alternatives())


def _with_steps(variant: Variant, steps: tuple[Preprocessor, ...], change: str) -> Variant:
    return Variant(steps, variant.system, variant.labels, (*variant.changes, change))


def describe_difference(given: System, other: System) -> str:
    """The parameters of a system that differ, as YAML."""
    names = [each.name for each in fields(other) if each.init and getattr(other, each.name) != getattr(given, each.name)]
    return ", ".join(f"{name}: {write_yaml(_plain(getattr(other, name)))}" for name in names)


def write(component: Component) -> str:
    """A component as YAML in one line, without parameters that have their defaults."""
    parameters = _parameters(component)
    return f"{{{component.name}: {write_yaml(parameters)}}}" if parameters else component.name


def write_fix(variant: Variant) -> str:
    """The preprocessing and the backbone of a benchmark, as YAML."""
    usual = dict(zip(variant.system.answers(), variant.system.classes_of_answers(), strict=True))
    parameters = _parameters(variant.system)
    if changed := {answer: name for answer, name in variant.labels.items() if usual[answer] != name}:
        parameters["labels"] = {**dict(variant.system.labels), **changed}
    backbone = f"{{{variant.system.name}: {write_yaml(parameters)}}}" if parameters else variant.system.name
    return f"preprocessing: [[{', '.join(map(write, variant.steps))}]]\nbackbone: [{backbone}]"


def _parameters(component: object) -> dict[str, object]:
    """The parameters that differ from their defaults."""
    assert is_dataclass(component)
    own = [each for each in fields(component) if each.init]
    values = {each.name: getattr(component, each.name) for each in own}
    defaults = {each.name: each.default if each.default_factory is MISSING else each.default_factory() for each in own}
    return {name: _plain(value) for name, value in values.items() if value != defaults[name]}


def _plain(value: object) -> object:
    if is_dataclass(value):
        return _parameters(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value
