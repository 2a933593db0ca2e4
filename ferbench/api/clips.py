"""The data that flows between the stages: clips, their frames, folds, and the input of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, overload

from ferbench.api.errors import FerbenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Files(Sequence[Path]):
    """Files of one folder, as paths. Each path is made when it is asked for, so that corpora of many files are read quickly."""

    folder: str | Path
    names: tuple[str, ...]

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> Files: ...

    def __getitem__(self, index: int | slice) -> Path | Files:
        """The path of one file; or the files of a slice."""
        return Files(self.folder, self.names[index]) if isinstance(index, slice) else Path(self.folder, self.names[index])

    def __len__(self) -> int:
        """The number of files."""
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        """Whether the other is a sequence of the same paths."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        """That of a tuple of the paths."""
        return hash(tuple(self))


@dataclass(frozen=True)
class Clip:
    """One labeled sequence: image files in temporal order, or one video file.

    `id` is stable and unique in its corpus, `subject` names the person; the core prefixes both with the dataset's name.
    `length` is the number of frames; leave it 0 and the core counts them. `apex` is the 0-based index of the most intense frame.
    `landmarks` are text files that the corpus ships, one per frame, with one point `x y` in pixels per line; empty if it ships none.
    `facts` about the clip (sex, intensity, session ...) are text, booleans, whole or finite numbers, by name; not those of numpy.
    """

    id: str
    subject: str
    label: str
    images: Sequence[Path] = ()
    video: Path | None = None
    length: int = 0
    apex: int | None = None
    landmarks: Sequence[Path] = ()
    facts: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def until_apex(self, indices: Sequence[int]) -> Sequence[int]:
        """Keep the indices up to the apex; all if it is unknown, the first if all are after it."""
        if self.apex is None:
            return indices
        return [index for index in indices if index <= self.apex] or indices[:1]


@dataclass(frozen=True)
class Skipped:
    """A clip or file that a Dataset leaves out; the summary of a run counts these by `reason` and lists `what`."""

    what: str
    reason: str


@dataclass(frozen=True)
class Frames:
    """The T selected frames of one clip between two preprocessing steps.

    `images`: T arrays, uint8 [H,W] (gray) or [H,W,3] (RGB); sizes may differ until a step makes them equal.
    `boxes`: T faces as (x, y, width, height) in pixels; None before detection.
    `has_face`: for each frame, whether a detector found a face; None if no step detects faces.
    `eyes`: [T,2,2] float32, the eye on the left and on the right of the image, (x, y) in pixels of the images; NaN where unknown.
    `landmarks`: [T,P,2] float32, points (x, y) in pixels of the original frames, before any step, from the corpus or a step; None without.
    `is_resized`: whether a step changed the size of an image, so that `landmarks` no longer fit, and no more can be found. ferbench
    sets it; so must a step that moves pixels and keeps the size.
    """

    images: tuple[NDArray[np.uint8], ...]
    boxes: tuple[tuple[int, int, int, int], ...] | None = None
    has_face: tuple[bool, ...] | None = None
    eyes: NDArray[np.float32] | None = None
    landmarks: NDArray[np.float32] | None = None
    is_resized: bool = False

    def with_faces(self, boxes: NDArray[np.floating], eyes: NDArray[np.float32] | None = None) -> Frames:
        """Add the result of a face detector: boxes [T,4] of x, y, width and height, and eyes [T,2,2]; NaN for frames without a face.

        A frame without a face gets the median of the other frames' boxes and eyes, element-wise. In a clip without any face, boxes span
        whole frames and eyes stay NaN. `has_face` marks the frames with a detected face.
        """
        import numpy as np

        has_face = ~np.isnan(boxes).any(axis=1)  # [T]
        if has_face.any():
            boxes = np.where(has_face[:, None], boxes, np.median(boxes[has_face], axis=0))
            eyes = None if eyes is None else np.where(has_face[:, None, None], eyes, np.median(eyes[has_face], axis=0))
        else:
            boxes = np.array([(0, 0, image.shape[1], image.shape[0]) for image in self.images])
        pixels = ((round(float(x)), round(float(y)), round(float(width)), round(float(height))) for x, y, width, height in boxes)
        faces = tuple((x, y, max(1, width), max(1, height)) for x, y, width, height in pixels)
        return replace(self, boxes=faces, has_face=tuple(has_face.tolist()), eyes=eyes)


@dataclass(frozen=True)
class Fold:
    """Clip ids of the three parts. No person may be in two of them; guards look for leaks between them."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class Input:
    """The input of a backbone: `size` pixels square, `channels` 1 or 3, values (x/255 - mean) / std for each channel."""

    size: int
    channels: int = 3
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.std)
        if not all(isinstance(value, int | float) for value in numbers):
            raise ValueError(f"an Input with mean {self.mean} and std {self.std}: expected Python floats, not numpy ones")
        if type(self.size) is not int or self.size < 1 or self.channels not in (1, 3):
            raise ValueError(f"an Input of size {self.size!r} with {self.channels!r} channels: expected whole pixels, and 1 or 3 channels")
        if {len(self.mean), len(self.std)} != {self.channels}:
            lengths = f"{len(self.mean)} means and {len(self.std)} standard deviations"
            raise ValueError(f"an Input of {self.channels} channels has {lengths}: expected one of each per channel")
        if not all(isfinite(value) for value in self.mean) or not all(0 < value < inf for value in self.std):
            raise FerbenchError(f"mean {list(self.mean)} and std {list(self.std)}: expected finite numbers, and every std above 0")
