"""Expands what the YAML lists on an axis to choices: labeled components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import islice, product
from math import prod
from typing import TypeGuard

from ferbench.api.components import Component
from ferbench.api.errors import FerbenchError, shorten, shorten_text
from ferbench.api.recipe import Recipe
from ferbench.api.text import write_yaml
from ferbench.benchmark.axes import Axis
from ferbench.benchmark.document import Document
from ferbench.registry.catalog import Catalog
from ferbench.registry.parameters import Hint, build, check_value, component_types, is_valid, parameter_hints
from ferbench.registry.specs import Place, Spec, make_spec, make_specs

MAX_CHOICES = 1_000  # of an axis

Specs = tuple[Spec, ...]
Value = Component | Recipe | int | tuple[Component, ...]
"""The value of a choice: a component, several steps or datasets, a recipe, or a seed."""


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
        """Whether a pattern of `only` selects this choice: by its label, as written or as shown, or by the name of its one component."""
        return pattern in (self.label, self.base) or self.names == (pattern,) or fnmatchcase(self.label, pattern)


def read_choices(axis: Axis, document: Document, catalog: Catalog) -> tuple[Choice, ...]:
    """Read the choices of an axis; raises FerbenchError if the document lists none."""
    value, place = document.get(axis.name, axis.default), document.place(axis.name)
    if value in (None, [], {}):
        hint = "`ferbench plugins` lists the names" if axis.kind else ""
        raise FerbenchError(f"{axis.name} is missing or empty: expected at least one choice", where=str(place), hint=hint)
    if axis.number:
        return _read_numbers(axis, value if isinstance(value, list) else [value], place)
    written = ((label, specs) for label, item in _AxisReader(axis).read(value, place) for specs in expand_lists(axis, item, catalog))
    return make_choices(axis, list(islice(written, MAX_CHOICES + 1)), catalog)


def make_choices(axis: Axis, written: Sequence[tuple[str, Specs]], catalog: Catalog) -> tuple[Choice, ...]:
    """Make choices with distinct labels; raises FerbenchError for a choice that is listed twice, or if there are too many."""
    check_count(axis, len(written), written[0][1][0].place if written else Place())
    written = [(label or " + ".join(spec.label or spec.name for spec in specs), specs) for label, specs in written]
    choices: dict[str, Choice] = {}
    for label, (base, specs) in zip(_make_distinct_labels(written), written, strict=True):
        if label in choices:
            message = f"{axis.name} {shorten(label)} is listed twice"
            raise FerbenchError(message, where=str(specs[0].place), hint="leave one out, or give it a label")
        choices[label] = Choice(label, specs, _build_value(axis, specs, catalog), base)
    return tuple(choices.values())


def expand_lists(axis: Axis, specs: Specs, catalog: Catalog) -> Iterator[Specs]:
    """Make one choice of each value in a list that is given to a parameter that takes no list; raises FerbenchError for too many."""
    values = [_list_values(spec, hints_of(axis, spec, catalog)) for spec in specs]
    check_count(axis, prod(len(each) for parameters in values for each in parameters), specs[0].place)
    yield from product(*[list(_expand_spec(spec, parameters)) for spec, parameters in zip(specs, values, strict=True)])


def check_count(axis: Axis, count: int, place: Place) -> None:
    """Raises FerbenchError for more choices than fit the memory."""
    if count > MAX_CHOICES:
        raise FerbenchError(f"{axis.name} has too many choices: expected at most {MAX_CHOICES:,}", where=str(place))


def hints_of(axis: Axis, spec: Spec, catalog: Catalog) -> dict[str, Hint]:
    """Return the annotations of the parameters of a component, or of the fields of a section."""
    return parameter_hints(axis.section or catalog.get_entry(axis.kind, spec.name, str(spec.place)).component)


def _read_numbers(axis: Axis, values: Sequence[object], place: Place) -> tuple[Choice, ...]:
    check_count(axis, len(values), place)
    numbers = [check_value(value, axis.number, axis.name, place) for value in values]
    if len(set(numbers)) < len(numbers):
        raise FerbenchError(f"{axis.name} is {shorten(numbers)}: a number is listed twice", where=str(place))
    return tuple(Choice(str(number), (), number) for number in numbers if isinstance(number, int))


def _build_value(axis: Axis, specs: Specs, catalog: Catalog) -> Value:
    if axis.section:
        return build(axis.section, specs[0], axis.name)
    components = tuple(catalog.build(axis.kind, spec) for spec in specs)
    return components if axis.is_composed else components[0]


def _list_values(spec: Spec, hints: Mapping[str, Hint]) -> list[list[object]]:
    """The values of each parameter."""
    return [list(value) if _is_list_of_choices(value, hints.get(name)) else [value] for name, value in spec.parameters.items()]


def _expand_spec(spec: Spec, values: Sequence[Sequence[object]]) -> Iterator[Spec]:
    for combination in product(*values):
        yield replace(spec, parameters=dict(zip(spec.parameters, combination, strict=True)))


def _is_list_of_choices(value: object, hint: Hint | None) -> TypeGuard[list[object]]:
    """Whether a value is a list of values for a parameter that takes no list."""
    if hint is None or not isinstance(value, list) or not value or component_types(hint):
        return False
    return not is_valid(value, hint) and all(is_valid(item, hint) for item in value)


def _make_distinct_labels(written: Sequence[tuple[str, Specs]]) -> list[str]:
    """Make labels; choices of the same name also show the parameters in which they differ."""
    labels = []
    for base, specs in written:
        others = [other for other_base, other in written if other_base == base and other is not specs]
        distinguishing = [
            f"{name}={_one_line(value)}"
            for index, spec in enumerate(specs)
            for name, value in spec.parameters.items()
            if any(len(other) <= index or other[index].parameters.get(name, ...) != value for other in others)
        ]
        labels.append(f"{base}({', '.join(distinguishing)})" if distinguishing else base)
    return labels


def _one_line(value: object) -> str:
    text = write_yaml(value) if isinstance(value, dict) else str(value)
    return shorten_text(text) if text.isprintable() else shorten(value)


@dataclass(frozen=True)
class _AxisReader:
    """Reads the value of an axis: (label, specs) of each choice; the label is empty if the file gives none."""

    axis: Axis

    def read(self, value: object, place: Place) -> Iterator[tuple[str, Specs]]:
        """Read a list, a mapping or a name."""
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._read_item(item, place.inside(index))
        elif self.axis.section:
            yield from self._read_sections(self.axis.section, value, place)
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from self._read_named(name, item, place.inside(name))
        else:
            yield "", (make_spec(self.axis.name, value, None, place),)

    def _read_item(self, item: object, place: Place) -> Iterator[tuple[str, Specs]]:
        """Read an item of a list of choices."""
        if isinstance(item, list) and self.axis.is_composed:
            yield "", self._read_steps(item, place)
        elif isinstance(item, list):
            message = f"{self.axis.name} is {shorten(item)}: expected a name, or a name with parameters"
            raise FerbenchError(message, where=str(place))
        elif self.axis.choice == "piped" and not (isinstance(item, dict) and all(isinstance(steps, list) for steps in item.values())):
            message = f"{self.axis.name} holds {shorten(item)}: expected a list of steps"
            hint = f"write {self.axis.name}: [[first, second]] or {self.axis.name}: {{label: [first, second]}}"
            raise FerbenchError(message, where=str(place), hint=hint)
        else:
            yield from self.read(item, place)

    def _read_named(self, name: str, item: object, place: Place) -> Iterator[tuple[str, Specs]]:
        """Read a labeled list of components, or a component with parameters."""
        if isinstance(item, list) and self.axis.is_composed:
            yield name, self._read_steps(item, place)
        elif self.axis.choice == "piped":
            raise FerbenchError(f"{self.axis.name} {name} is {shorten(item)}: expected a list of steps", where=str(place))
        else:
            yield "", (make_spec(self.axis.name, name, item, place),)

    def _read_sections(self, section: type, value: object, place: Place) -> Iterator[tuple[str, Specs]]:
        """Read the fields of one section, or named sections."""
        if not isinstance(value, dict):
            message = f"{self.axis.name} is {shorten(value)}: expected its fields as key: value"
            hint = f"write {self.axis.name}: {{FIELD: VALUE}}; `--only {self.axis.name}=NAME` picks one of several"
            raise FerbenchError(message, where=str(place), hint=hint)
        if _is_one_section(section, value):
            yield "", (make_spec(self.axis.name, "default", value, place),)
        else:
            for name, fields in value.items():
                yield "", (make_spec(self.axis.name, name, fields, place.inside(name)),)

    def _read_steps(self, items: list[object], place: Place) -> Specs:
        """Read the components of a composed choice."""
        if not items:
            raise FerbenchError(f"{self.axis.name} holds an empty list: expected names, or names with parameters", where=str(place))
        specs = make_specs(self.axis.name, items, place)
        if self.axis.choice == "merged" and len({spec.name for spec in specs}) < len(specs):
            raise FerbenchError(f"{self.axis.name} holds {shorten(items)}: a corpus cannot be merged with itself", where=str(place))
        return tuple(specs)


def _is_one_section(section: type, value: Mapping[str, object]) -> bool:
    """Whether a mapping holds the fields of one section, not named sections."""
    known, plain = set(parameter_hints(section)), {name for name, field in value.items() if not isinstance(field, dict)}
    return bool(plain & known) or plain == set(value) or set(value) <= known
