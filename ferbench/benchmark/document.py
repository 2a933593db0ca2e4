"""A YAML file with the line of every value, so that errors can name it; numbers are YAML 1.2's."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

import yaml
import yamlcore
from yaml.constructor import BaseConstructor, SafeConstructor

from ferbench.api.errors import FerbenchError

At = tuple[str | int, ...]
"""The path of a value: keys and positions from the top."""

LARGEST_FILE = 2**20  # bytes
MOST_VALUES = 100_000  # with those that aliases repeat


class _Loader(yamlcore.CoreLoader):
    """YAML 1.2's core schema, with the merge keys (<<) of YAML 1.1. It knows no tags, so it builds plain values alone."""

    flatten_mapping = SafeConstructor.flatten_mapping

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        self.flatten_mapping(node)
        mapping: dict[Hashable, object] = BaseConstructor.construct_mapping(self, node, deep)  # lets a key override a merged one
        return mapping


_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


@dataclass(frozen=True)
class Document:
    """Parsed YAML; `lines` is the line of each path, and empty for what a command line gives."""

    name: str
    data: object
    lines: dict[At, int] = field(default_factory=dict)

    def where(self, *at: str | int) -> str:
        """`file:line` of a value, or of the nearest one that holds it."""
        while at and at not in self.lines:
            at = at[:-1]
        return f"{self.name}:{self.lines.get(at, 1)}" if self.lines else self.name

    def get(self, key: str, default: object = None) -> object:
        """The value of a top-level key."""
        return self.data.get(key, default) if isinstance(self.data, dict) else default


def load_document(path: Path) -> Document:
    """Read a YAML file; raises FerbenchError if it is missing, too large, not valid YAML, or has a key twice."""
    text = _read_text(path)
    try:
        lines: dict[At, int] = {}
        _Lines(str(path), lines).walk(yaml.compose(text, Loader=_Loader), ())
        return Document(str(path), parse_value(text), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FerbenchError(f"not valid YAML: {error.problem}", where=f"{path}:{line}") from error
    except RecursionError:
        raise FerbenchError("not valid YAML: it is nested too deeply", where=str(path)) from None
    except (yaml.YAMLError, ValueError) as error:  # such as a control character
        raise FerbenchError(f"not valid YAML: {error}".replace("\n", " "), where=str(path)) from error


def parse_value(text: str) -> object:
    """One YAML value, as `--set` takes it; raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (builds plain values alone)


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise FerbenchError(f"{path} has {path.stat().st_size:,} bytes: expected a benchmark of at most {LARGEST_FILE:,}")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FerbenchError(
            f"no file {path}", hint="give the path of a benchmark YAML, or a name that `ferbench benchmarks` lists"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FerbenchError(f"{path} cannot be read: {error}") from error


@dataclass
class _Lines:
    """Notes the line of each path, and refuses what a benchmark has no use for."""

    name: str
    lines: dict[At, int]
    values: int = 0

    def walk(self, node: yaml.Node | None, at: At, above: tuple[yaml.Node, ...] = ()) -> None:
        if node is None:
            return
        line = node.start_mark.line + 1
        self.values += 1
        if node in above:
            raise FerbenchError("an alias is inside of what it names", where=f"{self.name}:{line}")
        if self.values > MOST_VALUES:
            raise FerbenchError(f"aliases make more than {MOST_VALUES:,} values", where=f"{self.name}:{line}")
        self.lines.setdefault(at, line)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self.walk(value, self._note_key(key, at), (*above, node))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.walk(value, (*at, index), (*above, node))

    def _note_key(self, key: yaml.Node, at: At) -> At:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise FerbenchError("a key is a list or a mapping: expected a name", where=f"{self.name}:{line}")
        path = (*at, key.value)
        if path in self.lines:
            raise FerbenchError(f"the key {key.value!r} is there twice, first in line {self.lines[path]}", where=f"{self.name}:{line}")
        self.lines[path] = line
        return path
