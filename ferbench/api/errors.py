"""Errors that a user sees as a line or two, without a traceback."""

from __future__ import annotations

import errno
import inspect
import os
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Code = type | Callable[..., object]
MAX_VALUE_LENGTH = 200  # characters
MAX_MESSAGE_LENGTH = 2000
MAX_NAMES = 50
# Full disk, quota, file too large; too many open files; read-only; input or output error, a network disk that went away.
TELLING_ERRNOS = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EIO, errno.ESTALE,
)  # fmt: skip
SYSTEM_ERRNOS = (*TELLING_ERRNOS, errno.EACCES, errno.EPERM, errno.ENODEV, errno.ENXIO)
# Libraries keep only the number of an error in a text (safetensors), or the text (h5py), or count bytes (numpy, torch).
SYSTEM_TEXTS = re.compile(
    rf"os error ({'|'.join(map(str, SYSTEM_ERRNOS))})\b|\d+ requested and \d+ written|PytorchStreamWriter failed writing|"
    + "|".join(re.escape(os.strerror(number)) for number in TELLING_ERRNOS)
)


class FerbenchError(Exception):
    """An error that the user can fix: `message` says what is wrong and what was expected, `where` is the place, `hint` the next step."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.hint = (shorten_text(text, MAX_MESSAGE_LENGTH) for text in (message, where, hint))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}" + (f"\n  {self.hint}" if self.hint else "")


class PluginError(FerbenchError):
    """A plugin breaks a contract; the message names the component."""


class SystemProblem(FerbenchError):
    """Something around the run is at fault, such as a full disk or an edited plugin, so it must stop; nothing counts as failed."""


class StoreError(SystemProblem):
    """The store cannot be read or written."""


def shorten(value: object) -> str:
    """Return the `repr` of a value; a long one is cut in the middle."""
    return shorten_text(repr(value))


def shorten_text(text: str, max_length: int = MAX_VALUE_LENGTH) -> str:
    """Return the text; a long one is cut in the middle."""
    if len(text) <= max_length:
        return text
    return f"{text[: max_length // 2]} ... ({len(text):,} characters) ... {text[-max_length // 2 :]}"


def join_names(names: Sequence[str]) -> str:
    """Join the names with commas; of a long list, only the first ones."""
    more = [f"and {len(names) - MAX_NAMES:,} more"] if len(names) > MAX_NAMES else []
    return ", ".join([*map(shorten_text, names[:MAX_NAMES]), *more])


@contextmanager
def blame_plugin(component: str, code: Code | None = None) -> Iterator[None]:
    """Turn errors inside the block into a PluginError that names the component and a line of its file; FerbenchErrors pass unchanged."""
    try:
        yield
    except FerbenchError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        message = f"{component} failed: {type(error).__name__}: {error}"
        place = location(code) if code else ""
        raise PluginError(
            message, where=error_location(error, place.rpartition(":")[0]) or place, hint="--debug shows the traceback"
        ) from error


def find_system_problem(error: BaseException) -> SystemProblem | None:
    """Return the fault of the system that an error comes from; None if there is none."""
    causes = _list_causes(error)
    if known := next((cause for cause in causes if isinstance(cause, SystemProblem)), None):
        return known
    first = next((cause for cause in reversed(causes) if _is_of_system(cause)), None)  # later ones repeat its text
    if first is None:
        return None
    place = f" ({first.filename})" if isinstance(first, OSError) and first.filename else ""
    reason = (first.strerror if isinstance(first, OSError) else "") or str(first).partition("\n")[0]
    return SystemProblem(f"the run stops: {reason}{place}", hint="stored results are kept: fix the cause and run the same command again")


def _list_causes(error: BaseException) -> list[BaseException]:
    """The error and those that led to it, the last one first; each once."""
    causes: dict[int, BaseException] = {}
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is not None and id(cause) not in causes:
            causes[id(cause)] = cause
            group = cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
            waiting += [cause.__cause__ or cause.__context__, *group]
    return list(causes.values())


def _is_of_system(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in SYSTEM_ERRNOS
    return isinstance(error, PermissionError) or bool(SYSTEM_TEXTS.search(str(error)))


def location(code: Code) -> str:
    """Return `file:line` of a class or function; empty if it has no source file."""
    try:
        return f"{inspect.getsourcefile(code)}:{inspect.getsourcelines(code)[1]}"
    except (OSError, TypeError):
        return ""


def error_location(error: BaseException, file: str) -> str:
    """Return `file:line` of the last line in this file that led to the error, or of its bad syntax; empty if none did."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    return f"{file}:{lines[-1]}" if lines else ""
