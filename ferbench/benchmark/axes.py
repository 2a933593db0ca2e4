"""The axes of the grid: what the YAML writes on each, expanded to labelled choices of components."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from ferbench.api.errors import FerbenchError
from ferbench.api.recipe import Recipe
from ferbench.benchmark.document import At, Document
from ferbench.registry.catalog import KINDS, Catalog, check, composed_of, convert, fits, parameter_hints, unknown
from ferbench.store.keys import file_parameters
from ferbench.types import Seed

AXES = ("dataset", "preprocessing", "protocol", "backbone", "recipe", "loss", "seed", "aggregator")
KIND_OF = {"preprocessing": "preprocessor"} | {a: a for a in ("dataset", "protocol", "backbone", "loss", "aggregator")}
COMPOSED = ("dataset", "preprocessing")  # a choice is several components: corpora merged, steps in order


@dataclass(frozen=True)
class Setting:
    """`path=value` of `--set` or of a rehearsal block."""

    path: str
    value: Any
    where: str


@dataclass(frozen=True)
class Spec:
    """One component as written: name, parameters (but for a `label` for the tables), its place and theirs."""

    name: str
    parameters: Mapping[str, Any]
    where: str
    places: Mapping[str, str] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True)
class Choice:
    """One value of an axis: label for the tables, specs as written, and what they build."""

    label: str
    specs: tuple[Spec, ...]
    value: Any
    base: str = ""  # the label as written, before parameters were added that tell choices apart

    @property
    def names(self) -> tuple[str, ...]:
        """Component names."""
        return tuple(spec.name for spec in self.specs)

    def called(self, pattern: str) -> bool:
        """Whether `only` means this choice by `pattern`: its label, a pattern of it, its written label or its one component's name."""
        return pattern in (self.label, self.base) or self.names == (pattern,) or fnmatchcase(self.label, pattern)


def choices(axis: str, document: Document, catalog: Catalog, setting: Setting | None = None) -> tuple[Choice, ...]:
    """The choices of an axis, from the file or from a setting that replaces it whole."""
    if setting:
        document = Document(setting.where, {axis: setting.value}, {})
    where = setting.where if setting else document.where(axis)
    value = document.data.get(axis, {"recipe": {"default": {}}, "seed": 0}.get(axis))
    written = list(_written(axis, value, (axis,), document)) if value is not None and axis != "seed" else value
    if written is None or written == []:
        raise FerbenchError(
            f"{axis} is missing or empty: expected at least one choice", where=where, hint="`ferbench plugins` lists what there is"
        )
    if axis == "seed":
        return _seeds(value if isinstance(value, list) else [value], where)
    return _built(axis, [(label, specs) for label, composed in written for specs in _expand(axis, composed, catalog)], catalog)


def apply(choices: Mapping[str, tuple[Choice, ...]], settings: Sequence[Setting], catalog: Catalog) -> dict[str, tuple[Choice, ...]]:
    """The choices with `axis.parameter=value` or `axis.name.parameter=value` set wherever a component has the parameter."""
    result = dict(choices)
    for setting in settings:
        axis, *path = setting.path.split(".")
        if axis not in AXES or (axis == "seed" and path):
            raise FerbenchError(*unknown("path", setting.path, AXES), where=setting.where)
        if not path:
            result[axis] = _replaced(axis, setting, catalog)
        else:
            result[axis] = _set(axis, result[axis], path, setting, catalog)
    return result


def _seeds(values: Sequence[Any], where: str) -> tuple[Choice, ...]:
    seeds = [check(value, Seed, "seed", where) for value in values]
    if len(set(seeds)) < len(seeds):
        raise FerbenchError(f"seed is {seeds}: one of them stands twice", where=where)
    return tuple(Choice(str(seed), (), seed) for seed in seeds)


def _replaced(axis: str, setting: Setting, catalog: Catalog) -> tuple[Choice, ...]:
    return choices(axis, Document(setting.where, {}), catalog, setting)


def _set(axis: str, before: tuple[Choice, ...], path: list[str], setting: Setting, catalog: Catalog) -> tuple[Choice, ...]:
    *names, parameter = path
    name = names[0] if names else None
    hit = False
    written = []
    for choice in before:
        specs = []
        for spec in choice.specs:
            takes = (name in (None, spec.name, choice.label, choice.base)) and parameter in _hints(axis, spec, catalog)
            hit |= takes
            specs.append(_with(spec, parameter, setting) if takes else spec)
        expanded = [(choice.base, e) for e in _expand(axis, tuple(specs), catalog)]
        written += [e for e in expanded if e not in written]  # what differed only in what is now set
    if not hit or len(names) > 1:
        known = sorted({".".join([axis, *[s.name] * bool(names), p]) for c in before for s in c.specs for p in _hints(axis, s, catalog)})
        raise FerbenchError(*unknown("path", setting.path, known), where=setting.where)
    return _built(axis, written, catalog)


def _with(spec: Spec, parameter: str, setting: Setting) -> Spec:
    return replace(spec, parameters={**spec.parameters, parameter: setting.value}, places={**spec.places, parameter: setting.where})


def _written(axis: str, value: Any, at: At, document: Document) -> Iterator[tuple[str, tuple[Spec, ...]]]:
    """(label, specs) of each choice; a label is empty where the components' names make it."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, list) and axis in COMPOSED:
                yield "", _steps(axis, item, (*at, index), document)
            elif axis == "preprocessing" and not _labelled(item):
                hint = "write preprocessing: [[gray, crop]] or preprocessing: {label: [gray, crop]}"
                raise FerbenchError(f"preprocessing holds {item!r}: expected a list of steps", where=document.where(*at, index), hint=hint)
            elif isinstance(item, list):
                raise FerbenchError(f"{axis} is {item!r}: expected a name, or a name with parameters", where=document.where(*at, index))
            else:
                yield from _written(axis, item, (*at, index), document)
    elif axis == "recipe" and isinstance(value, dict) and value and _fields(value):
        yield "", (_spec(axis, "default", value, at, document),)
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, list) and axis in COMPOSED:
                yield str(name), _steps(axis, item, (*at, name), document)
            elif axis == "preprocessing":
                raise FerbenchError(f"preprocessing {name} is {item!r}: expected a list of steps", where=document.where(*at, name))
            else:
                yield "", (_spec(axis, name, item, (*at, name), document),)
    elif axis == "recipe":
        hint = "write recipe: {lr: 0.001}; `--only recipe=NAME` picks one of several"
        raise FerbenchError(f"recipe is {value!r}: expected its fields as key: value", where=document.where(*at), hint=hint)
    else:
        yield "", (_spec(axis, value, None, at, document),)


def _fields(value: dict[str, Any]) -> bool:
    """Whether a mapping holds the fields of one recipe, and not recipes by their names."""
    known, plain = set(parameter_hints(Recipe)), {name for name, v in value.items() if not isinstance(v, dict)}
    return bool(plain & known) or plain == set(value) or set(value) <= known


def _labelled(item: Any) -> bool:
    return isinstance(item, dict) and all(isinstance(steps, list) for steps in item.values())


def _steps(axis: str, items: list[Any], at: At, document: Document) -> tuple[Spec, ...]:
    if not items or any(isinstance(item, list) or item == {} for item in items):
        raise FerbenchError(f"{axis} holds {items!r}: expected names, or names with parameters", where=document.where(*at))
    specs = []
    for index, item in enumerate(items):
        pairs = item.items() if isinstance(item, dict) else [(item, None)]
        specs += [_spec(axis, name, parameters, (*at, index), document) for name, parameters in pairs]
    if axis == "dataset" and len({spec.name for spec in specs}) < len(specs):
        raise FerbenchError(f"{axis} holds {items!r}: a corpus is merged with itself", where=document.where(*at))
    return tuple(specs)


def _spec(axis: str, name: Any, parameters: Any, at: At, document: Document) -> Spec:
    where = document.where(*at)
    if not isinstance(name, str):
        raise FerbenchError(f"{axis} is {name!r}: expected a name", where=where)
    if parameters is not None and not isinstance(parameters, dict):
        raise FerbenchError(f"{axis} {name} is {parameters!r}: expected its parameters as key: value", where=where)
    places = {p: document.where(*at, name, p) if (*at, name) in document.lines else document.where(*at, p) for p in parameters or {}}
    given = dict(parameters or {})
    label = given.pop("label", "")
    if isinstance(label, bool) or not isinstance(label, str | int | float) or not str(label or "-").isprintable():
        raise FerbenchError(f"{axis} {name}: label is {label!r}: expected text in one line", where=places["label"])
    return Spec(name, given, where, places, str(label))


def _hints(axis: str, spec: Spec, catalog: Catalog) -> dict[str, Any]:
    cls: type = Recipe if axis == "recipe" else catalog.get(KIND_OF[axis], spec.name, spec.where).component
    return parameter_hints(cls)


def _expand(axis: str, specs: tuple[Spec, ...], catalog: Catalog) -> Iterator[tuple[Spec, ...]]:
    """A list given to a parameter that takes no list makes one choice of each value."""
    for combination in product(*[list(_expand_spec(axis, spec, catalog)) for spec in specs]):
        yield tuple(combination)


def _expand_spec(axis: str, spec: Spec, catalog: Catalog) -> Iterator[Spec]:
    hints = _hints(axis, spec, catalog)
    values = [v if p in hints and _choices(v, hints[p]) else [v] for p, v in spec.parameters.items()]
    for combination in product(*values):
        yield replace(spec, parameters=dict(zip(spec.parameters, combination, strict=True)))


def _choices(value: Any, hint: Any) -> bool:
    """Whether a value is a list of values for a parameter that takes no list."""
    if not isinstance(value, list) or not value or composed_of(hint):
        return False
    return not fits(value, hint) and all(fits(each, hint) for each in value)


def _built(axis: str, written: Sequence[tuple[str, tuple[Spec, ...]]], catalog: Catalog) -> tuple[Choice, ...]:
    written = [(label or " + ".join(spec.label or spec.name for spec in specs), specs) for label, specs in written]
    labels = _labels(written)
    built = []
    for label, (base, specs) in zip(labels, written, strict=True):
        components = tuple(_build(axis, spec, catalog) for spec in specs)
        built.append(Choice(label, specs, components if axis in COMPOSED else components[0], base))
    seen: dict[str, Spec] = {}
    for choice in built:
        if choice.label in seen:
            raise FerbenchError(
                f"{axis} {choice.label!r} stands twice", where=choice.specs[0].where, hint="leave one out, or give it a label"
            )
        seen[choice.label] = choice.specs[0]
    return tuple(built)


def _build(axis: str, spec: Spec, catalog: Catalog) -> Any:
    if axis == "recipe":
        return convert(Recipe, spec.parameters, "recipe", spec.where, spec.places)
    paths = file_parameters(catalog.get(KIND_OF[axis], spec.name, spec.where).component) | ({"root"} if axis == "dataset" else set())
    parameters = {name: _expanded(value) if name in paths else value for name, value in spec.parameters.items()}
    for name, hint in _hints(axis, spec, catalog).items():
        if name in parameters and (kind := composed_of(hint)):
            parameters[name] = _components(
                kind, parameters[name], f"{axis} {spec.name}: {name}", spec.places.get(name, spec.where), catalog
            )
    return catalog.build(KIND_OF[axis], spec.name, parameters, spec.where, spec.places)


def _components(kind: str, value: Any, what: str, where: str, catalog: Catalog) -> tuple[Any, ...]:
    """The components of a parameter that holds several, written as on an axis."""
    if not isinstance(value, list) or any(isinstance(item, list) for item in value):
        raise FerbenchError(f"{what} is {value!r}: expected a list of {KINDS[kind][0]}", where=where)
    axis = next(axis for axis, other in KIND_OF.items() if other == kind)
    return tuple(_build(axis, spec, catalog) for _, specs in _written(axis, value, (), Document(where, {}, {})) for spec in specs)


def _expanded(value: Any) -> Any:
    """A path with `~` and environment variables replaced."""
    if isinstance(value, list):
        return [_expanded(each) for each in value]
    return os.path.expanduser(os.path.expandvars(value)) if isinstance(value, str) else value  # noqa: PTH111 (names pass too)


def _labels(written: Sequence[tuple[str, tuple[Spec, ...]]]) -> list[str]:
    """Names, with the parameters that tell choices of one name apart."""
    labels = []
    for base, specs in written:
        alike = [other for other_base, other in written if other_base == base and other is not specs]
        different = []
        for index, spec in enumerate(specs):
            for p, v in spec.parameters.items():
                if any(len(o) <= index or o[index].parameters.get(p, ...) != v for o in alike):
                    different.append(f"{p}={v}")
        labels.append(f"{base}({', '.join(different)})" if different else base)
    return labels
