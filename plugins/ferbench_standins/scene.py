"""A recording: the room, the shoulders, the lamp and the camera around a moving head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ferbench_standins.body import paint_body
from ferbench_standins.canvas import Image, Points, paint, shift, to_rgb
from ferbench_standins.expression import scale_units
from ferbench_standins.face import paint_head
from ferbench_standins.head import Light, Textures, make_textures, pose_head
from ferbench_standins.person import Person
from ferbench_standins.shape import Pose, Units

REACH = 1.65  # distance of head and hair from the point between the eyes, in head units


@dataclass(frozen=True)
class Camera:
    """`size` is (width, height) in pixels; `face` the half width of a face in pixels; drawn at `zoom` of the size and enlarged."""

    size: tuple[int, int]
    face: float
    zoom: float = 1.0
    blur: float = 0.6
    noise: float = 2.0
    restless: float = 1.0  # how much the head moves and how much the light differs


@dataclass(frozen=True)
class Shot:
    """One frame: image [H,W,3] uint8 RGB, the 68 points in its pixels [68,2], and the action units it shows."""

    image: NDArray[np.uint8]
    points: Points
    units: Units


def film(person: Person, camera: Camera, apex_units: Units, activity: NDArray[np.float64], rng: np.random.Generator) -> Iterator[Shot]:
    """Every frame of a clip in which the action units follow `activity`, 0 (neutral) to 1 (apex)."""
    light, textures, poses = _draw_light(camera, rng), make_textures(person), _draw_poses(camera, len(activity), rng)
    background = _paint_room(camera, rng)
    paint_body(background, person, poses[0], light)
    for pose, intensity in zip(poses, activity, strict=True):
        units = scale_units(apex_units, float(intensity))
        image = background.copy()
        points = _add_head(image, person, pose, units, light, textures)
        yield Shot(_expose(image, camera, rng), points / camera.zoom, units)


def _add_head(image: Image, person: Person, pose: Pose, units: Units, light: Light, textures: Textures) -> Points:
    """Paint the head, working only on the window around it; returns its 68 points in the image's pixels."""
    left, top = max(0, int(pose.x - REACH * pose.scale)), max(0, int(pose.y - REACH * pose.scale))
    right, bottom = int(pose.x + REACH * pose.scale), int(pose.y + (REACH + 0.35) * pose.scale)
    head = pose_head(person, replace(pose, x=pose.x - left, y=pose.y - top), units, light, textures)
    paint_head(image[top:bottom, left:right], head)
    return shift(head.project(head.points), left, top)


def _draw_light(camera: Camera, rng: np.random.Generator) -> Light:
    angle, down, front = rng.normal(0, 0.35 * camera.restless), rng.uniform(-0.55, -0.2), 0.85
    right = np.sin(angle)
    length = np.sqrt(right**2 + down**2 + front**2)
    return Light(float(right / length), float(down / length), float(front / length), ambient=float(rng.uniform(0.25, 0.45)))


def _draw_poses(camera: Camera, frames: int, rng: np.random.Generator) -> list[Pose]:
    """A resting pose for the clip and a slow drift away from it."""
    scale = camera.face * camera.zoom * rng.uniform(0.93, 1.07)
    width, height = (camera.zoom * side for side in camera.size)
    middle = np.array([width / 2, height * 0.46]) + rng.normal(0, 0.02, 2) * (width, height)
    angles = rng.normal(0, (0.03, 0.07, 0.05), 3) * camera.restless
    drift = rng.normal(0, 1, 6) * (0.04 * scale, 0.03 * scale, 0.008 * scale, 0.012, 0.03, 0.02) * camera.restless
    phase = rng.uniform(0.5, 1.5)
    poses = []
    for t in np.linspace(0, phase, frames):
        x, y, growth, *rotation = drift * np.sin(np.pi * t / 2)
        poses.append(Pose(float(middle[0] + x), float(middle[1] + y), float(scale + growth), *map(float, angles + np.array(rotation))))
    return poses


def _paint_room(camera: Camera, rng: np.random.Generator) -> Image:
    """A wall with a gradient, faint stains, and sometimes a box behind the person."""
    width, height = (round(camera.zoom * side) for side in camera.size)
    wall = rng.uniform(60, 190) + rng.normal(0, 8, 3)
    across, along = np.meshgrid(np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32))
    glow = 1 + np.float32(rng.normal(0, 0.12)) * across - np.float32(rng.uniform(0, 0.2)) * along
    stains = cv2.resize(rng.normal(0, 0.03, (7, 9)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    room: Image = np.asarray(wall, np.float32) * (glow + stains)[..., None]
    if rng.random() < 0.5:
        left = rng.uniform(-0.2, 0.9) * width
        edge = left + rng.uniform(0.1, 0.5) * width
        box = np.array([(left, -5), (edge, -5), (edge, height + 5), (left, height + 5)])
        paint(room, box, tuple(wall * rng.uniform(0.6, 1.25)), 0.8, 4)
    return np.clip(room, 0, 255)


def _expose(image: Image, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blur the image, add noise and enlarge it to the camera's size."""
    soft = cv2.GaussianBlur(image, (0, 0), camera.blur)
    soft += to_rgb(rng.standard_normal(soft.shape[:2], dtype=np.float32) * np.float32(camera.noise))
    pixels: NDArray[np.uint8] = cv2.convertScaleAbs(np.maximum(soft, 0, out=soft))
    return pixels if camera.zoom == 1 else cv2.resize(pixels, camera.size, interpolation=cv2.INTER_LINEAR)
