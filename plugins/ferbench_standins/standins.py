"""The registered classes. The renderers import OpenCV, so each is imported only when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ferbench import StandIn
from ferbench.types import Progress


@dataclass(frozen=True)
class CKPlusStandIn(StandIn):
    """Image sequences from neutral to apex, with labels, landmarks and action units."""

    name = "ck+"

    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """In CK+'s layout."""
        from ferbench_standins import ckplus

        ckplus.render(folder, people, seed, progress)


@dataclass(frozen=True)
class MUGStandIn(StandIn):
    """Takes from neutral to the apex in the middle frame and back."""

    name = "mug"

    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """In MUG's layout."""
        from ferbench_standins import mug

        mug.render(folder, people, seed, progress)


@dataclass(frozen=True)
class ISEDStandIn(StandIn):
    """Videos of weaker, spontaneous expressions, an image of each peak, a MATLAB table."""

    name = "ised"

    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """In ISED's layout."""
        from ferbench_standins import ised

        ised.render(folder, people, seed, progress)


@dataclass(frozen=True)
class AFEWStandIn(StandIn):
    """Short videos by split and emotion, seven per person; people are not named."""

    name = "afew"

    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """In AFEW's layout."""
        from ferbench_standins import afew

        afew.render(folder, people, seed, progress)
