"""The commands run, plan, why, autopsy and leaderboard."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ferbench.api.errors import FerbenchError
from ferbench.api.paths import expand_home
from ferbench.cli.options import (
    Command,
    add_command,
    add_format,
    add_rehash,
    open_store,
    parse_count,
    parse_device,
    parse_duration,
    print_json,
    print_sentences,
    print_table,
    print_warning,
)
from ferbench.corpora.guard_list import GUARDS

if TYPE_CHECKING:
    from ferbench.benchmark.grid import Benchmark
    from ferbench.cli.options import Commands
    from ferbench.execution.options import Options
    from ferbench.execution.progress import Reporter
    from ferbench.plan.why import Explanation

BENCHMARK_HELP = "a benchmark YAML, or the name of one that `ferbench benchmarks` lists"
PLAN_FORMATS = ("table", "json")


def add_benchmark_commands(commands: Commands) -> None:
    """Add run, plan, why, autopsy and leaderboard."""
    _add_run(commands)
    _add_plan(commands)
    why = _add_grid_command(commands, "why", _why, "explain why a row was recomputed", "row")
    add_format(why, ("table", "json"))
    autopsy = _add_grid_command(
        commands, "autopsy", _autopsy, "show how choices that are common in published code would change the result of a row"
    )
    autopsy.add_argument("--row", default="*", metavar="ROW", help="patterns of labels: backbone=vgg16,loss=l1 (default: the only row)")
    add_format(autopsy, ("table", "json"))
    board = add_command(commands, "leaderboard", _leaderboard, "print the leaderboard of each benchmark's last run", store=True)
    board.add_argument("benchmark", nargs="?", default="", metavar="BENCHMARK", help="name or YAML of a benchmark (default: all)")
    by_help = "show the results by group of clips: by fold, corpus, face (found or not), or a fact that clips carry, such as sex"
    board.add_argument("--by", metavar="FACT", help=by_help)
    add_format(board)


def _add_run(commands: Commands) -> None:
    run = _add_grid_command(commands, "run", _run, "run all combinations of a benchmark and print the leaderboard")
    run.add_argument("--dry-run", action="store_true", help="only show what the run would compute, like `ferbench plan`")
    interval_help = "time between checkpoints of a fit, such as 90s or 5m (default: 60s; 0: every epoch)"
    run.add_argument("--checkpoint-interval", type=parse_duration, default=60.0, metavar="TIME", help=interval_help)
    run.add_argument("--compile", action="store_true", help="use torch.compile: the first minute is slower, then a GPU is faster")
    keep_help = "store the weights of the best row of each table, of all rows, or of those that patterns of labels match"
    run.add_argument("--keep", default="", metavar="best|all|ROW", help=f"{keep_help} (default: as the benchmark says)")
    figures_help = "draw learning curves and confusion matrices (default: only if the run computes at most 200 rows)"
    run.add_argument("--figures", action=argparse.BooleanOptionalAction, help=figures_help)
    run.add_argument("--quiet", action="store_true", help="print only warnings and the leaderboard")
    add_format(run)


def _add_plan(commands: Commands) -> None:
    plan = _add_grid_command(commands, "plan", _plan, "show what a run would compute, share and cost")
    plan.add_argument("--budget", type=parse_duration, metavar="TIME", help="show which rows can be computed in this time: 90s, 30m, 2h")
    power_help = "show which differences the protocol can show on its test people, before any training"
    plan.add_argument("--power", action="store_true", help=power_help)
    plan.add_argument("--keep", default="", metavar="best|all|ROW", help="count the weights that `run --keep` would store")
    plan.add_argument("--measure", action="store_true", help="time a few items of each kind of work that is new to this store")
    add_format(plan, PLAN_FORMATS)


def _add_grid_command(commands: Commands, name: str, command: Command, text: str, subject: str = "benchmark") -> argparse.ArgumentParser:
    """Add a command that reads a benchmark, with the options that select rows and how to run them."""
    parser = add_command(commands, name, command, text, plugin=True, store=True)
    row_help = f"first characters of a row's key; or {BENCHMARK_HELP}, to explain every row that a run would compute"
    parser.add_argument(subject, metavar=subject.upper(), help=row_help if subject == "row" else BENCHMARK_HELP)
    add_choices(parser)
    parser.add_argument("--retry-failed", action="store_true", help="include rows that failed in an earlier run")
    parser.add_argument(
        "--device", type=parse_device, default="auto", help="auto, cpu, cuda or cuda:N (default: auto, the GPU if there is one)"
    )
    parser.add_argument("--workers", type=parse_count, default=0, metavar="N", help="threads for decoding (default: one per core)")
    leak_help = f"compute and mark the rows that this guard would stop, to study a leak: {', '.join(GUARDS)}; may be repeated"
    parser.add_argument("--allow-leak", action="append", default=[], choices=GUARDS, metavar="NAME", help=leak_help)
    add_rehash(parser)
    return parser


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the options that change a benchmark or select some of its choices."""
    options = (
        ("--set", "PATH=VALUE", "change a parameter, such as recipe.lr=0.001 or backbone.vgg16.units=512; may be repeated"),
        ("--only", "AXIS=NAME", "use only these choices of an axis, such as backbone=vgg16,resnet18 or loss='w*'; may be repeated"),
    )
    for option, metavar, option_help in options:
        parser.add_argument(option, action="append", default=[], metavar=metavar, help=option_help)
    parser.add_argument("--no-rehearsal", action="store_true", help="fail if a corpus is missing, instead of rendering stand-ins")


def _run(options: argparse.Namespace) -> int:
    from ferbench.cli.boards import print_ranked
    from ferbench.execution import runner
    from ferbench.execution.progress import Reporter
    from ferbench.report.results import rank_record
    from ferbench.store.records import figures_folder, record_file

    if options.dry_run:
        options.measure, options.budget, options.power = False, None, False
        if options.format not in PLAN_FORMATS:
            raise FerbenchError(f"a plan cannot be printed as {options.format}", hint=f"choose --format {' or '.join(PLAN_FORMATS)}")
        return _plan(options)
    reporter = Reporter(options.quiet)
    benchmark = load_named_benchmark(options.benchmark, options)
    store = open_store(options, reporter.warn)
    record = runner.run(benchmark, store, _runtime_options(options), reporter)
    print_ranked([rank_record(record, store)], options.format)
    if any(row["status"] == "done" for row in record["rows"]):
        figures = figures_folder(record, store)
        reporter.line((f"figures: {figures}   " if figures.is_dir() else "") + f"record: {record_file(record, store)}")
    if failed := len(record["failures"]):
        reporter.warn(f"{failed} of {len(record['rows'])} rows failed; add --retry-failed to try again")
    return 1 if failed else 0


def _plan(options: argparse.Namespace) -> int:
    from ferbench.cli import tables
    from ferbench.execution import runner
    from ferbench.execution.progress import Reporter

    reporter = Reporter(quiet=options.format == "json")
    benchmark = load_named_benchmark(options.benchmark, options)
    if options.power:
        return _show_power(benchmark, options, reporter)
    forecast = runner.plan(benchmark, open_store(options, reporter.warn), _runtime_options(options), reporter, options.measure)
    if options.format == "json":
        print_json(tables.forecast_data(forecast, options.budget))
    else:
        print_table(tables.render_forecast(forecast, options.budget))
    return 0


def _show_power(benchmark: Benchmark, options: argparse.Namespace, reporter: Reporter) -> int:
    from dataclasses import asdict

    from ferbench.cli.comparisons import describe_reach
    from ferbench.execution import runner
    from ferbench.report.statistics.power import forecast_reach

    splits = runner.list_splits(benchmark, open_store(options, reporter.warn), _runtime_options(options), reporter)
    reaches = {}
    for place, split in splits.items():
        clips = {clip.id: clip for clip in split.clips}
        tested = [clips[clip] for clip in split.tested]
        reaches[place] = forecast_reach([clip.subject for clip in tested], [clip.label for clip in tested])
    if options.format == "json":
        print_json([{"dataset": dataset, "protocol": protocol, **asdict(reach)} for (dataset, protocol), reach in reaches.items()])
    else:
        print_sentences([line for place, reach in reaches.items() for line in describe_reach(*place, reach)])
    return 0


def _autopsy(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ferbench.cli.autopsy import print_autopsy
    from ferbench.execution.autopsy import run_autopsy
    from ferbench.execution.progress import Reporter

    reporter = Reporter(quiet=options.format == "json")
    benchmark = load_named_benchmark(options.benchmark, options)
    autopsy = run_autopsy(benchmark, options.row, open_store(options, reporter.warn), _runtime_options(options), reporter)
    if options.format == "json":
        print_json(asdict(autopsy))
    else:
        print_autopsy(autopsy)
    return 0


def _why(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ferbench.plan.why import describe_explanations

    explanations = _explain(options)
    if options.format == "json":
        print_json([asdict(explanation) for explanation in explanations])
    else:
        print_sentences(describe_explanations(explanations))
    return 0


def _explain(options: argparse.Namespace) -> list[Explanation]:
    from ferbench.benchmark.files import is_benchmark
    from ferbench.execution import runner
    from ferbench.execution.progress import Reporter
    from ferbench.plan import why
    from ferbench.store.records import stored_rows

    store = open_store(options)
    rows = stored_rows(store)
    if not is_benchmark(options.row):
        number = why.find_row(rows, options.row)
        return [why.explain(rows[number], rows[:number], store)]
    reporter = Reporter(quiet=options.format == "json")
    missing = runner.missing_rows(load_named_benchmark(options.row, options), store, _runtime_options(options), reporter)
    return [why.explain(row, rows, store) for row in missing]


def _leaderboard(options: argparse.Namespace) -> int:
    from ferbench.cli.boards import print_groups, print_ranked
    from ferbench.report.answers import AnswersLost
    from ferbench.report.results import rank_record
    from ferbench.store.records import load_records

    store = open_store(options, must_exist=True)
    ranked, lost = [], 0
    for record in load_records(store, _benchmark_name(options.benchmark)):
        try:
            ranked.append(rank_record(record, store))
        except AnswersLost as error:  # the other tables can still be shown
            print_warning(f"no table of {record['benchmark']}: {error}")
            lost += 1
        lost += record.get("lost", 0)
    if options.by is not None:
        print_groups(ranked, options.by, store, options.format)
    else:
        print_ranked(ranked, options.format)
    return 1 if lost else 0


def load_named_benchmark(text: str, options: argparse.Namespace) -> Benchmark:
    """Load a benchmark by its name or file, with the options of `add_choices`."""
    from ferbench.benchmark.files import find_benchmark
    from ferbench.benchmark.grid import load_benchmark

    return load_benchmark(find_benchmark(text), plugins=options.plugin, sets=options.set, only=options.only)


def _benchmark_name(text: str) -> str:
    """The name of a benchmark, given by its name or its file."""
    from ferbench.benchmark.document import load_document

    path = expand_home(text)
    if path.suffix not in (".yaml", ".yml"):
        return text
    name = load_document(path).get("name") if path.is_file() else None
    return str(name or path.stem)


def _runtime_options(options: argparse.Namespace) -> Options:
    from ferbench.execution.options import Options

    optional = {name: getattr(options, name) for name in ("checkpoint_interval", "compile", "figures", "keep") if hasattr(options, name)}
    common = (options.device, options.workers, not options.no_rehearsal)
    allowed = tuple(options.allow_leak)
    return Options(*common, retry=options.retry_failed, rehash=options.rehash, allow_leaks=allowed, **optional)
