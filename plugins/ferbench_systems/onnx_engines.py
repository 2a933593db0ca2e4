"""What runs ONNX files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ferbench import FerbenchError

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One picture [1,C,H,W] or [1,H,W,C] -> the values of one output."""

FILE, ENGINE = "backbone.file", "backbone.engine"
OPENCV = threading.Lock()
OTHER_ENGINE = "set engine: onnxruntime, which pip install 'ferbench[onnx]' installs"


def open_with_opencv(file: str, output: str) -> Run:
    """Load a file with OpenCV; raises FerbenchError if it does not know a layer."""
    with _opencv_errors(file):
        network: Any = cv2.dnn.readNetFromONNX(str(file))

    def run(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        with _opencv_errors(file):
            network.setInput(picture)
            return np.array(network.forward(output), np.float32)  # a copy: the next call overwrites its buffer

    return run


def open_with_onnxruntime(file: str, output: str) -> Run:
    """Load a file with ONNX Runtime; raises FerbenchError if it is not installed, or cannot load the file."""
    try:
        import onnxruntime
    except ImportError as error:
        raise FerbenchError("onnxruntime is not installed", where=ENGINE, hint="pip install 'ferbench[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it writes is in its errors too
    with _onnxruntime_errors(file):
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    (name,) = (value.name for value in session.get_inputs())

    def run(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        with _onnxruntime_errors(file):
            return np.asarray(session.run([output], {name: picture})[0], np.float32)

    return run


ENGINES: Mapping[str, Callable[[str, str], Run]] = MappingProxyType({"opencv": open_with_opencv, "onnxruntime": open_with_onnxruntime})


@contextmanager
def _opencv_errors(file: str) -> Iterator[None]:
    """Turn OpenCV's errors into FerbenchErrors; it writes nothing else. One thread at a time: networks and the level are state."""
    with OPENCV:
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            yield
        except cv2.error as error:
            reason = str(error.err or error).strip("> \n").partition("\n")[0].partition(" parse error")[0]
            problem = f"OpenCV {cv2.__version__} cannot run {file} ({reason[:200]})"
            raise FerbenchError(problem, where=FILE, hint=OTHER_ENGINE) from error
        finally:
            cv2.utils.logging.setLogLevel(level)


@contextmanager
def _onnxruntime_errors(file: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # it has a class for each kind of error, and they share only this base
        reason = str(error).strip().partition("\n")[0]
        raise FerbenchError(f"ONNX Runtime cannot run {file} ({reason.replace(str(file), 'it')[:200]})", where=FILE) from error
