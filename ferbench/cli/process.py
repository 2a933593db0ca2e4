"""Settings of the process for the command line: signals, memory, and the messages of libraries."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it


class Stopped(KeyboardInterrupt):
    """A signal stops the command; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def open_streams() -> None:
    """Open stdout and stderr on the null device if the shell closed them, so that printing is harmless."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def stop_on_signals() -> None:
    """Let SIGTERM stop a command like Ctrl-C: orderly and with one message. A second signal ends the process at once."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # shells set this for background jobs
                signal.signal(number, _stop)


def keep_memory() -> None:
    """Let torch allocate large pages, and keep what it frees for its next tensors; call this before torch is imported.

    A training step of a head with 100 million weights allocates its gradients again, and the system would clear them page by page.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc and hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)


def silence_decoders() -> None:
    """Silence OpenCV and FFmpeg, since ferbench reports damaged files itself; call this before cv2 is imported."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, _stop_at_once)
    raise Stopped(128 + number)


def _stop_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    if os.isatty(2):
        os.write(2, SHOW_CURSOR)
    os._exit(128 + number)
