"""The device that computes: selected by name, and fed so that it does not wait."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from ferbench.api.errors import FerbenchError

T = TypeVar("T")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def select_device(name: str) -> torch.device:
    """The device of that name: auto, cpu, cuda or cuda:N. Raises FerbenchError for any other, and if it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise FerbenchError(f"device {name!r}: expected auto, cpu, cuda or cuda:N", where="--device", hint="try --device cpu")
    keep_memory()
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32
    except (RuntimeError, AssertionError) as error:
        raise FerbenchError(
            f"device {name!r} cannot be used: {error}".partition("\n")[0], where="--device", hint="try --device cpu"
        ) from error
    return device


def keep_memory() -> None:
    """Lets torch take memory in large pages, and keep what it frees for its next tensors; to be called before the first of them.

    A step of a head of 100 million weights takes fresh memory for its gradients, and the system clears it page by page.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch reads it at its first allocation
    if libc := _libc("mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)


def release_memory() -> None:
    """Gives the system back what was kept and is not in use."""
    if libc := _libc("malloc_trim"):
        libc.malloc_trim(0)
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _libc(function: str) -> Any:
    """The C library, where it has this function of glibc's."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, function) else None


def autocast(device: torch.device) -> torch.autocast:
    """Matrix products and convolutions in bfloat16 on a GPU; a processor computes in float32 throughout."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def free_memory(device: torch.device) -> int:
    """Bytes that a GPU has left, with those that torch keeps for its next tensors."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + unused)


def has_room(device: torch.device, x: Tensor) -> bool:
    """Whether the tensor takes at most half of what a GPU has free; never, where the device is none."""
    return device.type == "cuda" and x.nbytes < free_memory(device) / 2


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """The items; while one is worked on, a thread makes the next."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, source, end)
            yield item  # type: ignore[misc]


def send(batches: Iterable[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Batches on the device; the next one is made, and copied from pinned memory on a stream of its own, while it computes."""
    if device.type != "cuda":
        yield from prefetch(batches)
        return
    copies = _copy_stream(device)

    def copy() -> Iterator[tuple[Tensor, torch.cuda.Event]]:
        for batch in batches:
            with torch.cuda.stream(copies):
                copied, arrived = batch.pin_memory().to(device, non_blocking=True), copies.record_event()
            yield copied, arrived

    computes = torch.cuda.current_stream(device)
    for batch, arrived in prefetch(copy()):
        computes.wait_event(arrived)
        batch.record_stream(computes)
        yield batch


@lru_cache
def _copy_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
