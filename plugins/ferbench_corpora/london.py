"""The Face Research Lab London Set: stills, neutral and smiling, under an open licence."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ferbench import Clip, Dataset, Skipped
from ferbench_corpora.folders import entries, unlike

LABELS = {"neutral_front": "neutral", "smiling_front": "smiling"}


@dataclass(frozen=True)
class London(Dataset):
    """Face Research Lab London Set: frontal photographs of 102 people, neutral and smiling (CC BY 4.0)."""

    name = "london"
    classes = ("neutral", "smiling")
    citation: ClassVar[str] = "L. DeBruine, B. Jones: Face Research Lab London Set. figshare, 2017. doi:10.6084/m9.figshare.5047666"
    licence: ClassVar[str] = "CC BY 4.0"
    access: ClassVar[str] = "Anyone may download it from figshare: doi:10.6084/m9.figshare.5047666."
    folders: ClassVar[tuple[str, ...]] = ("london", "face_research_lab_london_set", "Face Research Lab London Set")

    def clips(self) -> Iterator[Clip | Skipped]:
        """One image a clip; resource forks (._*) are hidden files and never read, template files (.tem) are no images."""
        root = Path(self.root)
        present = [root / name for name in LABELS if (root / name).is_dir()]
        if not present:
            raise unlike(self.name, root, "neutral_front/001_03.jpg and smiling_front/001_08.jpg")
        facts = _facts(root / "london_faces_info.csv")
        yield from (Skipped(name, "no folder for this expression") for name in LABELS if root / name not in present)
        for folder in present:
            for path in (p for p in entries(folder) if p.suffix != ".tem"):
                yield _clip(path, LABELS[folder.name], facts)


def _clip(path: Path, label: str, facts: dict[str, dict[str, str]]) -> Clip | Skipped:
    match = re.fullmatch(r"(\d{3})_\d{2}\.jpe?g", path.name, re.IGNORECASE)
    if match is None:
        return Skipped(f"{path.parent.name}/{path.name}", "name is not NNN_NN.jpg")
    return Clip(path.stem, match[1], label, images=(path,), length=1, apex=0, facts=facts.get(match[1], {}))


def _facts(table: Path) -> dict[str, dict[str, str]]:
    """Age, sex and ethnicity by person, where the table is there."""
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8", errors="replace") as text:
        rows = list(csv.DictReader(text))
    return {
        row["face_id"].zfill(3): {
            "age": row.get("face_age") or "",
            "sex": row.get("face_gender") or "",
            "ethnicity": row.get("face_eth") or "",
        }
        for row in rows
        if row.get("face_id")
    }
