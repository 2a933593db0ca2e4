"""What a run changes for the whole process is put back."""

from __future__ import annotations

import os
import random

import cv2
import numpy as np
import pytest
import torch

from ferbench.execution.restore import restore_interpreter, restore_libraries


def test_interpreter(monkeypatch):
    monkeypatch.setenv("KEPT", "1")
    random.seed(5)
    before, expected = dict(os.environ), random.Random(5).random()
    with restore_interpreter():
        random.seed(6)
        os.environ["NEW"] = "1"
        del os.environ["KEPT"]
    assert dict(os.environ) == before
    assert random.random() == expected


def library_state() -> list:
    return [np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), cv2.getNumThreads(), torch.get_float32_matmul_precision()]


def change_libraries_and_fail() -> None:
    with restore_libraries():
        np.random.seed(6)
        torch.manual_seed(6)
        cv2.setNumThreads(cv2.getNumThreads() + 1)
        torch.set_float32_matmul_precision("high")
        raise ValueError("inside")


def test_libraries_also_after_an_error():
    np.random.seed(5)
    torch.manual_seed(5)
    before = library_state()
    with pytest.raises(ValueError, match="inside"):
        change_libraries_and_fail()
    assert library_state() == before


def test_gpu_that_the_run_used_first_is_seeded_as_the_caller_asked(monkeypatch):
    torch.manual_seed(7)
    is_used, seeds = False, []
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: is_used)
    monkeypatch.setattr("torch.cuda.manual_seed_all", seeds.append)
    with restore_libraries():
        torch.default_generator.manual_seed(8)
        is_used = True
    assert seeds == [7]
