"""Rows as they are stored and exported: plain data, written by the scores stage and read by all reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

Provenance = Mapping[str, object]
"""Where and how a result was computed: versions, git commit, hardware, runtime options."""


class Metrics(TypedDict):
    """Metrics over clips; shares are 0 to 1.

    `recall` and `class_precision` are None for a class without test clips, or without predictions; `kappa` is None if chance is certain.
    Rows of `confusion` are true classes; columns are predicted ones, then other answers.
    """

    war: float
    uar: float
    macro_f1: float
    kappa: float | None
    recall: dict[str, float | None]
    class_precision: dict[str, float | None]
    confusion: list[list[int]]
    clips: int


class ScoreMetrics(TypedDict):
    """Metrics of scores taken for probabilities."""

    log_loss: float
    brier: float
    calibration_error: float
    top2: float


class PartMetrics(TypedDict):
    """Metrics over some clips: those in which a face was found, or those of the validation people."""

    war: float
    uar: float
    clips: int


class ClipTable(TypedDict):
    """The tested clips of a split, in the order of its folds."""

    ids: list[str]
    people: list[str]
    labels: list[str]
    folds: list[int]
    facts: list[dict[str, str | int | float | bool]]


class Coverage(TypedDict):
    """Shares of frames and clips in which a face was found, None if no step detects faces; and counts of frames."""

    frames: float | None
    clips: float | None
    frames_used: int
    frames_unreadable: int


class FoldPeople(TypedDict):
    """The people in each part of a fold."""

    train: list[str]
    validation: list[str]
    test: list[str]


class PlannedRow(TypedDict):
    """What follows from the key of a row, before it is computed.

    `people_known` is False if a corpus of the row does not name people; `leaks` are the guards that would have stopped it. `trained_on`
    says what its networks were trained on beforehand.
    """

    key: str
    benchmark: str
    labels: dict[str, str]
    standin: bool
    fingerprint: str
    precision: str
    classes: list[str]
    protocol: str
    trained_on: list[str]
    fits: list[str]
    all_fits: list[str]
    folds: list[FoldPeople]
    people_known: bool
    leaks: list[str]
    stages: dict[str, str]
    inputs: list[str]


class RowDescription(PlannedRow):
    """What is known of a row before it is computed. Its identity holds the source of datasets and protocols, which no key counts."""

    identity: dict[str, object]


class RowResult(PlannedRow, Metrics):
    """A row with its results.

    `tested` is the key of the tested clips, `others` are the answers that are no classes. `steps` counts the steps of the optimizer up to
    the chosen epoch of each fold; `fold_uar` is the UAR of each fold that tests a clip. `validation` is None without validation people.
    """

    status: Literal["done"]
    tested: str
    others: list[str]
    score_metrics: ScoreMetrics | None
    covered_only: PartMetrics | None
    validation: PartMetrics | None
    coverage: Coverage
    unreadable: dict[str, dict[str, str]]
    clips_lost: list[str]
    fold_uar: list[float]
    epochs: list[int]
    steps: list[int]


class RowRun(TypedDict):
    """What differs from run to run; `provenance` is that of each fold's fit.

    `components` is the choice on each axis as plain data, from which it is built again; rows of older versions lack it.
    """

    identity: dict[str, object]
    components: NotRequired[dict[str, Any]]
    seconds: dict[str, float]
    provenance: list[Provenance]


class DoneRow(RowResult, RowRun):
    """A row with its results and how they were computed."""


class FailedRow(RowDescription):
    """A row that could not be computed: class and message of the exception, and the file with its traceback."""

    status: Literal["failed"]
    error: str
    message: str
    log: str
    provenance: list[Provenance]


StoredRow = DoneRow | FailedRow


class FitHistory(TypedDict):
    """The course of training by epoch; None stands for NaN. `chosen_epoch` is an epoch from 1, 0 if there are none."""

    loss: list[float]
    accuracy: list[float]
    validation_loss: list[float | None]
    validation_accuracy: list[float | None]
    learning_rates: list[float]
    steps_per_epoch: int
    chosen_epoch: int
    parameters: dict[str, int | float | str]


class InputKeys(TypedDict):
    """The keys of the entries of a stage that a row is computed from, by group of clips."""

    stage: str
    keys: dict[str, str]
