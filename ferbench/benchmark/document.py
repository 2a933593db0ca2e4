"""A YAML file with the line of every value, so that errors can name it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ferbench.api.errors import FerbenchError

At = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Safe YAML whose numbers are YAML 1.2's: 1e-3 is a float (PyYAML's default reads a string)."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789"))


@dataclass(frozen=True)
class Document:
    """Parsed YAML; `lines` gives the line of each key path, and is empty for what a command line gives."""

    name: str
    data: Any
    lines: dict[At, int] = field(default_factory=dict)

    def where(self, *at: str | int) -> str:
        """`file:line` of a value, or of the nearest thing that holds it."""
        while at and at not in self.lines:
            at = at[:-1]
        return f"{self.name}:{self.lines.get(at, 1)}" if self.lines else self.name


def load(path: Path) -> Document:
    """Reads a YAML file; raises FerbenchError for a missing file, bad syntax or a key written twice."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FerbenchError(f"no file {path}", hint="give the path of a benchmark YAML, such as benchmarks/thesis.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FerbenchError(f"{path} cannot be read: {error}") from error
    try:
        node = yaml.compose(text, Loader=_Loader)
        lines: dict[At, int] = {}
        _walk(node, (), lines, str(path))
        return Document(str(path), parse(text), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FerbenchError(f"no valid YAML: {error.problem}", where=f"{path}:{line}") from error
    except RecursionError:
        raise FerbenchError("no valid YAML: it is nested too deeply", where=str(path)) from None
    except (yaml.YAMLError, ValueError) as error:  # a control character, a date in month 13
        raise FerbenchError(f"no valid YAML: {error}".replace("\n", " "), where=str(path)) from error


def parse(text: str) -> Any:
    """One YAML value, as `--set` takes it."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)


def _walk(node: yaml.Node | None, at: At, lines: dict[At, int], name: str, above: tuple[yaml.Node, ...] = ()) -> None:
    if node is None:
        return
    if node in above:
        raise FerbenchError("the alias stands inside what it names", where=f"{name}:{node.start_mark.line + 1}")
    above = (*above, node)
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise FerbenchError("a key is a list or a mapping: expected a name", where=f"{name}:{line}")
            here = (*at, key.value)
            if here in lines:
                raise FerbenchError(f"the key {key.value!r} stands twice, first in line {lines[here]}", where=f"{name}:{line}")
            lines[here] = line
            _walk(value, here, lines, name, above)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*at, index), lines, name, above)
