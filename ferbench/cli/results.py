"""The commands compare and predictions: what stored rows say about each other, and clip by clip."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.api.errors import FerbenchError
from ferbench.cli.options import EXIT_CODES, add_command, add_format, open_store, print_json, print_lines

if TYPE_CHECKING:
    from ferbench.cli.options import Commands
    from ferbench.report.matching import Matches

WORSE = 3  # the exit code of --fail-if-worse
ROW_HELP = "the first characters of a row's key, at least 6, or patterns of labels: backbone=vgg16,aggregator=mean or 'vgg16*,mean'"


def add_result_commands(commands: Commands) -> None:
    """Add compare, rescore and predictions."""
    _add_compare(commands)
    _add_rescore(commands)
    predictions = add_command(commands, "predictions", _predictions, "print what a row predicts for each tested clip", store=True)
    predictions.add_argument("row", metavar="ROW", help=ROW_HELP)
    predictions.add_argument("--benchmark", default="", metavar="NAME", help="look only at the rows of this benchmark")
    salt_help = "replace the names of people and clips by hashes, with this secret text as salt"
    predictions.add_argument("--salt", type=parse_salt, metavar="TEXT", help=salt_help)
    add_format(predictions, ("csv", "json"))


def _add_rescore(commands: Commands) -> None:
    text = "score stored rows again, with other aggregators, frames or classes"
    rescore = add_command(commands, "rescore", _rescore, text, plugin=True, store=True)
    rescore.add_argument("file", type=Path, metavar="FILE", help="a YAML file that says what to score; docs/statistics.md shows one")
    add_format(rescore)


def _add_compare(commands: Commands) -> None:
    text = "compare two rows on the same clips, or several rows over several corpora"
    compare = add_command(commands, "compare", _compare, text, store=True)
    compare.epilog = f"{EXIT_CODES[:-1]}; {WORSE} with --fail-if-worse, if the second row is worse."
    compare.add_argument("rows", nargs="+", metavar="ROW", help=ROW_HELP)
    compare.add_argument("--benchmark", default="", metavar="NAME", help="look only at the rows of this benchmark")
    compare.add_argument("--other-store", default="", metavar="DIR", help="take all rows but the first from this store")
    compare.add_argument("--clips", action="store_true", help="list the clips that only one of the two rows answers rightly")
    worse_help = f"exit with {WORSE} if the UAR of the second row is lower than that of the first by more than SHARE, such as 0.01"
    compare.add_argument("--fail-if-worse", type=parse_share, metavar="SHARE", help=worse_help)
    compare.add_argument("--diagram", metavar="FILE.png", help="draw a critical-difference diagram of rows over several corpora")
    add_format(compare, ("table", "json"))


def parse_salt(text: str) -> str:
    """A text that is not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("salt is empty")
    return text


def parse_share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return share


def _compare(options: argparse.Namespace) -> int:
    from ferbench.report.matching import find_matches, keep_real
    from ferbench.store.layout import find_store

    if len(options.rows) < 2:
        raise FerbenchError("one row is named: expected two or more to compare", hint="`ferbench leaderboard` shows the labels of rows")
    store = open_store(options, must_exist=True)
    other = find_store(options.other_store, store.warn, must_exist=True) if options.other_store else store
    searches = keep_real([find_matches(text, other if number else store, options.benchmark) for number, text in enumerate(options.rows)])
    if len(searches) > 2 or all(len(search.found) > 1 for search in searches):
        return _compare_over_corpora(options, searches)
    return _compare_two(options, searches)


def _compare_two(options: argparse.Namespace, searches: Sequence[Matches]) -> int:
    from dataclasses import asdict

    from ferbench.cli.comparisons import print_comparison
    from ferbench.report.comparison import compare_rows
    from ferbench.report.matching import pick_pair

    if options.diagram:
        raise FerbenchError("a critical-difference diagram needs rows over several corpora", hint="leave out --diagram")
    first, second = pick_pair(searches)
    comparison = compare_rows(first, second, clips=options.clips)
    if options.format == "json":
        keys = [[row["key"] for row in match.rows] for match in (first, second)]
        print_json({"first": keys[0], "second": keys[1], **asdict(comparison)})
    else:
        print_comparison(first, second, comparison)
    share = options.fail_if_worse
    return WORSE if share is not None and comparison.is_worse(share) else 0


def _compare_over_corpora(options: argparse.Namespace, searches: Sequence[Matches]) -> int:
    from dataclasses import asdict

    from ferbench.cli.comparisons import print_across
    from ferbench.report.across import compare_across, draw_diagram

    if options.clips or options.fail_if_worse is not None:
        raise FerbenchError("--clips and --fail-if-worse compare two rows of one table", hint="name one table with --benchmark")
    across = compare_across(searches)
    if options.diagram:
        draw_diagram(across, Path(options.diagram))
    if options.format == "json":
        data = asdict(across)
        data["summary"]["p_pairs"] = across.summary.p_pairs.tolist()
        print_json(data)
    else:
        print_across(across)
    return 0


def _rescore(options: argparse.Namespace) -> int:
    from ferbench.benchmark.rescoring import load_rescoring
    from ferbench.cli.boards import print_ranked
    from ferbench.execution.rescoring import rescore

    print_ranked(rescore(load_rescoring(options.file, options.plugin), open_store(options, must_exist=True)), options.format)
    return 0


def _predictions(options: argparse.Namespace) -> int:
    from ferbench.report.exports import to_csv
    from ferbench.report.matching import find_match
    from ferbench.report.predictions import list_predictions

    store = open_store(options, must_exist=True)
    predictions = list_predictions(find_match(options.row, store, options.benchmark), options.salt)
    if options.format == "json":
        print_json(predictions)
    else:
        print_lines(to_csv(predictions).splitlines())
    return 0
