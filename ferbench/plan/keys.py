"""The keys of what a model needs: crops, features, views and fits. Equal keys mean equal work, no matter which model needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ferbench.api.clips import Input
from ferbench.api.components import Protocol
from ferbench.api.networks import Frozen
from ferbench.api.recipe import Augmentation
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split
from ferbench.corpora.groups import Groups
from ferbench.plan.models import KeySet
from ferbench.store.keys import identify_component, make_key
from ferbench.store.sources import digest_code

# The core's own code that each stage's output depends on. A test follows the imports of these modules, so that none is missing.
CROPS = (
    "ferbench.stages.crops", "ferbench.corpora.decoding", "ferbench.corpora.images", "ferbench.corpora.integrity",
    "ferbench.corpora.landmarks", "ferbench.corpora.reading", "ferbench.corpora.selection", "ferbench.corpora.videos", "ferbench.api.clips",
)  # fmt: skip
FEATURES = (
    "ferbench.stages.features", "ferbench.stages.forward", "ferbench.stages.images", "ferbench.training.device", "ferbench.api.clips",
    "ferbench.api.weights",
)  # fmt: skip
VIEWS = ("ferbench.training.augmentation",)
FITS = (
    "ferbench.stages.fits", "ferbench.stages.inputs", "ferbench.stages.networks", "ferbench.training.loop", "ferbench.training.learner",
    "ferbench.training.items", "ferbench.training.estimators", "ferbench.training.optimizers", "ferbench.training.sampling",
    "ferbench.training.state", "ferbench.training.streaming", "ferbench.training.device", "ferbench.api.heads", "ferbench.api.weights",
)  # fmt: skip
CROP_FITS = ("ferbench.stages.images",)  # a fit on crops makes them its input
FUSED_FITS = ("ferbench.stages.fusion",)
ROWS = ("ferbench.stages.scores", "ferbench.report.metrics")


def crop_keys(groups: Groups, pipeline_identity: object) -> KeySet:
    """The key of each group's crops: everything that a step can see of its clips, their content, the steps and the stage's code."""
    base = make_key("crops", digest_code(*CROPS), pipeline_identity)
    return KeySet("crops", {name: make_key(base, group.key) for name, group in groups.by_name.items()})


def features_base_key(frozen: Frozen, declared: Input, calibration: object) -> str:
    """The part that the keys of all features of a frozen part share; `calibration` identifies the crops that calibrate it."""
    return make_key("features", digest_code(*FEATURES), identify_component(frozen), declared, calibration)


def feature_keys(base: str, crops: KeySet) -> KeySet:
    """The key of each group's features."""
    return KeySet("features", {group: make_key(base, crop) for group, crop in crops.by_group.items()})


def view_keys(features: KeySet, training: Groups, augmentation: Augmentation) -> tuple[KeySet, ...]:
    """The keys of the features of the groups that hold training clips, in each view. Adding views keeps the keys of the first ones."""
    changes = {name: value for name, value in asdict(augmentation).items() if name != "views"}
    base = make_key("views", digest_code(*VIEWS), changes)
    return tuple(
        KeySet("features", {group: make_key(base, features[group], view) for group in training.by_name})
        for view in range(1, augmentation.views + 1)
    )


def inputs_digest(split: Split, fold: int, features: KeySet) -> str:
    """A digest of what a fit reads: the labeled clips of each part of a fold, in order, and their features."""
    labels, parts = split.labels, split.folds[fold]
    return make_key([[(clip, labels[clip]) for clip in part] for part in (parts.train, parts.validation, parts.test)], features.digest)


def fit_key(own: Sequence[object], inputs: str, views: Sequence[KeySet], reads_crops: bool, augments_crops: bool) -> str:
    """The key of a fit: its own settings (backbone, loss, recipe, seed, classes ...) and what it reads."""
    code = [*FITS, *(CROP_FITS if reads_crops else ()), *(VIEWS if augments_crops else ())]
    return make_key("fits", digest_code(*code), own, inputs, *[view.by_group for view in views])


def fused_fit_key(fusion: object, members: Sequence[str]) -> str:
    """The key of a fused fit, from the identity of the Fusion and the keys of its members' fits."""
    return make_key("fused", digest_code(*FUSED_FITS), fusion, members)


def row_base_key(fits: Sequence[str], benchmark: str, fingerprint: str) -> str:
    """The part that the keys of all rows of a model share."""
    return make_key("rows", digest_code(*ROWS), fits, benchmark, fingerprint)


def row_key(base: str, aggregator: object, labels: Mapping[str, str]) -> str:
    """The key of a row, from the identity of its aggregator and the labels that tables show."""
    return make_key(base, aggregator, labels)


def fingerprint(protocol: Protocol, corpora: Sequence[Corpus], selection: Sequence[object], split: Split, checkpoint: str) -> str:
    """The identity of what rows must share to be ranked together: classes, corpora, selected frames, folds, pooling, checkpoint rule."""
    contents = [[corpus.name, corpus.digest, corpus.is_standin] for corpus in corpora]
    return make_key(protocol.classes, dict(protocol.labels), contents, selection, split.folds, "pooled", checkpoint)
