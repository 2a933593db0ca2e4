"""The toy corpus: dark, light and striped noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

LABELS = ("dark", "light", "stripes")


def render(folder: Path, people: int, seed: int = 0, takes: int = 1, frames: int = 3) -> Path:
    """PERSON/LABEL/TAKE/FRAME.png, 20 x 20 pixels."""
    rng = np.random.default_rng(seed)
    for person in range(people):
        for label in LABELS:
            for take in range(takes):
                place = folder / f"p{person:02}" / label / f"take{take}"
                place.mkdir(parents=True)
                for frame in range(frames):
                    cv2.imwrite(str(place / f"{frame}.png"), image(rng, label))
    return folder


def image(rng: np.random.Generator, label: str) -> np.ndarray:
    level = {"dark": 70, "light": 180, "stripes": 125}[label]
    stripes = 60 * np.sign(np.sin(np.arange(20) / 2))[:, None] if label == "stripes" else 0
    return np.clip(level + stripes + rng.normal(0, 40, (20, 20)), 0, 255).astype(np.uint8)


def make_difficult(corpus: Path) -> None:
    """Make each clip darker or brighter by chance, so that rows make mistakes."""
    generator = np.random.default_rng(0)
    for clip in sorted(corpus.glob("*/*/*")):
        shift = generator.normal(0, 70)
        for file in clip.iterdir():
            image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            cv2.imwrite(str(file), np.clip(image + shift, 0, 255).astype(np.uint8))
