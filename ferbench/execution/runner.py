"""Runs a benchmark from its file to its record.

prepare_corpora   finds or renders the corpora, and indexes them
Planner.rows      turns combinations into rows, models and fits, each with its key; guards look for leaks
search_duplicates computes crops and features, and searches the frames for copies; if there are any, rows are planned again
compute_rows      computes what the store lacks, stage by stage
store_summary     stores the record that leaderboards are rendered from, failed rows included
keep_weights      stores the weights that are to be kept and are not stored yet
draw_figures      draws learning curves and confusion matrices
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ferbench.api.errors import FerbenchError
from ferbench.benchmark.grid import Benchmark
from ferbench.corpora.fold_checks import protocol_warnings
from ferbench.corpora.folds import Split
from ferbench.execution import rehearsal, summary
from ferbench.execution.keeping import Keeper
from ferbench.execution.options import Options
from ferbench.execution.progress import Reporter
from ferbench.execution.restore import defer_garbage_collection, restore_libraries, resume_garbage_collection
from ferbench.plan.guards import check_names
from ferbench.plan.inputs import store_inputs
from ferbench.plan.models import Row
from ferbench.plan.planner import Planner
from ferbench.plan.precision import precision_of, resolve_device
from ferbench.store import records
from ferbench.store.costs import load_costs
from ferbench.store.entries import Store
from ferbench.store.records import CorpusSummary, Record
from ferbench.store.rows import FailedRow, RowDescription

if TYPE_CHECKING:
    from ferbench.execution.context import Context
    from ferbench.plan.forecast import Forecast

MAX_FIGURES = 200  # new rows; above, figures are drawn only on request: each takes about a tenth of a second


class _PlannedRows(NamedTuple):
    """All rows, those that failed in an earlier run, and those to compute."""

    rows: list[Row]
    failed: dict[str, FailedRow]
    pending: list[Row]


def run(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter) -> Record:
    """Compute what the store lacks and return the record: all rows, published rows, the corpora and what was left out of them.

    Raises FerbenchError for a user error; results stored so far are kept.
    """
    with store.use(), defer_garbage_collection():
        return _run(benchmark, store, options, reporter)


def _run(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter) -> Record:
    options = resolve_device_of(options)
    get_standin = rehearsal.render_standin(store, reporter)
    benchmark, corpora = rehearsal.prepare_corpora(benchmark, store, options.rehearsal, reporter, get_standin, options.rehash)
    planner, keeper = _planner(benchmark, corpora, store, options), Keeper(options.keep or benchmark.keep, store)
    planned = _plan_rows(planner, options)
    summaries = summary.summarize_corpora(corpora, planned.rows)
    _report_corpora(summaries, planned.rows, reporter)
    skipped = f", {len(planned.failed)} failed before and are skipped (--retry-failed tries them again)" if planned.failed else ""
    stored = len(planned.rows) - len(planned.failed) - len(planned.pending)
    reporter.line(f"{len(planned.rows)} rows, {stored} of them already stored{skipped}")
    failures: list[FailedRow] = []
    if planned.pending:
        planned, failures = _compute(planned, lambda: _plan_rows(planner, options), keeper, store, options, reporter)
    record = summary.store_summary(benchmark, planned.rows, [*planned.failed.values(), *failures], summaries, store)
    for line in summary.unreadable_lines(record["rows"], (row.model.split for row in planned.rows)):
        reporter.warn(line)
    _draw_figures(record, len(planned.pending), store, options, reporter)
    _keep_weights(keeper, planned.rows, record, options, reporter)
    return record


def _planner(benchmark: Benchmark, corpora: rehearsal.Corpora, store: Store, options: Options) -> Planner:
    check_names(options.allow_leaks)
    return Planner(benchmark, corpora, store, precision_of(options.device), options.allow_leaks)


def _plan_rows(planner: Planner, options: Options) -> _PlannedRows:
    rows, store = list(planner.rows()), planner.store
    missing = [row for row in rows if store.find("rows", row.key) is None]
    failed = {} if options.retry else records.load_failures([row.key for row in missing], store)
    return _PlannedRows(rows, failed, [row for row in missing if row.key not in failed])


def missing_rows(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter) -> list[RowDescription]:
    """Describe the rows that `run` would compute."""
    from ferbench.stages.scores import describe_row

    options = resolve_device_of(options)
    with store.use(), defer_garbage_collection():
        get_standin = rehearsal.require_standin(store)
        benchmark, corpora = rehearsal.prepare_corpora(benchmark, store, options.rehearsal, reporter, get_standin, options.rehash)
        rows = _plan_rows(_planner(benchmark, corpora, store, options), options).pending
        for row in rows:
            store_inputs(row.model, store)
        return [describe_row(row) for row in rows]


def plan(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter, measure: bool = False) -> Forecast:
    """Forecast what `run` would do. If stand-ins must be rendered first, only the number of rows is known.

    `measure` times a few items of each kind of work that is new to the store.
    """
    with store.use(), defer_garbage_collection():
        return _plan(benchmark, store, options, reporter, measure)


def _plan(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter, measure: bool) -> Forecast:
    from ferbench.plan.estimate import forecast
    from ferbench.plan.forecast import Forecast

    options = resolve_device_of(options)
    if unrendered := rehearsal.unrendered_standins(benchmark, store, options.rehearsal):
        rehearsal.warn_of_missing_folders(benchmark, reporter)
        return Forecast(total=benchmark.with_rehearsal_settings().size, unrendered=unrendered)
    get_standin = rehearsal.require_standin(store)
    benchmark, corpora = rehearsal.prepare_corpora(benchmark, store, options.rehearsal, reporter, get_standin, options.rehash)
    keeper = Keeper(options.keep or benchmark.keep, store)

    def make_forecast() -> Forecast:
        rows = _planner(benchmark, corpora, store, options).rows
        return forecast(rows(), load_costs(store), store, options.retry, keeper.forecast(rows()))

    result = make_forecast()
    if measure and result.unknown_stages():
        _measure_costs(_planner(benchmark, corpora, store, options), store, options, reporter)
        result = make_forecast()
    return result


def list_splits(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter) -> dict[tuple[str, str], Split]:
    """The split of each dataset by each protocol, by their labels, with the warnings of a run about them.

    Raises FerbenchError if stand-ins must be rendered first.
    """
    options = resolve_device_of(options)
    with store.use(), defer_garbage_collection():
        if unrendered := rehearsal.unrendered_standins(benchmark, store, options.rehearsal):
            problem = f"the corpora {', '.join(unrendered)} are missing, and no stand-ins are rendered yet"
            raise FerbenchError(problem, hint="run the benchmark once, or set FERBENCH_DATA to the folder that contains the corpora")
        get_standin = rehearsal.require_standin(store)
        benchmark, corpora = rehearsal.prepare_corpora(benchmark, store, options.rehearsal, reporter, get_standin, options.rehash)
        rows = list(_planner(benchmark, corpora, store, options).rows())
        _warn_of_protocols(rows, reporter)
        return {(row.labels["dataset"], row.labels["protocol"]): row.model.split for row in rows}


def _report_corpora(summaries: Sequence[CorpusSummary], rows: Sequence[Row], reporter: Reporter) -> None:
    """Report the corpora, what was left out of them, and warnings about the folds."""
    for line in summary.corpus_lines(summaries):
        reporter.line(line)
    for warning in summary.repeat_lines(summaries):
        reporter.warn(warning)
    _warn_of_protocols(rows, reporter)


def _warn_of_protocols(rows: Sequence[Row], reporter: Reporter) -> None:
    models = {row.model.split.key: row.model for row in rows}.values()
    warnings = [protocol_warnings(model.cell.protocol, model.corpora, model.split.labels, model.split.folds) for model in models]
    for warning in dict.fromkeys(text for texts in warnings for text in texts):
        reporter.warn(warning)


def _compute(
    planned: _PlannedRows, plan_again: Callable[[], _PlannedRows], keeper: Keeper, store: Store, options: Options, reporter: Reporter
) -> tuple[_PlannedRows, list[FailedRow]]:
    """Compute the pending rows; returns all rows and those that failed. Imports torch, so call it only if rows are pending.

    If frames are copies of others, the rows are planned again, which marks those that leak or raises FerbenchError.
    """
    _import_torch()
    from ferbench.execution.engine import compute_rows, search_duplicates

    with open_context(store, options, reporter) as context:
        if search_duplicates(planned.pending, context):
            planned = plan_again()
        context.kept = keeper.keys_while_training(planned.rows, precision_of(options.device))
        return planned, compute_rows(planned.pending, context)


def _keep_weights(keeper: Keeper, rows: Sequence[Row], record: Record, options: Options, reporter: Reporter) -> None:
    """Store the weights that are to be kept and are not stored yet; imports torch only if there are any."""
    chosen = keeper.choose(rows, record)
    keeper.drop_others(chosen)
    if keeper.find_missing(chosen):
        from ferbench.execution.engine import keep_weights

        with open_context(keeper.store, options, reporter) as context:
            context.kept = keeper.find_missing(chosen)
            keep_weights([row.model for row in chosen], context)


@contextmanager
def open_context(store: Store, options: Options, reporter: Reporter) -> Iterator[Context]:
    """What drivers need to compute; imports torch."""
    _import_torch()
    from joblib import cpu_count

    from ferbench.execution.context import Context
    from ferbench.execution.executor import local_executor
    from ferbench.training.device import select_device

    workers = options.workers or cpu_count()
    resume_garbage_collection()
    with restore_libraries(), local_executor(workers) as executor:
        device = select_device(options.device)
        yield Context(store, reporter, device, executor, workers, options.checkpoint_interval, options.compile)


def resolve_device_of(options: Options) -> Options:
    """Replace the device `auto` by the one that will compute, which keys depend on."""
    with _explain_torch_errors():
        return replace(options, device=resolve_device(options.device))


def _import_torch() -> None:
    """Import torch alone, so that it is not blamed for an error of another import."""
    with _explain_torch_errors():
        import torch  # noqa: F401


@contextmanager
def _explain_torch_errors() -> Iterator[None]:
    """Turn errors of an import of torch into FerbenchErrors."""
    try:
        yield
    except (ImportError, RuntimeError) as error:
        hint = "torch and torchvision come in matching pairs: pip install --force-reinstall torch torchvision"
        raise FerbenchError(f"torch cannot be imported: {error}", hint=hint) from error


def _measure_costs(planner: Planner, store: Store, options: Options, reporter: Reporter) -> None:
    """Measure costs; imports torch."""
    from ferbench.execution.probe import measure_costs
    from ferbench.training.device import select_device

    resume_garbage_collection()
    with restore_libraries(), reporter.track("measure", "models") as update:
        measure_costs(planner.rows(), store, select_device(options.device), update)


def _draw_figures(record: Record, new: int, store: Store, options: Options, reporter: Reporter) -> None:
    """Draw the figures of a run if options ask for them; imports matplotlib only then."""
    if options.figures is None and new > MAX_FIGURES:
        reporter.line(f"the figures of {new} new rows are not drawn: add --figures to draw them")
    elif options.figures or (options.figures is None and new):
        from ferbench.report.figures import draw_figures

        try:
            if problems := draw_figures(record, store):
                reporter.warn(f"{len(problems)} figures could not be drawn: {problems[0]}")
        except Exception as error:  # the rows are stored, with or without figures
            reporter.warn(f"figures could not be drawn: {type(error).__name__}: {error}")
