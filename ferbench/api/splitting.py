"""Split people into parts with class counts close to the requested shares, and make folds of them; for protocols."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from ferbench.api.clips import Clip, Fold
from ferbench.api.errors import FerbenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def split_people(clips: Sequence[Clip], shares: Sequence[float], seed: int, cover: Collection[int], where: str) -> list[list[Clip]]:
    """Split the clips into one part per share, with no person in two; raises FerbenchError, naming `where`, for fewer people than parts.

    Minimizes the squared deviations of class counts and sizes from the shares: people are assigned in an order that depends only on `seed`
    and their names, each to the part that lowers the sum most; then single people move while that lowers it. Every part gets at least one
    person, and the parts in `cover` get every class if possible.
    """
    people = _shuffle_people(clips, seed)
    if len(people) < len(shares):
        hint = "check the corpora's roots and the protocol's classes, or ask for fewer parts"
        raise FerbenchError(f"found {len(people)} people with clips of the classes, need at least {len(shares)}", where=where, hint=hint)
    assignment = _assign_people(people, shares)
    assignment.fill_empty_parts()
    assignment.move_people()
    assignment.cover_classes(cover)
    return [_clips_of(people, assignment.part_of == part) for part in range(len(shares))]


def split_once(clips: Sequence[Clip], *, train: float, validation: float, test: float, seed: int, where: str) -> Fold:
    """Split people into the three parts of one fold, in these proportions of clips; without validation people if `validation` is 0.

    Raises FerbenchError, naming `where`, for fewer people than parts.
    """
    shares = (train, test, *([validation] if validation else []))
    trained, tested, *held_out = split_people(clips, shares, seed, cover=(0, 1), where=where)
    return make_fold(trained, held_out[0] if held_out else (), tested)


def make_fold(train: Sequence[Clip], validation: Sequence[Clip], test: Sequence[Clip]) -> Fold:
    """Make a fold of clips."""
    trained, held_out, tested = (tuple(sorted(clip.id for clip in part)) for part in (train, validation, test))
    return Fold(trained, held_out, tested)


def corpus_of(clip: str) -> str:
    """Return the name of the corpus that a clip belongs to, from its id as protocols get it."""
    return clip.partition("/")[0]


@dataclass
class _Assignment:
    """An assignment of people to parts: counts [people,classes], targets [parts,classes], part_of [people]."""

    counts: NDArray[np.float64]
    targets: NDArray[np.float64]
    part_of: NDArray[np.int64]

    def fill_empty_parts(self) -> None:
        """Move one person into each empty part."""
        for part in range(len(self.targets)):
            if not (self.part_of == part).any():
                self._move_cheapest(self._is_spare(), part)

    def move_people(self) -> None:
        """Move one person at a time, the best move first, until no move lowers the sum."""
        import numpy as np

        while True:
            costs = np.where(self._is_spare()[:, None], self._move_costs(), np.inf)
            person, part = np.unravel_index(costs.argmin(), costs.shape)
            if costs[person, part] >= 0:
                return
            self.part_of[person] = part

    def cover_classes(self, parts: Collection[int]) -> None:
        """Give each of these parts a person of every class, unless another of them would lose that class."""
        for part in parts:
            for label in range(self.counts.shape[1]):
                movable = (self.counts[:, label] > 0) & self._is_spare() & ~self._is_needed(parts)
                if movable.any() and not self._count_classes()[part, label]:
                    self._move_cheapest(movable, part)

    def _move_cheapest(self, movable: NDArray[np.bool_], part: int) -> None:
        import numpy as np

        self.part_of[np.where(movable, self._move_costs()[:, part], np.inf).argmin()] = part

    def _count_classes(self) -> NDArray[np.float64]:
        import numpy as np

        return np.stack([self.counts[self.part_of == part].sum(axis=0) for part in range(len(self.targets))])  # [parts,classes]

    def _move_costs(self) -> NDArray[np.float64]:
        """Return what moves add to the sum, [people,parts]: |d_a - c|² + |d_b + c|² - |d_a|² - |d_b|² = 2 (|c|² + c·d_b - c·d_a)."""
        import numpy as np

        along = self.counts @ (self._count_classes() - self.targets).T  # [people,parts]
        everybody = np.arange(len(self.counts))
        costs = 2 * ((self.counts**2).sum(axis=1)[:, None] + along - along[everybody, self.part_of][:, None])
        costs[everybody, self.part_of] = np.inf
        return costs.round(6)  # so that ties are broken alike on every machine

    def _is_spare(self) -> NDArray[np.bool_]:
        """Return whether each person's part has other people too, [people]."""
        import numpy as np

        return np.bincount(self.part_of, minlength=len(self.targets))[self.part_of] > 1

    def _is_needed(self, parts: Collection[int]) -> NDArray[np.bool_]:
        """Return whether each person is the only one of a class in one of these parts, [people]."""
        import numpy as np

        alone = (self.counts > 0) & (self.counts == self._count_classes()[self.part_of])
        return alone.any(axis=1) & np.isin(self.part_of, list(parts))


def _assign_people(people: Sequence[Sequence[Clip]], shares: Sequence[float]) -> _Assignment:
    """Assign each person in turn to the part that lowers the sum most: |d + c|² - |d|² = |c|² + 2 c·d is least where c·d is."""
    import numpy as np

    classes = sorted({clip.label for clips in people for clip in clips})
    tallies = [Counter(clip.label for clip in clips) for clips in people]
    # The last column counts all clips, so that the sizes of the parts come close to their shares as well.
    counts = np.array([[*(tally[label] for label in classes), tally.total()] for tally in tallies], float)
    targets = np.outer(np.array(shares) / sum(shares), counts.sum(axis=0))
    deviation, part_of = -targets, np.zeros(len(people), int)
    for person, own in enumerate(counts):
        part_of[person] = part = (deviation @ own).round(6).argmin()
        deviation[part] += own
    return _Assignment(counts, targets, part_of)


def _shuffle_people(clips: Sequence[Clip], seed: int) -> list[list[Clip]]:
    """Group clips by person, in the order of a hash, which does not depend on library versions or the order of the clips."""
    by_person = defaultdict(list)
    for clip in sorted(clips, key=lambda clip: clip.id):
        by_person[clip.subject].append(clip)
    return [by_person[person] for person in sorted(by_person, key=lambda name: sha256(f"{seed}:{name}".encode()).digest())]


def _clips_of(people: Sequence[Sequence[Clip]], is_in: NDArray[np.bool_]) -> list[Clip]:
    return [clip for own, taken in zip(people, is_in, strict=True) if taken for clip in own]
