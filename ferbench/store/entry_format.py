"""The format of an entry: one safetensors file with the arrays; its header holds the facts about them, and checksums."""

from __future__ import annotations

import hashlib
import math
import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ferbench.api.errors import StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")

SUFFIX = ".safetensors"
METADATA = "__metadata__"
CHUNK = 1 << 20  # bytes that are read at once
DTYPES = {  # numpy's names of the types
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


FileState = tuple[int, int, int]
"""Inode, size and time of the last change of the content: if they are equal, it is the same file."""


class Damaged(Exception):
    """The bytes of an entry are not those that were written; the text says what is wrong."""


class Replaced(StoreError):
    """The file of an entry is not the one whose header was read: another process has computed the entry again."""


@dataclass(frozen=True)
class Content:
    """What a stage computes for an entry.

    The result is `arrays`, by name, and `facts`: equal work gives equal ones. `run` is what differs from run to run, such as seconds and
    provenance. msgspec encodes both as JSON.
    """

    arrays: Mapping[str, NDArray] = field(default_factory=dict)
    facts: object = None
    run: object = None


class ArraySpec(msgspec.Struct, frozen=True):
    """Type, shape and bytes of an array, as in the header of a safetensors file."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]

    @property
    def is_consistent(self) -> bool:
        """Whether it describes an array: of a known type, and as long as its shape says."""
        first, end = self.data_offsets
        is_known = self.dtype in DTYPES and first >= 0 and all(size >= 0 for size in self.shape)
        return is_known and end - first == math.prod(self.shape) * _item_size(DTYPES[self.dtype])


class Metadata(msgspec.Struct, frozen=True):
    """The metadata of an entry: facts and run are JSON."""

    stage: str
    key: str
    facts: str
    run: str
    digest: str
    checksum: str


@dataclass(frozen=True)
class ArrayFile:
    """An array [N,...] in a file, which is open only while it is read; `offset` is the byte where its first number begins."""

    path: Path
    state: FileState
    dtype: str  # numpy's name
    shape: tuple[int, ...]
    offset: int

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """The size of the array in memory."""
        return math.prod(self.shape) * _item_size(self.dtype)

    def read_rows(self, rows: Sequence[int], into: Sequence[NDArray]) -> None:
        """Read these rows, each into a contiguous array [...]; raises StoreError if the file ends before or was replaced."""
        size = math.prod(self.shape[1:]) * _item_size(self.dtype)
        with _reopen(self.path, self.state) as file:
            for row, array in zip(rows, into, strict=True):
                file.seek(self.offset + row * size)
                if file.readinto(array.data.cast("B")) != size:
                    raise StoreError(f"{self.path} ends before its row {row}", hint="`ferbench store verify` finds damaged entries")


@dataclass(frozen=True)
class Entry:
    """A stored entry. Its file may be replaced by one with the same result and a header of another length, at other offsets."""

    path: Path
    state: FileState
    metadata: Metadata
    specs: Mapping[str, ArraySpec]
    start: int  # of the data, in bytes

    @property
    def digest(self) -> str:
        """A digest of arrays and facts: equal results have equal digests."""
        return self.metadata.digest

    @property
    def size(self) -> int:
        """The bytes of its arrays."""
        return max((spec.data_offsets[1] for spec in self.specs.values()), default=0)

    def read_facts(self, as_type: type[T]) -> T:
        """Return the facts."""
        return msgspec.json.decode(self.metadata.facts, type=as_type)

    def read_run(self, as_type: type[T]) -> T:
        """Return what differs from run to run."""
        return msgspec.json.decode(self.metadata.run, type=as_type)

    def locate(self, name: str) -> ArrayFile:
        """Return where an array is; raises KeyError."""
        spec = self.specs[name]
        return ArrayFile(self.path, self.state, DTYPES[spec.dtype], spec.shape, self.start + spec.data_offsets[0])

    def array(self, name: str) -> NDArray:
        """Map an array from the file, read-only; raises KeyError, or StoreError if the file was replaced."""
        import numpy as np

        file = self.locate(name)
        if not (count := math.prod(file.shape)):
            return np.zeros(file.shape, file.dtype)
        return np.frombuffer(self._bytes, file.dtype, count, file.offset).reshape(file.shape)

    @cached_property
    def _bytes(self) -> mmap.mmap:
        with _reopen(self.path, self.state) as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def encode(stage: str, key: str, content: Content) -> bytes:
    """Return the bytes of an entry."""
    import numpy as np
    import safetensors.numpy

    arrays = {name: _to_little_endian(np.ascontiguousarray(array).reshape(array.shape)) for name, array in content.arrays.items()}
    facts, run = (msgspec.json.encode(value).decode() for value in (content.facts, content.run))
    described = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    digest = _digest(facts, described, lambda name: [arrays[name].data if arrays[name].size else b""])
    metadata = Metadata(stage, key, facts, run, digest, _checksum(stage, key, facts, run, digest))
    return safetensors.numpy.save(arrays, msgspec.to_builtins(metadata))


def _to_little_endian(array: NDArray) -> NDArray:
    """As a file keeps it."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def read_verified(path: Path, stage: str, key: str) -> Entry:
    """Open an entry and verify all of it; raises OSError, or Damaged."""
    entry = open_entry(path)
    verify_header(entry, stage, key)
    verify_arrays(entry)
    return entry


def open_entry(path: Path) -> Entry:
    """Read the header of an entry; raises OSError, or Damaged if it is not one."""
    with path.open("rb") as file:
        state = _file_state(file)
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= state[1] else b""
    try:
        parts = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(parts.pop(METADATA), type=Metadata)
        specs = {name: msgspec.json.decode(spec, type=ArraySpec) for name, spec in parts.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
        raise Damaged("its header cannot be read") from error
    return Entry(path, state, metadata, specs, 8 + length)


def _file_state(file: BufferedReader) -> FileState:
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _reopen(path: Path, state: FileState) -> BufferedReader:
    """Open the file of an entry again; raises Replaced if it is another one."""
    file = path.open("rb")
    if _file_state(file) != state:
        file.close()
        raise Replaced(f"{path} was replaced or changed while it was in use", hint="stored results are kept; run the same command again")
    return file


def verify_header(entry: Entry, stage: str, key: str) -> None:
    """Raise Damaged if the header is not as it was written, or that of another key, or if the file is too short or too long."""
    own = entry.metadata
    if own.checksum != _checksum(own.stage, own.key, own.facts, own.run, own.digest):
        raise Damaged("its header does not match its checksum")
    if (own.stage, own.key) != (stage, key):
        raise Damaged(f"it is {own.stage} {own.key[:12]}")
    if not all(spec.is_consistent for spec in entry.specs.values()):
        raise Damaged("its header describes no arrays")
    if entry.state[1] != entry.start + entry.size:
        raise Damaged("its length is wrong")


def verify_arrays(entry: Entry) -> None:
    """Raise Damaged if an array is not as it was written; reads all of them, since an I/O error in a mapped file ends the process.

    Raises Replaced if the file is not the one whose header was read.
    """
    with _reopen(entry.path, entry.state) as file:
        described = {name: (DTYPES[spec.dtype], spec.shape) for name, spec in entry.specs.items()}
        if entry.digest != _digest(entry.metadata.facts, described, lambda name: _read_chunks(file, entry, name)):
            raise Damaged("its data does not match its checksum")


def _item_size(dtype: str) -> int:
    return int(dtype[2:])


def _read_chunks(file: BufferedReader, entry: Entry, name: str) -> Iterator[bytes]:
    first, end = entry.specs[name].data_offsets
    file.seek(entry.start + first)
    for begin in range(first, end, CHUNK):
        yield file.read(min(CHUNK, end - begin))


def _digest(facts: str, described: Mapping[str, tuple[str, tuple[int, ...]]], read: Callable[[str], Iterable[bytes | memoryview]]) -> str:
    """A digest of facts and arrays, given type and shape of each array, and a function that reads its bytes."""
    total = hashlib.sha256(facts.encode())
    for name, (dtype, shape) in sorted(described.items()):
        total.update(msgspec.json.encode([name, dtype, shape]))
        for chunk in read(name):
            total.update(chunk)
    return total.hexdigest()[:32]


def _checksum(*parts: str) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]
