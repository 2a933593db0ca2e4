"""Restores process-wide state when a run ends."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restore_interpreter() -> Iterator[None]:
    """Restore Python's random generator and the environment, which the import of some libraries changes."""
    state, environment = random.getstate(), dict(os.environ)
    try:
        yield
    finally:
        random.setstate(state)
        os.environ.clear()
        os.environ.update(environment)


@contextmanager
def defer_garbage_collection() -> Iterator[None]:
    """Search for no cyclic garbage in the block, until it calls `resume_garbage_collection`.

    A large corpus is a million objects without cycles; Python would search all of them again and again while it is read.
    """
    was_enabled, frozen = gc.isenabled(), gc.get_freeze_count()
    gc.disable()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()
        if was_enabled:
            gc.enable()


def resume_garbage_collection() -> None:
    """Search for garbage again, but not among the objects that exist now."""
    gc.freeze()
    gc.enable()


@contextmanager
def restore_libraries() -> Iterator[None]:
    """Restore the random generators of numpy and torch, OpenCV's threads and the precision of matrix products."""
    import cv2
    import numpy as np
    import torch

    numpy, cpu, seed = np.random.get_state(), torch.get_rng_state(), torch.initial_seed()
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    threads, precision = cv2.getNumThreads(), torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)
        elif torch.cuda.is_initialized():  # first used by the run
            torch.cuda.manual_seed_all(seed)
        cv2.setNumThreads(threads)
        torch.set_float32_matmul_precision(precision)
