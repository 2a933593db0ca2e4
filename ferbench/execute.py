"""Makes what pending rows need and the store lacks: crops, features, fits, rows, in this order; a failure ends its own rows alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ferbench.components import Frozen
from ferbench.errors import FerbenchError
from ferbench.plan import Fit, Network, Row
from ferbench.progress import Reporter, Tell
from ferbench.provenance import provenance
from ferbench.scoring import failure, score
from ferbench.stages import crops, features, fit
from ferbench.store import Store, to_json
from ferbench.training import History


@dataclass
class Execution:
    """One run over a store; `failed` keeps the first exception of each network, by id."""

    store: Store
    reporter: Reporter
    device: torch.device
    workers: int
    failed: dict[int, Exception] = field(default_factory=dict)

    def rows(self, pending: Sequence[Row]) -> list[dict[str, Any]]:
        """Makes and stores the rows; returns those that failed."""
        networks = list({id(row.network): row.network for row in pending}.values())
        fits = [(n, f) for n in networks for f in n.fits if self.store.find("fits", f.key) is None]
        needed = list({id(n): n for n, _ in fits}.values())
        self._check_weights(needed)
        self._crops(networks)
        self._features(fits)
        self._fits(fits)
        return list(self._score(pending))

    def _check_weights(self, networks: Iterable[Network]) -> None:
        """Weights that are not there or do not fit show now, not after hours of decoding."""
        owners: dict[Frozen, list[Network]] = {}
        for network in networks:
            part = network.cell.backbone.frozen()
            if part is not None and not part.calibrated:
                owners.setdefault(part, []).append(network)
        for part, each in owners.items():
            self._attempt(each, part.build, None)

    def _crops(self, networks: Sequence[Network]) -> None:
        groups = list({id(n.crops): n for n in networks}.values())
        missing = [[c for c in n.split.clips if self.store.find("crops", n.crops[c.id]) is None] for n in groups]
        counter = Counter(sum(map(len, missing)))
        with self.reporter.stage("crops", "clips") as tell:
            for network, clips in zip(groups, missing, strict=True):
                steps = crops.compute(clips, network.crops, network.cell.preprocessing, self.store, self.workers)
                self._attempt([n for n in networks if n.crops is network.crops], counter.tell, steps, tell)

    def _features(self, fits: Sequence[tuple[Network, Fit]]) -> None:
        groups = list({id(f.features): f for _, f in fits if f.cell.backbone.frozen() is not None}.values())
        missing = [[c for c in f.features if self.store.find("features", f.features[c]) is None] for f in groups]
        counter = Counter(sum(map(len, missing)))
        with self.reporter.stage("features", "clips") as tell:
            for job, clips in zip(groups, missing, strict=True):
                steps = features.compute(job, clips, self.store, self.device) if clips else iter(())
                owners = [n for n, f in fits if f.features is job.features]
                self._attempt(owners, counter.tell, steps, tell, job.cell.labels["backbone"])

    def _fits(self, fits: Sequence[tuple[Network, Fit]]) -> None:
        """Fits that read the same features follow each other, so that these are read once."""
        groups: dict[tuple[int, int], list[tuple[Network, Fit]]] = {}
        for network, job in fits:
            groups.setdefault((id(job.features), job.fold), []).append((network, job))
        counter = Counter(sum(f.cell.recipe.epochs for _, f in fits))
        with self.reporter.stage("fits", "epochs") as tell:
            for group in groups.values():
                inputs: list[fit.Inputs] = []
                for network, job in group:
                    self._attempt([network], self._fit, job, inputs, counter, tell)

    def _fit(self, job: Fit, inputs: list[fit.Inputs], counter: Counter, tell: Tell) -> None:
        note = f"{job.cell.labels['backbone']} {job.cell.labels['loss']}"

        def heard(epoch: int, history: History) -> None:
            tell(counter.done + epoch, counter.of, f"{note}: validation {history.validation_accuracy[-1]:.2f}")

        if not inputs:
            inputs.append(fit.load_inputs(job, self.store))
        self.store.make("fits", job.key, fit.compute, job, inputs[0], self.device, heard)
        counter.done += job.cell.recipe.epochs
        tell(counter.done, counter.of)

    def _score(self, pending: Sequence[Row]) -> Iterator[dict[str, Any]]:
        made = provenance(str(self.device), self.workers)
        for row in pending:
            try:
                if id(row.network) in self.failed:
                    raise self.failed[id(row.network)]
                self.store.make("rows", row.key, _write_row, {**score(row, self.store), **made})
            except FerbenchError:
                raise
            except Exception as error:
                log = self.store.save(f"logs/{row.key}.txt", "".join(traceback.format_exception(error)).encode())
                yield {**failure(row, error, str(log)), **made}

    def _attempt(self, networks: Sequence[Network], work: Callable[..., object], *args: Any) -> None:
        """An exception in `work` fails these networks; one that the user can mend ends the run."""
        if all(id(n) in self.failed for n in networks):
            return
        try:
            work(*args)
        except FerbenchError:
            raise
        except Exception as error:  # a plugin may raise anything
            for network in networks:
                self.failed.setdefault(id(network), error)


@dataclass
class Counter:
    """Steps done of all in a stage that has several parts."""

    of: float
    done: float = 0

    def tell(self, steps: Iterator[int], tell: Tell, note: str = "") -> None:
        """Takes the steps, telling of each."""
        for count in steps:
            self.done += count
            tell(self.done, self.of, note)


def _write_row(folder: Path, row: dict[str, Any]) -> None:
    (folder / "row.json").write_bytes(to_json(row))
