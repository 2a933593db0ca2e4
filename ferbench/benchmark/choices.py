"""What the YAML writes on an axis, expanded to labeled choices of components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product

from ferbench.api.components import Component
from ferbench.api.errors import FerbenchError, shorten
from ferbench.api.recipe import Recipe
from ferbench.benchmark.axes import Axis
from ferbench.benchmark.document import At, Document
from ferbench.registry.catalog import Catalog
from ferbench.registry.parameters import Hint, build, check_value, fits, holds_components, parameter_hints
from ferbench.registry.specs import Spec, make_spec
from ferbench.types import Seed

Specs = tuple[Spec, ...]
Value = Component | Recipe | int | tuple[Component, ...]
"""What a choice stands for."""


@dataclass(frozen=True)
class Choice:
    """One value of an axis: its label in tables, the components as written, and what they build.

    `base` is the label before parameters were added that tell choices apart.
    """

    label: str
    specs: Specs
    value: Value
    base: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Component names."""
        return tuple(spec.name for spec in self.specs)

    def matches(self, pattern: str) -> bool:
        """Whether `only` means this choice: by its label, a pattern of it, its written label, or the name of its one component."""
        return pattern in (self.label, self.base) or self.names == (pattern,) or fnmatchcase(self.label, pattern)


def read_choices(axis: Axis, document: Document, catalog: Catalog) -> tuple[Choice, ...]:
    """The choices of an axis in a document; raises FerbenchError if there is none."""
    value, where = document.get(axis.name, axis.default), document.where(axis.name)
    if axis.name == "seed" and value is not None and value != []:
        return _read_seeds(value if isinstance(value, list) else [value], where)
    written = list(_Reader(axis, document).read(value, (axis.name,))) if value is not None else []
    if not written:
        raise FerbenchError(
            f"{axis.name} is missing or empty: expected at least one choice", where=where, hint="`ferbench plugins` lists the names"
        )
    return make_choices(axis, [(label, specs) for label, composed in written for specs in expand_lists(axis, composed, catalog)], catalog)


def make_choices(axis: Axis, written: Sequence[tuple[str, Specs]], catalog: Catalog) -> tuple[Choice, ...]:
    """Choices with labels that differ; raises FerbenchError for a choice that is there twice."""
    written = [(label or " + ".join(spec.label or spec.name for spec in specs), specs) for label, specs in written]
    choices: dict[str, Choice] = {}
    for label, (base, specs) in zip(_tell_apart(written), written, strict=True):
        if label in choices:
            raise FerbenchError(
                f"{axis.name} {shorten(label)} is there twice", where=specs[0].where, hint="leave one out, or give it a label"
            )
        choices[label] = Choice(label, specs, _build_value(axis, specs, catalog), base)
    return tuple(choices.values())


def expand_lists(axis: Axis, specs: Specs, catalog: Catalog) -> Iterator[Specs]:
    """A list given to a parameter that takes no list makes one choice of each value."""
    yield from product(*[list(_expand_spec(spec, hints_of(axis, spec, catalog))) for spec in specs])


def hints_of(axis: Axis, spec: Spec, catalog: Catalog) -> dict[str, Hint]:
    """The annotations of a component's parameters, or of the recipe's fields."""
    return parameter_hints(catalog.get(axis.kind, spec.name, spec.where).component if axis.kind else Recipe)


def _read_seeds(values: Sequence[object], where: str) -> tuple[Choice, ...]:
    seeds = [check_value(value, Seed, "seed", where) for value in values]
    if len(set(seeds)) < len(seeds):
        raise FerbenchError(f"seed is {shorten(seeds)}: one of them is there twice", where=where)
    return tuple(Choice(str(seed), (), seed) for seed in seeds if isinstance(seed, int))


def _build_value(axis: Axis, specs: Specs, catalog: Catalog) -> Value:
    if not axis.kind:
        return build(Recipe, specs[0], axis.name)
    components = tuple(catalog.build(axis.kind, spec) for spec in specs)
    return components if axis.is_composed else components[0]


def _expand_spec(spec: Spec, hints: Mapping[str, Hint]) -> Iterator[Spec]:
    values = [value if _is_list_of_choices(value, hints.get(name)) else [value] for name, value in spec.parameters.items()]
    for combination in product(*[each for each in values if isinstance(each, list)]):
        yield replace(spec, parameters=dict(zip(spec.parameters, combination, strict=True)))


def _is_list_of_choices(value: object, hint: Hint | None) -> bool:
    """Whether a value is a list of values for a parameter that takes no list."""
    if hint is None or not isinstance(value, list) or not value or holds_components(hint):
        return False
    return not fits(value, hint) and all(fits(item, hint) for item in value)


def _tell_apart(written: Sequence[tuple[str, Specs]]) -> list[str]:
    """Labels, with the parameters that tell choices of one name apart."""
    labels = []
    for base, specs in written:
        others = [other for other_base, other in written if other_base == base and other is not specs]
        different = [
            f"{name}={value}"
            for index, spec in enumerate(specs)
            for name, value in spec.parameters.items()
            if any(len(other) <= index or other[index].parameters.get(name, ...) != value for other in others)
        ]
        labels.append(f"{base}({', '.join(different)})" if different else base)
    return labels


@dataclass(frozen=True)
class _Reader:
    """Reads what is written on an axis: (label, specs) of each choice; a label is empty if the components' names make it."""

    axis: Axis
    document: Document

    def read(self, value: object, at: At) -> Iterator[tuple[str, Specs]]:
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._read_item(item, (*at, index))
        elif self.axis.name == "recipe":
            yield from self._read_recipes(value, at)
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from self._read_named(name, item, (*at, name))
        else:
            yield "", (self._spec(value, None, at),)

    def _read_item(self, item: object, at: At) -> Iterator[tuple[str, Specs]]:
        """An item of the list of choices."""
        if isinstance(item, list) and self.axis.is_composed:
            yield "", self._read_steps(item, at)
        elif isinstance(item, list):
            raise self._error(item, "expected a name, or a name with parameters", at)
        elif self.axis.choice == "piped" and not (isinstance(item, dict) and all(isinstance(steps, list) for steps in item.values())):
            hint = "write preprocessing: [[gray, crop]] or preprocessing: {label: [gray, crop]}"
            raise FerbenchError(
                f"{self.axis.name} holds {shorten(item)}: expected a list of steps", where=self.document.where(*at), hint=hint
            )
        else:
            yield from self.read(item, at)

    def _read_named(self, name: object, item: object, at: At) -> Iterator[tuple[str, Specs]]:
        """A labeled list of components, or a component with parameters."""
        if isinstance(item, list) and self.axis.is_composed:
            yield str(name), self._read_steps(item, at)
        elif self.axis.choice == "piped":
            raise FerbenchError(f"{self.axis.name} {name} is {shorten(item)}: expected a list of steps", where=self.document.where(*at))
        else:
            yield "", (self._spec(name, item, at),)

    def _read_recipes(self, value: object, at: At) -> Iterator[tuple[str, Specs]]:
        """The fields of one recipe, or recipes by their names."""
        if not isinstance(value, dict):
            hint = "write recipe: {lr: 0.001}; `--only recipe=NAME` picks one of several"
            raise FerbenchError(f"recipe is {shorten(value)}: expected its fields as key: value", where=self.document.where(*at), hint=hint)
        if value and _is_one_recipe(value):
            yield "", (self._spec("default", value, at),)
        else:
            for name, fields in value.items():
                yield "", (self._spec(name, fields, (*at, name)),)

    def _read_steps(self, items: list[object], at: At) -> Specs:
        """The components of a composed choice."""
        if not items or any(isinstance(item, list) or item == {} for item in items):
            raise FerbenchError(
                f"{self.axis.name} holds {shorten(items)}: expected names, or names with parameters", where=self.document.where(*at)
            )
        specs: list[Spec] = []
        for index, item in enumerate(items):
            pairs = item.items() if isinstance(item, dict) else [(item, None)]
            specs += [self._spec(name, parameters, (*at, index)) for name, parameters in pairs]
        if self.axis.choice == "merged" and len({spec.name for spec in specs}) < len(specs):
            raise FerbenchError(f"{self.axis.name} holds {shorten(items)}: a corpus is merged with itself", where=self.document.where(*at))
        return tuple(specs)

    def _spec(self, name: object, parameters: object, at: At) -> Spec:
        inside = (*at, name) if isinstance(name, str) and (*at, name) in self.document.lines else at
        names = parameters if isinstance(parameters, dict) else {}
        places = {str(parameter): self.document.where(*inside, str(parameter)) for parameter in names}
        return make_spec(self.axis.name, name, parameters, self.document.where(*at), places)

    def _error(self, value: object, expected: str, at: At) -> FerbenchError:
        return FerbenchError(f"{self.axis.name} is {shorten(value)}: {expected}", where=self.document.where(*at))


def _is_one_recipe(value: Mapping[object, object]) -> bool:
    """Whether a mapping holds the fields of one recipe, and not recipes by their names."""
    known, plain = set(parameter_hints(Recipe)), {name for name, field in value.items() if not isinstance(field, dict)}
    return bool(plain & known) or plain == set(value) or set(value) <= known
