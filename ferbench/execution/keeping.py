"""Which rows keep their weights: the best of each table, all, or those that patterns of labels match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ferbench.api.errors import FerbenchError
from ferbench.plan.models import Row
from ferbench.plan.precision import Precision
from ferbench.report.patterns import choose_rows
from ferbench.report.results import find_best
from ferbench.store.entries import Store
from ferbench.store.records import Record, load_row

BEST, ALL = "best", "all"


@dataclass
class Keeper:
    """Chooses rows by `keep`: "best", "all", or patterns of labels; none if it is empty.

    The best rows are known only when all are ranked. On a CPU their fits are then repeated, to the same bits. A GPU may give others: there
    all weights are stored while the fits are computed, and those of the other rows are dropped after the ranking.
    """

    keep: str
    store: Store
    stored: set[str] = field(default_factory=set)  # keys of fits whose weights this run stores until the ranking

    def keys_while_training(self, rows: Sequence[Row], precision: Precision) -> set[str]:
        """The keys of the fits whose weights are stored when they are computed."""
        if self.keep == BEST:
            keys = _keys(rows) if precision != "float32" else set()
            self.stored = {key for key in keys if not self.store.has("weights", key)}
            return keys
        return _keys(self._match(rows))

    def choose(self, rows: Sequence[Row], record: Record) -> list[Row]:
        """The rows whose weights are kept, after all are ranked; those that failed are not among them."""
        done = {row["key"] for row in record["rows"] if row["status"] == "done"}
        best = {row["key"] for row in find_best(record["rows"])} if self.keep == BEST else done
        return [row for row in (rows if self.keep == BEST else self._match(rows)) if row.key in done & best]

    def drop_others(self, chosen: Sequence[Row]) -> None:
        """Remove the weights that this run stored until the ranking, but for those of the chosen rows."""
        for key in self.stored - _keys(chosen):
            self.store.remove("weights", key)

    def find_missing(self, rows: Iterable[Row]) -> set[str]:
        """The keys of the fits of these rows whose weights are not stored."""
        return {key for key in _keys(rows) if not self.store.has("weights", key)}

    def forecast(self, rows: Iterable[Row]) -> Callable[[Row], bool]:
        """Whether a row's weights will be kept. As long as the best rows are unknown, the first of each fingerprint stands for them."""
        if not self.keep:
            return lambda _: False
        if self.keep != BEST:
            kept = {row.key for row in self._match(list(rows))}
            return lambda row: row.key in kept
        first, stored = dict[str, str](), []
        for row in rows:
            first.setdefault(row.model.fingerprint, row.key)
            stored.append(load_row(row.key, self.store))
        best = {row["key"] for row in find_best([row for row in stored if row])} if all(stored) else set(first.values())
        return lambda row: row.key in best

    def _match(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that are kept whatever their rank; raises FerbenchError if patterns match none."""
        if self.keep in ("", ALL):
            return list(rows) if self.keep else []
        chosen = [rows[number] for number in choose_rows(self.keep, [row.key for row in rows], [row.labels for row in rows])]
        if not chosen:
            labels = ", ".join(dict.fromkeys(" ".join(row.labels.values()) for row in rows[:3]))
            hint = "give best, all, or patterns such as backbone=vgg16,loss=l1"
            raise FerbenchError(f"no row matches keep {self.keep!r}: labels are {labels}", hint=hint)
        return chosen


def _keys(rows: Iterable[Row]) -> set[str]:
    """The keys of all fits that have weights."""
    return {fit.key for row in rows for trained in row.model.trained for fit in trained.fits if fit.has_weights}
