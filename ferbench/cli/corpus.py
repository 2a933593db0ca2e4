"""The commands `ferbench corpus ...`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ferbench.api.errors import FerbenchError
from ferbench.cli.options import add_command, add_format, open_store, parse_count, parse_seed, print_columns, print_json


def _corpus_list(options: argparse.Namespace) -> int:
    from ferbench.corpora.location import locate
    from ferbench.registry.plugins import load_plugins

    datasets = load_plugins(options.plugin).datasets()
    facts: list[dict[str, Any]] = [
        {
            "name": dataset.name,
            "found": str(locate(dataset()) or ""),
            **{fact: getattr(dataset, fact) for fact in ("classes", "license", "access", "citation")},
        }
        for dataset in datasets
    ]
    if options.format == "json":
        print_json(facts)
    else:
        print_columns(
            [
                ["name", "found at", "license", "classes"],
                *[[f["name"], f["found"] or "–", f["license"], ", ".join(f["classes"])] for f in facts],
            ]
        )
    return 0


def _corpus_check(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from ferbench.api.components import Dataset
    from ferbench.corpora.index import index
    from ferbench.corpora.location import locate, missing_error
    from ferbench.execution import summary
    from ferbench.registry.plugins import load_plugins
    from ferbench.registry.specs import Spec

    dataset = load_plugins(options.plugin).build("dataset", Spec(options.name, {"root": str(options.folder or "")}))
    assert isinstance(dataset, Dataset)
    root = locate(dataset)
    if root is None:
        raise missing_error(dataset)
    content = summary.summarize_corpus(index(replace(dataset, root=str(root)), open_store(options)))
    if options.format == "json":
        print_json(content)
    else:
        print("\n".join(summary.corpus_lines([content], most=None)))
    return 0


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
    folder = options.folder.resolve()
    with Reporter().stage(f"render {options.name}", "clips") as tell:
        standins.render(standin, folder, options.people, options.seed, tell)
    print(f"{options.folder}: {standins.describe_marker(folder / standins.MARKER)}")
    return 0


def _corpus_extract(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from joblib import cpu_count

    from ferbench.corpora.extraction import Request, extract, report_lines
    from ferbench.execution.progress import Reporter

    source, target = options.source.expanduser(), options.target.expanduser()
    if not source.is_dir():
        raise FerbenchError(f"no folder {source}", hint="give the folder that holds the videos")
    with Reporter().stage("extract", "videos") as tell:
        extractions = extract(source, target, Request(options.images, options.every), options.workers or cpu_count(), tell)
    if options.format == "json":
        print_json([asdict(extraction) for extraction in extractions])
    else:
        print("\n".join(report_lines(extractions)))
    return 1 if any(extraction.problem for extraction in extractions) else 0


def add_corpus_commands(commands: Any) -> None:
    """List, check, render and extract."""
    corpus = commands.add_parser("corpus", help="list, check and render corpora").add_subparsers(metavar="ACTION", required=True)
    add_format(
        add_command(corpus, "list", _corpus_list, "the corpora that can be read, and where they were found", plugin=True), ("table", "json")
    )
    check = add_command(corpus, "check", _corpus_check, "what a corpus on disk holds, and what would be left out", plugin=True, store=True)
    check.add_argument("name", metavar="NAME")
    check.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="its root (default: looked for in FERBENCH_DATA)")
    add_format(check, ("table", "json"))
    standin = add_command(corpus, "standin", _corpus_standin, "render a stand-in in the corpus' own layout", plugin=True)
    standin.add_argument("name", metavar="NAME")
    standin.add_argument("folder", metavar="DIR", type=Path)
    standin.add_argument("--people", type=int, default=20, help="persons (default: 20)")
    cut = add_command(corpus, "extract", _corpus_extract, "write the frames of a tree of videos as images; continues where it was stopped")
    cut.add_argument("source", metavar="SOURCE", type=Path, help="folder of videos, at any depth")
    cut.add_argument("target", metavar="TARGET", type=Path, help="where A/B.mp4 becomes A/B/0000001.jpg ...")
    cut.add_argument("--images", choices=("jpg", "png"), default="jpg", help="kind of file (default: jpg)")
    cut.add_argument("--every", type=parse_count, default=1, metavar="N", help="write each Nth frame, under its own number (default: 1)")
    cut.add_argument("--workers", type=parse_count, default=0, metavar="N", help="videos at once (default: one a core)")
    add_format(cut, ("table", "json"))
    standin.add_argument("--seed", type=parse_seed, default=0, help="equal seeds give equal files (default: 0)")
