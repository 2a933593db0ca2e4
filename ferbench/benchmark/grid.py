"""A benchmark: axes of choices, and a cell for each combination."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from ferbench.api.components import Aggregator, Dataset, EmbeddingLoss, Loss, Preprocessor, Protocol
from ferbench.api.errors import FerbenchError, join_names, shorten
from ferbench.api.networks import Backbone, Fusion
from ferbench.api.recipe import Recipe
from ferbench.benchmark.axes import AXES, Axis
from ferbench.benchmark.choices import Choice, read_choices
from ferbench.benchmark.document import Document, load_document
from ferbench.benchmark.sections import Published, Rehearsal, check_published, read_published, read_rehearsal
from ferbench.benchmark.selection import Filter, keeps, read_filters
from ferbench.benchmark.settings import Choices, Setting, apply_settings, parse_setting
from ferbench.registry.catalog import Catalog
from ferbench.registry.parameters import describe_unknown, expand_path
from ferbench.registry.plugins import is_file, load_plugins, resolve_plugin
from ferbench.registry.specs import Place

TOP_LEVEL_KEYS = ("name", "description", "plugins", *AXES, "only", "keep", "rehearsal", "published")
MAX_ROWS = 100_000
MAX_COMBINATIONS = 1_000_000  # of which `only` may select some
BENCHMARK_NAME = r"\w[\w .+-]{0,99}"  # names files of the store


@dataclass(frozen=True)
class Cell:
    """One combination: its components, and the label of its choice on each axis."""

    labels: Mapping[str, str]
    dataset: tuple[Dataset, ...]
    preprocessing: tuple[Preprocessor, ...]
    protocol: Protocol
    backbone: Backbone | Fusion
    recipe: Recipe
    loss: Loss | EmbeddingLoss
    seed: int
    aggregator: Aggregator


@dataclass(frozen=True)
class Benchmark:
    """A validated benchmark file.

    `filters` are the alternatives of `only`: a combination is run if any of them keeps it. `keep` says of which rows the weights are
    stored: "best", "all", or patterns of labels; of none if it is empty. `settings` are those of `--set` on parameters;
    `replaced_axes` are the axes that `--set` replaced as a whole.
    """

    name: str
    description: str
    document: Document
    catalog: Catalog
    choices: Choices
    filters: tuple[Filter, ...]
    rehearsal: Rehearsal | None
    published: tuple[Published, ...]
    settings: tuple[Setting, ...] = ()
    replaced_axes: frozenset[str] = frozenset()
    keep: str = ""

    @property
    def size(self) -> int:
        """The number of combinations."""
        if len(self.filters) == 1:
            return prod(len(self.selected_choices(axis)) for axis in AXES)
        return sum(1 for _ in self._combinations())

    def selected_choices(self, axis: str) -> tuple[Choice, ...]:
        """The choices of an axis that at least one combination uses."""
        return tuple(choice for choice in self.choices[axis] if any(keeps(filter_, axis, choice) for filter_ in self.filters))

    def datasets(self) -> list[Dataset]:
        """The corpora of all selected choices."""
        values = [choice.value for choice in self.selected_choices("dataset")]
        return [dataset for value in values if isinstance(value, tuple) for dataset in value if isinstance(dataset, Dataset)]

    def cells(self) -> Iterator[Cell]:
        """Every combination of the selected choices."""
        for combination in self._combinations():
            parts: dict[str, Any] = {axis: choice.value for axis, choice in zip(AXES, combination, strict=True)}
            yield Cell(labels={axis: choice.label for axis, choice in zip(AXES, combination, strict=True)}, **parts)

    def with_rehearsal_settings(self) -> Benchmark:
        """The same benchmark with the settings of its rehearsal section; those of `--set` override them."""
        section = (self.rehearsal or Rehearsal()).set
        settings = [Setting(path, value, self.document.place("rehearsal", "set", path)) for path, value in section.items()]
        applicable = [setting for setting in settings if not self._is_for_replaced_component(setting)]
        rehearsed = replace(self, choices=apply_settings(self.choices, [*applicable, *self.settings], self.catalog))
        _check_size(rehearsed)
        for axis, patterns in (item for filter_ in self.filters for item in filter_.items()):
            if not any(choice.matches(pattern) for choice in rehearsed.choices[axis] for pattern in patterns):
                labels = join_names([choice.label for choice in rehearsed.choices[axis]])
                raise FerbenchError(
                    f"`only` selects no {axis} once the rehearsal's settings apply: {join_names(patterns)}; choices are: {labels}"
                )
        return rehearsed

    def _combinations(self) -> Iterator[tuple[Choice, ...]]:
        """Yield every combination once, in the order of the axes."""
        kept = [[{c.label for c in self.choices[axis] if keeps(filter_, axis, c)} for axis in AXES] for filter_ in self.filters]
        for combination in product(*[self.selected_choices(axis) for axis in AXES]):
            if any(all(c.label in labels for c, labels in zip(combination, by_axis, strict=True)) for by_axis in kept):
                yield combination

    def _is_for_replaced_component(self, setting: Setting) -> bool:
        """Whether a setting is for a component that `--set` replaced."""
        axis, *names = setting.path.split(".")[:-1] or [setting.path]
        known = {name for choice in self.choices.get(axis, ()) for name in (choice.label, *choice.names)}
        return axis in self.replaced_axes and len(names) == 1 and names[0] not in known


def load_benchmark(
    path: str | Path, *, plugins: Sequence[str | Path] = (), sets: Sequence[str] = (), only: Sequence[str] = ()
) -> Benchmark:
    """Read and validate a benchmark; raises FerbenchError with file and line for everything that is wrong."""
    document = load_document(Path(path))
    _check_keys(document)
    catalog = load_plugins([*_plugin_files(document), *map(Path, plugins)])
    benchmark = _read_benchmark(document, catalog, [parse_setting(text) for text in sets], only, plugins)
    _check_size(benchmark)
    changed = benchmark.replaced_axes | {setting.axis for setting in benchmark.settings}
    check_published(benchmark.published, benchmark.choices, changed, document)
    if benchmark.rehearsal:
        benchmark.with_rehearsal_settings()  # a mistake in the section shows at once, not on the day a corpus is missing
    return benchmark


def _read_benchmark(
    document: Document, catalog: Catalog, settings: Sequence[Setting], only: Sequence[str], plugins: Sequence[str | Path]
) -> Benchmark:
    """Read the sections; settings of whole axes apply first, then the others."""
    replacing = {setting.path: setting for setting in settings if setting.replaces_axis}
    on_parameters = tuple(setting for setting in settings if setting.axis in AXES and not setting.replaces_axis)
    choices = apply_settings(_read_axes(document, replacing, plugins, catalog), on_parameters, catalog)
    return Benchmark(
        name=_read_name(document),
        description=str(document.get("description") or "").strip(),
        document=document,
        catalog=catalog,
        choices=choices,
        filters=read_filters(document, only, choices, frozenset(replacing)),
        rehearsal=read_rehearsal(document, [setting for setting in settings if setting.axis not in AXES]),
        published=read_published(document),
        settings=on_parameters,
        replaced_axes=frozenset(replacing),
        keep=_read_keep(document),
    )


def _read_axes(
    document: Document, replacing: Mapping[str, Setting], plugins: Sequence[str | Path], catalog: Catalog
) -> dict[str, tuple[Choice, ...]]:
    """Read the choices of all axes. Aggregators from `--plugin` files are added, since they need no training."""
    choices = {}
    for name, axis in AXES.items():
        source = replacing[name].document() if name in replacing else document
        choices[name] = read_choices(axis, source, catalog)
        if not axis.in_model and name not in replacing:
            choices[name] += _read_plugin_choices(axis, plugins, choices[name], catalog)
    return choices


def _read_plugin_choices(axis: Axis, plugins: Sequence[str | Path], present: Sequence[Choice], catalog: Catalog) -> tuple[Choice, ...]:
    """Make a choice of each component of the plugin files that is not among the present ones."""
    files = {str(resolve_plugin(file)) for file in plugins}
    names = {name for choice in present for name in choice.names}
    new = [entry.name for entry in catalog.entries_of(axis.kind) if entry.plugin in files and entry.name not in names]
    return read_choices(axis, Document(Place("--plugin"), {axis.name: new}), catalog) if new else ()


def _check_keys(document: Document) -> None:
    if not isinstance(document.data, dict):
        raise FerbenchError("expected a benchmark, which is a mapping of keys", where=document.where(), hint="see docs/benchmarks.md")
    for key in document.data:
        if key not in TOP_LEVEL_KEYS:
            raise FerbenchError(
                describe_unknown("key", key, TOP_LEVEL_KEYS), where=document.where(str(key)), hint="`ferbench schema` lists all keys"
            )


def _check_size(benchmark: Benchmark) -> None:
    """Raises FerbenchError for a grid that would fill the memory, before it is listed."""
    combinations = prod(len(benchmark.selected_choices(axis)) for axis in AXES)
    if combinations > MAX_COMBINATIONS:
        problem = f"the selected choices have {combinations:,} combinations: expected at most {MAX_COMBINATIONS:,}"
    elif benchmark.size > MAX_ROWS:
        problem = f"the benchmark has {benchmark.size:,} rows: expected at most {MAX_ROWS:,}"
    else:
        return
    hint = "list fewer choices, or run a part of them at a time with --only, such as --only seed=0"
    raise FerbenchError(problem, where=benchmark.document.where(), hint=hint)


def _read_name(document: Document) -> str:
    name = document.get("name") or Path(document.name).stem
    if not re.fullmatch(BENCHMARK_NAME, str(name)):
        expected = "expected at most 100 letters, digits, '-', '_', '.', '+' or spaces"
        raise FerbenchError(f"name is {shorten(name)}: {expected}", where=document.where("name"))
    return str(name)


def _read_keep(document: Document) -> str:
    keep = document.get("keep") or ""
    if not isinstance(keep, str):
        expected = "expected best, all, or patterns of labels such as backbone=vgg16"
        raise FerbenchError(f"keep is {shorten(keep)}: {expected}", where=document.where("keep"))
    return keep


def _plugin_files(document: Document) -> list[Path]:
    names = document.get("plugins") or []
    if not isinstance(names, list):
        raise FerbenchError(f"plugins is {shorten(names)}: expected a list of Python files", where=document.where("plugins"))
    files = [Path(document.name).parent / str(expand_path(name)) for name in names]
    for index, file in enumerate(files):
        if not is_file(file):
            raise FerbenchError(f"no plugin file {file}", where=document.where("plugins", index), hint="paths are relative to this file")
    return files
