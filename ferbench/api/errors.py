"""The errors that a user sees as a line or two, without a traceback."""

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
    """A mistake that the user can fix: `message` says what and what was expected, `where` the place, `hint` the next step."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.hint = (shorten_text(text, MAX_MESSAGE_LENGTH) for text in (message, where, hint))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}" + (f"\n  {self.hint}" if self.hint else "")


class PluginError(FerbenchError):
    """A plugin breaks a contract; the message names the component."""


class StoreError(FerbenchError):
    """The store cannot be written, so nothing can go on."""


def shorten(value: object) -> str:
    """The `repr` of a value for a message; a long one is cut in the middle."""
    return shorten_text(repr(value))


def shorten_text(text: str, max_length: int = MAX_VALUE_LENGTH) -> str:
    """The text; one that is too long is cut in the middle."""
    if len(text) <= max_length:
        return text
    return f"{text[: max_length // 2]} ... ({len(text):,} characters) ... {text[-max_length // 2 :]}"


def join_names(names: Sequence[str]) -> str:
    """The names, with commas; of many only the first."""
    more = [f"and {len(names) - MAX_NAMES:,} more"] if len(names) > MAX_NAMES else []
    return ", ".join([*map(shorten_text, names[:MAX_NAMES]), *more])


@contextmanager
def blame_plugin(component: str, code: Code | None = None) -> Iterator[None]:
    """Around a call of a plugin's code: whatever it raises becomes a PluginError in the name of the component, with a line of its file.

    Raises the plugin's own FerbenchError unchanged.
    """
    try:
        yield
    except FerbenchError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        message = f"{component} failed: {type(error).__name__}: {error}"
        raise PluginError(message, where=_origin(error, code), hint="--debug shows the traceback") from error


def location(code: Code) -> str:
    """`file:line` of a class or function; empty if its source is not there."""
    try:
        return f"{inspect.getsourcefile(code)}:{inspect.getsourcelines(code)[1]}"
    except (OSError, TypeError):
        return ""


def _origin(error: BaseException, code: Code | None) -> str:
    """`file:line` of the last line in the file of the code that led to the error, else of the code."""
    if code is None:
        return ""
    place = location(code)
    file = place.rpartition(":")[0]
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1]}" if lines else place
