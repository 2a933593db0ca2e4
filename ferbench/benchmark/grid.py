"""A benchmark YAML -> axes of choices -> cells, one for each combination."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from ferbench.api.components import Aggregator, Dataset, EmbeddingLoss, Loss, Preprocessor, Protocol
from ferbench.api.errors import FerbenchError
from ferbench.api.networks import Backbone, Fusion
from ferbench.api.recipe import Recipe
from ferbench.benchmark import axes
from ferbench.benchmark import document as yamlfile
from ferbench.benchmark.axes import AXES, Choice, Setting
from ferbench.benchmark.document import At
from ferbench.registry.catalog import Catalog, convert, unknown
from ferbench.registry.plugins import load_plugins
from ferbench.types import Count, Seed, Share


@dataclass(frozen=True)
class Rehearsal:
    """What replaces missing corpora: stand-ins of `people` persons each, and the settings (`--set` paths) that shrink the run."""

    people: Count = 20
    seed: Seed = 0
    set: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """A reference row from the literature; matched to rows by the axes in `match`. Values are shares, 0 to 1."""

    match: Mapping[str, str]
    source: str
    accuracy: Share | None = None
    war: Share | None = None
    uar: Share | None = None
    recall: Mapping[str, Share] = field(default_factory=dict)


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


Only = Mapping[str, tuple[str, ...]]  # by axis, the choices that are left: labels, names or patterns


@dataclass(frozen=True)
class Benchmark:
    """A validated benchmark file."""

    name: str
    description: str
    document: yamlfile.Document
    catalog: Catalog
    choices: Mapping[str, tuple[Choice, ...]]
    only: tuple[Only, ...]  # combinations that any of these leaves
    rehearsal: Rehearsal | None
    published: tuple[Published, ...]
    settings: tuple[Setting, ...] = ()  # --set axis.parameter=value
    replaced: frozenset[str] = frozenset()  # axes that --set gave whole

    @property
    def size(self) -> int:
        """Number of combinations."""
        if len(self.only) == 1:
            return prod(len(self.selected(axis)) for axis in AXES)
        return sum(1 for _ in self._combinations())

    def selected(self, axis: str) -> tuple[Choice, ...]:
        """The choices of an axis that `only` and `--only` leave in any combination."""
        return tuple(c for c in self.choices[axis] if any(self._left(only, axis, c) for only in self.only))

    def datasets(self) -> list[Dataset]:
        """The corpora of all selected choices."""
        return [dataset for choice in self.selected("dataset") for dataset in choice.value]

    def cells(self) -> Iterator[Cell]:
        """Every combination of the selected choices."""
        for combination in self._combinations():
            parts = {axis: choice.value for axis, choice in zip(AXES, combination, strict=True)}
            yield Cell(labels={axis: choice.label for axis, choice in zip(AXES, combination, strict=True)}, **parts)

    def _combinations(self) -> Iterator[tuple[Choice, ...]]:
        """In the order of the axes, each once."""
        allowed = [[{c.label for c in self.choices[axis] if self._left(only, axis, c)} for axis in AXES] for only in self.only]
        for combination in product(*[self.selected(axis) for axis in AXES]):
            if any(all(c.label in labels for c, labels in zip(combination, each, strict=True)) for each in allowed):
                yield combination

    @staticmethod
    def _left(only: Only, axis: str, choice: Choice) -> bool:
        return any(map(choice.called, only.get(axis, ("*",))))

    def rehearsed(self) -> Benchmark:
        """The same benchmark with the settings of its rehearsal block; those of `--set` stand over them."""
        settings = [
            Setting(path, value, self.document.where("rehearsal", "set", path))
            for path, value in (self.rehearsal or Rehearsal()).set.items()
        ]
        applicable = [s for s in settings if not self._set_aside(s.path)]
        rehearsed = replace(self, choices=axes.apply(self.choices, [*applicable, *self.settings], self.catalog))
        for only in self.only:
            for axis, patterns in only.items():
                if not any(self._left(only, axis, c) for c in rehearsed.choices[axis]):
                    left = ", ".join(c.label for c in rehearsed.choices[axis])
                    raise FerbenchError(f"no {axis} {', '.join(patterns)} is left once the rehearsal's settings apply; there is: {left}")
        return rehearsed

    def _set_aside(self, path: str) -> bool:
        """Whether a setting is for a component that `--set` took off its axis."""
        axis, *names = path.split(".")[:-1] or [path]
        known = {name for choice in self.choices.get(axis, ()) for name in (choice.label, *choice.names)}
        return axis in self.replaced and len(names) == 1 and names[0] not in known


def load(path: str | Path, *, plugins: Sequence[str | Path] = (), sets: Sequence[str] = (), only: Sequence[str] = ()) -> Benchmark:
    """Reads and validates a benchmark; raises FerbenchError with file and line for everything that is wrong."""
    document = yamlfile.load(Path(path))
    data = document.data
    if not isinstance(data, dict):
        raise FerbenchError("a benchmark is a mapping of keys", where=document.where(), hint="see docs/benchmarks.md")
    _known_keys(document)
    catalog = load_plugins([*_plugin_files(document), *map(Path, plugins)])
    settings = [_setting(text) for text in sets]
    whole = {s.path: s for s in settings if s.path in AXES}
    choices = {axis: axes.choices(axis, document, catalog, whole.get(axis)) for axis in AXES}
    if "aggregator" not in whole:
        choices["aggregator"] += _given_aggregators(plugins, choices["aggregator"], catalog)
    on_axes = tuple(s for s in settings if s.path.partition(".")[0] in AXES and s.path not in AXES)
    choices = axes.apply(choices, on_axes, catalog)
    benchmark = Benchmark(
        name=_name(document),
        description=str(data.get("description") or "").strip(),
        document=document,
        catalog=catalog,
        choices=choices,
        only=_only(data.get("only") or {}, only, choices, document, frozenset(whole)),
        rehearsal=_rehearsal(document, [s for s in settings if s.path.partition(".")[0] not in AXES]),
        published=_published(document),
        settings=on_axes,
        replaced=frozenset(whole),
    )
    _check_published(benchmark)
    if benchmark.rehearsal:
        benchmark.rehearsed()  # a mistake in the block shows at once, not on the day a corpus is missing
    return benchmark


KEYS = ("name", "description", "plugins", *AXES, "only", "rehearsal", "published")


def _known_keys(document: yamlfile.Document) -> None:
    for key in document.data:
        if key not in KEYS:
            raise FerbenchError(*unknown("key", key, KEYS), where=document.where(str(key)), hint="`ferbench schema` lists all keys")


def _name(document: yamlfile.Document) -> str:
    """The benchmark's name, which names files of the store."""
    name = document.data.get("name") or Path(document.name).stem
    if not re.fullmatch(r"\w[\w .+-]{0,99}", str(name)):
        raise FerbenchError(
            f"name is {name!r}: expected at most 100 letters, digits, '-', '_', '.', '+' or spaces", where=document.where("name")
        )
    return str(name)


def _plugin_files(document: yamlfile.Document) -> list[Path]:
    names = document.data.get("plugins") or []
    if not isinstance(names, list):
        raise FerbenchError(f"plugins is {names!r}: expected a list of Python files", where=document.where("plugins"))
    files = [Path(document.name).parent / os.path.expandvars(str(name)) for name in names]
    for index, file in enumerate(files):
        if not file.is_file():
            raise FerbenchError(f"no plugin file {file}", where=document.where("plugins", index), hint="paths are relative to this file")
    return files


def _given_aggregators(plugins: Sequence[str | Path], present: Sequence[Choice], catalog: Catalog) -> tuple[Choice, ...]:
    """Aggregators of `--plugin` files join the benchmark's own: they run on stored scores and cost no network."""
    files = {str(Path(file).resolve()) for file in plugins}
    named = {name for choice in present for name in choice.names}
    new = [entry.name for entry in catalog.of("aggregator") if entry.plugin in files and entry.name not in named]
    return axes.choices("aggregator", yamlfile.Document("--plugin", {"aggregator": new}), catalog) if new else ()


def _setting(text: str) -> Setting:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise FerbenchError(f"{text!r} is no setting", where="--set", hint="write --set recipe.lr=0.001")
    try:
        return Setting(path, yamlfile.parse(value), f"--set {text}")
    except yamlfile.yaml.YAMLError as error:
        raise FerbenchError(f"{value!r} is no YAML value: {error}".replace("\n", " "), where=f"--set {path}") from error


def _rehearsal(document: yamlfile.Document, settings: Sequence[Setting]) -> Rehearsal | None:
    """The rehearsal block, with `--set rehearsal.people=N` and the like: the only settings outside the axes."""
    block = document.data.get("rehearsal")
    paths = ["rehearsal.people", "rehearsal.seed"] if isinstance(block, dict) else []
    for setting in settings:
        if setting.path not in paths:
            raise FerbenchError(*unknown("path", setting.path, [*AXES, *paths]), where=setting.where)
    given = {setting.path.partition(".")[2]: setting for setting in settings}
    return _section(block, Rehearsal, document, ("rehearsal",), given) if block is not None else None


def _published(document: yamlfile.Document) -> tuple[Published, ...]:
    rows = document.data.get("published") or []
    if not isinstance(rows, list):
        raise FerbenchError(f"published is {rows!r}: expected a list of rows", where=document.where("published"))
    return tuple(_section(_texts(row), Published, document, ("published", index)) for index, row in enumerate(rows))


def _texts(row: Any) -> Any:
    """The row with the labels to match as text: a seed is written as a number."""
    if isinstance(row, dict) and isinstance(row.get("match"), dict):
        return row | {"match": {axis: str(label) if isinstance(label, int) else label for axis, label in row["match"].items()}}
    return row


def _section(value: Any, cls: type, document: yamlfile.Document, at: At, given: Mapping[str, Setting] | None = None) -> Any:
    given = given or {}
    if not isinstance(value, dict):
        raise FerbenchError(f"{at[0]} is {value!r}: expected a mapping", where=document.where(*at))
    places = {key: document.where(*at, key) for key in value} | {key: setting.where for key, setting in given.items()}
    values = value | {key: setting.value for key, setting in given.items()}
    return convert(cls, values, str(at[0]), document.where(*at), places)


def _only(
    default: Any, given: Sequence[str], choices: Mapping[str, tuple[Choice, ...]], document: yamlfile.Document, replaced: frozenset[str]
) -> tuple[Only, ...]:
    """What the file's `only` leaves, one or several, and of each what `--only` does."""
    several = isinstance(default, list) and default
    written = [
        _written_only(each, (index,) * bool(several), choices, document, replaced) for index, each in enumerate(several or [default])
    ]
    chosen: dict[str, tuple[str, ...]] = {}
    for text in given:
        axis, _, value = text.partition("=")
        if axis not in AXES:
            raise FerbenchError(*unknown("axis", axis, AXES), where=f"--only {text}", hint="write --only backbone=vgg16")
        if not value:
            raise FerbenchError("no choice is named", where=f"--only {text}", hint="write --only backbone=vgg16")
        chosen[axis] = tuple(re.split(r",(?![^(]*\))", value))  # a label may hold commas in brackets
        _check_only(axis, chosen[axis], choices, f"--only {text}")
    return tuple({**each, **chosen} for each in written)


def _written_only(
    value: Any, at: At, choices: Mapping[str, tuple[Choice, ...]], document: yamlfile.Document, replaced: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise FerbenchError(f"only is {value!r}: expected axis: choice", where=document.where("only", *at))
    for axis, patterns in value.items():
        where = document.where("only", *at, axis)
        if axis not in AXES:
            raise FerbenchError(*unknown("axis", axis, AXES), where=where)
        if patterns is None or patterns == []:
            raise FerbenchError(f"only: {axis} is {patterns!r}: expected a choice", where=where)
    # Where `--set` gave other choices than the file's, these are all wanted.
    left = {axis: tuple(map(str, v if isinstance(v, list) else [v])) for axis, v in value.items() if axis not in replaced}
    for axis, patterns in left.items():
        _check_only(axis, patterns, choices, document.where("only", *at, axis))
    return left


def _check_only(axis: str, patterns: Sequence[str], choices: Mapping[str, tuple[Choice, ...]], where: str) -> None:
    for pattern in patterns:
        if not any(c.called(pattern) for c in choices[axis]):
            raise FerbenchError(*unknown(axis, pattern, [c.label for c in choices[axis]]), where=where)


def _check_published(benchmark: Benchmark) -> None:
    """A reference row that can never stand beside a row is a mistake in the file, unless `--set` changed the labels."""
    changed = benchmark.replaced | {setting.path.partition(".")[0] for setting in benchmark.settings}
    for index, row in enumerate(benchmark.published):
        for axis, label in row.match.items():
            where = benchmark.document.where("published", index, "match", axis)
            if axis not in AXES:
                raise FerbenchError(*unknown("axis", axis, AXES), where=where)
            if axis not in changed and label not in {c.label for c in benchmark.choices[axis]}:
                raise FerbenchError(*unknown(axis, label, [c.label for c in benchmark.choices[axis]]), where=where)
