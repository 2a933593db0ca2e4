"""Texts that name rows: the first characters of a key, or patterns of labels: "backbone=vgg16,aggregator=mean" or "vgg16*,mean"."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ferbench.api.errors import FerbenchError
from ferbench.benchmark.axes import AXES
from ferbench.benchmark.selection import split_labels
from ferbench.registry.parameters import describe_unknown

MIN_KEY = 6  # characters: shorter ones could be labels


@dataclass(frozen=True)
class Patterns:
    """The patterns of a text, each with its axis, or "" for any axis."""

    terms: tuple[tuple[str, str], ...]

    def match(self, labels: Mapping[str, str]) -> bool:
        """Whether labels match all patterns."""
        return all(_is_like(labels[axis], pattern) if axis else _has_like(labels.values(), pattern) for axis, pattern in self.terms)


def choose_rows(text: str, keys: Sequence[str], labels: Sequence[Mapping[str, str]]) -> list[int]:
    """The numbers of the rows that a text names: those whose key begins with it, or else those whose labels match its patterns."""
    is_key = re.fullmatch(rf"[0-9a-f]{{{MIN_KEY},32}}", text)
    if chosen := [number for number, key in enumerate(keys) if is_key and key.startswith(text)]:
        return chosen
    patterns = parse_patterns(text, labels)
    return [number for number, own in enumerate(labels) if patterns.match(own)]


def parse_patterns(text: str, rows: Iterable[Mapping[str, str]]) -> Patterns:
    """The patterns of a text, separated by commas; `rows` are the labels of all rows.

    A whole label of a row is one pattern, even if it contains commas or equals signs. Raises FerbenchError for an unknown axis.
    """
    labels, terms = {label for row in rows for label in row.values()}, []
    pieces = split_labels(text)
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
