"""The errors that ferbench shows a user in one or two lines, without a traceback."""

from __future__ import annotations


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
