"""Settings of the process for the command line: signals, memory, and the messages of libraries."""

from __future__ import annotations

import atexit
import codecs
import ctypes
import gc
import io
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
STDOUT, STDERR = 1, 2
REPLACE = "ferbench"  # the name of the handler of characters that an encoding lacks
SIMILAR = str.maketrans("–·★✗…─", "--*x~-")
SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it


class Stopped(KeyboardInterrupt):
    """A signal stops the command; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def open_streams() -> None:
    """Let printing never stop a command: streams may be closed, lack a character, or, for messages, be full."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass  # the shell closed a stream: a file that is opened later must not take its place
    os.close(descriptor)
    codecs.register_error(REPLACE, _replace_characters)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=REPLACE)
    else:
        sys.stdout = os.fdopen(STDOUT, "w")
    encoding = sys.stderr.encoding if sys.stderr else None
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(_Messages(STDERR, "w", closefd=False)), encoding, REPLACE, line_buffering=True)


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


class QuickExit:
    """Ends the process with `code`, once it is set, after the exit functions that are registered later, but before the destructors of
    libraries: those of torch for GPUs take 0.4 s and read 0.1 GB from the disk.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        atexit.register(self._leave)

    def _leave(self) -> None:
        if self.code is None:
            return
        for file in gc.get_objects():  # with those that a plugin left open
            if issubclass(type(file), BUFFERED):  # isinstance would run code of the object
                with suppress(OSError, ValueError):
                    file.flush()
        os._exit(self.code)


class _Messages(io.FileIO):
    """Drops what cannot be written: its reader ended, or the disk is full."""

    def write(self, data: Buffer) -> int:
        """Write; returns the number of bytes, written or dropped."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _replace_characters(error: UnicodeError) -> tuple[str, int]:
    """Replace the characters that an encoding lacks: by similar ones if ferbench itself uses them, else by their number."""
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end].translate(SIMILAR)
    return missing.encode("ascii", "backslashreplace").decode(), error.end


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, _stop_at_once)
    raise Stopped(128 + number)


def _stop_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    if os.isatty(2):
        os.write(2, SHOW_CURSOR)
    os._exit(128 + number)
