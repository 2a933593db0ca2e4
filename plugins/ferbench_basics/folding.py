"""Folds that hold out people for validation among those they do not test, so that nothing is chosen on tested clips."""

from __future__ import annotations

from collections.abc import Sequence

from ferbench import Clip, Fold, splitting


def make_folds(parts: Sequence[Sequence[Clip]], validation: float, seed: int, where: str) -> list[Fold]:
    """One fold per part, which tests that part."""
    return [hold_out(test, [clip for part in parts if part is not test for clip in part], validation, seed, where) for test in parts]


def hold_out(test: Sequence[Clip], rest: Sequence[Clip], validation: float, seed: int, where: str) -> Fold:
    """One fold that tests `test`; of `rest`, the share `validation` (by clips) is held out, by person."""
    if not validation:
        return splitting.make_fold(rest, (), test)
    shares = (1 - validation, validation)
    train, held_out = splitting.split_people(rest, shares, seed, cover=(0,), where=f"{where}: training and validation people of a fold")
    return splitting.make_fold(train, held_out, test)
