"""The autopsy of a protocol: what the choices of published code make of the figure of one row. Its results are never stored as rows.

The models that it needs are those of `ferbench.execution.variants`. All other choices only score their answers in another way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ferbench.api.errors import FerbenchError
from ferbench.benchmark.grid import Benchmark
from ferbench.corpora.folds import split_clips
from ferbench.execution import rehearsal
from ferbench.execution.choices import CHOICES, Examiner, find_unanswerable, read_answers
from ferbench.execution.context import Context
from ferbench.execution.engine import compute_models, search_models
from ferbench.execution.options import Options
from ferbench.execution.progress import Reporter
from ferbench.execution.runner import open_context, resolve_device_of
from ferbench.execution.variants import MakeSplit, Variants, plan_variants
from ferbench.plan.models import Model, Row
from ferbench.plan.planner import Planner
from ferbench.plan.precision import precision_of
from ferbench.report.patterns import choose_rows
from ferbench.report.statistics.intervals import Estimate
from ferbench.report.statistics.shares import Figure, Shares, share_difference
from ferbench.store.entries import Store


@dataclass(frozen=True)
class OtherClasses:
    """The figure without any choice, with other classes; its difference from that with the benchmark's own, and what leaks."""

    classes: tuple[str, ...]
    uar: Estimate
    difference: Estimate
    leaks: tuple[str, ...]


@dataclass(frozen=True)
class RefusedClasses:
    """Other classes that a run refuses, and why."""

    classes: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Autopsy:
    """The figures of one row under all combinations of `choices`, their shares, and the choices that cannot be made, with the reason.

    `people` are those whom the figure without any choice tests. It is honest unless the row has `leaks`, which the user allowed.
    """

    row: str
    standin: bool
    protocol: str
    leaks: tuple[str, ...]
    people: int
    choices: tuple[str, ...]
    shares: Shares
    impossible: Mapping[str, str]
    classes: tuple[OtherClasses, ...]
    refused_classes: tuple[RefusedClasses, ...]
    fits: int
    knows_peak: bool

    @property
    def figures(self) -> int:
        """How many figures it holds."""
        return len(self.shares.figures) + len(self.classes)


def run_autopsy(benchmark: Benchmark, pattern: str, store: Store, options: Options, reporter: Reporter) -> Autopsy:
    """Fit what is missing and compute all figures; raises FerbenchError unless the pattern matches one row."""
    options = resolve_device_of(options)
    with store.use():
        get_standin = rehearsal.render_standin(store, reporter)
        benchmark, corpora = rehearsal.prepare_corpora(benchmark, store, options.rehearsal, reporter, get_standin, options.rehash)

        def make_planner(allow_leaks: Collection[str], make_split: MakeSplit = split_clips) -> Planner:
            return Planner(benchmark, corpora, store, precision_of(options.device), allow_leaks, make_split)

        def find_row() -> Row:
            return _pick_row(list(make_planner(options.allow_leaks).rows()), pattern)

        row = find_row()
        with open_context(store, options, reporter) as context:
            if search_models([row.model], context):
                row = find_row()  # raises if a near-duplicate is in two parts of a fold, unless that is allowed
            variants = plan_variants(row, make_planner, options.allow_leaks, store)
            _compute([*variants.models.values(), *variants.others.values()], context)
        return _examine(row, variants, store)


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
    chosen = [rows[number] for number in choose_rows(pattern, [row.key for row in rows], [row.labels for row in rows])]
    if len(chosen) != 1:
        names = "; ".join(" ".join(row.labels.values()) for row in (chosen or rows)[:5])
        hint = "name more axes, as in --row backbone=vgg16,aggregator=mean,seed=0"
        raise FerbenchError(f"{pattern!r} matches {len(chosen)} rows: expected one of {names}", hint=hint)
    return chosen[0]


def _examine(row: Row, variants: Variants, store: Store) -> Autopsy:
    answers = {key: read_answers(model, on_test=key[1], store=store) for key, model in variants.models.items()}
    impossible = {**variants.impossible, **find_unanswerable([*answers.values()])}
    choices = tuple(choice for choice in CHOICES if choice not in impossible)
    clips = {clip.id: clip for clip in row.model.split.clips}
    examiner = Examiner(
        row, clips, sorted({clip.subject for model in (row.model, *variants.others.values()) for clip in model.split.clips})
    )
    figures = [
        examiner.figure(answers, {choice for bit, choice in enumerate(choices) if position >> bit & 1})
        for position in range(2 ** len(choices))
    ]
    return Autopsy(
        row=" · ".join(row.labels[axis] for axis in ("backbone", "recipe", "loss", "aggregator")),
        standin=row.model.has_standin,
        protocol=row.labels["protocol"],
        leaks=row.model.leaks,
        people=figures[0].people,
        choices=choices,
        shares=share_difference(figures),
        impossible=impossible,
        classes=tuple(_examine_classes(examiner, figures[0], variants.others, store)),
        refused_classes=tuple(RefusedClasses(classes, reason) for classes, reason in variants.refused.items()),
        fits=len(variants.models) + len(variants.others),
        knows_peak=any(clip.apex is not None for clip in clips.values()),
    )


def _examine_classes(examiner: Examiner, own: Figure, others: Mapping[tuple[str, ...], Model], store: Store) -> Iterator[OtherClasses]:
    for classes, model in others.items():
        clips = {clip.id: clip for clip in model.split.clips}
        answers = read_answers(model, on_test=False, store=store)
        figure = replace(examiner, row=replace(examiner.row, model=model), clips=clips).figure({(False, False): answers}, ())
        shares = share_difference([own, figure])
        yield OtherClasses(classes, shares.figures[1], shares.difference, model.leaks)
