"""Rows are computed from stored scores; a row whose model failed is stored separately, with a log."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence

from ferbench.api.errors import FerbenchError, find_system_problem
from ferbench.execution.context import Context, StageProgress
from ferbench.plan.models import Row
from ferbench.stages.scores import Scorer, describe_failure
from ferbench.store.files import to_json
from ferbench.store.records import failure_path, log_path
from ferbench.store.rows import FailedRow


def drive_rows(context: Context, rows: Sequence[Row]) -> Iterator[FailedRow]:
    """Score and store the rows, and yield those that failed."""
    scorer = Scorer(context.store)
    with context.reporter.track("scores", "rows") as update:
        progress = StageProgress(len(rows), update)
        for row in rows:
            try:
                if error := context.failures.of(row.model):
                    raise error
                context.store.ensure("rows", row.key, scorer.score, row)
            except (Exception, SystemExit) as error:
                if problem := find_system_problem(error):
                    raise problem from error
                yield _store_failure(context, row, error)
            progress.add()


def _store_failure(context: Context, row: Row, error: BaseException) -> FailedRow:
    """Store a failed row and its log; later runs skip it, unless the user can fix the cause, such as missing weights."""
    log = context.store.write_file(log_path(row.key), "".join(traceback.format_exception(error)).encode())
    failure = describe_failure(row, error, str(log), context.provenance)
    if not isinstance(error, FerbenchError):
        context.store.write_file(failure_path(row.key), to_json(failure))
    return failure
