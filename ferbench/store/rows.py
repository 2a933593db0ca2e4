"""Rows as they are stored and exported: plain data, written by the scores stage and read by all reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

Provenance = Mapping[str, object]
"""Where and how a result was computed: versions, git commit, hardware, runtime options."""


class Metrics(TypedDict):
    """Shares are 0 to 1; `recall` is None for a class without test clips; rows of `confusion` are true classes, columns predicted ones."""

    war: float
    uar: float
    macro_f1: float
    recall: dict[str, float | None]
    confusion: list[list[int]]
    clips: int


class CoveredMetrics(TypedDict):
    """The metrics over the clips in which a face was found."""

    war: float
    uar: float
    clips: int


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


class RowDescription(TypedDict):
    """The part of a row that is known before it is computed; `people_known` is False if a corpus of the row does not name people."""

    key: str
    benchmark: str
    labels: dict[str, str]
    standin: bool
    fingerprint: str
    precision: str
    classes: list[str]
    protocol: str
    fits: list[str]
    all_fits: list[str]
    folds: list[FoldPeople]
    people_known: bool
    identity: dict[str, object]
    stages: dict[str, str]
    inputs: list[str]


class RowResult(RowDescription, Metrics):
    """A row with its results."""

    status: Literal["done"]
    covered_only: CoveredMetrics | None
    coverage: Coverage
    unreadable: dict[str, dict[str, str]]
    clips_lost: list[str]
    epochs: list[int]


class RowRun(TypedDict):
    """What differs from run to run; `provenance` is that of each fold's fit."""

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
    chosen_epoch: int
    parameters: dict[str, int | float | str]


class InputKeys(TypedDict):
    """The keys of the entries of a stage that a row is computed from, by group of clips."""

    stage: str
    keys: dict[str, str]
