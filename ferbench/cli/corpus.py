"""The commands `ferbench corpus ...`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.api.errors import FerbenchError
from ferbench.api.paths import expand_home
from ferbench.api.text import escape_controls
from ferbench.cli.options import (
    add_command,
    add_format,
    add_group,
    add_rehash,
    open_store,
    parse_count,
    parse_seed,
    print_columns,
    print_json,
    print_lines,
    print_sentences,
    print_warning,
)

if TYPE_CHECKING:
    from ferbench.api.components import Dataset
    from ferbench.cli.options import Command, Commands
    from ferbench.registry.catalog import Catalog

CORPUS_HELP = "name of a corpus that `ferbench corpus list` lists"


def _corpus_list(options: argparse.Namespace) -> int:
    from ferbench.corpora.location import locate_corpus, missing_folders
    from ferbench.registry.plugins import load_plugins

    for problem in missing_folders([]):
        print_warning(problem)
    corpora = [(dataset, str(locate_corpus(dataset()) or "")) for dataset in load_plugins(options.plugin).datasets()]
    if options.format == "json":
        facts = ("classes", "license", "access", "citation")
        print_json(
            [{"name": d.name, "found": escape_controls(folder), **{fact: getattr(d, fact) for fact in facts}} for d, folder in corpora]
        )
    else:
        heading = ["name", "found at", "license", "classes"]
        print_columns([heading, *[[d.name, folder or "–", d.license, ", ".join(d.classes)] for d, folder in corpora]])
    return 0


def _corpus_check(options: argparse.Namespace) -> int:
    from ferbench.corpora.index import index_corpus
    from ferbench.execution import summary
    from ferbench.execution.progress import Reporter

    dataset, _ = _find_named(options)
    store = open_store(options)
    with store.use(), Reporter(quiet=options.format == "json").track(f"index {dataset.name}", "files") as update:
        indexed = index_corpus(dataset, store, rehash=options.rehash, progress=update)
    corpus = summary.summarize_corpus(indexed)
    if options.format == "json":
        print_json(corpus)
    else:
        print_sentences([*summary.corpus_lines([corpus], max_named=None), *summary.repeat_lines([corpus])])
    return 0


def _corpus_doctor(options: argparse.Namespace) -> int:
    from ferbench.cli.doctor import print_diagnosis
    from ferbench.corpora.doctor import diagnose
    from ferbench.corpora.index import index_corpus
    from ferbench.execution.progress import Reporter
    from ferbench.execution.summary import summarize_corpus

    dataset, catalog = _find_named(options)
    store, reporter = open_store(options), Reporter(quiet=options.format == "json")
    with store.use():
        with reporter.track(f"index {dataset.name}", "files") as update:
            indexed = index_corpus(dataset, store, rehash=options.rehash, progress=update)
        with reporter.track(f"look at the first frames of {dataset.name}", "clips") as update:
            diagnosis = diagnose(dataset, indexed, catalog, store, update)
    summary = summarize_corpus(indexed)
    if options.format == "json":
        print_json({"corpus": summary, "folds_differ": diagnosis.folds_differ, **vars(diagnosis)})
    else:
        print_diagnosis(summary, diagnosis)
    return 1 if diagnosis.folds_differ else 0


def _find_named(options: argparse.Namespace) -> tuple[Dataset, Catalog]:
    """The dataset that the options name, with its folder as `root`, and the catalog; raises FerbenchError if the corpus is missing."""
    from dataclasses import replace

    from ferbench.api.components import Dataset
    from ferbench.corpora.location import locate_corpus, missing_error
    from ferbench.registry.plugins import load_plugins
    from ferbench.registry.specs import Spec

    catalog = load_plugins(options.plugin)
    dataset = catalog.build("dataset", Spec(options.name, {"root": str(options.folder or "")}))
    assert isinstance(dataset, Dataset)
    root = locate_corpus(dataset)
    if root is None:
        raise missing_error(dataset, option="give it as DIR")
    return replace(dataset, root=str(root)), catalog


def _corpus_standin(options: argparse.Namespace) -> int:
    from ferbench.api.components import Dataset
    from ferbench.corpora import standins
    from ferbench.execution.progress import Reporter
    from ferbench.registry.plugins import load_plugins
    from ferbench.registry.specs import Spec

    catalog = load_plugins(options.plugin)
    dataset = catalog.build("dataset", Spec(options.name))
    assert isinstance(dataset, Dataset)
    standin = standins.get_standin(dataset, catalog)
    folder = Path(os.path.realpath(expand_home(options.folder)))  # Path.resolve raises RuntimeError for a loop of links
    with Reporter().track(f"render {options.name}", "clips") as update:
        standins.render_standin(standin, folder, options.people, options.seed, update)
    print_lines([f"{options.folder}: {standins.describe_marker(folder / standins.MARKER)}"])
    return 0


def _corpus_extract(options: argparse.Namespace) -> int:
    from dataclasses import asdict
    from functools import cache

    from joblib import cpu_count

    from ferbench.corpora.extraction import Request, extract_frames, report_lines
    from ferbench.execution.progress import Reporter

    source, target = expand_home(options.source), expand_home(options.target)
    if not source.is_dir():
        raise FerbenchError(f"no folder {source}", hint="give the folder of the videos as SOURCE")
    reporter, request = Reporter(), Request(options.images, options.every)
    wait = cache(lambda process: reporter.line(f"waiting for {process}, which extracts the same videos"))  # says so once
    with reporter.track("extract", "videos") as update:
        extractions = extract_frames(source, target, request, options.workers or cpu_count(), update, wait)
    if options.format == "json":
        print_json([asdict(extraction) for extraction in extractions])
    else:
        print_sentences(report_lines(extractions))
    return 1 if any(extraction.problem for extraction in extractions) else 0


def add_corpus_commands(commands: Commands) -> None:
    """Add list, check, doctor, standin and extract."""
    group = add_group(commands, "corpus", "list, check, compare and render corpora; extract frames from videos")
    add_format(add_command(group, "list", _corpus_list, "list all corpora and where they were found", plugin=True), ("table", "json"))
    _add_indexing(group, "check", _corpus_check, "show what a corpus contains and what a run would skip")
    _add_indexing(group, "doctor", _corpus_doctor, "compare a corpus with its official figures; exit with 1 if standard folds differ")
    _add_standin(group)
    _add_extract(group)


def _add_indexing(commands: Commands, name: str, run: Command, text: str) -> None:
    """Add a command that indexes a corpus."""
    command = add_command(commands, name, run, text, plugin=True, store=True)
    command.add_argument("name", metavar="NAME", help=CORPUS_HELP)
    command.add_argument(
        "folder", metavar="DIR", type=Path, nargs="?", help="folder of the corpus (default: searched for in $FERBENCH_DATA)"
    )
    add_rehash(command)
    add_format(command, ("table", "json"))


def _add_standin(commands: Commands) -> None:
    standin = add_command(commands, "standin", _corpus_standin, "render a stand-in for a corpus, in its folder layout", plugin=True)
    standin.add_argument("name", metavar="NAME", help=CORPUS_HELP)
    standin.add_argument("folder", metavar="DIR", type=Path, help="new or empty folder to render into")
    standin.add_argument("--people", type=int, default=20, metavar="N", help="number of people (default: 20)")
    standin.add_argument("--seed", type=parse_seed, default=0, metavar="N", help="seed of the random generator (default: 0)")


def _add_extract(commands: Commands) -> None:
    extract = add_command(commands, "extract", _corpus_extract, "write the frames of videos as images")
    extract.add_argument("source", metavar="SOURCE", type=Path, help="folder of the videos; subfolders are searched too")
    extract.add_argument("target", metavar="TARGET", type=Path, help="folder for the images: A/B.mp4 becomes A/B/0000001.jpg ...")
    extract.add_argument("--images", choices=("jpg", "png"), default="jpg", help="format of the images (default: jpg)")
    extract.add_argument(
        "--every", type=parse_count, default=1, metavar="N", help="write only every Nth frame; files keep their frame numbers (default: 1)"
    )
    extract.add_argument("--workers", type=parse_count, default=0, metavar="N", help="videos to decode at once (default: one per core)")
    add_format(extract, ("table", "json"))
