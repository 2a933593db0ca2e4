"""The parts of a plan: rows, the models that rows share, and the fits that models need; each with its key in the store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ferbench.api.components import Aggregator, EmbeddingLoss, Loss
from ferbench.api.networks import Backbone, FinishedSystem, Frozen, Fusion, Trainable
from ferbench.api.recipe import Augmentation, Recipe
from ferbench.benchmark.grid import Cell
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split
from ferbench.corpora.groups import Groups
from ferbench.store.keys import make_key

STAGES = ("crops", "features", "fits", "weights")  # of a model, in the order of computation

Identity = Mapping[str, object]


@dataclass(frozen=True, eq=False)
class KeySet:
    """The keys of one stage's entries, by the name of the group of clips; key sets are equal if they hold the same keys."""

    stage: str
    by_group: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """One key for all of them."""
        return make_key(self.by_group)

    def __getitem__(self, group: str) -> str:
        return self.by_group[group]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeySet) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


class FeatureTask(NamedTuple):
    """The features of one group of clips; `view` numbers their augmented versions from 1, and is 0 for the clips themselves."""

    key: str
    group: str
    augmentation: Augmentation | None
    view: int


@dataclass(frozen=True)
class Classifier:
    """A backbone with the classes that it tells apart, trained or not."""

    backbone: Backbone
    classes: tuple[str, ...]

    @cached_property
    def frozen(self) -> Frozen | None:
        """The backbone's frozen part."""
        return self.backbone.frozen()

    @cached_property
    def trainable(self) -> Trainable:
        """The backbone's trained part."""
        return self.backbone.trainable(self.classes)

    @property
    def reads_clips(self) -> bool:
        """Whether an item is a clip, not a frame."""
        return self.backbone.reads == "clips"

    @property
    def has_weights(self) -> bool:
        """Whether a fit learns anything: a finished system with a frozen part that is not calibrated does not."""
        is_calibrated = self.frozen is not None and self.frozen.is_calibrated
        return is_calibrated or not isinstance(self.trainable, FinishedSystem)

    @property
    def others(self) -> tuple[str, ...]:
        """The answers that it can give besides the classes; their scores come last."""
        return self.trainable.others if isinstance(self.trainable, FinishedSystem) else ()


@dataclass(frozen=True)
class Fit(Classifier):
    """The trained part of one backbone on one fold.

    `groups` hold the clips of the split. `features` are theirs (their crops, if nothing is frozen); `views` are those of the groups that
    hold training clips, once for each stored view of the recipe's augmentation. `label` names the fit in progress messages.
    """

    key: str
    label: str
    loss: Loss | EmbeddingLoss
    recipe: Recipe
    seed: int
    split: Split
    fold: int
    groups: Groups
    crops: KeySet
    features: KeySet
    views: tuple[KeySet, ...]

    def feature_tasks(self) -> Iterator[FeatureTask]:
        """The features of all groups, then those of the views."""
        for view, keys in enumerate((self.features, *self.views)):
            augmentation = self.recipe.augmentation if view else None
            yield from (FeatureTask(key, group, augmentation, view) for group, key in keys.by_group.items())


@dataclass(frozen=True)
class FusedFit:
    """The fused scores of several fits on one fold, one per member of the Fusion."""

    key: str
    fusion: Fusion
    classes: tuple[str, ...]
    split: Split
    fold: int
    member_names: tuple[str, ...]
    members: tuple[Fit | FusedFit, ...]


@dataclass(frozen=True)
class Model(ABC):
    """A combination without its aggregator: fitted once per fold, scored by every aggregator.

    `identity` identifies the choice on each axis, and the precision. `fits` has one fit per fold. Rows are ranked together only if their
    models have the same `fingerprint`, that of the protocol. `duplicates` is the key of the duplicates among its frames; `leaks` are the
    guards that found something which the user allows.
    """

    cell: Cell
    corpora: tuple[Corpus, ...]
    split: Split
    groups: Groups
    crops: KeySet
    identity: Identity
    fingerprint: str
    duplicates: str
    leaks: tuple[str, ...]
    fits: Sequence[Fit | FusedFit]

    @property
    def others(self) -> tuple[str, ...]:
        """The answers that it can give besides the classes."""
        fit = self.fits[0]
        return fit.others if isinstance(fit, Fit) else ()

    @property
    @abstractmethod
    def submodels(self) -> tuple[Model, ...]:
        """The models that it is fused from, and theirs, then itself: each after those that it needs."""

    @cached_property
    def key(self) -> str:
        """Equal if the same fits are needed."""
        return make_key([fit.key for fit in self.fits])

    @cached_property
    def trained(self) -> tuple[TrainedModel, ...]:
        """The submodels that are trained."""
        return tuple(model for model in self.submodels if isinstance(model, TrainedModel))

    @property
    def has_standin(self) -> bool:
        """Whether ferbench rendered any of the corpora."""
        return any(corpus.is_standin for corpus in self.corpora)

    @cached_property
    def inputs(self) -> tuple[KeySet, ...]:
        """Its crops, then the features and views of each fold, each key set once."""
        fits = [fit for model in self.trained for fit in model.fits]
        return tuple(dict.fromkeys((self.crops, *(keys for fit in fits for keys in (fit.features, *fit.views)))))

    @cached_property
    def stage_digests(self) -> dict[str, str]:
        """One digest per stage over the keys of its entries: if two models share it, they share all of the stage's work."""
        crops, *features = (keys.digest for keys in self.inputs)
        has_features = any(model.frozen for model in self.trained)
        return {"crops": crops, **({"features": make_key(features)} if has_features else {}), "fits": self.key}


@dataclass(frozen=True)
class TrainedModel(Model):
    """A backbone with a loss, a recipe and a seed.

    `cost_kinds` identifies the computation of each stage, whatever the clips: work of one kind costs the same per frame.
    """

    fits: tuple[Fit, ...]
    cost_kinds: Mapping[str, str]

    @property
    def submodels(self) -> tuple[Model, ...]:
        """Itself."""
        return (self,)

    @property
    def frozen(self) -> Frozen | None:
        """The backbone's frozen part."""
        return self.fits[0].frozen


@dataclass(frozen=True)
class FusedModel(Model):
    """Several models whose scores are fused."""

    fits: tuple[FusedFit, ...]
    members: tuple[Model, ...]

    @property
    def submodels(self) -> tuple[Model, ...]:
        """Its members' submodels, then itself."""
        return (*(model for member in self.members for model in member.submodels), self)


@dataclass(frozen=True)
class Row:
    """One model and one aggregator; labels and benchmark are part of its key, since the tables show them."""

    key: str
    benchmark: str
    labels: Mapping[str, str]
    model: Model
    aggregator: Aggregator
    identity: Identity
