"""Patterns of labels, which name rows: "backbone=vgg16,aggregator=mean" or "vgg16*,mean"."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ferbench.api.errors import FerbenchError
from ferbench.benchmark.axes import AXES
from ferbench.registry.parameters import describe_unknown

COMMA = r",(?![^(]*\))"  # not inside brackets: a label may hold commas there


@dataclass(frozen=True)
class Patterns:
    """The patterns of a text, each with its axis, or "" for any axis."""

    terms: tuple[tuple[str, str], ...]

    def match(self, labels: Mapping[str, str]) -> bool:
        """Whether labels match all patterns."""
        return all(_is_like(labels[axis], pattern) if axis else _has_like(labels.values(), pattern) for axis, pattern in self.terms)


def parse_patterns(text: str, rows: Iterable[Mapping[str, str]]) -> Patterns:
    """The patterns of a text, separated by commas; `rows` are the labels of all rows.

    A whole label of a row is one pattern, even if it contains commas or equals signs. Raises FerbenchError for an unknown axis.
    """
    labels, terms = {label for row in rows for label in row.values()}, []
    pieces = re.split(COMMA, text)
    while pieces:
        heads = {length: ",".join(pieces[:length]).strip() for length in range(len(pieces), 0, -1)}
        length = next((length for length, head in heads.items() if _is_label(head, labels)), 1)
        terms.append(_parse_term(heads[length], labels))
        pieces = pieces[length:]
    return Patterns(tuple(terms))


def _is_label(term: str, labels: Collection[str]) -> bool:
    axis, _, label = term.partition("=")
    return term in labels or (axis in AXES and label in labels)


def _parse_term(term: str, labels: Collection[str]) -> tuple[str, str]:
    axis, has_axis, pattern = term.partition("=")
    if not has_axis or term in labels:
        return "", term
    if axis in AXES:
        return axis, pattern
    if re.fullmatch(r"[a-z-]+", axis) and not _has_like(labels, term):
        raise FerbenchError(describe_unknown("axis", axis, AXES), where=term)
    return "", term


def _has_like(labels: Iterable[str], pattern: str) -> bool:
    return any(_is_like(label, pattern) for label in labels)


def _is_like(label: str, pattern: str) -> bool:
    return label == pattern or fnmatchcase(label, pattern)
