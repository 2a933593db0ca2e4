"""Restores process-wide state when a run ends."""

from __future__ import annotations

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
