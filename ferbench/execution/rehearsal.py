"""The corpora of a benchmark, or rendered stand-ins for them in a rehearsal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ferbench.api.components import Dataset
from ferbench.api.errors import FerbenchError
from ferbench.benchmark.grid import Benchmark
from ferbench.corpora import standins
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.index import index_corpus
from ferbench.corpora.location import locate_corpus, missing_error, missing_folders
from ferbench.execution.progress import Reporter
from ferbench.store.entries import Store
from ferbench.store.keys import identify_component, make_key

Corpora = Mapping[str, tuple[Corpus, ...]]
"""The corpora of each choice, by label of the dataset axis."""

GetStandIn = Callable[[Dataset, Benchmark], Path]
"""From a dataset and the rehearsed benchmark to the folder of its stand-in."""


REHEARSED = "counts as a stand-in, since this run is a rehearsal"


def prepare_corpora(
    benchmark: Benchmark, store: Store, allow_rehearsal: bool, reporter: Reporter, get_standin: GetStandIn, rehash: bool = False
) -> tuple[Benchmark, Corpora]:
    """Index every corpus; rehearse the benchmark if one is missing or a stand-in. Raises FerbenchError for a missing corpus.

    `rehash` reads all files again. In a rehearsal all corpora count as stand-ins, whatever became of their markers.
    """
    indexer = _Indexer(store, reporter, rehash)
    missing = [dataset for dataset in benchmark.datasets() if locate_corpus(dataset) is None]
    may_rehearse = allow_rehearsal and benchmark.rehearsal is not None
    if missing and not may_rehearse:
        raise missing_error(missing[0], benchmark.document.where("dataset"))
    if missing:
        warn_of_missing_folders(benchmark, reporter)
        benchmark = _rehearse(benchmark, reporter, f"not found: {', '.join(dataset.name for dataset in missing)}")
        return benchmark, indexer.index(benchmark, lambda dataset: get_standin(dataset, benchmark), _describe_rendered)
    corpora = indexer.index(benchmark, locate_corpus)
    if may_rehearse and any(corpus.is_standin for merged in corpora.values() for corpus in merged):
        benchmark = _rehearse(benchmark, reporter, "the corpora are stand-ins")
        corpora = indexer.index(benchmark, locate_corpus, lambda _dataset, _benchmark: REHEARSED)
    return benchmark, corpora


def warn_of_missing_folders(benchmark: Benchmark, reporter: Reporter) -> None:
    """Warn of folders that the user gave and that do not exist: a rehearsal would hide a typing error."""
    for problem in missing_folders(benchmark.datasets()):
        reporter.warn(problem)


def render_standin(store: Store, reporter: Reporter) -> GetStandIn:
    """Render stand-ins that are not in the store."""

    def render(dataset: Dataset, rehearsed: Benchmark) -> Path:
        with reporter.track(f"render {dataset.name}", "clips") as update:
            return standins.store_standin(standins.get_standin(dataset, rehearsed.catalog), *_standin_size(rehearsed), store, update)

    return render


def require_standin(store: Store) -> GetStandIn:
    """Require stand-ins to be in the store; raises FerbenchError if one is not rendered."""

    def require(dataset: Dataset, rehearsed: Benchmark) -> Path:
        folder = _standin_folder(dataset, rehearsed, store)
        if not folder.is_dir():
            raise FerbenchError(
                f"the corpus {dataset.name} is missing, and its stand-in is not rendered yet, so its clips cannot be counted",
                hint="`ferbench run` renders it first (about a minute); or set FERBENCH_DATA to the folder that holds the corpora",
            )
        return folder

    return require


def unrendered_standins(benchmark: Benchmark, store: Store, allow_rehearsal: bool) -> tuple[str, ...]:
    """The corpora whose stand-ins a run would render first."""
    may_rehearse = allow_rehearsal and benchmark.rehearsal is not None
    if not may_rehearse or all(locate_corpus(dataset) for dataset in benchmark.datasets()):
        return ()
    rehearsed = benchmark.with_rehearsal_settings()
    folders = {dataset.name: _standin_folder(dataset, rehearsed, store) for dataset in rehearsed.datasets()}
    return tuple(name for name, folder in folders.items() if not folder.is_dir())


def _standin_folder(dataset: Dataset, rehearsed: Benchmark, store: Store) -> Path:
    return standins.standin_folder(standins.get_standin(dataset, rehearsed.catalog), *_standin_size(rehearsed), store)


def _describe_rendered(dataset: Dataset, rehearsed: Benchmark) -> str:
    return standins.describe_standin(standins.get_standin(dataset, rehearsed.catalog), *_standin_size(rehearsed))


@dataclass(frozen=True)
class _Indexer:
    """Indexes the corpora of a benchmark, each once."""

    store: Store
    reporter: Reporter
    rehash: bool

    def index(
        self, benchmark: Benchmark, root: Callable[[Dataset], Path | None], describe: Callable[[Dataset, Benchmark], str] | None = None
    ) -> Corpora:
        """Index the corpora in these folders; `describe` says what those without a marker stand in for, if all are stand-ins."""
        indexed: dict[str, Corpus] = {}
        for dataset in benchmark.datasets():
            if _identify(dataset) not in indexed:
                corpus = self._index(replace(dataset, root=str(root(dataset))))
                if describe and not corpus.is_standin:
                    corpus = replace(corpus, standin=describe(dataset, benchmark))
                indexed[_identify(dataset)] = corpus
        choices = {choice.label: choice.value for choice in benchmark.selected_choices("dataset")}
        return {
            label: tuple(indexed[_identify(dataset)] for dataset in merged if isinstance(dataset, Dataset))
            for label, merged in choices.items()
            if isinstance(merged, tuple)
        }

    def _index(self, dataset: Dataset) -> Corpus:
        with self.reporter.track(f"index {dataset.name}", "files") as update:
            return index_corpus(dataset, self.store, rehash=self.rehash, progress=update)


def _identify(dataset: Dataset) -> str:
    return make_key(identify_component(dataset), dataset.root)


def _rehearse(benchmark: Benchmark, reporter: Reporter, reason: str) -> Benchmark:
    reporter.warn(f"REHEARSAL ({reason}): the whole pipeline on stand-in corpora; its results say nothing about the real ones")
    set_by_user = {setting.path for setting in benchmark.settings}
    for path, value in (benchmark.rehearsal.set if benchmark.rehearsal else {}).items():
        if path not in set_by_user:
            reporter.line(f"  the rehearsal sets {path} = {value}")
    return benchmark.with_rehearsal_settings()


def _standin_size(benchmark: Benchmark) -> tuple[int, int]:
    """People and seed of the stand-ins."""
    assert benchmark.rehearsal is not None
    return benchmark.rehearsal.people, benchmark.rehearsal.seed
