"""The keys of what a model needs: crops, features, views and fits. Equal keys mean equal work, no matter which model needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ferbench.api.clips import Input
from ferbench.api.components import Preprocessor, Protocol
from ferbench.api.networks import Frozen
from ferbench.api.recipe import Augmentation
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split
from ferbench.corpora.groups import Groups
from ferbench.plan.models import KeySet
from ferbench.store.keys import identify_component, make_key
from ferbench.store.versions import VERSIONS


def identify_steps(steps: Sequence[Preprocessor]) -> list[dict[str, object]]:
    """The identity of a preprocessing."""
    return [{"step": step.name, **identify_component(step)} for step in steps]


def crop_keys(groups: Groups, pipeline_identity: object) -> KeySet:
    """The key of each group's crops: everything that a step can see of its clips, their content, the steps and the stage's version."""
    base = make_key("crops", VERSIONS["crops"], pipeline_identity)
    return KeySet("crops", {name: make_key(base, group.key) for name, group in groups.by_name.items()})


def features_base_key(frozen: Frozen, declared: Input, calibration: object, precision: object) -> str:
    """The part that the keys of all features of a frozen part share; `calibration` identifies the crops that calibrate it."""
    versions = [VERSIONS["features"], VERSIONS["normalization"]]
    return make_key("features", versions, identify_component(frozen), declared, calibration, precision)


def feature_keys(base: str, crops: KeySet) -> KeySet:
    """The key of each group's features."""
    return KeySet("features", {group: make_key(base, crop) for group, crop in crops.by_group.items()})


def view_keys(features: KeySet, training: Groups, augmentation: Augmentation) -> tuple[KeySet, ...]:
    """The keys of the features of the groups that hold training clips, in each view. Adding views keeps the keys of the first ones."""
    changes = {name: value for name, value in asdict(augmentation).items() if name != "views"}
    base = make_key("views", VERSIONS["views"], changes)
    return tuple(
        KeySet("features", {group: make_key(base, features[group], view) for group in training.by_name})
        for view in range(1, augmentation.views + 1)
    )


def inputs_digest(split: Split, fold: int, features: KeySet) -> str:
    """A digest of what a fit reads: the labeled clips of each part of a fold, in order, and their features."""
    labels, parts = split.labels, split.folds[fold]
    return make_key([[(clip, labels[clip]) for clip in part] for part in (parts.train, parts.validation, parts.test)], features.digest)


def fit_key(own: Sequence[object], inputs: str, views: Sequence[KeySet], reads_crops: bool, augments_crops: bool) -> str:
    """The key of a fit: its own settings (backbone, loss, recipe, seed, classes, precision ...) and what it reads."""
    stages = ["fits", *(["normalization"] if reads_crops else []), *(["views"] if augments_crops else [])]
    return make_key("fits", [VERSIONS[stage] for stage in stages], own, inputs, *[view.by_group for view in views])


def fused_fit_key(fusion: object, members: Sequence[str]) -> str:
    """The key of a fused fit, from the identity of the Fusion and the keys of its members' fits."""
    return make_key("fused", VERSIONS["fused fits"], fusion, members)


def row_base_key(fits: Sequence[str], benchmark: str, fingerprint: str) -> str:
    """The part that the keys of all rows of a model share; rows are computed after their frames were searched for duplicates."""
    return make_key("rows", [VERSIONS["rows"], VERSIONS["duplicates"]], fits, benchmark, fingerprint)


def row_key(base: str, aggregator: object, labels: Mapping[str, str]) -> str:
    """The key of a row, from the identity of its aggregator and the labels that tables show."""
    return make_key(base, aggregator, labels)


def duplicates_key(split: Split, crops: KeySet) -> str:
    """The key of the duplicates among the frames of a split's clips, from their crops and people."""
    return make_key("duplicates", VERSIONS["duplicates"], crops.digest, [[clip.id, clip.subject] for clip in split.clips])


def fingerprint(
    protocol: Protocol, corpora: Sequence[Corpus], selection: Sequence[object], split: Split, checkpoint: str, leaks: Sequence[str]
) -> str:
    """The identity of what rows must share to be ranked together: classes, corpora, selected frames, folds, pooling, checkpoint rule.

    And the leaks that the user allows, if there are any.
    """
    contents = [[corpus.name, corpus.digest, corpus.is_standin] for corpus in corpora]
    marks = [leaks] if leaks else []
    return make_key(protocol.classes, dict(protocol.labels), contents, selection, split.folds, "pooled", checkpoint, *marks)
