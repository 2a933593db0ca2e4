"""What an ONNX file says of its inputs and outputs, read from its bytes, so that no package for ONNX is needed.

The numbers of fields are those of onnx.proto; their encoding is that of Protocol Buffers (protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Field = tuple[int, "int | memoryview"]
GRAPH = 7  # of a model
INITIALIZER, INPUT, OUTPUT = 5, 11, 12  # of a graph
TENSOR_NAME, TENSOR_FILES = 8, 13
VALUE_NAME, VALUE_TYPE = 1, 2
TYPE_TENSOR, TENSOR_SHAPE, SHAPE_SIZE, SIZE_NUMBER = 1, 2, 1, 1
SIZES = {1: 8, 5: 4}  # bytes of the kinds of fields that have a fixed size


@dataclass(frozen=True)
class Signature:
    """`inputs` maps names to shapes; a size that the file leaves open is None. `files` are other files that hold weights."""

    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]
    files: tuple[str, ...]


def read_signature(content: bytes) -> Signature:
    """Read what a file says of itself; raises ValueError if it is no ONNX file, or if a part is missing."""
    graph = _messages(memoryview(content), GRAPH)
    if not graph:
        raise ValueError("it holds no graph")
    weights = _messages(graph[0], INITIALIZER)
    names = {_text(weight, TENSOR_NAME) for weight in weights}  # old files list weights among the inputs
    inputs = {_text(value, VALUE_NAME): _shape(value) for value in _messages(graph[0], INPUT)}
    return Signature(
        {name: shape for name, shape in inputs.items() if name not in names},
        tuple(_text(value, VALUE_NAME) for value in _messages(graph[0], OUTPUT)),
        tuple(dict.fromkeys(file for weight in weights for file in _files(weight))),
    )


def _shape(value: memoryview) -> tuple[int | None, ...]:
    """The sizes of an input; empty if the file does not say."""
    shapes = _follow(value, VALUE_TYPE, TYPE_TENSOR, TENSOR_SHAPE)
    sizes = (_values(size, SIZE_NUMBER) for shape in shapes for size in _messages(shape, SHAPE_SIZE))
    return tuple(number if isinstance(number := (*values, None)[0], int) and number > 0 else None for values in sizes)


def _files(weight: memoryview) -> Iterator[str]:
    """The file that holds a weight, if it is another one."""
    for entry in _messages(weight, TENSOR_FILES):
        if _text(entry, 1) == "location":
            yield _text(entry, 2)


def _follow(message: memoryview, *numbers: int) -> list[memoryview]:
    messages = [message]
    for number in numbers:
        messages = [inner for outer in messages for inner in _messages(outer, number)]
    return messages


def _text(message: memoryview, number: int) -> str:
    return "".join(str(part, "utf-8") for part in _messages(message, number))


def _messages(message: memoryview, number: int) -> list[memoryview]:
    values = _values(message, number)
    if any(isinstance(value, int) for value in values):
        raise ValueError("a field has a wrong type")
    return [value for value in values if not isinstance(value, int)]


def _values(message: memoryview, number: int) -> list[int | memoryview]:
    return [value for own, value in _fields(message) if own == number]


def _fields(message: memoryview) -> Iterator[Field]:
    """The numbers and values of the fields of a message, in their order."""
    position = 0
    while position < len(message):
        tag, position = _read_number(message, position)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, position = _read_number(message, position)
            yield number, value
            continue
        size, position = _read_number(message, position) if kind == 2 else (SIZES.get(kind, -1), position)
        if size < 0 or position + size > len(message):
            raise ValueError("it is damaged, or no ONNX file")
        yield number, message[position : position + size]
        position += size


def _read_number(message: memoryview, position: int) -> tuple[int, int]:
    """A number of seven bits per byte, the lowest first, and the position behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if position == len(message):
            break
        byte, position = message[position], position + 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
    raise ValueError("it is damaged, or no ONNX file")
