"""`only`: which choices of an axis a run takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ferbench.api.errors import FerbenchError, shorten, shorten_text
from ferbench.benchmark.axes import AXES
from ferbench.benchmark.choices import Choice
from ferbench.benchmark.document import Document
from ferbench.benchmark.settings import Choices
from ferbench.registry.parameters import describe_unknown
from ferbench.registry.specs import Place

Filter = Mapping[str, tuple[str, ...]]
"""By axis, the patterns of the choices to keep; axes that are not in it keep all."""

ONLY_HINT = "write --only backbone=vgg16"


def read_filters(document: Document, options: Sequence[str], choices: Choices, replaced_axes: frozenset[str]) -> tuple[Filter, ...]:
    """What the file's `only` keeps, one or several alternatives, and of each what `--only` keeps.

    On axes that `--set` replaces, all choices run.
    """
    value = document.get("only") or {}
    place = document.place("only")
    alternatives = [(item, place.inside(index)) for index, item in enumerate(value)] if isinstance(value, list) else [(value, place)]
    from_file = [_read_alternative(item, item_place, choices, replaced_axes) for item, item_place in alternatives]
    from_options = _parse_options(options, choices)
    return tuple({**only, **from_options} for only in from_file)


def keeps(only: Filter, axis: str, choice: Choice) -> bool:
    """Whether an alternative keeps a choice."""
    return any(map(choice.matches, only.get(axis, ("*",))))


def split_labels(text: str) -> list[str]:
    """The labels between the commas of a text; a label may hold commas in brackets."""
    return re.split(r",(?![^(]*\))", text)


def _parse_options(options: Sequence[str], choices: Choices) -> dict[str, tuple[str, ...]]:
    only: dict[str, tuple[str, ...]] = {}
    for text in options:
        axis, _, value = text.partition("=")
        option = f"--only {shorten_text(text)}"
        if axis not in AXES:
            raise FerbenchError(describe_unknown("axis", axis, AXES), where=option, hint=ONLY_HINT)
        if not value:
            raise FerbenchError("no choice is named", where=option, hint=ONLY_HINT)
        patterns = tuple(split_labels(value))
        _check_patterns(axis, patterns, choices, option)
        only[axis] = only.get(axis, ()) + patterns
    return only


def _read_alternative(value: object, place: Place, choices: Choices, replaced_axes: frozenset[str]) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise FerbenchError(f"only is {shorten(value)}: expected axis: choice", where=str(place))
    only: dict[str, tuple[str, ...]] = {}
    for axis, patterns in value.items():
        where = str(place.inside(axis))
        if axis not in AXES:
            raise FerbenchError(describe_unknown("axis", axis, AXES), where=where)
        if patterns is None or patterns == []:
            raise FerbenchError(f"only: {axis} is {patterns!r}: expected a choice", where=where)
        if axis not in replaced_axes:
            only[axis] = tuple(map(str, patterns if isinstance(patterns, list) else [patterns]))
            _check_patterns(axis, only[axis], choices, where)
    return only


def _check_patterns(axis: str, patterns: Sequence[str], choices: Choices, where: str) -> None:
    for pattern in patterns:
        if not any(choice.matches(pattern) for choice in choices[axis]):
            raise FerbenchError(describe_unknown(axis, pattern, [choice.label for choice in choices[axis]]), where=where)
