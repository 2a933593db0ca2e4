"""The audit of a finished system: why it scores less than it should. Nothing of it is stored as a row.

Half of the people show which change of the pipeline, of the system's settings or of its labels helps; the other half prove it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ferbench.api.clips import Clip, Fold, Input
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError
from ferbench.api.networks import FinishedSystem, Frozen
from ferbench.api.systems import System
from ferbench.benchmark.grid import Benchmark, Cell
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split
from ferbench.corpora.labels import rename_labels
from ferbench.execution import rehearsal
from ferbench.execution.choices import read_answers
from ferbench.execution.engine import compute_models
from ferbench.execution.options import Options
from ferbench.execution.progress import Reporter
from ferbench.execution.repairs import Scores, Variant, change_once, relabel, write_fix
from ferbench.execution.runner import open_context, resolve_device_of
from ferbench.plan.models import Model
from ferbench.plan.planner import Planner
from ferbench.plan.precision import precision_of
from ferbench.registry.catalog import Catalog
from ferbench.report.statistics.comparisons import run_permutation_test
from ferbench.report.statistics.intervals import Estimate, estimate_differences, estimate_uar
from ferbench.report.statistics.tallies import Tally, make_tally
from ferbench.store.entries import Store
from ferbench.store.keys import make_key

if TYPE_CHECKING:
    from torch import nn

LEAST_GAIN = 0.03  # of UAR on the people of the search, for each change
LEVEL = 0.05  # of the test of each change on the people of the search, and of the proof
MAX_CHANGES = 3
MIN_PEOPLE = 10  # in all, and 2 who show a class


@dataclass(frozen=True)
class Audit:
    """What an audit found on clips of these classes, and how many clips of others it left out.

    `before`, `after`, `difference` and `p` are of the people of the proof, `gain` is the difference on those of the search. `fix` is the
    YAML with all `changes`, of which there are none if no change clearly helps. `tried` counts the pipelines and settings.
    """

    system: str
    standin: bool
    classes: tuple[str, ...]
    left_out: Mapping[str, int]
    clips: int
    people: int
    tried: int
    changes: tuple[str, ...]
    gain: float
    before: Estimate
    after: Estimate
    difference: Estimate
    p: float
    fix: str

    @property
    def is_proven(self) -> bool:
        """Whether the changes help on the people of the proof."""
        return bool(self.changes) and self.p < LEVEL and self.difference.value > 0


def run_audit(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter) -> Audit:
    """Audit the finished system of a benchmark with one combination; raises FerbenchError for any other."""
    options = resolve_device_of(options)
    with store.use():
        get_standin = rehearsal.render_standin(store, reporter)
        benchmark, corpora = rehearsal.prepare_corpora(benchmark, store, options.rehearsal, reporter, get_standin, options.rehash)
        cell = _pick_cell(benchmark)
        own = corpora[cell.labels["dataset"]]
        clips, left_out = _choose_clips(cell.protocol, own)
        cell = replace(cell, protocol=replace(cell.protocol, classes=tuple(sorted({clip.label for clip in clips}))))
        split = _split(clips)
        with open_context(store, options, reporter) as context:

            def compute(variants: Sequence[Variant]) -> list[Scores | None]:
                planners = (Planner(benchmark, corpora, store, precision_of(options.device), (), lambda *_: split) for _ in variants)
                models = [planner.model(_with_variant(cell, variant)) for planner, variant in zip(planners, variants, strict=True)]
                try:
                    compute_models(models, context)
                finally:
                    context.costs.save()
                return [None if context.failures.of(model) else _read_scores(model, clips, store) for model in models]

            search = _Search(cell, clips, compute, benchmark.catalog)
            best = search.run()
        return search.prove(best, left_out, is_standin=any(corpus.is_standin for corpus in own))


@dataclass
class _Search:
    cell: Cell
    clips: Sequence[Clip]
    compute: Callable[[Sequence[Variant]], list[Scores | None]]
    catalog: Catalog
    scores: dict[str, Scores | None] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.cell.protocol.classes

    @property
    def base(self) -> Variant:
        """What was given."""
        system = self.cell.backbone
        assert isinstance(system, System)
        return Variant(self.cell.preprocessing, system, dict(zip(system.answers(), system.classes_of_answers(), strict=True)))

    def run(self) -> Variant:
        """Find the changes that help the people of the search, one after the other."""
        best = self.base
        self._compute([best])
        if self.scores[best.key] is None:
            raise FerbenchError("the system as it is cannot be run; the warnings above say why")
        for _ in range(MAX_CHANGES):
            changed = [best, *self._relabel(best), *change_once(best, self.catalog)]
            self._compute(changed)
            better = self._best_of([variant for variant in changed if self.scores[variant.key] is not None])
            if better is None:
                return best
            best = better
        return best

    def _compute(self, variants: Sequence[Variant]) -> None:
        missing = {variant.key: variant for variant in variants if variant.key not in self.scores}
        if missing:
            self.scores |= dict(zip(missing, self.compute(list(missing.values())), strict=True))

    def _relabel(self, variant: Variant) -> Iterator[Variant]:
        scores, (chosen, true) = self._scores(variant), self._half(0)
        return relabel(variant, scores[chosen], true[chosen], self.classes)

    def _best_of(self, candidates: Sequence[Variant]) -> Variant | None:
        """The candidate with the highest UAR on the people of the search, of equal ones the first; None if it is not clearly better."""
        tally = self._tally(candidates, 0)
        number = int(np.argmax(tally.uar))
        is_clear = tally.uar[number] - tally.uar[0] >= LEAST_GAIN and run_permutation_test(tally.select([0, number]))[1] < LEVEL
        return candidates[number] if is_clear else None

    def prove(self, best: Variant, left_out: Mapping[str, int], *, is_standin: bool) -> Audit:
        """Compare what was given with the best variant on the people of the proof."""
        search, proof = (self._tally([self.base, best], half) for half in (0, 1))
        before, after = estimate_uar(proof)
        return Audit(
            system=self.cell.backbone.title,
            standin=is_standin,
            classes=self.classes,
            left_out=left_out,
            clips=len(self.clips),
            people=len({clip.subject for clip in self.clips}),
            tried=len(self.scores),
            changes=best.changes,
            gain=float(search.uar[1] - search.uar[0]),
            before=before,
            after=after,
            difference=estimate_differences(proof)[1],
            p=float(run_permutation_test(proof)[1]),
            fix=write_fix(best),
        )

    def _tally(self, variants: Sequence[Variant], half: int) -> Tally:
        """The right answers of the variants to the clips of a half."""
        chosen, true = self._half(half)
        person = np.unique([clip.subject for clip in self.clips], return_inverse=True)[1]
        right = [variant.predict(self._scores(variant), self.classes)[chosen] == true[chosen] for variant in variants]
        return make_tally(person[chosen], true[chosen], np.array(right, float))

    def _half(self, number: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which clips are of the people of a half, and the numbers of the classes of all clips."""
        halves = halve_people(clip.subject for clip in self.clips)
        true = np.array([self.classes.index(clip.label) for clip in self.clips])
        return np.array([halves[clip.subject] == number for clip in self.clips]), true

    def _scores(self, variant: Variant) -> Scores:
        scores = self.scores[variant.key]
        assert scores is not None
        return scores


def halve_people(people: Iterator[str]) -> dict[str, int]:
    """Put every second person, in an order that depends on nothing but their names, into half 1."""
    ordered = sorted(set(people), key=lambda person: sha256(person.encode()).digest())
    return {person: number % 2 for number, person in enumerate(ordered)}


def _pick_cell(benchmark: Benchmark) -> Cell:
    cells = {(cell.labels["dataset"], cell.labels["preprocessing"], cell.labels["backbone"]): cell for cell in benchmark.cells()}
    if len(cells) != 1:
        names = "; ".join(" ".join(labels) for labels in list(cells)[:5])
        raise FerbenchError(f"{len(cells)} combinations: {names}: an audit examines one", hint="choose one with --only")
    (cell,) = cells.values()
    if not isinstance(cell.backbone, System):
        raise FerbenchError(f"{cell.backbone.title} is no finished system", hint="an audit examines systems that are not trained here")
    return cell


def _choose_clips(protocol: Protocol, corpora: Sequence[Corpus]) -> tuple[list[Clip], dict[str, int]]:
    """The clips of classes that at least two people show, and the number of clips of the others; raises FerbenchError for few people."""
    clips = rename_labels(protocol, corpora)
    shown = Counter(label for _, label in {(clip.subject, clip.label) for clip in clips})
    chosen = [clip for clip in clips if shown[clip.label] >= 2]
    people, classes = {clip.subject for clip in chosen}, {clip.label for clip in chosen}
    if len(people) < MIN_PEOPLE or len(classes) < 2:
        raise FerbenchError(f"{len(people)} people and {len(classes)} classes: an audit needs at least {MIN_PEOPLE} people and 2 classes")
    return chosen, dict(Counter(clip.label for clip in clips if shown[clip.label] < 2))


def _split(clips: Sequence[Clip]) -> Split:
    """All clips are tested."""
    ids = tuple(clip.id for clip in clips)
    return Split(make_key("audit", [[clip.id, clip.label] for clip in clips]), tuple(clips), (Fold((), (), ids),), {})


def _with_variant(cell: Cell, variant: Variant) -> Cell:
    labels = {**cell.labels, "preprocessing": variant.key, "backbone": variant.key}
    return replace(cell, labels=labels, preprocessing=variant.steps, backbone=AllAnswers(system=variant.system))


def _read_scores(model: Model, clips: Sequence[Clip], store: Store) -> Scores:
    """The mean probabilities of the answers, without those of the classes, which are 0."""
    answers = read_answers(model, on_test=False, store=store)
    count = len(model.cell.protocol.classes)
    width = next(iter(answers.values())).scores.shape[1] - count
    empty = np.full(width, np.nan)
    return np.array([answers[clip.id].scores[:, count:].mean(0) if clip.id in answers else empty for clip in clips])


@dataclass(frozen=True)
class AllAnswers(System):
    """A system whose own answers are all visible, whatever the classes are."""

    name = "audited-system"
    system: System | None = None

    @property
    def audited(self) -> System:
        """The system."""
        assert self.system is not None
        return self.system

    def answers(self) -> tuple[str, ...]:
        """The system's."""
        return self.audited.answers()

    def input(self) -> Input:
        """The system's."""
        return self.audited.input()

    def frozen(self) -> Frozen | None:
        """The system's."""
        return self.audited.frozen()

    def check_weights(self) -> None:
        """Check the system's."""
        self.audited.check_weights()

    def trainable(self, classes: Sequence[str]) -> FinishedSystem:
        """The classes, which are never answered, then the answers."""
        return FinishedSystem(lambda _: _build_padding(len(classes)), tuple(f"answer {name}" for name in self.answers()))


def _build_padding(classes: int) -> nn.Module:
    from ferbench.api.choice import Padding

    return Padding(classes)
