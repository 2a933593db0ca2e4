"""The command line: each command a few lines over the library; heavy packages are imported only by the commands that compute."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ferbench import __version__
from ferbench.errors import FerbenchError

EXIT = "Exit codes: 0 all well, 1 some rows failed, 2 a mistake that the message tells how to mend."


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

    from ferbench import benchmark, runner, views
    from ferbench.axes import AXES
    from ferbench.progress import Reporter

    reporter = Reporter(quiet=options.format == "json")
    loaded = benchmark.load(options.file, plugins=options.plugin, sets=options.set, only=options.only)
    forecast = runner.plan(loaded, _store(options, reporter.warn), _knobs(options), reporter, options.calibrate)
    if options.format == "json":
        _json(views.as_data(forecast, options.budget))
    else:
        Console(highlight=False).print(views.plan(forecast, AXES, options.budget))
    return 0


def _why(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ferbench import why
    from ferbench.progress import Reporter

    store = _store(options)
    rows = why.stored_rows(store)
    if options.row.endswith((".yaml", ".yml")):
        from ferbench import benchmark, runner

        loaded = benchmark.load(options.row, plugins=options.plugin, sets=options.set, only=options.only)
        asked = runner.missing(loaded, store, _knobs(options), Reporter(quiet=options.format == "json"))
        told = [why.explain(row, rows, store) for row in asked]
    else:
        number = why.chosen(rows, options.row)
        told = [why.explain(rows[number], rows[:number], store)]
    if options.format == "json":
        _json([asdict(each) for each in told])
    else:
        print("\n".join(why.text(told)))
    return 0


def _knobs(options: argparse.Namespace) -> Any:
    from ferbench import runner

    given = {name: getattr(options, name) for name in ("checkpoint", "compile", "figures") if hasattr(options, name)}
    return runner.Options(options.device, options.workers, not options.no_rehearsal, retry=options.retry_failed, **given)


def _run(options: argparse.Namespace) -> int:
    from ferbench import benchmark, runner
    from ferbench.progress import Reporter

    if options.dry_run:
        options.calibrate, options.budget = False, None
        return _plan(options)
    reporter = Reporter(options.quiet)
    loaded = benchmark.load(options.file, plugins=options.plugin, sets=options.set, only=options.only)
    store = _store(options, reporter.warn)
    record = runner.run(loaded, store, _knobs(options), reporter)
    _print([record], options)
    if any(row["status"] == "done" for row in record["rows"]):
        reporter.line(f"figures: {store.root / 'figures' / record['name']}   record: {store.root / 'benchmarks' / record['name']}.json")
    failed = len(record["failures"])
    if failed:
        reporter.warn(f"{failed} of {len(record['rows'])} rows failed; --retry-failed tries them again")
    return 1 if failed else 0


def _leaderboard(options: argparse.Namespace) -> int:
    from ferbench import records

    _print(records.load(_store(options), _benchmark_name(options.benchmark)), options)
    return 0


def _benchmark_name(text: str) -> str:
    """A benchmark's name, given as such or as its file."""
    from ferbench import yamlfile

    if not text.endswith((".yaml", ".yml")):
        return text
    data = yamlfile.load(Path(text)).data if Path(text).is_file() else None
    return str((data.get("name") if isinstance(data, dict) else None) or Path(text).stem)


def _store_list(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ferbench import upkeep, views

    found = list(upkeep.entries(_store(options)))
    if options.format == "json":
        _json(views.by_stage(found))
    else:
        Console(highlight=False).print(views.store(found))
    return 0


def _store_verify(options: argparse.Namespace) -> int:
    from ferbench import upkeep

    store = _store(options)
    checked = list(upkeep.verify(store))
    damaged = [(entry, problem) for entry, problem in checked if problem]
    for entry, problem in damaged:
        print(f"{entry.stage} {entry.path.name[:12]}: {problem}")
    again = "; the next run that needs them makes them again" if damaged else ""
    print(f"{len(checked)} entries, {len(damaged)} damaged{again}")
    return 1 if damaged else 0


def _store_gc(options: argparse.Namespace) -> int:
    from ferbench import upkeep, views
    from ferbench.forecast import size

    store = _store(options)
    unneeded = [entry for entry in upkeep.entries(store, all_rows=not options.old_rows) if entry.why]
    print("\n".join(views.unneeded(unneeded)) or "everything is needed")
    if options.delete:
        upkeep.remove(store, unneeded)
    freed = size(sum(entry.bytes for entry in unneeded))
    print(f"{freed} freed" if options.delete else f"{freed} would be freed: --delete does it")
    return 0


def _plugins(options: argparse.Namespace) -> int:
    from ferbench.catalog import KINDS
    from ferbench.manager import load_plugins

    catalog = load_plugins(options.plugin)
    entries = [entry for kind in KINDS for entry in catalog.of(kind)]
    if options.format == "json":
        _json([{"kind": e.kind, "name": e.name, "plugin": e.plugin, "summary": e.summary} for e in entries])
    else:
        for kind, (plural, _) in KINDS.items():
            print(plural)
            _columns([[e.name, e.plugin, e.summary] for e in entries if e.kind == kind], indent="  ")
    for plugin, why in catalog.broken.items():
        print(f"warning: plugin {plugin} cannot be imported: {why}", file=sys.stderr)
    return 1 if catalog.broken else 0


def _schema(_options: argparse.Namespace) -> int:
    from ferbench.manager import load_plugins
    from ferbench.schema import schema

    _json(schema(load_plugins(_options.plugin)))
    return 0


def _corpus_list(options: argparse.Namespace) -> int:
    from ferbench.manager import load_plugins
    from ferbench.stages.index import locate

    datasets = load_plugins(options.plugin).datasets()
    facts: list[dict[str, Any]] = [
        {
            "name": dataset.name,
            "found": str(locate(dataset()) or ""),
            **{fact: getattr(dataset, fact) for fact in ("classes", "licence", "access", "citation")},
        }
        for dataset in datasets
    ]
    if options.format == "json":
        _json(facts)
    else:
        _columns(
            [
                ["name", "found at", "licence", "classes"],
                *[[f["name"], f["found"] or "–", f["licence"], ", ".join(f["classes"])] for f in facts],
            ]
        )
    return 0


def _corpus_check(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from ferbench import records
    from ferbench.manager import load_plugins
    from ferbench.stages.index import index, locate, missing_error

    dataset = load_plugins(options.plugin).build("dataset", options.name, {"root": str(options.folder or "")})
    root = locate(dataset)
    if root is None:
        raise missing_error(dataset)
    found = records.found_in(index(replace(dataset, root=str(root)), _store(options)))
    if options.format == "json":
        _json(found)
    else:
        print("\n".join(records.summary([found], named=None)))
    return 0


def _corpus_standin(options: argparse.Namespace) -> int:
    from ferbench import standin
    from ferbench.manager import load_plugins
    from ferbench.progress import Reporter

    catalog = load_plugins(options.plugin)
    catalog.get("dataset", options.name)
    dataset = next(d for d in catalog.datasets() if d.name == options.name)
    folder = options.folder.resolve()
    with Reporter().stage(f"render {options.name}", "clips") as tell:
        standin.render(dataset, folder, options.people, options.seed, tell)
    print(f"{options.folder}: {standin.described(folder / standin.MARKER)}")
    return 0


def _corpus_extract(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from joblib import cpu_count

    from ferbench.extract import extract, report
    from ferbench.progress import Reporter

    source, target = options.source.expanduser(), options.target.expanduser()
    if not source.is_dir():
        raise FerbenchError(f"no folder {source}", hint="give the folder that holds the videos")
    with Reporter().stage("extract", "videos") as tell:
        made = extract(source, target, options.images, options.every, options.workers or cpu_count(), tell)
    if options.format == "json":
        _json([asdict(each) for each in made])
    else:
        print("\n".join(report(made)))
    return 1 if any(each.problem for each in made) else 0


def _store(options: argparse.Namespace, warn: Any = None) -> Any:
    from ferbench.store import Store, store_folder

    return Store(store_folder(options.store), warn or (lambda text: print(f"warning: {text}", file=sys.stderr)))


def _print(records: list[dict[str, Any]], options: argparse.Namespace) -> None:
    from rich.console import Console

    from ferbench import leaderboard

    if options.format == "table":
        console = Console(highlight=False)
        for record in records:
            console.print(leaderboard.show(record, console))
    elif options.format == "json":
        _json([row for record in records for row in leaderboard.with_published(record)])
    else:
        write = {"csv": leaderboard.as_csv, "markdown": leaderboard.as_markdown, "latex": leaderboard.as_latex}[options.format]
        print(write(records), end="")


def _json(value: Any) -> None:
    from ferbench.store import to_json

    print(to_json(value).decode())


def _columns(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Aligned columns in plain text, which needs no import; the last is cut to the terminal's width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = shutil.get_terminal_size((120, 24)).columns
    for row in rows:
        line = indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print(line if len(line) <= room else line[: room - 1] + "…")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ferbench", description="Benchmarks for facial-expression recognition from video.", epilog=EXIT)
    parser.add_argument("--version", action="version", version=f"ferbench {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = _grid_command(commands, "run", _run, "run every combination of a benchmark and print the leaderboard")
    run.add_argument("--dry-run", action="store_true", help="only say what would be made, like `ferbench plan`")
    run.add_argument(
        "--checkpoint",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="of a fit between its checkpoints (default: 60; 0: every epoch)",
    )
    run.add_argument("--compile", action="store_true", help="translate networks by torch.compile: a minute first, faster after on a GPU")
    run.add_argument(
        "--figures", action=argparse.BooleanOptionalAction, help="draw curves and confusion matrices (default: of at most 200 new rows)"
    )
    run.add_argument("--quiet", action="store_true", help="no progress, only warnings and the result")
    _format(run)

    plan = _grid_command(commands, "plan", _plan, "say what a run would make, share and cost, and compute nothing")
    plan.add_argument("--budget", type=_seconds, metavar="TIME", help="say which rows can be made in that time: 30m, 2h, 90s")
    plan.add_argument("--calibrate", action="store_true", help="measure a few items of what was never made in this store")
    _format(plan, ("table", "json"))

    why = _grid_command(commands, "why", _why, "say what a row was made anew for: what differs from the nearest stored one", "row")
    _format(why, ("table", "json"))

    board = _command(commands, "leaderboard", _leaderboard, "print the leaderboard again from the store", store=True)
    board.add_argument("benchmark", nargs="?", default="", metavar="BENCHMARK", help="name or YAML of one benchmark (default: all)")
    _format(board)

    plugins = _command(commands, "plugins", _plugins, "list the components that plugins give", plugin=True)
    _format(plugins, ("table", "json"))
    _command(commands, "schema", _schema, "print the JSON Schema of a benchmark YAML", plugin=True)
    _store_parser(commands)
    _corpus_parser(commands)
    return parser


def _store_parser(commands: Any) -> None:
    store = commands.add_parser("store", help="list, verify and clean the store").add_subparsers(metavar="ACTION", required=True)
    _format(
        _command(store, "list", _store_list, "what is stored, by stage, and how much of it no row needs", store=True), ("table", "json")
    )
    _command(store, "verify", _store_verify, "read every entry against its checksums", store=True)
    clean = _command(store, "gc", _store_gc, "say what no row needs: crops, features and fits of rows that are gone, leftovers", store=True)
    clean.add_argument("--delete", action="store_true", help="remove it (without this, nothing is touched)")
    clean.add_argument("--old-rows", action="store_true", help="also rows that are in no benchmark's last run, and what only they need")


def _corpus_parser(commands: Any) -> None:
    corpus = commands.add_parser("corpus", help="list, check and render corpora").add_subparsers(metavar="ACTION", required=True)
    _format(
        _command(corpus, "list", _corpus_list, "the corpora that can be read, and where they were found", plugin=True), ("table", "json")
    )
    check = _command(corpus, "check", _corpus_check, "what a corpus on disk holds, and what would be left out", plugin=True, store=True)
    check.add_argument("name", metavar="NAME")
    check.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="its root (default: looked for in FERBENCH_DATA)")
    _format(check, ("table", "json"))
    standin = _command(corpus, "standin", _corpus_standin, "render a stand-in in the corpus' own layout", plugin=True)
    standin.add_argument("name", metavar="NAME")
    standin.add_argument("folder", metavar="DIR", type=Path)
    standin.add_argument("--people", type=int, default=20, help="persons (default: 20)")
    cut = _command(corpus, "extract", _corpus_extract, "write the frames of a whole tree of videos as images; goes on where it was stopped")
    cut.add_argument("source", metavar="SOURCE", type=Path, help="folder of videos, at any depth")
    cut.add_argument("target", metavar="TARGET", type=Path, help="where A/B.mp4 becomes A/B/0000001.jpg ...")
    cut.add_argument("--images", choices=("jpg", "png"), default="jpg", help="kind of file (default: jpg)")
    cut.add_argument("--every", type=_count, default=1, metavar="N", help="write each Nth frame, under its own number (default: 1)")
    cut.add_argument("--workers", type=int, default=0, metavar="N", help="videos at once (default: one a core)")
    _format(cut, ("table", "json"))
    standin.add_argument("--seed", type=_seed, default=0, help="equal seeds give equal files (default: 0)")


def _grid_command(commands: Any, name: str, function: Any, text: str, subject: str = "file") -> argparse.ArgumentParser:
    """A command on the combinations of a benchmark file."""
    parser = _command(commands, name, function, text, plugin=True, store=True)
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
    parser.add_argument("--workers", type=_count, default=0, metavar="N", help="threads for decoding and detection (default: one a core)")
    return parser


def _command(commands: Any, name: str, function: Any, text: str, *, plugin: bool = False, store: bool = False) -> argparse.ArgumentParser:
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


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 2^32 - 1")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
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


def _format(parser: argparse.ArgumentParser, formats: Sequence[str] = ("table", "json", "csv", "markdown", "latex")) -> None:
    parser.add_argument("--format", choices=formats, default="table", help="default: table")


if __name__ == "__main__":
    sys.exit(main())
