"""The device that computes: chosen by its name, and fed so that it need not wait."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from ferbench.errors import FerbenchError

T = TypeVar("T")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def chosen(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:N; FerbenchError where it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32
        elif sys.platform == "linux":
            _large_pages()
    except (RuntimeError, AssertionError) as error:
        raise FerbenchError(
            f"device {name!r} cannot be used: {error}".partition("\n")[0], where="--device", hint="try --device cpu"
        ) from error
    return device


def _large_pages() -> None:
    """Lets torch take memory in large pages, and keep what it frees for its next tensors.

    A step of a head of 100 million weights takes fresh memory for its gradients: page by page that costs half as much again as the step.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read at torch's first large allocation
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)


def release() -> None:
    """Gives the system back what was kept and is not in use."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def mixed(device: torch.device) -> torch.autocast:
    """Matrix products and convolutions in bfloat16 on a GPU; a processor computes in float32 throughout."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def roomy(device: torch.device, x: Tensor) -> bool:
    """Whether the tensor, where it is not on the GPU yet, takes at most half of what is free there."""
    return device.type == "cuda" and x.nbytes < torch.cuda.mem_get_info(device)[0] / 2


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items; while one is worked on, a thread makes the next."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, source, end)
            yield item  # type: ignore[misc]


def sent(batches: Iterable[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Batches on the device; the next one is made, and copied from pinned memory on a stream of its own, while it computes."""
    if device.type != "cuda":
        yield from ahead(batches)
        return
    copies = torch.cuda.Stream(device)

    def send() -> Iterator[tuple[Tensor, torch.cuda.Event]]:
        for batch in batches:
            with torch.cuda.stream(copies):
                copied, arrived = batch.pin_memory().to(device, non_blocking=True), copies.record_event()
            yield copied, arrived

    computes = torch.cuda.current_stream(device)
    for batch, arrived in ahead(send()):
        computes.wait_event(arrived)
        batch.record_stream(computes)
        yield batch
