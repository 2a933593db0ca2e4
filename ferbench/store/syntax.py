"""Digests of Python source: equal under every version of Python, and for code that differs only in comments, docstrings or layout.

`ast.dump` and `ast.unparse` differ between versions. This module uses only the standard library, so that a test can run it in each of them.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

IGNORED_FIELDS = {"ctx", "kind", "type_comment", "type_ignores"}  # they follow from other fields, or do nothing


@dataclass(frozen=True)
class Syntax:
    """The digest of a module, and its import statements, also those inside functions."""

    digest: str
    imports: tuple[ast.Import | ast.ImportFrom, ...] = ()


@lru_cache(maxsize=512)
def read_syntax(source: bytes) -> Syntax:
    """Read the source of a module; anything else, such as a compiled module, counts with its bytes."""
    imports: list[ast.Import | ast.ImportFrom] = []
    try:
        content = "\n".join(_canonical_tokens(_parse(source), imports)).encode()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        content = source
    return Syntax(hashlib.sha256(content).hexdigest()[:32], tuple(imports))


def _parse(source: bytes) -> ast.Module:
    """Parse without warnings, which Python shows when it imports the module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _canonical_tokens(tree: ast.Module, imports: list[ast.Import | ast.ImportFrom]) -> Iterator[str]:
    """Yield the tree in one form: "(Name", the fields that are set, ")". Later versions of Python add fields that are None or empty.

    Adds import statements to `imports`.
    """
    waiting: list[object] = [tree]  # not recursive, since long sums are deep trees
    while waiting:
        item = waiting.pop()
        if isinstance(item, _Token):
            yield item
        elif isinstance(item, ast.AST):
            if isinstance(item, ast.Import | ast.ImportFrom):
                imports.append(item)
            yield f"({type(item).__name__}"
            waiting.append(_Token(")"))
            for name, value in reversed(list(_fields(item))):
                waiting += (value, _Token(f"{name}="))
        elif isinstance(item, list):
            yield "["
            waiting += (_Token("]"), *reversed(item))
        else:
            yield _format_leaf(item)


class _Token(str):
    """A text that is written as it is."""

    __slots__ = ()


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    for name, value in ast.iter_fields(node):
        if name in IGNORED_FIELDS:
            continue
        if isinstance(value, list):
            value = _join_strings(value) if isinstance(node, ast.JoinedStr) else [item for item in value if not _does_nothing(item)]
        if value not in (None, []) or isinstance(node, ast.Constant):
            yield name, value


def _does_nothing(node: object) -> bool:
    """Whether a statement is `pass`, a docstring or another constant."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _join_strings(parts: list[ast.expr]) -> list[ast.expr]:
    """Join the texts between the values of an f-string, which versions of Python divide differently."""
    joined: list[ast.expr] = []
    for part in parts:
        last = joined[-1] if joined else None
        if not isinstance(part, ast.Constant):
            joined.append(part)
        elif isinstance(last, ast.Constant):
            joined[-1] = ast.Constant(str(last.value) + str(part.value))
        elif part.value:
            joined.append(part)
    return joined


def _format_leaf(value: object) -> str:
    """Write a name or constant. `repr` of a text depends on the version of Unicode, and long integers have none."""
    text = hex(value) if isinstance(value, int) and not isinstance(value, bool) else ascii(value)
    return f"{type(value).__name__} {text}"
