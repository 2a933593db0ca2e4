"""A person: everything that stays the same in all of their clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]  # red, green, blue; 0 to 255

SKINS: tuple[Color, ...] = ((228, 192, 172), (220, 178, 152), (208, 164, 134), (190, 142, 110), (166, 118, 90), (138, 96, 72))
HAIRS: tuple[Color, ...] = ((34, 28, 26), (58, 40, 30), (88, 60, 40), (120, 88, 56), (166, 132, 88), (150, 148, 146))
IRISES: tuple[Color, ...] = ((70, 46, 30), (92, 64, 38), (84, 100, 76), (86, 112, 136))


@dataclass(frozen=True)
class Person:
    """Shape factors are 1 (or offsets 0) for the average face."""

    female: bool
    skin: Color
    hair: Color
    iris: Color
    clothes: Color
    hairline: float
    hair_style: str  # short, curly, receding, fringe or long
    hair_volume: float
    width: float
    jaw: float
    chin: float
    eye_distance: float
    eye_size: float
    eye_tilt: float
    brow_height: float
    brow_weight: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lips: float
    mouth_rest: float  # positive: corners hang
    age: float  # 0 to 1: how deep the folds are at rest
    glasses: bool
    beard: str  # none, stubble, mustache or full
    gains: Mapping[int, float]  # how strongly this person moves each action unit
    texture: int  # seeds the skin and the hair


def draw_person(rng: np.random.Generator) -> Person:
    """Draws a person."""
    female = bool(rng.random() < 0.5)

    def draw_near(middle: float, spread: float) -> float:
        return float(np.clip(rng.normal(middle, spread), middle - 2 * spread, middle + 2 * spread))

    def one_of(*options: str) -> str:
        return str(rng.choice(options))

    tone = int(rng.choice(len(SKINS), p=(0.2, 0.24, 0.22, 0.16, 0.1, 0.08)))
    return Person(
        female=female,
        skin=_vary(SKINS[tone], 8, rng),
        hair=_vary(HAIRS[int(rng.integers(len(HAIRS) if tone < 3 else 3))], 8, rng),
        iris=IRISES[int(rng.integers(len(IRISES) if tone < 3 else 2))],
        clothes=_vary((110, 110, 115), 60, rng),
        hairline=draw_near(-0.88, 0.06),
        hair_style=one_of("long", "long", "fringe", "curly") if female else one_of("short", "short", "curly", "receding"),
        hair_volume=draw_near(0.2, 0.05),
        width=draw_near(0.97 if female else 1.0, 0.035),
        jaw=draw_near(0.93 if female else 1.02, 0.05),
        chin=draw_near(-0.02 if female else 0.03, 0.04),
        eye_distance=draw_near(1, 0.035),
        eye_size=draw_near(1.06 if female else 1, 0.07),
        eye_tilt=draw_near(0.01, 0.02),
        brow_height=draw_near(-0.02 if female else 0.02, 0.022),
        brow_weight=draw_near(0.085 if female else 0.12, 0.018),
        nose_length=draw_near(1, 0.06),
        nose_width=draw_near(0.95 if female else 1.05, 0.08),
        mouth_width=draw_near(1, 0.06),
        lips=draw_near(1.1 if female else 0.92, 0.14),
        mouth_rest=draw_near(0, 0.012),
        age=float(rng.beta(1.5, 3)),
        glasses=bool(rng.random() < 0.17),
        beard="none" if female else one_of("none", "none", "none", "stubble", "mustache", "full"),
        gains={unit: draw_near(1, 0.13) for unit in range(1, 28)},
        texture=int(rng.integers(1 << 30)),
    )


def _vary(color: Color, spread: float, rng: np.random.Generator) -> Color:
    red, green, blue = np.clip(np.array(color) + rng.normal(0, spread) + rng.normal(0, spread / 4, 3), 8, 245)
    return float(red), float(green), float(blue)
