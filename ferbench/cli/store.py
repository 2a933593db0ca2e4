"""The commands `ferbench store ...`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ferbench.cli.options import add_command, add_format, add_group, open_store, print_json, print_lines, print_table

if TYPE_CHECKING:
    from ferbench.cli.options import Commands


def add_store_commands(commands: Commands) -> None:
    """List, verify and gc."""
    store = add_group(commands, "store", "list, verify and clean the store")
    listing = add_command(store, "list", _list, "show what is stored, and how much of it no row needs", store=True)
    add_format(listing, ("table", "json"))
    add_command(store, "verify", _verify, "verify the checksums of all entries", store=True)
    clean = add_command(store, "gc", _gc, "list the entries that no row needs; with --delete, delete them", store=True)
    clean.add_argument("--delete", action="store_true", help="delete these entries (default: only list them)")
    clean.add_argument("--old-rows", action="store_true", help="include rows that no benchmark's last run has, and what only they need")


def _list(options: argparse.Namespace) -> int:
    from ferbench.cli import tables
    from ferbench.store import upkeep

    entries = list(upkeep.list_entries(open_store(options)))
    if options.format == "json":
        print_json(tables.entries_by_stage(entries))
    else:
        print_table(tables.render_entries(entries))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from ferbench.store import upkeep

    checked = list(upkeep.verify_entries(open_store(options)))
    damaged = [f"{entry.stage} {entry.path.name[:12]}: {problem}" for entry, problem in checked if problem]
    recompute = "; the next run that needs them recomputes them" if damaged else ""
    print_lines([*damaged, f"{len(checked)} entries, {len(damaged)} damaged{recompute}"])
    return 1 if damaged else 0


def _gc(options: argparse.Namespace) -> int:
    from ferbench.cli import tables
    from ferbench.plan.forecast import size
    from ferbench.store import upkeep

    store = open_store(options)
    unneeded = [entry for entry in upkeep.list_entries(store, all_rows=not options.old_rows) if entry.unneeded]
    if options.delete:
        upkeep.remove_entries(store, unneeded)
    total = size(sum(entry.bytes for entry in unneeded))
    result = f"{total} deleted" if options.delete else f"{total} can be deleted: add --delete"
    print_lines([*tables.describe_unneeded(unneeded), result] if unneeded else ["nothing to delete: everything in the store is needed"])
    return 0
