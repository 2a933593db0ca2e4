"""The registered classes; what renders, and so imports OpenCV, is imported when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ferbench import StandIn
from ferbench.types import Progress


@dataclass(frozen=True)
class CKPlusStandIn(StandIn):
    """Image sequences from neutral to apex, with labels, landmarks and action units beside them."""

    name = "ck+"

    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """In CK+'s layout."""
        from ferbench_standins import ckplus

        ckplus.render(folder, people, seed, progress)


@dataclass(frozen=True)
class MUGStandIn(StandIn):
    """Takes from neutral to apex, in the middle frame, and back to neutral."""

    name = "mug"

    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """In MUG's layout."""
        from ferbench_standins import mug

        mug.render(folder, people, seed, progress)


@dataclass(frozen=True)
class ISEDStandIn(StandIn):
    """Spontaneous, weaker expressions in video files, a picture of each peak, and a MATLAB table."""

    name = "ised"

    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """In ISED's layout."""
        from ferbench_standins import ised

        ised.render(folder, people, seed, progress)


@dataclass(frozen=True)
class AFEWStandIn(StandIn):
    """Short videos in folders by split and emotion, seven a person; nothing names the person."""

    name = "afew"

    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """In AFEW's layout."""
        from ferbench_standins import afew

        afew.render(folder, people, seed, progress)
