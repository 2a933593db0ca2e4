"""What a run changes for the whole process, and puts back when it ends."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import torch


@contextmanager
def preserved_state() -> Iterator[None]:
    """Restore the random generators, OpenCV's threads, the precision of matrix products, and the environment, which libraries change."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    environment = dict(os.environ)
    threads, precision = cv2.getNumThreads(), torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)
        cv2.setNumThreads(threads)
        torch.set_float32_matmul_precision(precision)
