"""The commands compare and predictions: what stored rows say about each other, and clip by clip."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ferbench.api.errors import FerbenchError
from ferbench.cli.options import add_command, add_format, open_store, print_json, print_lines, print_sentences, print_table

if TYPE_CHECKING:
    from ferbench.cli.options import Commands
    from ferbench.report.comparison import Comparison
    from ferbench.report.matching import Match

WORSE = 3  # the exit code of --fail-if-worse
ROW_HELP = "first characters of a row's key, or patterns of labels: backbone=vgg16,aggregator=mean or 'vgg16*,mean'"


def add_result_commands(commands: Commands) -> None:
    """Add compare and predictions."""
    _add_compare(commands)
    predictions = add_command(commands, "predictions", _predictions, "print what a row predicts for each tested clip", store=True)
    predictions.add_argument("row", metavar="ROW", help=ROW_HELP)
    predictions.add_argument("--benchmark", default="", metavar="NAME", help="look only at the rows of this benchmark")
    predictions.add_argument("--salt", metavar="TEXT", help="replace people, and clips that name them, by hashes with this secret text")
    add_format(predictions, ("csv", "json"))


def _add_compare(commands: Commands) -> None:
    text = "compare two rows on the same clips, or several rows over several corpora"
    compare = add_command(commands, "compare", _compare, text, store=True)
    compare.add_argument("rows", nargs="+", metavar="ROW", help=ROW_HELP)
    compare.add_argument("--benchmark", default="", metavar="NAME", help="look only at the rows of this benchmark")
    compare.add_argument("--other-store", default="", metavar="DIR", help="take the second row from this store")
    compare.add_argument("--clips", action="store_true", help="list the clips that only one of the two rows answers rightly")
    worse_help = f"exit with {WORSE} if the UAR of the second row is lower than that of the first by more than SHARE, such as 0.01"
    compare.add_argument("--fail-if-worse", type=parse_share, metavar="SHARE", help=worse_help)
    compare.add_argument("--diagram", metavar="FILE.png", help="draw a critical-difference diagram of rows over several corpora")
    add_format(compare, ("table", "json"))


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
    from ferbench.report.matching import find_matches
    from ferbench.store.layout import find_store

    if len(options.rows) < 2:
        raise FerbenchError("one row is named: expected two or more to compare", hint="`ferbench leaderboard` shows the labels of rows")
    store = open_store(options, must_exist=True)
    other = find_store(options.other_store, store.warn, must_exist=True) if options.other_store else store
    found = [find_matches(text, other if number else store, options.benchmark) for number, text in enumerate(options.rows)]
    if len(found) > 2 or all(len(matches) > 1 for matches in found):
        return _compare_over_corpora(options, found)
    return _compare_two(options, found)


def _compare_two(options: argparse.Namespace, found: Sequence[Sequence[Match]]) -> int:
    from dataclasses import asdict

    from ferbench.report.comparison import compare_rows

    if options.diagram:
        raise FerbenchError("a critical-difference diagram needs rows over several corpora", hint="leave out --diagram")
    first, second = pick_pair(options.rows, found)
    comparison = compare_rows(first, second)
    if options.format == "json":
        keys = [[row["key"] for row in match.rows] for match in (first, second)]
        print_json({"first": keys[0], "second": keys[1], **asdict(comparison)})
    else:
        print_sentences(describe_comparison(first, second, comparison))
        _print_classes(comparison)
        print_lines(list(_list_moved(comparison)) if options.clips else [])
    worse = options.fail_if_worse
    return WORSE if worse is not None and comparison.difference.value < -worse else 0


def pick_pair(texts: Sequence[str], found: Sequence[Sequence[Match]]) -> tuple[Match, Match]:
    """The match of each text; if one text matches several rows, those with the fingerprint of the other one's only match."""
    first, second = found
    if len(first) == 1:
        second = [match for match in second if match.first["fingerprint"] == first[0].first["fingerprint"]] or second
    elif len(second) == 1:
        first = [match for match in first if match.first["fingerprint"] == second[0].first["fingerprint"]] or first
    for text, matches in zip(texts, (first, second), strict=True):
        if len(matches) > 1:
            names = "; ".join(match.describe() for match in matches[:5])
            more = f" and {len(matches) - 5} more" if len(matches) > 5 else ""
            hint = "name more axes, as in backbone=vgg16,aggregator=mean, or a --benchmark"
            raise FerbenchError(f"{text!r} matches {len(matches)} rows: {names}{more}", hint=hint)
    return first[0], second[0]


def describe_comparison(first: Match, second: Match, comparison: Comparison) -> Iterator[str]:
    """A comparison in words."""
    from ferbench.report.boards import format_estimate, format_p
    from ferbench.report.legend import REHEARSAL

    if first.first["standin"]:
        yield REHEARSAL
    axes = differing_axes(first, second)
    for number, match in enumerate((first, second)):
        uar, war = (format_estimate(each[number], 1) for each in (comparison.uar, comparison.war))
        yield f"{'AB'[number]}  {match.describe(axes)}: UAR {uar}, WAR {war}"
    units = "people" if first.first["people_known"] else "clips (people unknown)"
    yield f"on {comparison.clips} clips of {comparison.people} {units}; [ ]: 95 % intervals over {units}"
    yield ""
    difference, war = (_format_points(each) for each in (comparison.difference, comparison.difference_war))
    yield f"B − A: UAR {difference} points, WAR {war} points"
    yield f"permutation test by {units}: p = {format_p(comparison.p)}{_describe_mcnemar(comparison)}"
    yield _describe_verdict(comparison)


def differing_axes(first: Match, second: Match) -> list[str]:
    """The axes on which two results differ; those of the model if there is none."""
    from ferbench.report.boards import varying_axes

    return list(varying_axes([first.first["labels"], second.first["labels"]]))


def _format_points(estimate: object) -> str:
    from ferbench.report.statistics.intervals import Estimate

    assert isinstance(estimate, Estimate)
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.value:+.1f} (no interval: {estimate.reason})"
    return f"{100 * estimate.value:+.1f} [{100 * estimate.low:+.1f}, {100 * estimate.high:+.1f}]"


def _describe_mcnemar(comparison: Comparison) -> str:
    from ferbench.report.boards import format_p

    if comparison.mcnemar is None:
        return "; McNemar's test needs one seed on each side"
    counts = f"{comparison.only_first} only A answers rightly, {comparison.only_second} only B"
    return f"; McNemar over clips, taken for independent: p = {format_p(comparison.mcnemar)} ({counts})"


def _describe_verdict(comparison: Comparison) -> str:
    from ferbench.report.statistics.comparisons import LEVEL

    if comparison.needed is None:
        return "The two rows are equally good on these clips: no number of people like these would separate them."
    few = comparison.differing_people
    note = f" Only {few} people are answered differently: trust the test, not the interval." if few < 6 else ""
    if comparison.p <= LEVEL:
        return f"Separated at 5 %.{note} About {comparison.needed} people like these would do, with a power of 80 %."
    return f"Not separable at 5 %.{note} About {comparison.needed} people like these would separate them, with a power of 80 %."


def _print_classes(comparison: Comparison) -> None:
    from ferbench.report.boards import percent
    from ferbench.report.cards import FittingTable

    rows = [
        [each.name, str(each.clips), percent(each.first), percent(each.second), f"{100 * (each.second - each.first):+.1f}"]
        for each in comparison.classes
    ]
    print_table("", FittingTable(("class", "clips", "A", "B", "B − A"), rows))


def _list_moved(comparison: Comparison) -> Iterator[str]:
    yield ""
    yield f"{len(comparison.moved)} clips that only one row answers rightly:"
    for clip in comparison.moved:
        answers = f"A {clip.first}, B {clip.second}"
        yield f"  {clip.clip}: {clip.true}; {answers}; {'A' if clip.right == 1 else 'B'} is right"


def _compare_over_corpora(options: argparse.Namespace, found: Sequence[Sequence[Match]]) -> int:
    raise NotImplementedError


def _predictions(options: argparse.Namespace) -> int:
    from ferbench.report.matching import find_match
    from ferbench.report.predictions import list_predictions, predictions_to_csv

    store = open_store(options, must_exist=True)
    predictions = list_predictions(find_match(options.row, store, options.benchmark), options.salt)
    if options.format == "json":
        print_json(predictions)
    else:
        print_lines(predictions_to_csv(predictions).splitlines())
    return 0
