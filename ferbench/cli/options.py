"""What all commands share: common options, opening the store, and printing."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, NoReturn

from ferbench.api.text import CONTROLS, escape_controls, escape_line


class Parser(argparse.ArgumentParser):
    """A parser whose errors show control characters of the arguments."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with 2."""
        super().error(escape_controls(message))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit with the status, or with 2 if the help cannot be written to stdout."""
        try:
            with tolerate_closed_pipe():
                pass
        except OSError as error:
            status, message = 2, f"error: {error.strerror}\n"
        super().exit(status, message)


if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ferbench.store.entries import Store

    Commands = argparse._SubParsersAction[Parser]  # argparse has no public name for it

Command = Callable[[argparse.Namespace], int]
"""A command: takes the parsed options and returns the exit code."""

MIN_WRAP_WIDTH = 20  # of the last column; where it would be narrower, each cell gets a line of its own


class HelpFormatter(argparse.HelpFormatter):
    """Starts each help text on the line of its option or command."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)
        self._action_max_length = 15  # the longest command; argparse does not count its indentation


EXIT_CODES = (
    "Exit codes: 0 success, 1 some rows, files or plugins failed, 2 user error (the message says how to fix it), "
    "130 stopped by Ctrl-C, 143 by SIGTERM."
)


def open_store(options: argparse.Namespace, warn: Callable[[str], None] | None = None, *, must_exist: bool = False) -> Store:
    """Open the store that the options name; `warn` is called for each damaged entry."""
    from ferbench.store.layout import find_store

    return find_store(options.store, warn or print_warning, must_exist=must_exist)


@contextmanager
def tolerate_closed_pipe() -> Iterator[None]:
    """If the reader of stdout (head, less) closes it inside the block, drop the rest of the output and continue."""
    try:
        yield
        flush_output()
    except BrokenPipeError:
        with suppress(OSError):
            flush_output()


def flush_output() -> None:
    """Write what is left of stdout. If that fails, drop it: Python would try again at its end and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def print_table(*tables: RenderableType) -> None:
    """Print with rich, in the width of the terminal."""
    console = make_console()
    with tolerate_closed_pipe():
        for table in tables:
            console.print(table)


def make_console() -> Console:
    """A console that raises BrokenPipeError if stdout is closed; rich's own console would exit with 1."""
    from rich.console import Console

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return PipeConsole(highlight=False, markup=False, emoji=False)


def print_json(value: object) -> None:
    """Print a value as JSON; control characters in its texts are escaped."""
    from ferbench.store.files import to_json

    with tolerate_closed_pipe():
        print(CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", to_json(value).decode()))


def print_warning(text: str) -> None:
    """Print a warning on stderr."""
    print(f"warning: {escape_controls(text)}", file=sys.stderr)


def print_lines(lines: Sequence[str]) -> None:
    """Print lines of text."""
    with tolerate_closed_pipe():
        for line in lines:
            print(escape_line(line))


def print_sentences(lines: Iterable[str]) -> None:
    """Print lines of text, wrapped between words on a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print_lines([part for line in lines for part in (_wrap_sentence(escape_line(line), width) if width else [line])])


def _wrap_sentence(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def print_columns(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Print aligned columns, and wrap the last one to the width of the terminal. Imports nothing heavy."""
    rows = [list(map(escape_line, row)) for row in rows]
    *widths, last_width = [max(map(len, column)) for column in zip(*rows, strict=True)]
    width = shutil.get_terminal_size((120, 24)).columns
    room = width - len(indent) - sum(cell_width + 2 for cell_width in widths)
    is_narrow = room < min(MIN_WRAP_WIDTH, last_width)
    print_lines([line for row in rows for line in (_stack(row, indent, width) if is_narrow else _wrap_row(row, widths, indent, width))])


def _wrap_row(row: Sequence[str], widths: Sequence[int], indent: str, width: int) -> list[str]:
    *cells, last = row
    head = indent + "".join(f"{cell:{cell_width}}  " for cell, cell_width in zip(cells, widths, strict=True))
    return wrap(last, width, initial_indent=head, subsequent_indent=" " * len(head)) or [head.rstrip()]


def _stack(row: Sequence[str], indent: str, width: int) -> list[str]:
    """Each cell on a line of its own, below the first one."""
    first, *others = row
    inside = indent + "  "
    lines = [line for cell in others for line in wrap(cell, width, initial_indent=inside, subsequent_indent=inside)]
    return [*wrap(first, width, initial_indent=indent, subsequent_indent=indent), *lines]


def add_group(commands: Commands, name: str, text: str) -> Commands:
    """Add a command that has subcommands."""
    group = commands.add_parser(name, help=text, description=_sentence(text), epilog=EXIT_CODES, formatter_class=HelpFormatter)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add_command(
    commands: Commands, name: str, run: Command, text: str, *, plugin: bool = False, store: bool = False
) -> argparse.ArgumentParser:
    """Add a command with --debug, and with --plugin and --store if it uses them."""
    parser = commands.add_parser(name, help=text, description=_sentence(text), epilog=EXIT_CODES, formatter_class=HelpFormatter)
    parser.set_defaults(command=run)
    general = parser.add_argument_group("general options")
    if plugin:
        plugin_help = "also load this plugin file; may be repeated"
        general.add_argument("--plugin", action="append", default=[], type=Path, metavar="FILE.py", help=plugin_help)
    if store:
        general.add_argument("--store", default="", metavar="DIR", help="folder of the store (default: $FERBENCH_STORE, or ferbench-store)")
    general.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def add_format(parser: argparse.ArgumentParser, formats: Sequence[str] = ("table", "json", "csv", "markdown", "latex")) -> None:
    """Add the option --format; the first format is the default."""
    names = f"{', '.join(formats[:-1])} or {formats[-1]}"
    parser.add_argument("--format", choices=formats, default=formats[0], metavar="FORMAT", help=f"{names} (default: {formats[0]})")


def add_rehash(parser: argparse.ArgumentParser) -> None:
    """Add the option --rehash."""
    parser.add_argument("--rehash", action="store_true", help="read all files of the corpora again, even if they seem unchanged")


def parse_seed(text: str) -> int:
    """A whole number from 0 to 2^32 - 1."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2^32 - 1")
    return int(text)


def parse_count(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def parse_device(text: str) -> str:
    """The name of a device; whether it exists is only known to torch."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a device: expected auto, cpu, cuda or cuda:N")
    return text


def parse_duration(text: str) -> float:
    """Seconds from 30m, 2h, 90s or a number of seconds."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: expected 90s, 30m or 2h")
    return seconds


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
