"""Prints how a copy of a corpus deviates from the official figures, and whether its folds are the standard ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ferbench.cli.options import print_columns, print_sentences

if TYPE_CHECKING:
    from ferbench.corpora.doctor import Diagnosis, Look
    from ferbench.corpora.figures import Figure, Value
    from ferbench.corpora.missing import Place
    from ferbench.corpora.standards import FoldsReport
    from ferbench.store.records import CorpusSummary

MAX_NAMED = 3
RECALLED = "recalled, not verified"


def print_diagnosis(summary: CorpusSummary, diagnosis: Diagnosis) -> None:
    """Print the summary of the corpus, its figures with their sources, and the folds of each standard protocol."""
    from ferbench.execution.summary import corpus_lines, repeat_lines

    print_sentences([*corpus_lines([summary]), *repeat_lines([summary]), *_notes(summary, diagnosis), ""])
    print_columns([["figure", "found", "official", "comparison"], *map(_row, diagnosis.figures)])
    print_sentences(["", *_look_lines(diagnosis), *_people_lines(diagnosis), *_source_lines(diagnosis)])
    for report in diagnosis.protocols:
        _print_report(report, summary["people"] or sum(summary["clips"].values()))


def _notes(summary: CorpusSummary, diagnosis: Diagnosis) -> Iterator[str]:
    if summary["standin"]:
        yield f"This is not a copy of the corpus but a {summary['standin']}: deviations are expected."
    if not diagnosis.has_official:
        yield f"The plugin of {summary['corpus']} declares no official figures: what was found is compared with nothing."
    elif not diagnosis.protocols:
        yield f"The plugin of {summary['corpus']} declares no standard protocol: there are no folds to compare with."


def _row(figure: Figure) -> list[str]:
    affected = f": changes {' and '.join(figure.affects)}" if figure.affects else ""
    return [figure.name, _show(figure.found), _show(figure.official), f"{_judge(figure)}{affected}"]


def _show(value: Value | None) -> str:
    return "–" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _judge(figure: Figure | Look) -> str:
    if figure.status == "unknown":
        return ""
    return f"{figure.status} ({RECALLED})" if figure.recalled else figure.status


def _look_lines(diagnosis: Diagnosis) -> Iterator[str]:
    for name, look in (("size of the first picture of each clip", diagnosis.sizes), ("frames per second of videos", diagnosis.rates)):
        if look.found:
            official = f"official: {', '.join(look.official)}: {_judge(look)}" if look.official else "no official figure"
            effect = ", which changes no fold" if look.status == "differs" else ""
            yield f"{name}: {_name_first([f'{value} ({count})' for value, count in look.found.items()])}; {official}{effect}"
    if diagnosis.undecodable:
        yield f"clips whose first frame cannot be read: {len(diagnosis.undecodable)}: {_name_first(diagnosis.undecodable)}"


def _people_lines(diagnosis: Diagnosis) -> Iterator[str]:
    people = diagnosis.figures[0]
    if diagnosis.missing:
        yield f"people without a labeled clip: {len(diagnosis.missing)}: {_name_first(diagnosis.missing)}"
    if people.status == "differs" and not diagnosis.has_names:
        yield "who is missing cannot be read from the copy: no rule gives the names of all people"
    if diagnosis.incomplete:
        yield f"people with another number of clips: {len(diagnosis.incomplete)}: {_name_first(diagnosis.incomplete)}"


def _source_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """One line for each source, with what it states."""
    stated: list[tuple[str, Figure | Look]] = [(_shorten(figure.name), figure) for figure in diagnosis.figures]
    stated += [("picture sizes", diagnosis.sizes), ("frame rates", diagnosis.rates)]
    stated += [(report.label, figure) for report in diagnosis.protocols for figure in report.figures if _shorten(figure.name) != "labels"]
    sources: dict[str, list[str]] = {}
    for name, figure in stated:
        if figure.source:
            sources.setdefault(f"{figure.source}{f' ({RECALLED})' if figure.recalled else ''}", []).append(name)
    yield from (f"source of {', '.join(dict.fromkeys(names))}: {source}" for source, names in sources.items())


def _shorten(name: str) -> str:
    """One name for the figures of all labels, and one for those of all reasons."""
    return "labels" if name.startswith("clips of ") else name.partition(", ")[0]


def _print_report(report: FoldsReport, people: int) -> None:
    parameters = ", ".join(f"{name} {_show_parameter(value)}" for name, value in report.parameters.items())
    print_sentences(["", f"{report.label}: {_describe_verdict(report)}", f"  protocol {report.protocol}: {parameters}"])
    if report.problem:
        print_sentences([f"  no folds can be made: {report.problem}"])
    shown = [figure for figure in report.figures if figure.status == "differs" or _shorten(figure.name) != "labels"]
    if shown:
        print_columns([["", "found", "standard"], *([figure.name, _show(figure.found), _show(figure.official)] for figure in shown)], "  ")
    if report.by_position and any(figure.name == "people" and figure.is_wrong for figure in report.figures):
        print_sentences(["  the position of a person in the order of names decides the fold: a missing person moves all later ones by one"])
    tested = next((figure.found for figure in report.figures if figure.name == "people"), people)
    print_sentences(_place_lines(report.places, tested))


def _describe_verdict(report: FoldsReport) -> str:
    if report.verdict == "differ":
        return "the folds differ from the standard ones"
    if report.verdict == "unknown":
        return "no verified figure of the standard folds is declared"
    compared = dict.fromkeys(_shorten(figure.name) for figure in report.figures if figure.status == "equal" and not figure.recalled)
    others = dict.fromkeys(_shorten(figure.name) for figure in report.figures if _shorten(figure.name) not in compared)
    exception = f" (not compared: {', '.join(others)})" if others else ""
    return f"the folds equal the standard ones in {', '.join(compared)}{exception}"


def _place_lines(places: Sequence[Place], people: object) -> Iterator[str]:
    for place in places[:MAX_NAMED]:
        who = f"with {_name_first(place.people)}" if place.people else f"with one more person {_between(place)}"
        names = f": {_name_first(place.moved)}" if place.moved else ""
        moved = f"{len(place.moved)} of {people} people are tested in another fold{names}"
        yield f"  {who}, the folds would have the standard sizes; {moved}"
    if len(places) > MAX_NAMED:
        yield f"  ... and at {len(places) - MAX_NAMED} more places"


def _between(place: Place) -> str:
    words = {"after": place.after, "before": place.before}
    return " and ".join(f"{word} {name}" for word, name in words.items() if name)


def _show_parameter(value: object) -> str:
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list | tuple) else str(value)


def _name_first(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (", ..." if len(names) > MAX_NAMED else "")
