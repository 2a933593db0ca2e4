"""The device that computes: select it by name, and copy batches to it ahead of their use."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor

from ferbench.api.errors import FerbenchError
from ferbench.plan.precision import precision_of, resolve_device

T = TypeVar("T")


def select_device(name: str) -> torch.device:
    """Return the device of this name: auto, cpu, cuda or cuda:N. Raises FerbenchError for any other name, and if the device is missing."""
    name = resolve_device(name)
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise FerbenchError(f"device {name!r}: expected auto, cpu, cuda or cuda:N", where="--device", hint="try --device cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise FerbenchError(f"device {name!r} cannot be used: {reason}", where="--device", hint="try --device cpu") from error
    return device


def release_memory() -> None:
    """Return unused memory to the system."""
    if libc := _libc("malloc_trim"):
        libc.malloc_trim(0)
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _libc(function: str) -> ctypes.CDLL | None:
    """The C library, if it has this function of glibc."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, function) else None


def autocast(device: torch.device) -> torch.autocast:
    """Compute matrix products and convolutions in the precision of the device, which is a part of the keys of what it computes."""
    precision = precision_of(device.type)
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def available_gpu_memory(device: torch.device) -> int:
    """Bytes of GPU memory that new tensors can use, including what torch has reserved but does not use."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + unused)


def has_room(device: torch.device, x: Tensor) -> bool:
    """Whether the device is a GPU and the tensor takes at most half of its available memory."""
    return device.type == "cuda" and x.nbytes < available_gpu_memory(device) / 2


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """Yield the items; a thread prepares the next one while the current one is used."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, source, end)
        while (item := upcoming.result()) is not end:
            upcoming = thread.submit(next, source, end)
            yield item  # type: ignore[misc]


def iterate_on_device(batches: Iterable[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Yield the batches on the device; the next one is prepared, and copied in a separate stream, while the current one is used."""
    if device.type != "cuda":
        yield from prefetch(batches)
        return
    stream = _copy_stream(device)

    def copy() -> Iterator[tuple[Tensor, torch.cuda.Event]]:
        for batch in batches:
            with torch.cuda.stream(stream):
                copied, event = batch.pin_memory().to(device, non_blocking=True), stream.record_event()
            yield copied, event

    current = torch.cuda.current_stream(device)
    for batch, event in prefetch(copy()):
        current.wait_event(event)
        batch.record_stream(current)
        yield batch


@lru_cache
def _copy_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
