"""The commands benchmarks, plugins and schema."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ferbench.cli.options import add_command, add_format, print_columns, print_json, print_lines, print_warning

if TYPE_CHECKING:
    from ferbench.cli.options import Commands


def add_list_commands(commands: Commands) -> None:
    """Add benchmarks, plugins and schema."""
    add_format(add_command(commands, "benchmarks", _benchmarks, "list the benchmarks that ship with ferbench"), ("table", "json"))
    add_format(add_command(commands, "plugins", _plugins, "list the components that plugins provide", plugin=True), ("table", "json"))
    add_command(commands, "schema", _schema, "print the JSON Schema of benchmark files, for editors", plugin=True)


def _benchmarks(options: argparse.Namespace) -> int:
    from ferbench.benchmark.files import shipped_benchmarks
    from ferbench.benchmark.grid import load_benchmark

    benchmarks = [(benchmark, load_benchmark(benchmark.path).size) for benchmark in shipped_benchmarks()]
    if options.format == "json":
        print_json([{"name": b.name, "rows": rows, "description": b.description, "path": str(b.path)} for b, rows in benchmarks])
    else:
        print_columns([["name", "rows", "description"], *[[b.name, str(rows), b.description] for b, rows in benchmarks]])
    return 0


def _plugins(options: argparse.Namespace) -> int:
    from ferbench.registry.contracts import KINDS
    from ferbench.registry.plugins import load_plugins

    catalog = load_plugins(options.plugin)
    entries = [entry for kind in KINDS for entry in catalog.entries_of(kind)]
    if options.format == "json":
        print_json([{"kind": e.kind, "name": e.name, "plugin": e.plugin, "summary": e.summary} for e in entries])
    else:
        for kind in KINDS.values():
            print_lines([kind.plural])
            print_columns([[e.name, e.plugin, e.summary] for e in entries if e.kind == kind.name], indent="  ")
    for plugin, reason in catalog.broken.items():
        print_warning(f"plugin {plugin} cannot be loaded: {reason}")
    return 1 if catalog.broken else 0


def _schema(options: argparse.Namespace) -> int:
    from ferbench.benchmark.schema import make_schema
    from ferbench.registry.plugins import load_plugins

    print_json(make_schema(load_plugins(options.plugin)))
    return 0
