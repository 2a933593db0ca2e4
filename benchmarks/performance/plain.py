"""The thesis's grid as a straightforward PyTorch script, the way a good student would write it; ferbench's speed is compared with it.

Frames are decoded and faces detected once; then VGG16 reads every frame in every epoch, its convolutions frozen, with torch's default Adam
and an evaluation on the validation people after every epoch. Networks are trained one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn

from ferbench import Clip

MEAN = torch.tensor([0.484, 0.455, 0.405])[:, None, None]
STD = torch.tensor([0.228, 0.223, 0.224])[:, None, None]


@dataclass
class Result:
    """The seconds of each epoch, and the clip accuracy of each network on the test people."""

    epochs: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)


def run(parts: dict[str, list[tuple[Clip, int]]], weights: Path, networks: Sequence[tuple[int, bool]], epochs: int, lr: float) -> Result:
    """Train each network (units of the second layer, weighted loss) on the parts train, validation and test."""
    result = Result()
    data = {name: load(part) for name, part in parts.items()}
    for units, weighted in networks:
        torch.manual_seed(0)
        model = build_network(units, weights)
        counts = torch.bincount(data["train"][1], minlength=6).float()
        loss_of = nn.CrossEntropyLoss(len(data["train"][1]) / (6 * counts.clamp(min=1)) if weighted else None)
        optimizer = torch.optim.Adam(model.classifier.parameters(), lr)
        best_accuracy, best_state = -1.0, {}
        for _ in range(epochs):
            start = perf_counter()
            train(model, *data["train"][:2], loss_of, optimizer)
            accuracy = (predict(model, data["validation"][0]).argmax(1) == data["validation"][1]).float().mean().item()
            if accuracy > best_accuracy:
                best_accuracy, best_state = accuracy, {name: value.clone() for name, value in model.classifier.state_dict().items()}
            result.epochs.append(perf_counter() - start)
        model.classifier.load_state_dict(best_state)
        result.accuracy.append(clip_accuracy(predict(model, data["test"][0]).softmax(1), *data["test"][1:]))
    return result


def load(part: list[tuple[Clip, int]]) -> tuple[Tensor, Tensor, list[int]]:
    """Load normalized faces [N,3,224,224] of the second half of each clip, their labels [N] and their clips."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    images, labels, clips = [], [], []
    for number, (clip, label) in enumerate(part):
        frames = decode(clip)
        last = clip.apex + 1 if clip.apex is not None else len(frames)
        for frame in frames[last - (last // 2 + 1) : last]:
            gray = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            faces = cascade.detectMultiScale(gray, 1.1, 5, minSize=(min(gray.shape) // 10,) * 2)
            x, y, w, h = max(faces, key=lambda f: f[2] * f[3]) if len(faces) else (0, 0, gray.shape[1], gray.shape[0])
            face = cv2.resize(cv2.equalizeHist(gray[y : y + h, x : x + w]), (224, 224))
            images.append(torch.from_numpy(np.repeat(face[None], 3, 0)).float() / 255)
            labels.append(label)
            clips.append(number)
    return (torch.stack(images) - MEAN) / STD, torch.tensor(labels), clips


def decode(clip: Clip) -> list[np.ndarray]:
    """All frames of a clip, gray or BGR."""
    if clip.video is None:
        return [np.asarray(cv2.imread(str(path), cv2.IMREAD_ANYCOLOR)) for path in clip.images]
    video, frames = cv2.VideoCapture(str(clip.video)), []
    while (result := video.read())[0]:
        frames.append(result[1])
    return frames


def build_network(units: int, weights: Path) -> torchvision.models.VGG:
    """Build torchvision's VGG16 with frozen convolutions and a new head."""
    model = torchvision.models.vgg16()
    model.load_state_dict(safetensors.torch.load_file(weights), strict=False)
    model.features.requires_grad_(False)
    model.classifier[3] = nn.Linear(4096, units)
    model.classifier[6] = nn.Linear(units, 6)
    return model


def train(model: nn.Module, x: Tensor, y: Tensor, loss_of: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Train one epoch in batches of 20."""
    model.train()
    for rows in torch.randperm(len(y)).split(20):
        optimizer.zero_grad()
        loss_of(model(x[rows]), y[rows]).backward()
        optimizer.step()


@torch.no_grad()
def predict(model: nn.Module, x: Tensor) -> Tensor:
    """Logits [N,6], in evaluation mode."""
    model.eval()
    return torch.cat([model(part) for part in x.split(20)])


def clip_accuracy(scores: Tensor, labels: Tensor, clips: list[int]) -> float:
    """The share of clips whose mean score is highest for their class."""
    of_clip = torch.tensor(clips)
    numbers = of_clip.unique()
    return float(np.mean([bool(scores[of_clip == c].mean(0).argmax() == labels[of_clip == c][0]) for c in numbers]))
