"""The commands `ferbench store ...`."""

from __future__ import annotations

import argparse
from typing import Any

from ferbench.cli.options import command, formats, print_json, store_of


def _store_list(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ferbench.cli import tables as views
    from ferbench.store import upkeep

    found = list(upkeep.entries(store_of(options)))
    if options.format == "json":
        print_json(views.by_stage(found))
    else:
        Console(highlight=False).print(views.store(found))
    return 0


def _store_verify(options: argparse.Namespace) -> int:
    from ferbench.store import upkeep

    store = store_of(options)
    checked = list(upkeep.verify(store))
    damaged = [(entry, problem) for entry, problem in checked if problem]
    for entry, problem in damaged:
        print(f"{entry.stage} {entry.path.name[:12]}: {problem}")
    again = "; the next run that needs them makes them again" if damaged else ""
    print(f"{len(checked)} entries, {len(damaged)} damaged{again}")
    return 1 if damaged else 0


def _store_gc(options: argparse.Namespace) -> int:
    from ferbench.cli import tables as views
    from ferbench.plan.forecast import size
    from ferbench.store import upkeep

    store = store_of(options)
    unneeded = [entry for entry in upkeep.entries(store, all_rows=not options.old_rows) if entry.why]
    print("\n".join(views.unneeded(unneeded)) or "everything is needed")
    if options.delete:
        upkeep.remove(store, unneeded)
    freed = size(sum(entry.bytes for entry in unneeded))
    print(f"{freed} freed" if options.delete else f"{freed} would be freed: --delete does it")
    return 0


def store_commands(commands: Any) -> None:
    """List, verify and clean."""
    store = commands.add_parser("store", help="list, verify and clean the store").add_subparsers(metavar="ACTION", required=True)
    formats(command(store, "list", _store_list, "what is stored, by stage, and how much of it no row needs", store=True), ("table", "json"))
    command(store, "verify", _store_verify, "read every entry against its checksums", store=True)
    clean = command(store, "gc", _store_gc, "say what no row needs: crops, features and fits of rows that are gone, leftovers", store=True)
    clean.add_argument("--delete", action="store_true", help="remove it (without this, nothing is touched)")
    clean.add_argument("--old-rows", action="store_true", help="also rows that are in no benchmark's last run, and what only they need")
