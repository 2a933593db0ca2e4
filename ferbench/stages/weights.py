"""Weights that stay: the trained part of a fit as an entry of the store, under the fit's key, and how it is restored.

An entry holds arrays and plain values alone; classes and functions come from the backbone, which builds everything again. It is stored only
if the part that is restored from it gives the scores of the one that was trained. It also holds the crops that calibrate a frozen part, and
the scores of a few made-up inputs: whoever restores it learns if another version of a library makes something else of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ferbench.api.errors import FerbenchError
from ferbench.api.networks import EmbeddingNetwork, Estimators, FinishedSystem, Network
from ferbench.api.recipe import Recipe
from ferbench.api.weights import random_seed
from ferbench.plan.models import Classifier, Fit
from ferbench.plan.precision import precision_of
from ferbench.stages.features import Crops, load_clips, sample_crops
from ferbench.stages.networks import build_network, make_preparation
from ferbench.stages.parts import EstimatorPart, NetworkPart, Part, Scores, SystemPart, build_candidates
from ferbench.store.entries import Store
from ferbench.store.entry_format import DTYPES, Content, Entry
from ferbench.store.versions import VERSIONS
from ferbench.training.items import Items
from ferbench.training.learner import Learner

STAGE = "weights"
NETWORK, ESTIMATOR, CALIBRATION = "network/", "estimator/", "calibration/"  # before the names of arrays
PROBES = 4  # made-up inputs
TOLERANCE = 1e-6  # of scores that are computed again on the same machine
PROBE_TOLERANCE = {"float32": 1e-4, "bfloat16": 0.05}  # on any machine
USED_VERSIONS = ("crops", "normalization", "features", "fits")
KNOWN_TYPES = {np.dtype(dtype) for dtype in DTYPES.values()}


@dataclass(frozen=True)
class WeightFacts:
    """What is stored with the arrays.

    `shape` is that of one frame's features or crop; `number` that of the chosen classifier; `values` are its plain attributes; `types` are
    those of tensors that numpy lacks, which are stored as bytes; `versions` are those of ferbench's stages.
    """

    kind: Literal["network", "estimator", "system"]
    shape: tuple[int, ...]
    seed: int
    precision: str
    versions: dict[str, int]
    number: int
    values: dict[str, Any]
    types: dict[str, str]


def pack_weights(fit: Fit, part: Part, items: Items, scores: Scores, store: Store, device: torch.device) -> Content:
    """The entry of a trained part; `scores` are those of `items`.

    Raises FerbenchError if the part that is restored from the entry gives others.
    """
    arrays, values, types, number = dict[str, NDArray](), dict[str, Any](), dict[str, str](), 0
    match part:
        case NetworkPart():
            arrays, types = _pack_tensors(part.learner.network.state_dict())
        case EstimatorPart():
            from ferbench.training.estimator_state import read_state

            state, number = read_state(part.estimator), part.number
            arrays, values = {f"{ESTIMATOR}{name}": array for name, array in state.arrays.items()}, state.values
    arrays |= {f"{CALIBRATION}{at}": crop for at, crop in enumerate(_calibration(fit, store))}
    kind: Literal["network", "estimator", "system"] = (
        "network" if isinstance(part, NetworkPart) else "estimator" if isinstance(part, EstimatorPart) else "system"
    )
    shape = tuple(items.x.shape[1:])
    versions = {stage: VERSIONS[stage] for stage in USED_VERSIONS}
    facts = WeightFacts(kind, shape, fit.seed, precision_of(device.type), versions, number, values, types)
    restored = restore_part(fit, facts, arrays, device)
    if (difference := _largest_difference(restored.score(items), scores)) > TOLERANCE:
        problem = f"the weights of {fit.label} cannot be kept: restored from the store, its scores differ by up to {difference:.2g}"
        raise FerbenchError(problem, hint="a module of the backbone has a state that is neither a parameter nor a buffer")
    if not isinstance(part, SystemPart):
        arrays["probe"] = restored.score(_make_probe(fit, facts))
    return Content(arrays, facts)


def find_weights(key: str, store: Store) -> Entry | None:
    """The stored weights of a fit; None if there are none, or if another version of ferbench wrote them."""
    entry = store.find(STAGE, key)
    if entry is None or entry.read_facts(WeightFacts).versions != {stage: VERSIONS[stage] for stage in USED_VERSIONS}:
        return None
    return entry


def load_part(classifier: Classifier, entry: Entry, device: torch.device) -> Part:
    """Restore a trained part; raises FerbenchError if it does not give the scores that it gave when it was stored."""
    facts = entry.read_facts(WeightFacts)
    part = restore_part(classifier, facts, {name: entry.array(name) for name in entry.specs}, device)
    if "probe" in entry.specs:
        difference = _largest_difference(part.score(_make_probe(classifier, facts)), entry.array("probe"))
        precision = "bfloat16" if "bfloat16" in (facts.precision, precision_of(device.type)) else "float32"
        if difference > PROBE_TOLERANCE[precision]:
            problem = f"the weights {entry.metadata.key[:12]} give other scores than when they were stored (by up to {difference:.2g})"
            hint = f"another version of a library reads them differently; delete {entry.path}, and the fit is repeated"
            raise FerbenchError(problem, hint=hint)
    return part


def load_calibration(entry: Entry | None) -> list[Crops]:
    """The crops that calibrate the frozen part, each [1,H,W(,3)]; none if it is not calibrated."""
    names = [name for name in entry.specs if name.startswith(CALIBRATION)] if entry else []
    return [entry.array(f"{CALIBRATION}{at}") for at in range(len(names))] if entry else []


def restore_part(classifier: Classifier, facts: WeightFacts, arrays: Mapping[str, NDArray], device: torch.device) -> Part:
    """Build the trained part again, and put its weights into it."""
    match classifier.trainable:
        case Estimators() as estimators:
            from ferbench.training.estimator_state import EstimatorState, restore_state

            own = {name.removeprefix(ESTIMATOR): array for name, array in arrays.items() if name.startswith(ESTIMATOR)}
            estimator = build_candidates(classifier, estimators)[facts.number]
            restore_state(estimator, EstimatorState(own, facts.values))
            return EstimatorPart(classifier, estimator, facts.number, facts.shape)
        case FinishedSystem() as system:
            return SystemPart(classifier, system.build)
        case trainable:
            return _restore_network(classifier, trainable, facts, arrays, device)


def _restore_network(
    classifier: Classifier, trainable: Network | EmbeddingNetwork, facts: WeightFacts, arrays: Mapping[str, NDArray], device: torch.device
) -> NetworkPart:
    with random_seed(facts.seed % 2**32):  # as it was built for training, should it draw anything that is no weight
        network = build_network(classifier.backbone, trainable, facts.shape)
    network.load_state_dict(_unpack_tensors(arrays, facts.types))
    learner = Learner(network.to(device).eval(), _refuse_training, make_preparation(classifier), Recipe(), device)
    return NetworkPart(learner, facts.shape)


def _refuse_training(*_: object) -> torch.Tensor:
    raise NotImplementedError("restored weights are not trained further")


def _calibration(fit: Fit, store: Store) -> list[Crops]:
    if fit.frozen is None or not fit.frozen.is_calibrated:
        return []
    return sample_crops(list(load_clips(fit, fit.split.folds[fit.fold].train, store).values()))


def _make_probe(classifier: Classifier, facts: WeightFacts) -> Items:
    """Made-up frames, or a clip of them: noise, the same on every machine."""
    rng, size = np.random.default_rng(0), (PROBES, *facts.shape)
    noise = rng.random(size, np.float32) if classifier.frozen else rng.integers(0, 256, size, np.uint8)
    clips = torch.tensor([[0, PROBES]]) if classifier.reads_clips else None
    return Items(torch.from_numpy(noise), torch.zeros(1 if classifier.reads_clips else PROBES, dtype=torch.int64), clips=clips)


def _largest_difference(scores: Scores, expected: NDArray) -> float:
    if scores.shape != expected.shape:
        return float("inf")
    differences = np.abs(scores - expected)
    same = np.isnan(scores) & np.isnan(expected)
    return float(np.nan_to_num(np.where(same, 0, differences), nan=np.inf).max(initial=0))


def _pack_tensors(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Arrays, and the types of those that numpy lacks, which are bytes [...,itemsize]."""
    arrays, types = dict[str, NDArray](), dict[str, str]()
    for name, value in tensors.items():
        tensor = value.detach().cpu().contiguous()
        try:
            array = tensor.numpy()
            is_known = array.dtype in KNOWN_TYPES
        except TypeError:
            is_known = False
        if not is_known:
            types[name] = str(tensor.dtype).removeprefix("torch.")
            array = tensor[..., None].view(torch.uint8).numpy()
        arrays[f"{NETWORK}{name}"] = array
    return arrays, types


def _unpack_tensors(arrays: Mapping[str, NDArray], types: Mapping[str, str]) -> dict[str, torch.Tensor]:
    tensors = {name.removeprefix(NETWORK): torch.from_numpy(np.array(a)) for name, a in arrays.items() if name.startswith(NETWORK)}
    return {name: value.view(getattr(torch, types[name]))[..., 0] if name in types else value for name, value in tensors.items()}


def check_repeated(fit: Fit, scores: Scores, stored: NDArray) -> None:
    """Raise FerbenchError unless a repeated fit gave the stored scores [M,C+K]."""
    difference = _largest_difference(scores.astype(np.float32).astype(np.float64), stored.astype(np.float64))
    if difference > TOLERANCE:
        problem = f"the fit {fit.key[:12]} ({fit.label}) was repeated, and its scores differ from the stored ones by up to {difference:.2g}"
        hint = (
            "its weights would not be those that were measured, so none are kept; a GPU, or another version of a library, sums in another "
            "order: run the benchmark in a new store with --keep all"
        )
        raise FerbenchError(problem, hint=hint)
