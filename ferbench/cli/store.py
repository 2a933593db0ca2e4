"""The commands `ferbench store ...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.cli.options import add_command, add_format, add_group, open_store, print_json, print_sentences, print_table

if TYPE_CHECKING:
    from ferbench.cli.options import Commands
    from ferbench.execution.progress import NotedProgress


def add_store_commands(commands: Commands) -> None:
    """Add list, verify, gc and merge."""
    store = add_group(commands, "store", "list, verify, clean up and merge stores")
    listing = add_command(store, "list", _list, "show what is stored, and how much of it nobody needs", store=True)
    verify = add_command(store, "verify", _verify, "verify the checksums of all entries, and that nothing is missing", store=True)
    gc = add_command(store, "gc", _gc, "list what nobody needs and is older than an hour; with --delete, delete it", store=True)
    gc.add_argument("--delete", action="store_true", help="delete it; refused while another command uses the store")
    gc.add_argument("--old-rows", action="store_true", help="also list rows that are in no benchmark's last run, and what only they need")
    merge = add_command(store, "merge", _merge, "take what another store has and this one lacks", store=True)
    merge.add_argument("other", metavar="OTHER", type=Path, help="folder of the other store; it is not changed")
    for command in (listing, verify, gc, merge):
        add_format(command, ("table", "json"))


def _list(options: argparse.Namespace) -> int:
    from ferbench.cli import store_reports, tables
    from ferbench.store.upkeep import survey_store

    store = open_store(options, must_exist=True)
    survey = survey_store(store)
    if options.format == "json":
        print_json(tables.entries_by_stage(survey.entries))
    else:
        print_table(tables.render_entries(survey.entries))
        print_sentences(store_reports.obstacle_lines(survey.obstacles))
    if survey.problem:
        store.warn(str(survey.problem))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from ferbench.cli import store_reports
    from ferbench.store.verification import verify_store

    store = open_store(options, must_exist=True)
    with _track("verify") as update:
        verification = verify_store(store, update)
    if options.format == "json":
        print_json(store_reports.verification_data(verification))
    else:
        print_sentences(store_reports.verification_lines(verification))
    return 1 if verification.problems else 0


def _gc(options: argparse.Namespace) -> int:
    from ferbench.cli import store_reports
    from ferbench.store import upkeep

    store, deletion = open_store(options, must_exist=True), None
    if options.delete:
        survey, deletion = upkeep.delete_garbage(store, all_rows=not options.old_rows)
    else:
        survey = upkeep.survey_store(store, all_rows=not options.old_rows)
    if survey.problem:
        raise survey.problem
    if options.format == "json":
        print_json(store_reports.gc_data(survey, deletion))
    else:
        print_sentences(store_reports.deletion_lines(survey, deletion) if deletion else store_reports.garbage_lines(survey))
    return 1 if deletion and deletion.failed else 0


def _merge(options: argparse.Namespace) -> int:
    from ferbench.cli import store_reports
    from ferbench.store.layout import find_store
    from ferbench.store.merge import merge_store

    store = open_store(options)
    other = find_store(options.other, store.warn, must_exist=True)
    with _track("merge") as update:
        merge = merge_store(store, other, update)
    if options.format == "json":
        print_json(store_reports.merge_data(merge))
    else:
        print_sentences(store_reports.merge_lines(merge))
    return 1 if merge.differences or merge.problems else 0


@contextmanager
def _track(name: str) -> Iterator[NotedProgress]:
    """Show progress on a terminal."""
    from ferbench.execution.progress import Reporter

    with Reporter(quiet=not sys.stderr.isatty()).track(name, "files") as update:
        yield update
