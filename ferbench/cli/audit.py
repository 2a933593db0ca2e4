"""The command audit: why a finished system scores less than it should."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from ferbench.cli.options import add_command, add_format, add_rehash, open_store, parse_count, parse_device, print_json, print_sentences

if TYPE_CHECKING:
    from ferbench.cli.options import Commands
    from ferbench.execution.audit import Audit

SYSTEM_HELP = "the system, as in a benchmark: a name, or one with parameters, such as 'onnx: {file: net.onnx, classes: [happy, sad]}'"


def add_audit_command(commands: Commands) -> None:
    """Add audit."""
    parser = add_command(commands, "audit", _audit, "find out why a finished system scores less than it should", plugin=True, store=True)
    parser.add_argument("system", metavar="SYSTEM", help=SYSTEM_HELP)
    parser.add_argument("--corpus", metavar="C", help="the corpus, or one with parameters (default: that of the benchmark)")
    parser.add_argument("--preprocessing", metavar="STEPS", help="a list of steps in YAML (default: those of the benchmark)")
    parser.add_argument("--benchmark", default="systems", metavar="FILE", help="benchmark with all other choices (default: systems)")
    set_help = "change a parameter of the benchmark, such as protocol.labels='{joy: happiness}'; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help=set_help)
    parser.add_argument("--no-rehearsal", action="store_true", help="fail if the corpus is missing, instead of rendering a stand-in")
    parser.add_argument("--device", type=parse_device, default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--workers", type=parse_count, default=0, metavar="N", help="threads for decoding (default: one per core)")
    add_rehash(parser)
    add_format(parser, ("table", "json"))


def _audit(options: argparse.Namespace) -> int:
    from ferbench.benchmark.files import find_benchmark
    from ferbench.benchmark.grid import load_benchmark
    from ferbench.execution.audit import run_audit
    from ferbench.execution.options import Options
    from ferbench.execution.progress import Reporter

    given = {"dataset": options.corpus, "preprocessing": options.preprocessing, "backbone": options.system}
    sets = [f"{axis}=[{value}]" for axis, value in given.items() if value]
    benchmark = load_benchmark(find_benchmark(options.benchmark), plugins=options.plugin, sets=[*sets, *options.set])
    reporter = Reporter(quiet=options.format == "json")
    run_options = Options(options.device, options.workers, not options.no_rehearsal, rehash=options.rehash)
    audit = run_audit(benchmark, open_store(options, reporter.warn), run_options, reporter)
    if options.format == "json":
        print_json({**asdict(audit), "proven": audit.is_proven})
    else:
        print_sentences(list(_describe(audit)))
    return 1 if audit.is_proven else 0


def _describe(audit: Audit) -> Iterator[str]:
    from ferbench.report.boards import format_estimate
    from ferbench.report.legend import REHEARSAL

    if audit.standin:
        yield REHEARSAL
    yield f"audit of {audit.system}: {audit.clips} clips of {audit.people} people, classes {', '.join(audit.classes)}"
    if audit.left_out:
        named = ", ".join(f"{count} of {name}" for name, count in audit.left_out.items())
        yield f"left out, since fewer than two people show the class: {named}"
    yield f"{audit.tried} pipelines and settings tried on half of the people; the other half is for the proof"
    if not audit.changes:
        yield "no fault found: nothing that was tried is clearly better on the people of the search"
        yield f"UAR of the others: {format_estimate(audit.before, 1)}"
        return
    low, high = (100 * (value or 0) for value in (audit.difference.low, audit.difference.high))
    figures = f"{100 * audit.difference.value:+.1f} [{low:+.1f}, {high:+.1f}] points of UAR, p = {audit.p:.2g}"
    verdict = "proven on the other half" if audit.is_proven else "not proven on the other half"
    yield from (f"change: {change}" for change in audit.changes)
    yield f"{verdict}: {figures}; from {format_estimate(audit.before, 1)} to {format_estimate(audit.after, 1)}"
    yield f"on the people of the search: {100 * audit.gain:+.1f} points"
    yield ""
    yield from audit.fix.splitlines()
