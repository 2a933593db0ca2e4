"""The model card of an export."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from ferbench.plan.models import Model
from ferbench.report.answers import AnswerReader
from ferbench.report.boards import format_estimate, percent
from ferbench.report.results import rank_rows
from ferbench.store.entries import Store
from ferbench.store.rows import DoneRow

STANDIN = "**It was trained on rendered stand-ins. It knows nothing about real faces, and must not be used on them.**"
USE = """\
It was made to be measured: to compare methods of facial-expression recognition under one protocol. A prediction says which of these
classes people would see in a face of the kind that it was trained on. It does not say what a person feels.

It was tested on the people of its corpora only. Other cameras, ages, skin colors, poses and cultures may give other results; test it on
your own people first.

In the European Union, the AI Act (Regulation 2024/1689) prohibits systems that infer emotions at work and in education, except for
medical or safety reasons (article 5), counts other emotion recognition among high-risk systems (annex III), and requires that people
are told that it is used on them (article 50)."""


def write_card(row: DoneRow, model: Model, store: Store, clips: int, difference: float) -> str:
    """The card as Markdown: what it is, how well it was measured, what it was trained on, and what it must not be used for."""
    return "\n".join(_lines(row, model, store, clips, difference)) + "\n"


def _lines(row: DoneRow, model: Model, store: Store, clips: int, difference: float) -> Iterator[str]:
    labels, (ranking,) = row["labels"], rank_rows([row], AnswerReader(store))
    (result,) = ranking.results
    yield from (f"# {labels['backbone']}", "")
    if row["standin"]:
        yield from (STANDIN, "")
    yield from ("| | |", "|---|---|")
    yield f"| answers | {', '.join([*row['classes'], *row['others']])} |"
    chosen = ", ".join(labels[axis] for axis in ("preprocessing", "backbone", "loss", "aggregator"))
    yield f"| preprocessing, backbone, loss, aggregator | {chosen} |"
    yield f"| folds | {len(row['fits'])}; the answer is the mean of their networks |"
    yield f"| made by | ferbench {version('ferbench')}, row {row['key']} |"
    yield from ("", "## Measured", "")
    yield f"- {row['protocol']}"
    yield f"- protocol fingerprint {row['fingerprint']}"
    yield f"- UAR {format_estimate(result.uar, 1)} over {ranking.units}; WAR {format_estimate(result.war, 1)}"
    recall = ", ".join(f"{name} {'–' if value is None else percent(value)}" for name, value in row["recall"].items())
    yield f"- recall in %: {recall}"
    if row["coverage"]["frames"] is not None:
        yield f"- a face was found in {row['coverage']['frames']:.1%} of the frames"
    yield "- each fold's network was measured on people that it was not trained on; the mean of all networks was not measured"
    if row["leaks"]:
        yield f"- **leaks were allowed: {', '.join(row['leaks'])}; the figures are too good**"
    yield f"- this export gave the stored answers for all {clips} test clips; scores differ by at most {difference:.1g}"
    yield from ("", "## Training data", "")
    yield f"- trained beforehand on {' and '.join(row['trained_on']) or 'nothing'}"
    for dataset in model.cell.dataset:
        yield f"- {dataset.name}: {dataset.citation} License: {dataset.license}."
    yield "- the licenses of these data and of the weights may forbid uses that this folder makes easy: read them"
    yield from ("", "## Use", "", USE, "", "## Files", "")
    yield "`python runner.py CLIP ...` prints the scores of pictures, videos, or folders with the pictures of a clip."
    yield "Of a clip with a known apex, give the frames up to it."
