"""What feeds a device. GPUs are not at hand here: what is tested is the order of things."""

from __future__ import annotations

import threading

import pytest
import torch

from ferbench.device import ahead, chosen, mixed, roomy, sent
from ferbench.errors import FerbenchError

CPU = torch.device("cpu")


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_all_come_in_order(count):
    assert list(ahead(range(count))) == list(range(count))
    assert [batch.item() for batch in sent(map(torch.tensor, range(count)), CPU)] == list(range(count))


def test_the_next_is_made_while_one_is_worked_on():
    begun = threading.Event()

    def items():
        yield 1
        begun.set()
        yield 2

    for item in ahead(items()):
        assert begun.wait(10) if item == 1 else True


def test_an_error_reaches_the_consumer():
    def items():
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(ahead(items()))


def test_a_consumer_may_stop():
    assert next(ahead(iter(range(5)))) == 0


def test_a_processor_computes_in_float32():
    with mixed(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert not roomy(CPU, torch.ones(1))


@pytest.mark.parametrize("name", ["cuda:99", "quantum"])
def test_a_device_that_is_not_there_is_told(name):
    with pytest.raises(FerbenchError, match=f"device '{name}' cannot be used"):
        chosen(name)


def test_auto_is_what_is_there():
    assert chosen("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
