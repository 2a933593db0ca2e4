"""The commands on the rows of a benchmark: run, plan, why, leaderboard."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.cli.options import (
    Run,
    add_command,
    add_format,
    open_store,
    parse_count,
    parse_duration,
    print_json,
    print_lines,
    print_table,
)

if TYPE_CHECKING:
    from ferbench.benchmark.grid import Benchmark
    from ferbench.cli.options import Commands
    from ferbench.execution.runner import Options
    from ferbench.plan.why import Explanation
    from ferbench.store.records import Record

BENCHMARK = "path of a benchmark YAML, or a name that `ferbench benchmarks` lists"


def add_row_commands(commands: Commands) -> None:
    """Run, plan, why and leaderboard."""
    _add_run(commands)
    _add_plan(commands)
    why = _add_grid_command(commands, "why", _why, "explain why a row was recomputed", "row")
    add_format(why, ("table", "json"))
    board = add_command(commands, "leaderboard", _leaderboard, "print the leaderboard of the last run", store=True)
    board.add_argument("benchmark", nargs="?", default="", metavar="BENCHMARK", help="name or YAML of a benchmark (default: all)")
    add_format(board)


def _add_run(commands: Commands) -> None:
    run = _add_grid_command(commands, "run", _run, "run all combinations of a benchmark and print the leaderboard")
    run.add_argument("--dry-run", action="store_true", help="do what `ferbench plan` does")
    checkpoint_help = "time between checkpoints of a fit: 60, 90s, 5m (default: 60; 0: after every epoch)"
    run.add_argument("--checkpoint", type=parse_duration, default=60.0, metavar="TIME", help=checkpoint_help)
    run.add_argument("--compile", action="store_true", help="use torch.compile: a minute slower at first, then faster on a GPU")
    figures_help = "draw learning curves and confusion matrices (default: if at most 200 rows are new)"
    run.add_argument("--figures", action=argparse.BooleanOptionalAction, help=figures_help)
    run.add_argument("--quiet", action="store_true", help="print only warnings and the result")
    add_format(run)


def _add_plan(commands: Commands) -> None:
    plan = _add_grid_command(commands, "plan", _plan, "show what a run would compute, share and cost")
    plan.add_argument("--budget", type=parse_duration, metavar="TIME", help="show which rows fit into this time: 90s, 30m, 2h")
    plan.add_argument("--measure", action="store_true", help="time a few items of each kind of work that is new to this store")
    add_format(plan, ("table", "json"))


def _add_grid_command(commands: Commands, name: str, run: Run, text: str, subject: str = "benchmark") -> argparse.ArgumentParser:
    """A command on the combinations of a benchmark."""
    parser = add_command(commands, name, run, text, plugin=True, store=True)
    row_help = f"start of a row's key; or, to explain every row that a run would compute, {BENCHMARK}"
    parser.add_argument(subject, metavar=subject.upper(), help=row_help if subject == "row" else BENCHMARK)
    options = (
        ("--set", "PATH=VALUE", "change a parameter: recipe.lr=0.001, backbone.vgg16.units=512; may be repeated"),
        ("--only", "AXIS=NAME", "run only these choices of an axis: backbone=vgg16,resnet18 or loss='w*'; may be repeated"),
    )
    for option, metavar, option_help in options:
        parser.add_argument(option, action="append", default=[], metavar=metavar, help=option_help)
    parser.add_argument("--no-rehearsal", action="store_true", help="fail if a corpus is missing, instead of rendering a stand-in")
    parser.add_argument("--retry-failed", action="store_true", help="include the rows that failed in an earlier run")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--workers", type=parse_count, default=0, metavar="N", help="threads for decoding (default: one per core)")
    return parser


def _run(options: argparse.Namespace) -> int:
    from ferbench.execution import runner
    from ferbench.execution.progress import Reporter
    from ferbench.store.records import figures_folder, record_file

    if options.dry_run:
        options.measure, options.budget = False, None
        return _plan(options)
    reporter = Reporter(options.quiet)
    benchmark = _load_benchmark(options.benchmark, options)
    store = open_store(options, reporter.warn)
    record = runner.run(benchmark, store, _runtime_options(options), reporter)
    _print_records([record], options.format)
    if any(row["status"] == "done" for row in record["rows"]):
        reporter.line(f"figures: {figures_folder(record, store)}   record: {record_file(record, store)}")
    if failed := len(record["failures"]):
        reporter.warn(f"{failed} of {len(record['rows'])} rows failed; --retry-failed tries them again")
    return 1 if failed else 0


def _plan(options: argparse.Namespace) -> int:
    from ferbench.cli import tables
    from ferbench.execution import runner
    from ferbench.execution.progress import Reporter

    reporter = Reporter(quiet=options.format == "json")
    benchmark = _load_benchmark(options.benchmark, options)
    forecast = runner.plan(benchmark, open_store(options, reporter.warn), _runtime_options(options), reporter, options.measure)
    if options.format == "json":
        print_json(tables.forecast_data(forecast, options.budget))
    else:
        print_table(tables.render_forecast(forecast, options.budget))
    return 0


def _why(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ferbench.plan.why import describe

    explanations = _explain(options)
    if options.format == "json":
        print_json([asdict(explanation) for explanation in explanations])
    else:
        print_lines(list(describe(explanations)))
    return 0


def _explain(options: argparse.Namespace) -> list[Explanation]:
    from ferbench.benchmark.files import is_benchmark
    from ferbench.execution import runner
    from ferbench.execution.progress import Reporter
    from ferbench.plan import why

    store = open_store(options)
    rows = why.stored_rows(store)
    if not is_benchmark(options.row):
        number = why.find_row(rows, options.row)
        return [why.explain(rows[number], rows[:number], store)]
    reporter = Reporter(quiet=options.format == "json")
    missing = runner.missing_rows(_load_benchmark(options.row, options), store, _runtime_options(options), reporter)
    return [why.explain(row, rows, store) for row in missing]


def _leaderboard(options: argparse.Namespace) -> int:
    from ferbench.store.records import load_records

    _print_records(load_records(open_store(options), _benchmark_name(options.benchmark)), options.format)
    return 0


def _load_benchmark(text: str, options: argparse.Namespace) -> Benchmark:
    from ferbench.benchmark.files import find_benchmark
    from ferbench.benchmark.grid import load_benchmark

    return load_benchmark(find_benchmark(text), plugins=options.plugin, sets=options.set, only=options.only)


def _benchmark_name(text: str) -> str:
    """The name of a benchmark, given by its name or its file."""
    from ferbench.benchmark.document import load_document

    path = Path(text)
    if path.suffix not in (".yaml", ".yml"):
        return text
    name = load_document(path).get("name") if path.is_file() else None
    return str(name or path.stem)


def _runtime_options(options: argparse.Namespace) -> Options:
    from ferbench.execution import runner

    optional = {name: getattr(options, name) for name in ("checkpoint", "compile", "figures") if hasattr(options, name)}
    return runner.Options(options.device, options.workers, not options.no_rehearsal, retry=options.retry_failed, **optional)


def _print_records(records: list[Record], form: str) -> None:
    from ferbench.report import exports, tables

    if form == "json":
        print_json([row for record in records for row in exports.to_data(record)])
    elif form == "table":
        print_table(*map(tables.RecordTables, records))
    else:
        convert = {"csv": exports.to_csv, "markdown": exports.to_markdown, "latex": exports.to_latex}[form]
        print_lines(convert(records).splitlines())
