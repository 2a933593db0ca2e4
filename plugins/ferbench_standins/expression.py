"""Emotions as FACS action units, how they vary, and how their intensity changes over a clip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ferbench_standins.person import Person
from ferbench_standins.shape import Units

# Fear shares units with surprise, as in life: the two are hard to tell apart.
EMOTIONS: dict[str, dict[int, float]] = {
    "anger": {4: 1.0, 5: 0.4, 7: 0.8, 23: 0.9, 24: 0.5},
    "contempt": {14: 1.0},
    "disgust": {9: 1.0, 10: 0.5, 15: 0.4, 16: 0.4, 25: 0.4},
    "fear": {1: 0.9, 2: 0.6, 4: 0.5, 5: 0.9, 20: 0.9, 25: 0.4, 26: 0.5},
    "happiness": {6: 0.9, 12: 1.0, 25: 0.7},
    "neutral": {},
    "sadness": {1: 0.9, 4: 0.45, 15: 0.9, 17: 0.5},
    "surprise": {1: 1.0, 2: 1.0, 5: 0.8, 25: 0.3, 26: 0.5, 27: 0.6},
}
OPTIONAL: dict[str, tuple[int, ...]] = {
    "anger": (5, 7, 24),
    "disgust": (10, 15, 16, 25),
    "fear": (4, 20, 26),
    "happiness": (6, 25),
    "sadness": (4, 17),
    "surprise": (2, 5, 27),
}
STRAY = (1, 2, 4, 6, 7, 12, 15, 17, 25)  # units that may move a little without belonging to the emotion


def draw_apex_units(emotion: str, person: Person, weakest: float, strongest: float, rng: np.random.Generator) -> dict[int, float]:
    """The action units at the apex of one clip; their intensity is drawn between `weakest` and `strongest`."""
    units = dict(EMOTIONS[emotion])
    optional = OPTIONAL.get(emotion, ())
    if optional and rng.random() < 0.35:
        units.pop(int(rng.choice(optional)))
    intensity = rng.uniform(weakest, strongest)
    units = {unit: amount * intensity * person.gains[unit] * rng.uniform(0.8, 1.2) for unit, amount in units.items()}
    stray = int(rng.choice(STRAY))
    units[stray] = units.get(stray, 0.0) + rng.uniform(0, 0.25)
    return units


def scale_units(units: Units, activity: float) -> dict[int, float]:
    """Action units on their way to the apex; the jaw and the lips start a little later than the brows."""
    return {unit: amount * float(np.clip(activity, 0, 1.2)) ** (1.0 if unit < 8 else 1.15) for unit, amount in units.items()}


def rise(frames: int) -> NDArray[np.float64]:
    """Activity [frames] from 0 to 1, slow at both ends."""
    t = np.linspace(0, 1, frames)
    return t * t * (3 - 2 * t)


def rise_and_fall(frames: int) -> NDArray[np.float64]:
    """Activity [frames] from 0 to 1 at frame `frames // 2` and back."""
    peak = frames // 2
    return np.concatenate([rise(peak + 1), rise(frames - peak)[::-1][1:]])


def assign_emotions(weights: dict[str, float], sizes: list[int], distinct: bool) -> list[list[str]]:
    """Give person i `sizes[i]` emotions so that the totals follow `weights`; those of the first people don't depend on later ones.

    If `distinct`, a person gets each emotion at most once.
    """
    counts = dict.fromkeys(weights, 0)
    return [_next_emotions(weights, size, distinct, counts) for size in sizes]


def _next_emotions(weights: dict[str, float], size: int, distinct: bool, counts: dict[str, int]) -> list[str]:
    """The emotions that lag furthest behind their weights; `counts` is updated."""
    total, emotions = sum(weights.values()), list[str]()
    for _ in range(size):
        number = sum(counts.values()) + 1
        candidates = [name for name in weights if not (distinct and name in emotions)]
        emotion = max(candidates, key=lambda name: number * weights[name] / total - counts[name])
        counts[emotion] += 1
        emotions.append(emotion)
    return emotions
