"""Progress on stderr: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console

from ferbench.api.text import escape_controls

INTERVAL = 15.0  # seconds between plain lines


class NotedProgress(Protocol):
    """A `Progress` that also shows a note and parts of a step."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Call after each step."""


class Reporter:
    """Prints lines and progress; if `quiet`, only warnings."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=not sys.stderr.isatty())

    def line(self, text: str) -> None:
        """Print a line."""
        if not self.quiet:
            self.console.print(escape_controls(text))

    def warn(self, text: str) -> None:
        """Print a warning, even if quiet."""
        self.console.print(f"warning: {escape_controls(text)}", style="yellow")

    @contextmanager
    def track(self, name: str, unit: str, spent: float = 0.0) -> Iterator[NotedProgress]:
        """Show the progress of a task: the block calls the yielded function after each step; without a call, nothing is shown.

        `spent` is the seconds of work on it before, in the background.
        """
        with _Bar(self.console, name, unit) if self.console.is_terminal and not self.quiet else _Lines(self, name, unit) as view:
            view.start -= spent
            yield view.update
        if view.done:
            self.line(f"{name}: {view.done:g} {unit} in {view.seconds:.1f} s")


class _Lines:
    """Progress as plain lines."""

    def __init__(self, reporter: Reporter, name: str, unit: str) -> None:
        self.reporter, self.name, self.unit = reporter, name, unit
        self.start = self.last = time.monotonic()
        self.done = 0.0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    def update(self, done: float, total: float, note: str = "") -> None:
        self.done, now = done, time.monotonic()
        if now - self.last < INTERVAL or done >= total:
            return
        self.last = now
        rate = done / self.seconds
        left = f"{(total - done) / rate:.0f} s left" if rate else ""
        self.reporter.line(", ".join(filter(None, [f"{self.name}: {done:.3g}/{total:g} {self.unit}", f"{rate:.2g}/s", left, note])))


class _Bar:
    """Progress as a bar that disappears at the end."""

    def __init__(self, console: Console, name: str, unit: str) -> None:
        from rich import progress

        columns = [
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=20),
            progress.TextColumn("{task.completed:.3g}/{task.total:g} " + unit, markup=False),
            progress.TextColumn("{task.fields[rate]}", markup=False),
            progress.TimeRemainingColumn(compact=True),
            progress.TextColumn("{task.fields[note]}", markup=False),
        ]
        self.bar = progress.Progress(*columns, console=console, transient=True)
        self.task = self.bar.add_task(escape_controls(name), total=1, rate="", note="", visible=False)
        self.start, self.done = time.monotonic(), 0.0

    def __enter__(self) -> _Bar:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    def update(self, done: float, total: float, note: str = "") -> None:
        self.done = done
        rate = f"{done / max(self.seconds, 1e-9):.2g}/s"
        self.bar.update(self.task, completed=done, total=total, note=escape_controls(note), rate=rate, visible=True)
