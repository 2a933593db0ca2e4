"""The command export: a stored row as ONNX, with a runner and a model card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.cli.options import add_command, open_store, parse_device, print_lines

if TYPE_CHECKING:
    from ferbench.cli.options import Commands

ROW_HELP = "first characters of a row's key, or patterns of labels: backbone=vgg16,aggregator=mean"


def add_export_command(commands: Commands) -> None:
    """Add export."""
    parser = add_command(commands, "export", _export, "write a stored row as ONNX, with a runner and a model card", plugin=True, store=True)
    parser.add_argument("row", metavar="ROW", help=ROW_HELP)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the new folder")
    parser.add_argument("--benchmark", default="", metavar="NAME", help="look only at the rows of this benchmark")
    parser.add_argument(
        "--device", type=parse_device, default="cpu", help="where missing fits are repeated: auto, cpu or cuda (default: cpu)"
    )


def _export(options: argparse.Namespace) -> int:
    from ferbench.api.errors import FerbenchError
    from ferbench.execution.options import Options
    from ferbench.execution.progress import Reporter
    from ferbench.execution.trained import TrainedLoader
    from ferbench.registry.plugins import load_plugins
    from ferbench.report.matching import describe_labels, find_match

    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise FerbenchError(f"an export needs onnx and onnxruntime ({error})", hint="pip install 'ferbench[onnx]'") from error
    from ferbench.execution.exporting import describe_files, export_row

    reporter = Reporter()
    store = open_store(options, reporter.warn, must_exist=True)
    row = find_match(options.row, store, options.benchmark).first
    loader = TrainedLoader(store, load_plugins(options.plugin), Options(device=options.device), reporter)
    exported = export_row(row, loader, store, options.output)
    print_lines(
        [
            f"{describe_labels(row)}: written to {exported.folder}",
            f"all {exported.clips} test clips keep their answers; scores differ by at most {exported.difference:.1g}",
            *(f"  {name}: {text}" for name, text in describe_files().items()),
        ]
    )
    return 0
