"""Errors that a user sees as a line or two, without a traceback."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Code = type | Callable[..., object]
MAX_VALUE_LENGTH = 200  # characters
MAX_MESSAGE_LENGTH = 2000
MAX_NAMES = 50


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


class StoreError(FerbenchError):
    """The store cannot be written, so the run must stop."""


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
