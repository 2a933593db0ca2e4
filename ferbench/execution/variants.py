"""The models that an autopsy fits.

Up to four: folds by person or by clip, and the checkpoint chosen on validation people or on the test clips; and one for each other choice
of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from ferbench.api.clips import Fold
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, SystemProblem
from ferbench.api.networks import FinishedSystem
from ferbench.benchmark.grid import Cell
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split, split_clips
from ferbench.corpora.guard_list import GUARDS
from ferbench.corpora.labels import rename_labels
from ferbench.execution.choices import EPOCH, FOLDS, MEAN
from ferbench.plan.models import Fit, Model, Row
from ferbench.plan.planner import Planner
from ferbench.store.entries import Store
from ferbench.store.keys import make_key

OPTIONAL_CLASSES = ("contempt", "neutral")  # published work differs in whether these count
MAX_CLASS_CHOICES = 2

Name = TypeVar("Name")

MakeSplit = Callable[[Protocol, Sequence[Corpus], Store], Split]
MakePlanner = Callable[[Collection[str], MakeSplit], Planner]
"""From the leaks that are allowed and the way to split."""


@dataclass(frozen=True)
class Variants:
    """The models of a row.

    `models` are by whether clips are folded, not people, and whether the test clips choose the epoch; `others` are by their classes.
    `impossible` are the choices that cannot be made, with the reason; those that need answers are not among them. `refused` are the other
    classes that a run refuses, with the reason.
    """

    models: Mapping[tuple[bool, bool], Model]
    others: Mapping[tuple[str, ...], Model]
    impossible: Mapping[str, str]
    refused: Mapping[tuple[str, ...], str]


def plan_variants(row: Row, make_planner: MakePlanner, allow_leaks: Collection[str], store: Store) -> Variants:
    """Plan all models of an autopsy. The choices may leak; with other classes, only what `allow_leaks` names may."""
    impossible, cell = find_impossible(row, store), row.model.cell
    models = {
        (by_clip, on_test): make_planner(tuple(GUARDS), _make_splitter(by_clip, on_test)).model(_with_best_epoch(cell) if on_test else cell)
        for by_clip in (False, True)[: 1 if FOLDS in impossible else 2]
        for on_test in (False, True)[: 1 if EPOCH in impossible else 2]
    }
    others, refused = dict[tuple[str, ...], Model](), dict[tuple[str, ...], str]()
    for classes in _other_classes(row):
        with _catch_reason(refused, classes):
            others[classes] = make_planner(allow_leaks, split_clips).model(_with_classes(cell, classes))
    return Variants(models, others, impossible, refused)


@contextmanager
def _catch_reason(reasons: dict[Name, str], name: Name) -> Iterator[None]:
    """Keep the message of an error as the reason why something cannot be examined."""
    try:
        yield
    except SystemProblem:
        raise
    except FerbenchError as error:
        reasons[name] = f"{error.where}: {error.message}" if error.where else error.message


def find_impossible(row: Row, store: Store) -> dict[str, str]:
    """The choices that would change nothing or cannot be made, with the reason, as far as the plan shows."""
    model, reasons = row.model, dict[str, str]()
    fits = [fit for submodel in model.submodels for fit in submodel.fits if isinstance(fit, Fit)]
    if all(isinstance(fit.trainable, FinishedSystem) for fit in fits):
        reasons |= dict.fromkeys((FOLDS, EPOCH), "nothing is trained")
    else:
        with _catch_reason(reasons, FOLDS):
            reasons |= _find_folds_problem(model, store)
    if len(model.split.folds) == 1:
        reasons[MEAN] = "there is one fold"
    return reasons


def _find_folds_problem(model: Model, store: Store) -> dict[str, str]:
    """Why clips cannot be folded; empty if they can. Raises FerbenchError if the protocol refuses."""
    folds = split_clips(model.cell.protocol, model.corpora, store, by_person=False).folds
    if folds == model.split.folds:
        return {FOLDS: "the protocol's parts are lists of clips, whoever is in them"}
    return {FOLDS: f"the protocol would make {len(folds)} folds"} if len(folds) != len(model.split.folds) else {}


def _make_splitter(by_clip: bool, on_test: bool) -> MakeSplit:
    def make_split(protocol: Protocol, corpora: Sequence[Corpus], store: Store) -> Split:
        split = split_clips(protocol, corpora, store, by_person=not by_clip)
        return _choose_on_test(split) if on_test else split

    return make_split


def _choose_on_test(split: Split) -> Split:
    """The same folds, whose tested clips choose the checkpoint: they are scored as the validation part."""
    folds = tuple(Fold(fold.train, validation=fold.test, test=()) for fold in split.folds)
    return Split(make_key("autopsy", split.key), split.clips, folds, split.other_classes)


def _with_best_epoch(cell: Cell) -> Cell:
    return replace(cell, recipe=replace(cell.recipe, checkpoint="best"))


def _with_classes(cell: Cell, classes: tuple[str, ...]) -> Cell:
    dropped = tuple(label for label in cell.protocol.drop_after_folding if label not in classes)
    return replace(cell, protocol=replace(cell.protocol, classes=classes, drop_after_folding=dropped))


def _other_classes(row: Row) -> list[tuple[str, ...]]:
    """Other choices of classes: without those that published work leaves out, or with those that the corpora hold."""
    own = row.model.cell.protocol.classes
    present = {clip.label for clip in rename_labels(row.model.cell.protocol, row.model.corpora)}
    optional = [label for label in OPTIONAL_CLASSES if label in own or label in present]
    toggled = [(*own, label) if label not in own else tuple(each for each in own if each != label) for label in optional]
    return [classes for classes in toggled if len(classes) > 1][:MAX_CLASS_CHOICES]
