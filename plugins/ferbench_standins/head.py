"""A head in one frame: the person, the pose, the action units, the light and the textures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ferbench_standins.canvas import Image, Points, smooth
from ferbench_standins.person import Color, Person
from ferbench_standins.shape import Pose, Units, landmarks

COVER = 1.6  # textures cover head coordinates from -COVER to COVER


@dataclass(frozen=True)
class Light:
    """Direction toward the lamp (right, down, toward the camera; length 1) and the share of ambient light."""

    right: float
    down: float
    front: float
    ambient: float


@dataclass(frozen=True)
class Textures:
    """Brightness of a person's skin and hair in head coordinates; both [256,256], around 1."""

    skin: Image
    hair: Image


@dataclass(frozen=True)
class Head:
    """What the drawing functions share; `points` [68,2] are in head coordinates."""

    person: Person
    pose: Pose
    units: Units
    points: Points
    light: Light
    textures: Textures

    def strongest(self, *units: int) -> float:
        """The intensity of the strongest of some action units."""
        return max(self.units.get(unit, 0.0) for unit in units)

    def project(self, points: Points | list[tuple[float, float]]) -> Points:
        """Head coordinates to pixels."""
        return self.pose.project(np.asarray(points, float))

    def pixels(self, length: float) -> float:
        """A length in head coordinates, in pixels."""
        return length * self.pose.scale

    def mirror(self, points: list[tuple[float, float]]) -> tuple[Points, Points]:
        """A shape of the left half and its mirror image, in pixels."""
        left = np.array(points, float)
        return self.project(left), self.project(left * (-1, 1))

    def skin_tone(self, brightness: float) -> Color:
        """The color of the skin, darker (below 1) or lighter."""
        red, green, blue = self.person.skin
        return brightness * red, brightness * green, brightness * blue


def pose_head(person: Person, pose: Pose, units: Units, light: Light, textures: Textures) -> Head:
    """The head of a person who shows these action units."""
    return Head(person, pose, units, landmarks(person, units), light, textures)


def head_outline(head: Head) -> Points:
    """Jaw and skull, in head coordinates."""
    angle = np.linspace(0, np.pi, 12)[1:-1]
    skull = np.stack([head.person.width * np.cos(angle), -0.06 - 1.22 * np.sin(angle) ** 0.9], 1)
    return smooth(np.vstack([head.points[:17], skull]), 5, closed=True)


def make_textures(person: Person) -> Textures:
    """Mottled skin and combed hair."""
    rng = np.random.default_rng(person.texture)
    noise = rng.normal(0, 1, (2, 256, 256)).astype(np.float32)
    skin = cv2.GaussianBlur(noise[0], (0, 0), 1.5) * 0.05 + cv2.GaussianBlur(noise[0], (0, 0), 9) * 0.35
    combed = (2.2, 2.2) if person.hair_style == "curly" else (0.9, 14.0)
    hair = cv2.GaussianBlur(noise[1], (0, 0), sigmaX=combed[0], sigmaY=combed[1]) * (1.6 if person.hair_style == "curly" else 0.9)
    return Textures(skin * np.float32(0.5) + 1, hair + 1)


def warp_texture(head: Head, texture: Image, image: Image) -> Image:
    """A texture carried along by the pose, as large as the image [H,W]."""
    step = 2 * COVER / texture.shape[0]
    to_head = np.array([[step, 0, -COVER], [0, step, -COVER], [0, 0, 1]])
    matrix = np.vstack([head.pose.matrix(), (0, 0, 1)]) @ to_head
    result: Image = cv2.warpAffine(texture, matrix[:2], image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return result
