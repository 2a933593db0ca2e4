"""Golden outputs of the stages that read images: crops, normalization, features, views."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from golden.components import ClipPart, EveryOther, FindBright, Halve, LandmarkPart, PaintFaces, Part, Systems, TwoFaces
from golden.scene import CPU, Scene, image, index_clips, write_png

import ferbench
from ferbench.api.clips import Clip, Input
from ferbench.api.recipe import Augmentation
from ferbench.plan.models import FeatureTask
from ferbench.stages import likeness
from ferbench.stages.crops import GroupCrops, compute_crops
from ferbench.stages.features import build_module, compute_features
from ferbench.stages.forward import forward_frames
from ferbench.stages.images import normalize
from ferbench.training.augmentation import augment_clip

JPEGS = {
    "gray": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//"
        "wAALCAAGAAUBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABv/EAB0QAAECBwAAAAAAAAAAAAAAAAECEQADBBJDVJH/2gAIAQEAAD8AEJqdeWixsgLnhj//2Q=="
    ),
    "color": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//"
        "2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAGAAUDASIAAhEBAxEB/8QA"
        "FQABAQAAAAAAAAAAAAAAAAAAAAb/xAAaEAADAAMBAAAAAAAAAAAAAAAAAQIDEjFB/8QAFQEBAQAAAAAAAAAAAAAAAAAAAQL/xAAYEQADAQEAAAAAAAAAAAAA"
        "AAAAAQIRUf/aAAwDAQACEQMRAD8AiLqMUy7Trb3rAAytWshXXT//2Q=="
    ),
    "rotated by its EXIF data": (
        "/9j/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikx"
        "MC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//wAALCAAGAAUBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABv/EAB0QAAECBwAAAAAAAAAAAAAA"
        "AAECEQADBBJDVJH/2gAIAQEAAD8AEJqdeWixsgLnhj//2Q=="
    ),
}


def crops(folder: Path) -> Iterator[tuple[str, object]]:
    """Every kind of file, landmarks, and what steps are given and may do."""
    for name, path in _image_files(folder).items():
        yield name, _crops_of(Clip(name, "p", "a", (path,), length=1))
    video = _crops_of(Clip("video", "p", "a", video=_write_video(folder / "video.avi"), length=4), EveryOther())
    yield "video", {**video, "crops": video["crops"][:, 8, 8]}
    frames = tuple(write_png(folder / f"{at}.png", image(at) if at != 2 else image(at) * 0) for at in range(7))
    clip = Clip("clip", "p", "a", frames, length=7, apex=5)
    yield "selection", _crops_of(clip, EveryOther())
    yield "faces", _crops_of(clip, FindBright())
    yield "no face", _crops_of(replace(clip, images=(frames[2],), length=1), FindBright())
    yield "followed face", _crops_of(clip, TwoFaces(), PaintFaces())
    yield "largest face of each frame", _crops_of(clip, TwoFaces(follow=False), PaintFaces())
    yield "every third frame", _crops_of(clip, TwoFaces(every=3), PaintFaces())
    yield "another size", _crops_of(clip, Halve(), FindBright())
    mixed = (frames[0], write_png(folder / "color.png", image(9, channels=3)))
    yield "gray and color", _crops_of(replace(clip, images=mixed, length=2, apex=None))
    damaged = folder / "cut.png"
    damaged.write_bytes(frames[0].read_bytes()[:-20])
    yield "damaged", _crops_of(replace(clip, images=(frames[0], damaged, frames[1]), length=3, apex=None))
    yield "landmarks", _crops_of(replace(clip, images=frames[:4], length=4, apex=None, landmarks=tuple(_write_landmarks(folder))))


def normalization(folder: Path) -> Iterator[tuple[str, object]]:
    """Gray and color crops as inputs of one and three channels, of another size and of their own."""
    for name, channels, shape in (
        ("gray", 1, (2, 6, 5)),
        ("color", 3, (2, 6, 5, 3)),
        ("gray to color", 3, (2, 4, 4)),
        ("own size", 1, (1, 4, 4)),
    ):
        pixels = np.stack([image(at, *shape[1:3], *shape[3:]) for at in range(shape[0])])
        yield name, normalize(torch.from_numpy(pixels), Systems(channels=channels).input())
    yield "color to gray", normalize(torch.from_numpy(image(1, channels=3)[None]), Systems(channels=1).input())


def features(folder: Path) -> Iterator[tuple[str, object]]:
    """Frames in batches that span clips, clips, landmarks, calibration, views."""
    scene = Scene(folder)
    clips = [
        np.stack([image(length + at) for at in range(length)]) if length else np.zeros((0, 1, 1), np.uint8) for length in (20, 15, 0, 70, 1)
    ]
    clips.append(np.stack([image(at, 7, 7) for at in range(3)]))
    outputs = forward_frames(Part().build(None), clips, Input(4, 1, (0.5,), (0.25,)), CPU, "golden")
    yield "batches", [output.sum(0) if output.size else len(output) for output in outputs]
    for name, part in (("frames", Part()), ("clips", ClipPart())):
        entry_keys = scene.fit(name, Systems(part=part)).features
        yield name, scene.store.find("features", next(iter(entry_keys.by_group.values()))).array(scene.clips[1].id)
    yield "landmarks", _landmark_features(scene, folder)
    fit = scene.fit("calibrated", Systems(part=Part()))
    fit = replace(fit, backbone=Systems(part=Part(calibrated=True)))
    crops = GroupCrops(scene.store.find("crops", next(iter(fit.crops.by_group.values()))))
    module = build_module(fit, [crops.crops(clip.id) for clip in scene.clips] * 6, CPU)
    yield "calibration", module(torch.ones(2, 1, 4, 4))
    task = FeatureTask("", next(iter(fit.groups.by_name)), Augmentation(flip=1.0), 2)
    yield "view", compute_features(fit, task, Part().build(None), scene.store, CPU).arrays[scene.clips[1].id]
    with ferbench.weights.random_seed(7):
        yield "random weights", torch.nn.Linear(3, 2).weight


def views(folder: Path) -> Iterator[tuple[str, object]]:
    """Each kind of augmentation, and all of them, on gray and color crops."""
    changes = {
        "flip": 1.0, "rotation": 30.0, "crop": 0.4, "brightness": 0.5, "contrast": 0.5, "saturation": 0.5, "erasing": 1.0,
    }  # fmt: skip
    for name, channels in (("gray", 0), ("color", 3)):
        pixels = torch.from_numpy(np.stack([image(at, 6, 5, channels) // 2 for at in range(2)]))
        for change, value in changes.items():
            yield f"{change}, {name}", augment_clip(pixels, Augmentation(**{change: value}), "clip", 1)
        yield f"all, {name}", augment_clip(pixels, Augmentation(**changes), "clip", 2)


def _crops_of(clip: Clip, *steps: ferbench.Preprocessor) -> dict[str, Any]:
    group = next(iter(index_clips([clip]).by_name.values()))
    content = compute_crops(group, steps)
    facts = content.facts[clip.id]  # type: ignore[index]
    arrays = {name.partition("/")[0]: array for name, array in content.arrays.items()}
    return {**arrays, "indices": facts.indices, "has_face": facts.has_face, "unreadable": sorted(facts.problems)}


def _image_files(folder: Path) -> dict[str, Path]:
    gray, color = image(1), image(2, channels=3)
    files = {
        "gray PNG": write_png(folder / "gray.png", gray),
        "color PNG": write_png(folder / "rgb.png", color),
        "PNG of 16 bits": write_png(folder / "16.png", gray.astype(np.uint16) * 257),
        "PNG of 12 bits": write_png(folder / "12.png", gray.astype(np.uint16) * 16),
        "transparent PNG": write_png(folder / "alpha.png", np.concatenate([color, gray[..., None]], 2)),
        "gray BMP": write_png(folder / "gray.bmp", gray),
        "color BMP": write_png(folder / "color.bmp", color),
    }
    for name, text in JPEGS.items():
        path = files[f"JPEG, {name}"] = folder / f"{name}.jpg"
        path.write_bytes(base64.b64decode(text))
    return files


def _write_video(path: Path) -> Path:
    """A video of flat frames, which no codec changes by much."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (16, 16))
    for at in range(4):
        writer.write(np.full((16, 16, 3), (40 + 50 * at, 90, 200), np.uint8))
    writer.release()
    return path


def _write_landmarks(folder: Path) -> Iterator[Path]:
    for at, text in enumerate(("1 2\n3 4.5\n", "\n5 6\n7 8\n", "1 2\n", "no numbers\n")):
        path = folder / f"{at}.txt"
        path.write_text(text)
        yield path


def _landmark_features(scene: Scene, folder: Path) -> object:
    images = scene.clips[0].images[:1]
    clip = Clip("shape", "p", "a", images, length=1, landmarks=tuple(_write_landmarks(folder))[:1])
    groups = index_clips([clip])
    name, group = next(iter(groups.by_name.items()))
    scene.store.ensure("crops", group.key, compute_crops, group, ())
    fit = replace(scene.fit("shapes", Systems(part=None)), backbone=Systems(part=LandmarkPart()), groups=groups)
    fit = replace(fit, crops=replace(fit.crops, by_group={name: group.key}))
    return compute_features(fit, FeatureTask("", name, None, 0), LandmarkPart().build(None), scene.store, CPU).arrays[clip.id]


def duplicates(_: Path) -> Iterator[tuple[str, object]]:
    """Which of some pictures are copies, by their hashes and at a closer look."""
    y, x = np.indices((13, 11))  # finer than the frequencies of a hash, which else are 0
    mosaics = [((37 * x * x + 53 * number * y * y + (29 * number + 11) * x * y) % 256).astype(np.uint8) for number in range(1, 7)]
    pictures = [np.kron(mosaic, np.ones((5, 6), np.uint8)) for mosaic in mosaics]
    copies = [np.kron(picture[1:], np.ones((2, 2), np.uint8)) // 8 * 7 + 20 for picture in pictures[:3]]
    small = [likeness.shrink(picture) for picture in (*pictures, *copies)]
    yield "too smooth, too small", [likeness.shrink(np.full((20, 20), 9, np.uint8)), likeness.shrink(image(1, 15, 30))]
    yield "small version", small[0][::12, ::12]
    hashes = likeness.hash_frames([likeness.measure_frequencies(each)[None] for each in small])
    yield "distances", [(int(hashes[number]) ^ int(hashes[6 + number])).bit_count() for number in range(3)]
    yield "candidates", likeness.find_candidates(hashes, np.arange(9))[0]
    yield "likeness", [likeness.measure_likeness(small[one], small[other]) for one, other in ((0, 6), (1, 7), (2, 8), (0, 7), (3, 4))]
