"""The entry point: parse the arguments and run one command. Only commands that compute import heavy packages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress

from ferbench import __version__
from ferbench.api.errors import FerbenchError, find_system_problem, shorten_text
from ferbench.api.text import escape_controls
from ferbench.cli.audit import add_audit_command
from ferbench.cli.benchmarks import add_benchmark_commands
from ferbench.cli.contact_sheet import add_contact_sheet_command
from ferbench.cli.corpus import add_corpus_commands
from ferbench.cli.describe import add_describe_command
from ferbench.cli.export import add_export_command
from ferbench.cli.lists import add_list_commands
from ferbench.cli.options import EXIT_CODES, HelpFormatter, Parser, flush_output, tolerate_closed_pipe
from ferbench.cli.predict import add_predict_command
from ferbench.cli.process import QuickExit, Stopped, keep_memory, open_streams, silence_decoders, stop_on_signals
from ferbench.cli.results import add_result_commands
from ferbench.cli.store import add_store_commands
from ferbench.cli.weights import add_weights_commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. A user error prints a line or two, or a traceback with --debug."""
    options = make_parser().parse_args(arguments)
    code = 0
    try:
        with tolerate_closed_pipe():
            code = options.command(options)
    except SystemExit as stop:
        print(f"error: a plugin ended the command: SystemExit: {escape_controls(str(stop.code))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("\nstopped: finished work is stored; run the same command again to continue", file=sys.stderr)
        return stop.code if isinstance(stop, Stopped) else 130
    except Exception as error:
        problem = _describe_error(error)
        if options.debug or not problem:
            raise
        print(f"error: {escape_controls(problem)}", file=sys.stderr)
        return 2
    return code


def run_program() -> int:
    """Set up the process and run one command; `ferbench` and `python -m ferbench` call this."""
    end = QuickExit()
    open_streams()
    stop_on_signals()
    keep_memory()
    silence_decoders()
    try:
        end.code = main()
    finally:
        with suppress(OSError):
            flush_output()
    return end.code


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    description, epilog = "Benchmark facial-expression recognition from video.", f"Start with `ferbench run quick`. {EXIT_CODES}"
    parser = Parser("ferbench", description=description, epilog=epilog, formatter_class=HelpFormatter)
    parser.add_argument("--version", action="version", version=f"ferbench {__version__}", help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_benchmark_commands(commands)
    add_contact_sheet_command(commands)
    add_result_commands(commands)
    add_audit_command(commands)
    add_predict_command(commands)
    add_export_command(commands)
    add_list_commands(commands)
    add_describe_command(commands)
    add_weights_commands(commands)
    add_store_commands(commands)
    add_corpus_commands(commands)
    return parser


def _describe_error(error: Exception) -> str:
    """Describe an error that the user, or whoever looks after the system, can fix; empty for any other."""
    if isinstance(error, OSError):
        return f"{shorten_text(str(error.filename))}: {error.strerror}" if error.filename else str(error.strerror or error)
    problem = error if isinstance(error, FerbenchError) else find_system_problem(error)
    return str(problem or "")
