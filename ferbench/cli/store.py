"""The commands `ferbench store ...`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ferbench.cli.options import add_command, add_format, add_group, open_store, print_json, print_lines, print_table

if TYPE_CHECKING:
    from ferbench.cli.options import Commands


def add_store_commands(commands: Commands) -> None:
    """Add list, verify and gc."""
    store = add_group(commands, "store", "list, verify and clean up the store")
    listing = add_command(store, "list", _list, "show what is stored, and how much of it can be deleted", store=True)
    add_format(listing, ("table", "json"))
    verify = add_command(store, "verify", _verify, "verify the checksums of all entries", store=True)
    add_format(verify, ("table", "json"))
    gc = add_command(store, "gc", _gc, "list the entries that no row needs; with --delete, delete them", store=True)
    add_format(gc, ("table", "json"))
    gc.add_argument("--delete", action="store_true", help="delete the listed entries")
    gc.add_argument(
        "--old-rows",
        action="store_true",
        help="also list rows that are in no benchmark's last run, and what only they need",
    )


def _list(options: argparse.Namespace) -> int:
    from ferbench.cli import tables
    from ferbench.store import upkeep

    entries = list(upkeep.list_entries(open_store(options, must_exist=True)))
    if options.format == "json":
        print_json(tables.entries_by_stage(entries))
    else:
        print_table(tables.render_entries(entries))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from ferbench.store import upkeep

    checked = list(upkeep.verify_entries(open_store(options, must_exist=True)))
    damaged = [{"stage": entry.stage, "key": entry.path.name, "problem": problem} for entry, problem in checked if problem]
    if options.format == "json":
        print_json({"entries": len(checked), "damaged": damaged})
    else:
        recompute = "; the next run that needs them will recompute them" if damaged else ""
        lines = [f"{each['stage']} {each['key'][:12]}: {each['problem']}" for each in damaged]
        print_lines([*lines, f"{len(checked)} entries, {len(damaged)} damaged{recompute}"])
    return 1 if damaged else 0


def _gc(options: argparse.Namespace) -> int:
    from ferbench.cli import tables
    from ferbench.plan.forecast import format_size
    from ferbench.store import upkeep

    store = open_store(options, must_exist=True)
    unneeded = [entry for entry in upkeep.list_entries(store, all_rows=not options.old_rows) if entry.unneeded_reason]
    if options.delete:
        upkeep.remove_entries(store, unneeded)
    if options.format == "json":
        entries = [
            {"stage": entry.stage, "path": str(entry.path), "bytes": entry.bytes, "reason": entry.unneeded_reason} for entry in unneeded
        ]
        print_json({"deleted": options.delete, "entries": entries})
        return 0
    total = format_size(sum(entry.bytes for entry in unneeded))
    result = f"{total} deleted" if options.delete else f"{total} can be deleted; add --delete to delete them"
    print_lines([*tables.describe_unneeded(unneeded), result] if unneeded else ["nothing to delete: every entry is needed"])
    return 0
