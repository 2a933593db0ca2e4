"""What feeds a device. GPUs are not at hand here: what is tested is the order of things."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
import torch

from ferbench.api.errors import FerbenchError
from ferbench.training.device import autocast, has_room, iterate_on_device, prefetch, select_device

CPU = torch.device("cpu")
LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_all_come_in_order(count):
    assert list(prefetch(range(count))) == list(range(count))
    assert [batch.item() for batch in iterate_on_device(map(torch.tensor, range(count)), CPU)] == list(range(count))


def test_the_next_is_made_while_one_is_worked_on():
    begun = threading.Event()

    def items():
        yield 1
        begun.set()
        yield 2

    for item in prefetch(items()):
        assert begun.wait(10) if item == 1 else True


def test_an_error_reaches_the_consumer():
    def items():
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(prefetch(items()))


def test_a_consumer_may_stop():
    before = threading.active_count()
    coming = prefetch(iter(range(5)))
    assert next(coming) == 0
    assert threading.active_count() == before + 1
    coming.close()
    assert threading.active_count() == before


def test_a_processor_computes_in_float32():
    with autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert not has_room(CPU, torch.ones(1))


@pytest.mark.parametrize("name", ["cuda:99", "quantum", "mps", "meta", "cpu:0", ""])
def test_a_device_that_cannot_be_used_is_reported(name):
    message = "cannot be used" if name.startswith("cuda") else ": expected auto, cpu, cuda or cuda:N"
    with pytest.raises(FerbenchError, match=f"device '{name}'.*{message}"):
        select_device(name)


@pytest.mark.skipif(
    sys.platform != "linux" or not LARGE_PAGES.exists() or "[never]" in LARGE_PAGES.read_text(), reason="no large pages here"
)
def test_auto_is_what_is_there():
    assert select_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
