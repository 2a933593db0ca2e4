"""The command line: each command a few lines over the library; heavy packages are imported only by the commands that compute."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferbench import __version__
from ferbench.api.errors import FerbenchError
from ferbench.cli.corpus import corpus_commands
from ferbench.cli.options import EXIT, command, count, formats, print_columns, print_json, seconds, store_of
from ferbench.cli.store import store_commands

if TYPE_CHECKING:
    from ferbench.store.records import Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; a user's mistake is told in a line or two, a traceback only with --debug."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except FerbenchError as error:
        if options.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader (head, less) has had enough
        return 0
    except OSError as error:
        if options.debug:
            raise
        print(f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; what was finished is stored, and the same command goes on from there", file=sys.stderr)
        return 130


def _plan(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ferbench.benchmark import grid as benchmark
    from ferbench.benchmark.axes import AXES
    from ferbench.cli import tables as views
    from ferbench.execution import runner
    from ferbench.execution.progress import Reporter

    reporter = Reporter(quiet=options.format == "json")
    loaded = benchmark.load(options.file, plugins=options.plugin, sets=options.set, only=options.only)
    forecast = runner.plan(loaded, store_of(options, reporter.warn), _knobs(options), reporter, options.calibrate)
    if options.format == "json":
        print_json(views.as_data(forecast, options.budget))
    else:
        Console(highlight=False).print(views.plan(forecast, AXES, options.budget))
    return 0


def _why(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ferbench.execution.progress import Reporter
    from ferbench.plan import why

    store = store_of(options)
    rows = why.stored_rows(store)
    if options.row.endswith((".yaml", ".yml")):
        from ferbench.benchmark import grid as benchmark
        from ferbench.execution import runner

        loaded = benchmark.load(options.row, plugins=options.plugin, sets=options.set, only=options.only)
        asked = runner.missing_rows(loaded, store, _knobs(options), Reporter(quiet=options.format == "json"))
        told = [why.explain(row, rows, store) for row in asked]
    else:
        number = why.find_row(rows, options.row)
        told = [why.explain(rows[number], rows[:number], store)]
    if options.format == "json":
        print_json([asdict(each) for each in told])
    else:
        print("\n".join(why.describe(told)))
    return 0


def _knobs(options: argparse.Namespace) -> Any:
    from ferbench.execution import runner

    given = {name: getattr(options, name) for name in ("checkpoint", "compile", "figures") if hasattr(options, name)}
    return runner.Options(options.device, options.workers, not options.no_rehearsal, retry=options.retry_failed, **given)


def _run(options: argparse.Namespace) -> int:
    from ferbench.benchmark import grid as benchmark
    from ferbench.execution import runner
    from ferbench.execution.progress import Reporter
    from ferbench.store import records

    if options.dry_run:
        options.calibrate, options.budget = False, None
        return _plan(options)
    reporter = Reporter(options.quiet)
    loaded = benchmark.load(options.file, plugins=options.plugin, sets=options.set, only=options.only)
    store = store_of(options, reporter.warn)
    record = runner.run(loaded, store, _knobs(options), reporter)
    _print([record], options)
    if any(row["status"] == "done" for row in record["rows"]):
        reporter.line(f"figures: {records.figures_folder(record, store)}   record: {records.record_file(record, store)}")
    failed = len(record["failures"])
    if failed:
        reporter.warn(f"{failed} of {len(record['rows'])} rows failed; --retry-failed tries them again")
    return 1 if failed else 0


def _leaderboard(options: argparse.Namespace) -> int:
    from ferbench.store import records

    _print(records.load_records(store_of(options), _benchmark_name(options.benchmark)), options)
    return 0


def _benchmark_name(text: str) -> str:
    """A benchmark's name, given as such or as its file."""
    from ferbench.benchmark import document as yamlfile

    if not text.endswith((".yaml", ".yml")):
        return text
    data = yamlfile.load(Path(text)).data if Path(text).is_file() else None
    return str((data.get("name") if isinstance(data, dict) else None) or Path(text).stem)


def _plugins(options: argparse.Namespace) -> int:
    from ferbench.registry.catalog import KINDS
    from ferbench.registry.plugins import load_plugins

    catalog = load_plugins(options.plugin)
    entries = [entry for kind in KINDS for entry in catalog.of(kind)]
    if options.format == "json":
        print_json([{"kind": e.kind, "name": e.name, "plugin": e.plugin, "summary": e.summary} for e in entries])
    else:
        for kind, (plural, *_) in KINDS.items():
            print(plural)
            print_columns([[e.name, e.plugin, e.summary] for e in entries if e.kind == kind], indent="  ")
    for plugin, why in catalog.broken.items():
        print(f"warning: plugin {plugin} cannot be imported: {why}", file=sys.stderr)
    return 1 if catalog.broken else 0


def _schema(_options: argparse.Namespace) -> int:
    from ferbench.benchmark.schema import schema
    from ferbench.registry.plugins import load_plugins

    print_json(schema(load_plugins(_options.plugin)))
    return 0


def _print(records: list[Record], options: argparse.Namespace) -> None:
    from rich.console import Console

    from ferbench.report import exports, tables

    if options.format == "table":
        console = Console(highlight=False)
        for record in records:
            console.print(tables.render_record(record, console))
    elif options.format == "json":
        print_json([row for record in records for row in exports.to_data(record)])
    else:
        write = {"csv": exports.to_csv, "markdown": exports.to_markdown, "latex": exports.to_latex}[options.format]
        print(write(records), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ferbench", description="Benchmarks for facial-expression recognition from video.", epilog=EXIT)
    parser.add_argument("--version", action="version", version=f"ferbench {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = _grid_command(commands, "run", _run, "run every combination of a benchmark and print the leaderboard")
    run.add_argument("--dry-run", action="store_true", help="only say what would be made, like `ferbench plan`")
    run.add_argument(
        "--checkpoint",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help="of a fit between its checkpoints (default: 60; 0: every epoch)",
    )
    run.add_argument("--compile", action="store_true", help="translate networks by torch.compile: a minute first, faster after on a GPU")
    run.add_argument(
        "--figures", action=argparse.BooleanOptionalAction, help="draw curves and confusion matrices (default: of at most 200 new rows)"
    )
    run.add_argument("--quiet", action="store_true", help="no progress, only warnings and the result")
    formats(run)

    plan = _grid_command(commands, "plan", _plan, "say what a run would make, share and cost, and compute nothing")
    plan.add_argument("--budget", type=seconds, metavar="TIME", help="say which rows can be made in that time: 30m, 2h, 90s")
    plan.add_argument("--calibrate", action="store_true", help="measure a few items of what was never made in this store")
    formats(plan, ("table", "json"))

    why = _grid_command(commands, "why", _why, "say what a row was made anew for: what differs from the nearest stored one", "row")
    formats(why, ("table", "json"))

    board = command(commands, "leaderboard", _leaderboard, "print the leaderboard again from the store", store=True)
    board.add_argument("benchmark", nargs="?", default="", metavar="BENCHMARK", help="name or YAML of one benchmark (default: all)")
    formats(board)

    plugins = command(commands, "plugins", _plugins, "list the components that plugins give", plugin=True)
    formats(plugins, ("table", "json"))
    command(commands, "schema", _schema, "print the JSON Schema of a benchmark YAML", plugin=True)
    store_commands(commands)
    corpus_commands(commands)
    return parser


def _grid_command(commands: Any, name: str, function: Any, text: str, subject: str = "file") -> argparse.ArgumentParser:
    """A command on the combinations of a benchmark file."""
    parser = command(commands, name, function, text, plugin=True, store=True)
    of_row = "the start of a stored row's key, or a benchmark YAML: every row that it would make"
    parser.add_argument(
        subject, metavar=subject.upper(), help=of_row if subject == "row" else "a benchmark YAML, such as benchmarks/thesis.yaml"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="change a parameter: recipe.lr=0.001, backbone.vgg16.units=512"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="AXIS=NAME",
        help="keep these choices of an axis: backbone=vgg16,resnet18 or loss='w*'",
    )
    parser.add_argument("--no-rehearsal", action="store_true", help="a missing corpus is an error; no stand-in is rendered")
    parser.add_argument("--retry-failed", action="store_true", help="try again the rows that failed in an earlier run")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--workers", type=count, default=0, metavar="N", help="threads for decoding and detection (default: one a core)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
