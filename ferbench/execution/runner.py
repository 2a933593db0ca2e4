"""Runs a benchmark: finds or renders its corpora, makes the rows that the store lacks, keeps a record of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferbench.api.components import Dataset
from ferbench.api.errors import FerbenchError
from ferbench.benchmark.grid import Benchmark
from ferbench.corpora import standins as standin
from ferbench.corpora.folds import oddities
from ferbench.corpora.index import Corpus, index, locate, missing_error
from ferbench.execution import summary
from ferbench.execution.progress import Reporter
from ferbench.plan.planner import Network, Planner, Row, note_inputs
from ferbench.store import costs as history
from ferbench.store import records
from ferbench.store.entries import Store
from ferbench.store.keys import component_identity, key

if TYPE_CHECKING:
    from ferbench.plan.forecast import Forecast


MANY = 200  # new rows whose figures are drawn only when asked for: each takes about a tenth of a second


@dataclass(frozen=True)
class Options:
    """Runtime knobs; no part of a key.

    `workers` 0 means one for each core; `checkpoint`: seconds of a fit between its checkpoints; `retry`: try again what failed in an
    earlier run; `figures` None: draw them unless there are many; `compile`: networks by torch.compile.
    """

    device: str = "auto"
    workers: int = 0
    rehearsal: bool = True
    checkpoint: float = 60.0
    retry: bool = False
    figures: bool | None = None
    compile: bool = False


def run(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter) -> dict[str, Any]:
    """Runs what the store lacks and returns the record: all rows, published rows, what was found and left out.

    Raises FerbenchError for what the user can mend; what is stored by then stays.
    """
    benchmark, corpora = _corpora(
        benchmark, store, options, reporter, lambda dataset, rehearsed: _rendered(dataset, rehearsed, store, reporter)
    )
    rows = list(Planner(benchmark, corpora, store).rows())
    found = summary.found(corpora, rows)
    for line in summary.summary(found):
        reporter.line(line)
    for text in dict.fromkeys(text for row in _distinct(rows) for text in oddities(row.cell.protocol, row.corpora, row.split)):
        reporter.warn(text)
    lacking = [row for row in rows if store.find("rows", row.key) is None]
    failed = {} if options.retry else records.failed_before([row.key for row in lacking], store)
    pending = [row for row in lacking if row.key not in failed]
    again = f", {len(failed)} failed before and are left alone (--retry-failed tries them again)" if failed else ""
    reporter.line(f"{len(rows)} rows, {len(rows) - len(lacking)} of them stored already{again}")
    failures = _execute(pending, store, options, reporter) if pending else []
    record = summary.save(benchmark, rows, [*failed.values(), *failures], found, store)
    for line in summary.unreadable(record["rows"]):
        reporter.warn(line)
    _draw(record, len(pending), store, options, reporter)
    return record


def _distinct(rows: Sequence[Row]) -> list[Network]:
    """One network of each split."""
    return list({id(row.network.split): row.network for row in rows}.values())


def missing(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter) -> list[dict[str, Any]]:
    """The rows that `run` would make, as they would be stored but for their results."""
    from ferbench.stages.scores import described

    benchmark, corpora = _corpora(benchmark, store, options, reporter, _only_rendered(store))
    rows = [row for row in Planner(benchmark, corpora, store).rows() if not store.has("rows", row.key)]
    for row in rows:
        note_inputs(row.network, store)
    return [described(row) for row in rows]


def plan(benchmark: Benchmark, store: Store, options: Options, reporter: Reporter, calibrate: bool = False) -> Forecast:
    """What `run` would do; renders nothing, and where stand-ins are to be rendered first knows no more than how many rows there will be.

    `calibrate` measures a few items of every kind of work that the store's history does not know.
    """
    from ferbench.plan.forecast import Forecast, forecast

    if unrendered := _unrendered(benchmark, store, options):
        return Forecast(total=benchmark.rehearsed().size, unrendered=unrendered)
    benchmark, corpora = _corpora(benchmark, store, options, reporter, _only_rendered(store))
    made = forecast(Planner(benchmark, corpora, store).rows(), history.load(store), store, options.retry)
    if calibrate and made.unknown():
        _calibrate(Planner(benchmark, corpora, store).rows(), store, options, reporter)
        made = forecast(Planner(benchmark, corpora, store).rows(), history.load(store), store, options.retry)
    return made


def _only_rendered(store: Store) -> Callable[[Dataset, Benchmark], Path]:
    """Gives the stand-ins that are there, and raises FerbenchError where one would have to be rendered."""

    def rendered(dataset: Dataset, rehearsed: Benchmark) -> Path:
        folder = standin.place(type(dataset), *_scale(rehearsed), store)
        if not folder.is_dir():
            raise FerbenchError(
                f"the corpus {dataset.name} is missing, and its stand-in is not rendered yet: its clips cannot be counted",
                hint="`ferbench run` renders it first (about a minute); or set FERBENCH_DATA to the folder that holds the corpora",
            )
        return folder

    return rendered


def _unrendered(benchmark: Benchmark, store: Store, options: Options) -> tuple[str, ...]:
    """The corpora whose stand-ins a rehearsal would render first."""
    rehearse = options.rehearsal and benchmark.rehearsal is not None
    if not rehearse or all(locate(dataset) for dataset in benchmark.datasets()):
        return ()
    rehearsed = benchmark.rehearsed()
    places = {d.name: standin.place(type(d), *_scale(rehearsed), store) for d in rehearsed.datasets()}
    return tuple(name for name, place in places.items() if not place.is_dir())


def _calibrate(rows: Iterable[Row], store: Store, options: Options, reporter: Reporter) -> None:
    """Imports torch."""
    from ferbench.execution.probe import calibrate
    from ferbench.training.device import chosen

    with reporter.stage("calibrate", "networks") as tell:
        calibrate(rows, store, chosen(options.device), tell)


def _draw(record: dict[str, Any], new: int, store: Store, options: Options, reporter: Reporter) -> None:
    """Figures of what has none yet; imports matplotlib, hence only where there is work."""
    if options.figures is None and new > MANY:
        reporter.line(f"figures of {new} new rows are left out: --figures draws them")
    elif options.figures or (options.figures is None and new):
        from ferbench.report.figures import draw

        try:
            draw(record, store)
        except Exception as error:  # the rows are there, with or without pictures of them
            reporter.warn(f"figures could not be drawn: {type(error).__name__}: {error}")


def _corpora(
    benchmark: Benchmark, store: Store, options: Options, reporter: Reporter, rendered: Callable[[Dataset, Benchmark], Path]
) -> tuple[Benchmark, dict[str, tuple[Corpus, ...]]]:
    """Every corpus indexed, by label of the dataset axis; the benchmark is rehearsed where one is missing or a stand-in."""
    missing = [dataset for dataset in benchmark.datasets() if locate(dataset) is None]
    rehearse = options.rehearsal and benchmark.rehearsal is not None
    if missing and not rehearse:
        raise missing_error(missing[0], benchmark.document.where("dataset"))
    if missing:
        benchmark = _rehearsed(benchmark, reporter, f"not found: {', '.join(d.name for d in missing)}")
        return benchmark, _indexed(benchmark, store, lambda dataset: rendered(dataset, benchmark))
    corpora = _indexed(benchmark, store, locate)
    if rehearse and any(corpus.standin for each in corpora.values() for corpus in each):
        benchmark = _rehearsed(benchmark, reporter, "the corpora found are stand-ins")
        corpora = _indexed(benchmark, store, locate)
    return benchmark, corpora


def _indexed(benchmark: Benchmark, store: Store, root: Callable[[Dataset], Path | None]) -> dict[str, tuple[Corpus, ...]]:
    """Corpora by label of the dataset axis; each is read once."""
    read: dict[str, Corpus] = {}
    for dataset in benchmark.datasets():
        if _name(dataset) not in read:
            read[_name(dataset)] = index(replace(dataset, root=str(root(dataset))), store)
    return {choice.label: tuple(read[_name(d)] for d in choice.value) for choice in benchmark.selected("dataset")}


def _name(dataset: Dataset) -> str:
    return key(component_identity(dataset), dataset.root)


def _rehearsed(benchmark: Benchmark, reporter: Reporter, why: str) -> Benchmark:
    reporter.line(f"REHEARSAL ({why}): the whole pipeline on stand-in corpora; its figures say nothing of the real ones", "bold yellow")
    if benchmark.rehearsal:
        given = {setting.path for setting in benchmark.settings}
        for path, value in benchmark.rehearsal.set.items():
            if path not in given:  # what --set says stands over it
                reporter.line(f"  the rehearsal sets {path} = {value}")
    return benchmark.rehearsed()


def _rendered(dataset: Dataset, benchmark: Benchmark, store: Store, reporter: Reporter) -> Path:
    with reporter.stage(f"render {dataset.name}", "clips") as tell:
        return standin.stored(type(dataset), *_scale(benchmark), store, tell)


def _scale(benchmark: Benchmark) -> tuple[int, int]:
    """People and seed of the stand-ins."""
    assert benchmark.rehearsal is not None
    return benchmark.rehearsal.people, benchmark.rehearsal.seed


def _execute(pending: Sequence[Row], store: Store, options: Options, reporter: Reporter) -> list[dict[str, Any]]:
    """Imports torch, hence only where there is work."""
    try:
        from ferbench.execution.drivers import Execution
        from ferbench.training.device import chosen
    except (ImportError, RuntimeError) as error:
        hint = "torch and torchvision come in matching pairs: pip install --force-reinstall torch torchvision"
        raise FerbenchError(f"torch cannot be imported: {error}", hint=hint) from error
    from joblib import cpu_count

    execution = Execution(store, reporter, chosen(options.device), options.workers or cpu_count(), options.checkpoint, options.compile)
    return execution.rows(pending)
