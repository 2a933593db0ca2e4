"""A YAML file with the line of every value, so that errors can name it.

Values are those of YAML 1.2: `010` is ten, and `1_0`, `yes` and `12:30` are text. Keys are text, whatever they look like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml
import yamlcore

from ferbench.api.errors import FerbenchError, shorten
from ferbench.registry.specs import KeyPath, Place

MAX_FILE_SIZE = 2**20  # bytes
MAX_VALUES = 100_000  # with those that aliases repeat
MAX_DEPTH = 50  # levels; the deepest shipped benchmark has 7
TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


@dataclass(frozen=True)
class Document:
    """A parsed YAML file, or a value of the command line; `root` is its place."""

    root: Place
    data: object

    @property
    def name(self) -> str:
        """The file, or the option."""
        return self.root.source

    def place(self, *at: str | int) -> Place:
        """The place of a value."""
        return self.root.inside(*at)

    def where(self, *at: str | int) -> str:
        """`file:line` of a value, or of the nearest one that contains it."""
        return str(self.place(*at))

    def get(self, key: str, default: object = None) -> object:
        """The value of a top-level key."""
        return self.data.get(key, default) if isinstance(self.data, dict) else default


def load_document(path: Path) -> Document:
    """Read a YAML file; raises FerbenchError, with the line, if it is missing, too large, not valid YAML, or has a key twice."""
    lines: dict[KeyPath, int] = {(): 1}
    data = _parse(_read_text(path), _NodeReader(str(path), lines))
    return Document(Place(str(path), lines), data)


def parse_value(text: str, option: str = "") -> object:
    """One YAML value of the command line; raises FerbenchError, with the option, if it is not valid."""
    return _parse(text, _NodeReader(option))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)  # a device such as /dev/zero never ends
        if len(content) > MAX_FILE_SIZE:
            raise FerbenchError(f"{path} is too large: expected a benchmark of at most {MAX_FILE_SIZE:,} bytes")
        return content.decode("utf-8")
    except FileNotFoundError:
        hint = "give the path of a benchmark YAML, or a name that `ferbench benchmarks` lists"
        raise FerbenchError(f"no file {path}", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FerbenchError(f"{path} cannot be read: {error}") from error


class _Loader(yamlcore.CoreLoader):
    """Nodes and scalars of YAML 1.2's core schema; without other tags, it can only build plain values."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        """The next node; deep nesting is refused before Python runs out of stack."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=TOO_DEEP, problem_mark=self.peek_event().start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _parse(text: str, reader: _NodeReader) -> object:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return None if node is None else reader.read(node, loader)
    except yaml.reader.ReaderError as error:  # a control character
        line = text.count("\n", 0, error.position) + 1
        raise reader.error(f"the character #x{error.character:04x} is not allowed", line) from error
    except yaml.MarkedYAMLError as error:
        raise reader.error(str(error.problem), error.problem_mark.line + 1 if error.problem_mark else 1) from error


@dataclass
class _NodeReader:
    """From nodes to values: notes their lines in `lines` (None for the command line), and refuses what no benchmark needs."""

    source: str
    lines: dict[KeyPath, int] | None = None
    above: list[yaml.Node] = field(default_factory=list)
    count: int = 0

    def error(self, problem: str, line: int) -> FerbenchError:
        """An error in a line."""
        return FerbenchError(f"not valid YAML: {problem}", where=self.source if self.lines is None else f"{self.source}:{line}")

    def read(self, node: yaml.Node, loader: _Loader, at: KeyPath = ()) -> object:
        """The value of a node."""
        self.count += 1
        if self.count > MAX_VALUES:
            raise self.error(f"it has more than {MAX_VALUES:,} values, with those that aliases repeat", _line(node))
        if node in self.above:
            raise self.error("an alias refers to a value that contains it", _line(node))
        if len(self.above) >= MAX_DEPTH:
            raise self.error(TOO_DEEP, _line(node))
        self.above.append(node)
        value = self._read_value(node, loader, at)
        self.above.pop()
        return value

    def _read_value(self, node: yaml.Node, loader: _Loader, at: KeyPath) -> object:
        if isinstance(node, yaml.MappingNode) and node.tag == loader.DEFAULT_MAPPING_TAG:
            return dict(self._read_pairs(node, loader, at))
        if isinstance(node, yaml.SequenceNode) and node.tag == loader.DEFAULT_SEQUENCE_TAG:
            return [self._read_item(item, loader, (*at, index), _line(item)) for index, item in enumerate(node.value)]
        try:
            value: object = loader.construct_object(node)
            str(value).encode()
        except ValueError as error:  # an integer of 5,000 digits, half of a surrogate pair
            raise self.error(f"{shorten(node.value)}: {error}", _line(node)) from error
        return value

    def _read_item(self, node: yaml.Node, loader: _Loader, at: KeyPath, line: int) -> object:
        if self.lines is not None:
            self.lines[at] = line
        return self.read(node, loader, at)

    def _read_pairs(self, node: yaml.MappingNode, loader: _Loader, at: KeyPath) -> Iterator[tuple[str, object]]:
        """Keys and values: those that are merged first, so that the mapping's own override them."""
        lines = self._key_lines(node)
        for source in reversed([source for key, value in node.value if _is_merge(key) for source in _merge_sources(value)]):
            values = self.read(source, loader, at)
            if not isinstance(values, dict):
                raise self.error("expected a mapping, or a list of mappings, to merge", _line(source))
            yield from values.items()
        for key, value in node.value:
            if not _is_merge(key):
                yield key.value, self._read_item(value, loader, (*at, key.value), lines[key.value])

    def _key_lines(self, node: yaml.MappingNode) -> dict[str, int]:
        """The line of each key."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error("a key is a list or a mapping: expected a name", _line(key))
            if key.value in lines:
                raise self.error(f"the key {shorten(key.value)} is listed twice, first on line {lines[key.value]}", _line(key))
            lines[key.value] = _line(key)
        return lines


def _is_merge(key: yaml.ScalarNode) -> bool:
    """Whether a key is an unquoted `<<`."""
    return key.value == "<<" and not key.style


def _merge_sources(node: yaml.Node) -> list[yaml.Node]:
    return node.value if isinstance(node, yaml.SequenceNode) else [node]


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line + 1
    return line
