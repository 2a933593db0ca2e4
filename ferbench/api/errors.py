"""The errors that ferbench shows a user in one or two lines, without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class FerbenchError(Exception):
    """Something the user can mend: `message` says what and what was expected, `where` the place, `hint` the next step."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.hint = message, where, hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}" + (f"\n  {self.hint}" if self.hint else "")


class PluginError(FerbenchError):
    """A plugin breaks a contract: the message names the plugin and the component."""


class StoreError(FerbenchError):
    """The store cannot be written: nothing else can go on either."""


@contextmanager
def calling(component: str) -> Iterator[None]:
    """Around a call of a plugin's code outside the work on rows: what it raises is told in its name."""
    try:
        yield
    except FerbenchError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise PluginError(f"{component} failed: {type(error).__name__}: {error}", hint="--debug shows where") from error
