"""What the commands of the command line share: their options, the store that they name, and how they print."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EXIT = "Exit codes: 0 all well, 1 some rows failed, 2 a mistake that the message tells how to mend."


def store_of(options: argparse.Namespace, warn: Any = None) -> Any:
    """The store that the options name; `warn` is told of damaged entries."""
    from ferbench.store.entries import Store, store_folder

    return Store(store_folder(options.store), warn or (lambda text: print(f"warning: {text}", file=sys.stderr)))


def print_json(value: Any) -> None:
    """For machines, on stdout."""
    from ferbench.store.entries import to_json

    print(to_json(value).decode())


def print_columns(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Aligned columns in plain text, which needs no import; the last is cut to the terminal's width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = shutil.get_terminal_size((120, 24)).columns
    for row in rows:
        line = indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print(line if len(line) <= room else line[: room - 1] + "…")


def command(commands: Any, name: str, function: Any, text: str, *, plugin: bool = False, store: bool = False) -> argparse.ArgumentParser:
    """A command with the options that all have, and those of plugins and of a store where it uses them."""
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EXIT)
    parser.set_defaults(command=function)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    if plugin:
        parser.add_argument(
            "--plugin", action="append", default=[], type=Path, metavar="FILE.py", help="a plugin file, beside the installed ones"
        )
    if store:
        parser.add_argument("--store", default="", metavar="DIR", help="where results are kept (default: FERBENCH_STORE or runs)")
    return parser


def seed(text: str) -> int:
    """A whole number from 0 to 2^32 - 1."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 2^32 - 1")
    return int(text)


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def seconds(text: str) -> float:
    """Seconds from 30m, 2h, 90s or a number of seconds."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: expected 90s, 30m or 2h")
    return seconds


def formats(parser: argparse.ArgumentParser, known: Sequence[str] = ("table", "json", "csv", "markdown", "latex")) -> None:
    """The option --format."""
    parser.add_argument("--format", choices=known, default="table", help="default: table")
