"""The fixed inputs of the golden outputs: a corpus of tiny images without randomness, and fits on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from golden.components import Plain, Systems

from ferbench.api.clips import Clip, Fold
from ferbench.api.components import Preprocessor
from ferbench.api.recipe import Recipe
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.files import clip_files
from ferbench.corpora.folds import Split
from ferbench.corpora.groups import Groups
from ferbench.plan.models import Fit, KeySet
from ferbench.stages.crops import compute_crops
from ferbench.stages.features import compute_features
from ferbench.stages.fits import Resources, compute_fit
from ferbench.stages.inputs import load_inputs
from ferbench.store.entries import Store
from ferbench.store.files import digest_file
from ferbench.store.keys import make_key
from ferbench.training.checkpoints import Checkpoints

CLASSES = ("a", "b", "c")
CPU = torch.device("cpu")
RECIPE = Recipe(lr=0.05, batch_size=4, epochs=3)


def image(seed: int, height: int = 6, width: int = 5, channels: int = 0) -> np.ndarray:
    """An image of which every pixel differs from its neighbors."""
    shape = (height, width, channels) if channels else (height, width)
    y, x, *c = np.indices(shape)
    return ((x * 23 + y * 41 + seed * 67 + (c[0] * 89 if c else 0)) % 256).astype(np.uint8)


def frame(number: int, at: int) -> np.ndarray:
    """A frame of a clip: the brighter, the later its class."""
    return (image(number + 13 * at) // 4 + 80 * (number % 3) + 5 * (number % 2)).astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)
    return path


def index_clips(clips: list[Clip]) -> Groups:
    """The groups of clips, whose digests do not matter here."""
    files = {clip.id: tuple(digest_file(path) if path.exists() else "" for path in clip_files(clip)) for clip in clips}
    return Groups(Corpus("golden", Path(), tuple(clips), files).groups)


class Scene:
    """Twelve clips of three classes, whose clips have two, three and four frames, and their stored crops."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "store")
        self.clips = [self._make_clip(folder, number) for number in range(12)]
        self.compute_crops(())
        names = [clip.id for clip in self.clips]
        self.split = Split("split", tuple(self.clips), (Fold(tuple(names[:6]), tuple(names[6:9]), tuple(names[9:])),), {})

    def compute_crops(self, steps: tuple[Preprocessor, ...]) -> None:
        """Index the clips, and store the crops that these steps make of them."""
        self.groups = index_clips(self.clips)
        keys = {name: make_key(group.key, [step.name for step in steps]) for name, group in self.groups.by_name.items()}
        for name, group in self.groups.by_name.items():
            self.store.ensure("crops", keys[name], compute_crops, group, steps)
        self.crops = KeySet("crops", keys)

    def fit(self, name: str, backbone=None, loss=None, recipe: Recipe = RECIPE, **changes) -> Fit:
        """A fit of this name, with its features and views stored."""
        backbone = backbone or Systems()
        features = features_keys(self.crops, f"{name} features") if backbone.frozen() else self.crops
        count = recipe.augmentation.views if recipe.augmentation and backbone.frozen() else 0
        views = tuple(features_keys(self.crops, f"{name} view {view}") for view in range(count))
        values = (name, name, loss or Plain(), recipe, 3, self.split, 0, self.groups, self.crops, features, views)
        fit = replace(Fit(backbone, CLASSES, *values), **changes)
        if fit.frozen:
            module = fit.frozen.build(None)
            for task in fit.feature_tasks():
                self.store.ensure("features", task.key, compute_features, fit, task, module, self.store, CPU)
        return fit

    def train(self, fit: Fit):
        """Compute a fit and store it."""
        resources = Resources(CPU, lambda *_: None, Checkpoints(self.store, fit.key, 1e9), {})
        return self.store.ensure("fits", fit.key, compute_fit, fit, load_inputs(fit, self.store), resources)

    def _make_clip(self, folder: Path, number: int) -> Clip:
        images = [write_png(folder / f"{number}" / f"{at}.png", frame(number, at)) for at in range(2 + number % 3)]
        return Clip(f"clip {number}", f"person {number // 3}", CLASSES[number % 3], tuple(images), length=len(images))


def features_keys(crops: KeySet, name: str) -> KeySet:
    """Keys of features, one for each group."""
    return KeySet("features", {group: make_key(name, key) for group, key in crops.by_group.items()})
