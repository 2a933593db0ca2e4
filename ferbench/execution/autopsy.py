"""The autopsy of a protocol: what the choices of published code make of the figure of one row. Its results are never stored as rows.

Four models are fitted: folds by person or by clip, and the checkpoint chosen on validation people or on the test clips; and one for each
other choice of classes. All other choices only score their answers in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ferbench.api.clips import Fold
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError
from ferbench.api.networks import FinishedSystem
from ferbench.benchmark.grid import Benchmark, Cell
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split, split_clips
from ferbench.corpora.guard_list import GUARDS
from ferbench.corpora.labels import rename_labels
from ferbench.execution import rehearsal
from ferbench.execution.choices import (
    CHOICES,
    EPOCH,
    FOLDS,
    MEAN,
    Examiner,
    find_unanswerable,
    read_answers,
    spread_people,
)
from ferbench.execution.context import Context
from ferbench.execution.engine import compute_models
from ferbench.execution.options import Options
from ferbench.execution.progress import Reporter
from ferbench.execution.runner import open_context, resolve_device_of
from ferbench.plan.models import Fit, Model, Row
from ferbench.plan.planner import Planner
from ferbench.plan.precision import precision_of
from ferbench.report.patterns import parse_patterns
from ferbench.report.statistics.intervals import Estimate
from ferbench.report.statistics.shares import Figure, Shares, share_difference
from ferbench.store.entries import Store
from ferbench.store.keys import make_key

OPTIONAL_CLASSES = ("contempt", "neutral")  # published work differs in whether these count
MAX_CLASS_CHOICES = 2


@dataclass(frozen=True)
class OtherClasses:
    """The honest figure with other classes, and its difference from that with the benchmark's own."""

    classes: tuple[str, ...]
    uar: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Autopsy:
    """The figures of one row under all combinations of `choices`, their shares, and the choices that cannot be made, with the reason."""

    row: str
    standin: bool
    protocol: str
    people: int
    choices: tuple[str, ...]
    shares: Shares
    impossible: Mapping[str, str]
    classes: tuple[OtherClasses, ...]
    fits: int
    knows_peak: bool

    @property
    def figures(self) -> int:
        """How many figures it holds."""
        return len(self.shares.figures) + len(self.classes)


MakeSplit = Callable[[Protocol, Sequence[Corpus], Store], Split]


def run_autopsy(benchmark: Benchmark, pattern: str, store: Store, options: Options, reporter: Reporter) -> Autopsy:
    """Fit what is missing and compute all figures; raises FerbenchError unless the pattern matches one row."""
    options = resolve_device_of(options)
    with store.use():
        get_standin = rehearsal.render_standin(store, reporter)
        benchmark, corpora = rehearsal.prepare_corpora(benchmark, store, options.rehearsal, reporter, get_standin, options.rehash)

        def plan(make_split: MakeSplit) -> Planner:
            return Planner(benchmark, corpora, store, precision_of(options.device), tuple(GUARDS), make_split)

        rows = Planner(benchmark, corpora, store, precision_of(options.device), options.allow_leaks).rows()
        row = _pick_row(list(rows), pattern)
        variants = {
            (by_clip, on_test): plan(_splitter(by_clip, on_test)).model(_with_best_epoch(row.model.cell) if on_test else row.model.cell)
            for by_clip in _possible(row, FOLDS, store)
            for on_test in _possible(row, EPOCH, store)
        }
        others = {classes: plan(split_clips).model(_with_classes(row.model.cell, classes)) for classes in _other_classes(row)}
        with open_context(store, options, reporter) as context:
            _compute([*variants.values(), *others.values()], context)
        return _examine(row, variants, others, store)


def _compute(models: Sequence[Model], context: Context) -> None:
    """Compute the fits of all models; raises the error of the first that fails."""
    try:
        compute_models(models, context)
    finally:
        context.costs.save()
    for model in models:
        if error := context.failures.of(model):
            raise error


def _pick_row(rows: Sequence[Row], pattern: str) -> Row:
    patterns = parse_patterns(pattern, [row.labels for row in rows])
    chosen = [row for row in rows if row.key.startswith(pattern) or patterns.match(row.labels)]
    if len(chosen) != 1:
        names = "; ".join(" ".join(row.labels.values()) for row in (chosen or rows)[:5])
        hint = "name more axes, as in --row backbone=vgg16,aggregator=mean,seed=0"
        raise FerbenchError(f"{pattern!r} matches {len(chosen)} rows: expected one of {names}", hint=hint)
    return chosen[0]


def _splitter(by_clip: bool, on_test: bool) -> MakeSplit:
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
    return replace(cell, protocol=replace(cell.protocol, classes=classes))


def _possible(row: Row, choice: str, store: Store) -> tuple[bool, ...]:
    return (False,) if choice in find_impossible(row, store) else (False, True)


def find_impossible(row: Row, store: Store) -> dict[str, str]:
    """The choices that would change nothing or cannot be made, with the reason; those that need answers are left to `_examine`."""
    model, reasons = row.model, dict[str, str]()
    fits = [fit for submodel in model.submodels for fit in submodel.fits if isinstance(fit, Fit)]
    if all(isinstance(fit.trainable, FinishedSystem) for fit in fits):
        reasons |= dict.fromkeys((FOLDS, EPOCH), "nothing is trained")
    elif model.split.folds == (by_clip := split_clips(model.cell.protocol, model.corpora, store, by_person=False)).folds:
        reasons[FOLDS] = "the protocol's parts are lists of clips, whoever is in them"
    elif len(by_clip.folds) != len(model.split.folds):
        reasons[FOLDS] = f"the protocol would make {len(by_clip.folds)} folds"
    if len(model.split.folds) == 1:
        reasons[MEAN] = "there is one fold"
    return reasons


def _other_classes(row: Row) -> list[tuple[str, ...]]:
    """Other choices of classes: without those that published work leaves out, or with those that the corpora hold."""
    own = row.model.cell.protocol.classes
    present = {clip.label for clip in rename_labels(row.model.cell.protocol, row.model.corpora)}
    optional = [label for label in OPTIONAL_CLASSES if label in own or label in present]
    toggled = [(*own, label) if label not in own else tuple(each for each in own if each != label) for label in optional]
    return [classes for classes in toggled if len(classes) > 1][:MAX_CLASS_CHOICES]


def _examine(row: Row, variants: Mapping[tuple[bool, bool], Model], others: Mapping[tuple[str, ...], Model], store: Store) -> Autopsy:
    answers = {choices: read_answers(model, on_test=choices[1], store=store) for choices, model in variants.items()}
    impossible = find_impossible(row, store) | find_unanswerable([*answers.values()])
    choices = tuple(choice for choice in CHOICES if choice not in impossible)
    clips = {clip.id: clip for clip in row.model.split.clips}
    scorer = Examiner(row, clips, sorted({clip.subject for clip in clips.values()}))
    figures = [
        scorer.figure(answers, {choice for bit, choice in enumerate(choices) if position >> bit & 1})
        for position in range(2 ** len(choices))
    ]
    return Autopsy(
        row=" · ".join(row.labels[axis] for axis in ("backbone", "recipe", "loss", "aggregator")),
        standin=row.model.has_standin,
        protocol=row.labels["protocol"],
        people=len(scorer.people),
        choices=choices,
        shares=share_difference(figures),
        impossible=impossible,
        classes=tuple(_examine_classes(row, figures[0], others, store)),
        fits=len(variants) + len(others),
        knows_peak=any(clip.apex is not None for clip in clips.values()),
    )


def _examine_classes(row: Row, honest: Figure, others: Mapping[tuple[str, ...], Model], store: Store) -> Iterator[OtherClasses]:
    own = sorted({clip.subject for clip in row.model.split.clips})
    for classes, model in others.items():
        clips = {clip.id: clip for clip in model.split.clips}
        people = sorted({clip.subject for clip in clips.values()} | set(own))
        figure = Examiner(replace(row, model=model), clips, people).figure(
            {(False, False): read_answers(model, on_test=False, store=store)}, set()
        )
        widened = spread_people(honest, own, people)
        shares = share_difference([widened, figure])
        yield OtherClasses(classes, shares.figures[1], shares.difference)
