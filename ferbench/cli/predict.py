"""The command predict: a stored row at work on pictures, videos and a camera."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.api.errors import FerbenchError
from ferbench.api.paths import expand_home
from ferbench.cli.options import add_command, add_format, open_store, parse_device, parse_duration

if TYPE_CHECKING:
    from ferbench.cli.options import Commands
    from ferbench.corpora.sources import Source
    from ferbench.execution.progress import Reporter
    from ferbench.report.findings import Judge
    from ferbench.report.statistics.conformal import ConformalSets
    from ferbench.stages.trained import Trained
    from ferbench.store.rows import DoneRow

ROW_HELP = "first characters of a row's key, or patterns of labels: backbone=vgg16,aggregator=mean"


def add_predict_command(commands: Commands) -> None:
    """Add predict."""
    text = "run a stored row on pictures, videos or a camera"
    predict = add_command(commands, "predict", _predict, text, plugin=True, store=True)
    predict.add_argument("row", metavar="ROW", help=ROW_HELP)
    predict.add_argument("sources", metavar="SOURCE", nargs="+", help="pictures, folders of them, videos; 0 is the first camera")
    predict.add_argument("--benchmark", default="", metavar="NAME", help="look only at the rows of this benchmark")
    predict.add_argument("--fold", type=int, metavar="N", help="use the fit of this fold alone, from 0 (default: the mean of all folds)")
    confidence_help = "how often sets of classes shall hold the true one; with several classes, the answer is unsure (default: 0.9)"
    predict.add_argument("--confidence", type=parse_confidence, default=0.9, metavar="SHARE", help=confidence_help)
    window_help = "cut videos into clips of this length, such as 1s or 500ms; 0: each video is one clip (default: 1s)"
    predict.add_argument("--window", type=parse_window, default=1.0, metavar="TIME", help=window_help)
    predict.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the answers to this file (default: stdout)")
    predict.add_argument("--video", type=Path, metavar="FILE", help="write the video with boxes and answers, as .mp4 or .avi")
    predict.add_argument("--pictures", type=Path, metavar="DIR", help="write each picture with boxes and answers into this folder")
    predict.add_argument("--timeline", type=Path, metavar="FILE.png", help="draw the scores of each class over time")
    predict.add_argument("--show", action="store_true", help="show a window while it works; q ends it")
    predict.add_argument("--device", type=parse_device, default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    predict.add_argument("--quiet", action="store_true", help="print only warnings and answers")
    add_format(predict, ("csv", "json"))


def parse_confidence(text: str) -> float:
    """A number above 0 and below 1."""
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return share


def parse_window(text: str) -> float:
    """Seconds from 1s, 500ms or 0."""
    return parse_duration(text[:-2]) / 1000 if text.endswith("ms") else parse_duration(text)


def _predict(options: argparse.Namespace) -> int:
    from ferbench.cli.predict_outputs import check_outputs, open_outputs
    from ferbench.execution.prediction import predict
    from ferbench.execution.progress import Reporter
    from ferbench.execution.restore import restore_libraries

    reporter, problems = Reporter(options.quiet), list[str]()

    def report(problem: str) -> None:
        problems.append(problem)
        reporter.warn(problem)

    sources = [source for text in options.sources for source in _find_sources(text, report)]
    if not sources:
        return 1
    check_outputs(options, sources)
    trained, judge = _open_model(options, reporter)
    with restore_libraries(), open_outputs(options, judge, sources) as outputs:
        for window in predict(trained, sources, options.window, report, outputs.needs_images):
            if not outputs.write(window):
                break
    return 1 if problems else 0


def _find_sources(text: str, report: Callable[[str], None]) -> Sequence[Source]:
    from ferbench.corpora.reading import Unreadable
    from ferbench.corpora.sources import find_sources

    try:
        return find_sources(text)
    except Unreadable as problem:
        report(f"{text}: {problem.reason}")
        return ()


def _open_model(options: argparse.Namespace, reporter: Reporter) -> tuple[Trained, Judge]:
    """The trained row, and what turns its scores into answers."""
    from ferbench.execution.options import Options
    from ferbench.execution.trained import TrainedLoader
    from ferbench.registry.plugins import load_plugins
    from ferbench.report.findings import Judge, calibrate_row
    from ferbench.report.matching import find_match

    if expand_home(options.row).is_dir():
        hint = "name a row: the first characters of its key, or its labels; an export has a program of its own: python FOLDER/runner.py"
        raise FerbenchError(f"{options.row} is a folder: expected a row", hint=hint)
    store = open_store(options, reporter.warn, must_exist=True)
    row = find_match(options.row, store, options.benchmark).first
    trained = TrainedLoader(store, load_plugins(options.plugin), Options(device=options.device), reporter).load(row, options.fold)
    sets = calibrate_row(row, store, options.confidence)
    for line in _describe_model(row, trained.folds, sets):
        reporter.line(line)
    return trained, Judge((*trained.classes, *trained.others), sets if sets.can_exclude else None)


def _describe_model(row: DoneRow, folds: Sequence[int], sets: ConformalSets) -> Iterator[str]:
    from ferbench.report.legend import REHEARSAL
    from ferbench.report.matching import describe_labels

    fits = f"the mean of the fits of its {len(folds)} folds" if len(folds) > 1 else f"fold {folds[0]} of {len(row['fits'])}"
    yield f"row {row['key'][:12]}: {describe_labels(row)} · seed {row['labels']['seed']}: {fits}; measured UAR {row['uar']:.1%}"
    if row["standin"]:
        yield REHEARSAL
    kind = "people" if row["people_known"] else "clips (its corpora name no people)"
    if sets.can_exclude:
        yield f"sets hold the true class of {sets.confidence:.0%} of the clips of new people, calibrated over {sets.people} {kind}"
    else:
        needed = f"sets at {sets.confidence:.0%} need {sets.people_needed} {kind}, and the row tested {sets.people}"
        yield f"{needed}: no set is given, and no answer is unsure"
