"""A plugin of toy components: a corpus of small images and a network of a few weights, so that whole runs take a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ferbench


@ferbench.hookimpl
def register_datasets(register):
    register(Toy)


@ferbench.hookimpl
def register_standins(register):
    register(ToyStandIn)


@ferbench.hookimpl
def register_preprocessors(register):
    register(Invert)


@ferbench.hookimpl
def register_backbones(register):
    register(ToyNet)
    register(Whole)
    register(Finished)
    register(Trees)
    register(Clips)
    register(Dynamic)


@ferbench.hookimpl
def register_losses(register):
    register(Broken)


@dataclass(frozen=True)
class Toy(ferbench.Dataset):
    """Folders PERSON/LABEL/TAKE of image files, or PERSON/LABEL/TAKE.avi."""

    name = "toy"
    classes = ("dark", "light", "stripes")
    citation = license = "made up"
    access = "Toy is made by the tests."
    folders = ("toy",)

    def clips(self) -> Iterator[ferbench.Clip | ferbench.Skipped]:
        for person in sorted(p for p in Path(self.root).iterdir() if p.is_dir()):
            for label in sorted(person.iterdir()):
                for take in sorted(label.iterdir()):
                    yield self.clip(person.name, label.name, take)

    def clip(self, person: str, label: str, take: Path) -> ferbench.Clip | ferbench.Skipped:
        name = f"{person}/{label}/{take.stem}"
        if label not in self.classes:
            return ferbench.Skipped(name, "unknown label")
        if take.suffix == ".avi":
            return ferbench.Clip(name, person, label, video=take)
        return ferbench.Clip(name, person, label, images=tuple(sorted(take.glob("*.png"))))


@dataclass(frozen=True)
class ToyStandIn(ferbench.StandIn):
    """Noise, like the corpus itself."""

    name = "toy"

    def render(self, folder, people, seed, progress):
        from toy_images import render  # beside this file

        render(folder, people, seed)
        progress(people, people)


@dataclass(frozen=True)
class Invert(ferbench.Preprocessor):
    """Black to white; counts its calls in a file, if one is named."""

    name = "invert"
    log: str = ""

    def __call__(self, frames):
        import dataclasses

        _note(self.log, "invert")
        return dataclasses.replace(frames, images=tuple(255 - image for image in frames.images))


@dataclass(frozen=True)
class Pool(ferbench.Frozen):
    """Means of 4 x 4 fields; if calibrated, around the mean of the training crops."""

    log: str = ""
    broken: bool = False
    calibrated: bool = False

    @property
    def is_calibrated(self) -> bool:
        return self.calibrated

    def build(self, crops) -> Any:
        from torch import nn

        if self.broken:
            raise ZeroDivisionError("the plugin's own bug")
        _note(self.log, "build")
        log, mean = self.log, crops.mean() if self.calibrated else 0.0

        class Counted(nn.Module):
            def forward(self, x):
                _note(log, *["frame"] * len(x))
                return x - mean

        return nn.Sequential(Counted(), nn.AdaptiveAvgPool2d(4), nn.Flatten())


@dataclass(frozen=True)
class ToyNet(ferbench.Backbone):
    """One linear layer on pooled pixels."""

    name = "toy-net"
    hidden: int = 0
    log: str = ""
    broken: bool = False
    calibrated: bool = False

    def input(self):
        return ferbench.Input(16, 1, (0.5,), (0.25,))

    def frozen(self):
        return Pool(self.log, self.broken, self.calibrated)

    def trainable(self, classes):
        return ferbench.EmbeddingNetwork(lambda shape: self.network(shape[0], len(classes)))

    def network(self, width, classes):
        from torch import nn

        _note(self.log, "trainable")
        if self.hidden:
            return nn.Sequential(nn.Linear(width, self.hidden), nn.ReLU()), nn.Linear(self.hidden, classes)
        return nn.Identity(), nn.Linear(width, classes)


@dataclass(frozen=True)
class Whole(ferbench.Backbone):
    """Everything trained, nothing frozen."""

    name = "whole"

    def input(self):
        return ferbench.Input(16, 1, (0.5,), (0.25,))

    def frozen(self):
        return None

    def trainable(self, classes):
        from torch import nn

        return ferbench.Network(lambda shape: nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16, len(classes))))


@dataclass(frozen=True)
class Brightness(ferbench.Frozen):
    """Logits from the mean pixel and its spread along rows: a system that needs no training."""

    @property
    def is_calibrated(self) -> bool:
        return False

    def build(self, crops):
        import torch
        from torch import nn

        class Module(nn.Module):
            def forward(self, x):  # [B,1,16,16] -> [B,3]
                mean, stripes = x.mean((1, 2, 3)), x.mean(3).std(2).squeeze(1)
                return torch.stack([mean, -mean, 4 * stripes - 2], 1)  # the tests invert the images

        return Module()


@dataclass(frozen=True)
class Finished(ferbench.Backbone):
    """Nothing trained."""

    name = "finished"

    def input(self):
        return ferbench.Input(16, 1, (0.5,), (0.25,))

    def frozen(self):
        return Brightness()

    def trainable(self, classes):
        return ferbench.FinishedSystem()


@dataclass(frozen=True)
class Trees(ferbench.Backbone):
    """Decision trees, of which the validation people choose one; on pooled pixels, or on the crops themselves."""

    name = "trees"
    pooled: bool = True
    depths: tuple[int, ...] = (1, 3)

    def input(self):
        return ferbench.Input(16, 1, (0.5,), (0.25,))

    def frozen(self):
        return Pool() if self.pooled else None

    def trainable(self, classes):
        from sklearn.tree import DecisionTreeClassifier

        return ferbench.Estimators(lambda: [DecisionTreeClassifier(max_depth=depth, random_state=0) for depth in self.depths])


@dataclass(frozen=True)
class Clips(ferbench.Backbone):
    """Reads whole clips: one linear layer on the mean of their frames, behind pooled pixels or on the crops themselves."""

    name = "clips"
    reads = "clips"
    pooled: bool = True
    per_clip: int | None = None

    def input(self):
        return ferbench.Input(16, 1, (0.5,), (0.25,))

    def frames_per_clip(self):
        return self.per_clip

    def frozen(self):
        return Pool() if self.pooled else None

    def trainable(self, classes):
        from torch import nn

        class Mean(nn.Module):
            def __init__(self):
                super().__init__()
                self.pool = nn.AdaptiveAvgPool2d(4)
                self.last = nn.Linear(16, len(classes))

            def forward(self, x, mask):
                if x.ndim > 3:  # crops [B,T,1,16,16]
                    x = self.pool(x.flatten(0, 1)).flatten(1).unflatten(0, mask.shape)
                return self.last((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))

        return ferbench.Network(lambda shape: Mean())


@dataclass(frozen=True)
class Motion(ferbench.Frozen):
    """Mean and spread of a whole clip, by field."""

    reads = "clips"
    many: bool = False

    @property
    def is_calibrated(self) -> bool:
        return False

    def build(self, crops):
        import torch
        from torch import nn

        many = self.many

        class Module(nn.Module):
            def forward(self, x):  # [T,1,16,16]
                fields = nn.functional.adaptive_avg_pool2d(x, 4).flatten(1)
                made = torch.cat([fields.mean(0), fields.std(0, correction=0)])[None]
                return made.repeat(len(x) + 1, 1) if many else made

        return Module()


@dataclass(frozen=True)
class Dynamic(ferbench.Backbone):
    """A descriptor of the whole clip, and a classifier of scikit-learn's on it."""

    name = "dynamic"
    many: bool = False

    def input(self):
        return ferbench.Input(16, 1, (0.5,), (0.25,))

    def frozen(self):
        return Motion(self.many)

    def trainable(self, classes):
        from sklearn.svm import SVC

        return ferbench.Estimators(lambda: [SVC(kernel="linear")])


@dataclass(frozen=True)
class Broken(ferbench.Loss):
    """Fails, or gives NaN, in the first training step."""

    name = "broken"
    nan: bool = False

    def class_weights(self, counts):
        return None

    def build(self, counts):
        def loss(logits, target):
            if len(target) <= 2:  # the items that are checked before training
                return logits.sum()
            if not self.nan:
                raise ZeroDivisionError("the plugin's own bug")
            return logits.sum() * float("nan")

        return loss


def _note(log: str, *what: str) -> None:
    if log:
        with Path(log).open("a") as file:
            file.write("".join(f"{each}\n" for each in what))
