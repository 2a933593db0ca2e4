"""The errors that a user sees as a line or two, without a traceback."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager


class FerbenchError(Exception):
    """A mistake that the user can fix: `message` says what and what was expected, `where` the place, `hint` the next step."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.hint = message, where, hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}" + (f"\n  {self.hint}" if self.hint else "")


class PluginError(FerbenchError):
    """A plugin breaks a contract; the message names the component."""


class StoreError(FerbenchError):
    """The store cannot be written, so nothing can go on."""


LONGEST_VALUE = 200


def shorten(value: object) -> str:
    """The `repr` of a value for a message; a long one is cut in the middle."""
    text = repr(value)
    if len(text) <= LONGEST_VALUE:
        return text
    half = LONGEST_VALUE // 2
    return f"{text[:half]} ... ({len(text):,} characters) ... {text[-half:]}"


@contextmanager
def plugin_call(component: str, cls: type | None = None) -> Iterator[None]:
    """Around a call of a plugin's code: whatever it raises becomes a PluginError in the name of the component.

    Raises the plugin's own FerbenchError unchanged.
    """
    try:
        yield
    except FerbenchError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        message = f"{component} failed: {type(error).__name__}: {error}"
        raise PluginError(message, where=_origin(error, cls), hint="--debug shows the traceback") from error


def location(cls: type) -> str:
    """`file:line` of a class; empty if its source is not there."""
    try:
        return f"{inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):
        return ""


def _origin(error: BaseException, cls: type | None) -> str:
    """`file:line` of the last line in the class's file that led to the error, else of the class."""
    if cls is None:
        return ""
    place = location(cls)
    file = place.rpartition(":")[0]
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1]}" if lines else place
