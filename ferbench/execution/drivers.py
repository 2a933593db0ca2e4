"""Makes what pending rows need and the store lacks: crops, features, fits, rows; a failure ends its own rows alone.

Several processes may run over one store: each claims what it makes, leaves what another one has claimed for later, and takes it
from the store once it is there.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import torch

from ferbench.api.components import Backbone
from ferbench.api.errors import FerbenchError, StoreError
from ferbench.execution.progress import Reporter, Tell
from ferbench.execution.provenance import provenance
from ferbench.plan.planner import Fit, Network, Row, Work, note_inputs
from ferbench.stages import crops, features, fusion
from ferbench.stages import fits as fit
from ferbench.stages.inputs import Inputs, load_inputs
from ferbench.stages.scores import Scorer, failure
from ferbench.store import costs as history
from ferbench.store.costs import Cost
from ferbench.store.entries import Store, to_json
from ferbench.store.keys import key
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.device import release
from ferbench.training.loop import History

T = TypeVar("T")
Job = tuple[Network, Fit]
CLIPS = {"cpu": 16, "cuda": 128}  # whose features are made together
UNITS: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "crops": lambda facts: len(facts["indices"]),
    "features": lambda facts: facts["frames"],
    "fits": lambda facts: facts["training frames"] * max(1, facts["epochs"]),
}
PAUSE = 0.2  # seconds between looks at what another process is making


@dataclass
class Execution:
    """One run over a store; `failed` keeps the first exception of each network, by id."""

    store: Store
    reporter: Reporter
    device: torch.device
    workers: int
    checkpoint: float  # seconds of a fit between its checkpoints
    compile: bool = False
    failed: dict[int, BaseException] = field(default_factory=dict)
    costs: dict[tuple[str, str], Cost] = field(default_factory=dict)
    crops_seconds: list[float] = field(default_factory=list)  # from the start to the end of each clip's

    def rows(self, pending: Sequence[Row]) -> list[dict[str, Any]]:
        """Makes and stores the rows; returns those that failed. Raises the FerbenchError for which nothing could be made."""
        with self.store.lock("run", uuid4().hex):  # nothing is cleaned away meanwhile
            try:
                return self._rows(pending)
            finally:
                history.add(self.store, self.costs)

    @cached_property
    def origin(self) -> dict[str, Any]:
        """Where and with what this run computes."""
        return provenance(self.device, self.workers, self.compile)

    def _rows(self, pending: Sequence[Row]) -> list[dict[str, Any]]:
        networks = list({id(network): network for row in pending for network in row.network.all}.values())
        fits = [(n, f) for n in networks for f in n.fits if self.store.find("fits", f.key) is None]
        self._check_weights([n for n, f in fits if not all(self.store.has("features", work.key) for work in f.works())])
        with crops.pool(self.workers) as threads:
            made = self._crops(networks, threads)
            self._features(fits, made)
            self._wait(networks, made)
        self._stop_if_nothing_is_left(networks)
        for network in networks:
            note_inputs(network, self.store)
        self._fits(fits)
        self._stop_if_nothing_is_left(networks)
        return list(self._score(pending))

    def _check_weights(self, networks: Sequence[Network]) -> None:
        """Weights that are not there or do not fit end the run now, not after hours of decoding."""
        for group in _grouped(networks, lambda n: key(n.identity["backbone"])):
            self._attempt(group, _check_backbone, group[0].cell.backbone)
            if isinstance(error := self.failed.get(id(group[0])), FerbenchError):
                raise error

    def _crops(self, networks: Sequence[Network], threads: ThreadPoolExecutor) -> dict[str, Future[None]]:
        """Starts to make what is missing, by key; from another clip in every process, so that two have little to wait for."""
        made: dict[str, Future[None]] = {}
        for network in {id(n.crops): n for n in networks}.values():
            for clip in _turned(network.split.clips):
                key = network.crops[clip.id]
                if key not in made and self.store.find("crops", key) is None:
                    made[key] = threads.submit(crops.make, clip, key, network.cell.preprocessing, self.store)
        begun = time.monotonic()
        for future in made.values():
            future.add_done_callback(lambda _: self.crops_seconds.append(time.monotonic() - begun))
        return made

    def _wait(self, networks: Sequence[Network], made: Mapping[str, Future[None]]) -> None:
        """Until all crops are there."""
        with self.reporter.stage("crops", "clips", max(self.crops_seconds, default=0.0)) as tell:
            for done, _ in enumerate(as_completed(made.values()), 1):
                tell(done, len(made))
        for group in _grouped(networks, lambda n: id(n.crops)):
            keys = [key for key in group[0].crops.values() if key in made]
            self._attempt(group, _results, [made[key] for key in keys])
            self._count("crops", group[0], [key for key in keys if self.store.has("crops", key)])

    def _features(self, fits: Sequence[Job], made: Mapping[str, Future[None]]) -> None:
        """While crops are still being made; the frames of some clips at a time."""
        frozen = [(n, f) for n, f in fits if f.cell.backbone.frozen() is not None]
        missing = {w.key for _, job in frozen for w in job.works() if self.store.find("features", w.key) is None}
        counter = Counter(len(missing))
        with self.reporter.stage("features", "clips") as tell:
            for jobs in _grouped(frozen, lambda job: id(job[1].features)):
                build = cache(partial(self._frozen, jobs[0][1], made))
                for users, works in _works(jobs):
                    if groups := _lacking(works, missing, CLIPS[self.device.type]):
                        self._attempt([n for n, _ in users], self._features_of, *users[0], groups, build, made, counter, tell)
                        missing = {key for key in missing if not self.store.has("features", key)}

    def _frozen(self, job: Fit, made: Mapping[str, Future[None]]) -> torch.nn.Module:
        """The frozen part, once the crops are there that it is calibrated on."""
        training = job.split.folds[job.fold].train if job.cell.backbone.frozen().calibrated else ()  # type: ignore[union-attr]
        _results([made[job.crops[clip]] for clip in training if job.crops[clip] in made])
        return self._compiled(features.build(job, self.store, self.device))

    def _features_of(
        self,
        network: Network,
        job: Fit,
        groups: Sequence[Sequence[Work]],
        build: Callable[[], torch.nn.Module],
        made: Mapping[str, Future[None]],
        counter: Counter,
        tell: Tell,
    ) -> None:
        module = build()

        def work(group: Sequence[Work], mine: Sequence[str]) -> None:
            _results([made[job.crops[each.clip]] for each in group if job.crops[each.clip] in made])
            features.compute(job, [each for each in group if each.key in mine], module, self.store, self.device)
            self._count("features", network, mine)

        for group in self._shared("features", _turned(groups), lambda group: [each.key for each in group], work):
            counter.tell(tell, len(group), job.cell.labels["backbone"])

    def _compiled(self, module: torch.nn.Module) -> torch.nn.Module:
        """The module, translated by torch.compile at its first call where that is asked for; its names stay."""
        if self.compile:
            module.compile()
        return module

    def _fits(self, fits: Sequence[Job]) -> None:
        """Fits that read the same features follow each other, so that these are read once; what fuses others comes last."""
        counter = Counter(sum(f.cell.recipe.epochs for _, f in fits if not f.members))
        groups = _grouped([job for job in fits if not job[1].members], lambda job: (id(job[1].features), id(job[1].views), job[1].fold))
        with self.reporter.stage("fits", "epochs") as tell:
            for group in _turned(groups):
                inputs: list[Inputs] = []
                work = self._fit_work(inputs, counter, tell)
                for _, job in self._shared("fits", group, lambda job: [job[1].key], work):
                    counter.tell(tell, job.cell.recipe.epochs)
        fusions = [job for job in fits if job[1].members]
        for _ in self._shared("fits", fusions, lambda job: [job[1].key], lambda job, _: self._attempt([job[0]], self._fuse, *job)):
            pass

    def _fuse(self, network: Network, job: Fit) -> None:
        """What its members score; what failed one of them fails it."""
        for member in network.members:
            if id(member) in self.failed:
                raise self.failed[id(member)]
        self.store.put("fits", job.key, fusion.compute, job, self.store, self.origin)

    def _fit_work(self, inputs: list[Inputs], counter: Counter, tell: Tell) -> Callable[[Job, Sequence[str]], None]:
        def work(job: Job, _: Sequence[str]) -> None:
            self._attempt([job[0]], self._fit, job[1], inputs, counter, tell)
            self._count("fits", job[0], [job[1].key] if self.store.has("fits", job[1].key) else [])

        return work

    def _fit(self, job: Fit, inputs: list[Inputs], counter: Counter, tell: Tell) -> None:
        note = f"{job.cell.labels['backbone']} {job.cell.labels['loss']}"

        def heard(epoch: int, told: History) -> None:
            tell(counter.done + epoch, counter.of, f"{note}: validation {told.validation_accuracy[-1]:.2f}")

        if not inputs:
            inputs.append(load_inputs(job, self.store))
        checkpoints = Checkpoints(self.store, job.key, self.checkpoint)
        given = fit.Run(self.device, heard, checkpoints, self.origin, self._compiled)
        self.store.put("fits", job.key, fit.compute, job, inputs[0], given)
        checkpoints.clear()

    def _shared(
        self, stage: str, jobs: Sequence[T], keys: Callable[[T], Sequence[str]], work: Callable[[T, Sequence[str]], None]
    ) -> Iterator[T]:
        """Calls `work(job, keys claimed)` for what is missing, and yields each job that is done, here or by another process."""
        waiting = list(jobs)
        while waiting:
            busy = []
            for job in waiting:
                with self.store.claim(stage, keys(job)) as mine:
                    if mine:
                        work(job, mine)
                if all(key in mine or self.store.has(stage, key) for key in keys(job)):
                    yield job
                else:
                    busy.append(job)
            if len(busy) == len(waiting):
                time.sleep(PAUSE)
            waiting = busy

    def _score(self, pending: Sequence[Row]) -> Iterator[dict[str, Any]]:
        scorer = Scorer(self.store)
        counter = Counter(len(pending))
        with self.reporter.stage("scores", "rows") as tell:
            for row in pending:
                try:
                    if id(row.network) in self.failed:
                        raise self.failed[id(row.network)]
                    self.store.make("rows", row.key, _write_row, scorer, row)
                except StoreError:
                    raise
                except (Exception, SystemExit) as error:
                    yield self._failure(row, error)
                counter.tell(tell, 1)

    def _failure(self, row: Row, error: BaseException) -> dict[str, Any]:
        """The failed row, with a log; kept for later runs, unless it is one that the user can mend, such as missing weights."""
        log = self.store.save(f"logs/{row.key}.txt", "".join(traceback.format_exception(error)).encode())
        failed = {**failure(row, error, str(log)), "made": [self.origin]}
        if not isinstance(error, FerbenchError):
            self.store.save(f"failures/{row.key}.json", to_json(failed))
        return failed

    def _attempt(self, networks: Sequence[Network], work: Callable[..., object], *args: Any) -> None:
        """An exception in `work` fails these networks; a store that cannot be written ends the run."""
        if all(id(n) in self.failed for n in networks):
            return
        try:
            work(*args)
        except StoreError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            _let_go(error)
            for network in networks:
                self.failed.setdefault(id(network), error)

    def _count(self, stage: str, network: Network, keys: Sequence[str]) -> None:
        """Adds to the history what was made."""
        what = (stage, network.kinds[stage])
        for each in keys:
            manifest = self.store.manifest(stage, each)
            facts, size = manifest["facts"], sum(size for size, _ in manifest["files"].values())
            cost = Cost(UNITS[stage](facts), facts["seconds"], size, facts.get("weights", 0))
            self.costs[what] = self.costs.get(what, Cost()) + cost

    def _stop_if_nothing_is_left(self, networks: Sequence[Network]) -> None:
        errors = [self.failed.get(id(network)) for network in networks]
        if all(errors) and isinstance(errors[0], FerbenchError):
            raise errors[0]


@dataclass
class Counter:
    """Steps done of all in a stage that has several parts."""

    of: float
    done: float = 0

    def tell(self, tell: Tell, steps: float, note: str = "") -> None:
        """Tells of so many steps more."""
        self.done += steps
        tell(self.done, self.of, note)


def _grouped(things: Sequence[T], by: Callable[[T], object]) -> list[list[T]]:
    groups: dict[object, list[T]] = {}
    for thing in things:
        groups.setdefault(by(thing), []).append(thing)
    return list(groups.values())


def _turned(things: Sequence[T]) -> list[T]:
    """The same, from a start that differs from process to process."""
    start = random.SystemRandom().randrange(len(things)) if things else 0
    return [*things[start:], *things[:start]]


def _works(jobs: Sequence[Job]) -> Iterator[tuple[Sequence[Job], Sequence[Work]]]:
    """What jobs with the same features need of them, and which jobs do: first the clips as they are, then each augmentation's views."""
    yield jobs, [work for work in jobs[0][1].works() if not work.view]
    for users in _grouped([job for job in jobs if job[1].views], lambda job: id(job[1].views)):
        yield users, [work for work in users[0][1].works() if work.view]


def _lacking(works: Sequence[Work], missing: Collection[str], size: int) -> list[list[Work]]:
    """What is missing, in groups of so many works that are the same in every run: a convolution's last bits depend on its batch."""
    groups = [[work for work in works[start : start + size] if work.key in missing] for start in range(0, len(works), size)]
    return [group for group in groups if group]


def _check_backbone(backbone: Backbone) -> None:
    backbone.check()
    if (frozen := backbone.frozen()) is not None and not frozen.calibrated:
        frozen.build(None)


def _let_go(error: BaseException) -> None:
    """Of all that the frames which an exception went through still hold: networks, optimisers, a GPU's memory. The lines stay."""
    chain: BaseException | None = error
    while chain:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
    release()


def _results(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.result()


def _write_row(folder: Path, scorer: Scorer, row: Row) -> None:
    (folder / "row.json").write_bytes(to_json(scorer.score(row)))
