"""The command crops."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.cli.benchmarks import BENCHMARK_HELP, add_choices, load_named_benchmark
from ferbench.cli.options import add_command, add_rehash, open_store, print_lines

if TYPE_CHECKING:
    from ferbench.cli.options import Commands


def add_contact_sheet_command(commands: Commands) -> None:
    """Add crops."""
    text = "draw what networks see of one clip: its frames, the faces in them, and its crops"
    parser = add_command(commands, "crops", _crops, text, plugin=True, store=True)
    parser.add_argument("benchmark", metavar="BENCHMARK", help=BENCHMARK_HELP)
    parser.add_argument("--clip", required=True, metavar="ID", help="id of the clip, with or without the name of its corpus")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.png", help="the picture (default: crops-ID.png)")
    add_choices(parser)
    add_rehash(parser)


def _crops(options: argparse.Namespace) -> int:
    from ferbench.execution.contact_sheet import view_clip
    from ferbench.execution.progress import Reporter
    from ferbench.report.contact_sheet import draw_contact_sheet

    path = options.output or Path(f"crops-{re.sub(r'[^A-Za-z0-9.+-]+', '_', options.clip)[:100]}.png")
    _check_output(path)
    reporter = Reporter(quiet=True)
    benchmark = load_named_benchmark(options.benchmark, options)
    sheet = view_clip(benchmark, options.clip, open_store(options, reporter.warn), reporter, not options.no_rehearsal, options.rehash)
    draw_contact_sheet(sheet.title, sheet.strips, path)
    print_lines([str(path)])
    return 0


def _check_output(path: Path) -> None:
    """Raise FerbenchError for a picture that could not be written, before anything is computed."""
    from ferbench.api.errors import FerbenchError

    if path.suffix != ".png":
        raise FerbenchError(f"{path} cannot be drawn: expected a file that ends with .png", where="--output")
    if not path.parent.is_dir():
        raise FerbenchError(f"the folder {path.parent} does not exist", where="--output")
