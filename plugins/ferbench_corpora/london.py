"""The Face Research Lab London Set: stills, neutral and smiling, under an open licence."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ferbench import Clip, Dataset, Skipped
from ferbench_corpora.folders import entries, folders, unlike

LABELS = {"neutral_front": ("neutral", "03"), "smiling_front": ("smiling", "08")}  # folder -> label, code in the file names
FACTS = {"age": "face_age", "sex": "face_gender", "ethnicity": "face_eth"}  # columns of the table


@dataclass(frozen=True)
class London(Dataset):
    """Face Research Lab London Set: frontal photographs of 102 people, neutral and smiling (CC BY 4.0)."""

    name = "london"
    classes = ("neutral", "smiling")
    citation: ClassVar[str] = "L. DeBruine, B. Jones: Face Research Lab London Set. figshare, 2017. doi:10.6084/m9.figshare.5047666"
    license: ClassVar[str] = "CC BY 4.0"
    access: ClassVar[str] = "Anyone may download it from figshare: doi:10.6084/m9.figshare.5047666."
    folders: ClassVar[tuple[str, ...]] = ("london", "face_research_lab_london_set", "Face Research Lab London Set")

    def clips(self) -> Iterator[Clip | Skipped]:
        """One image a clip; resource forks (._*) are hidden files and never read, template files (.tem) are no images."""
        root = Path(self.root)
        contents = (entries(top) for top in (root, *folders(root)))
        content = next((c for c in contents if any(p.name.lower() in LABELS for p in c)), None)
        if content is None:
            raise unlike(self.name, root, "neutral_front/001_03.jpg and smiling_front/001_08.jpg")
        facts = _facts(content)
        present = {p.name.lower(): p for p in content if p.name.lower() in LABELS and p.is_dir()}
        yield from (Skipped(name, "no folder for this expression") for name in LABELS if name not in present)
        for name, folder in present.items():
            yield from (_clip(path, *LABELS[name], facts) for path in entries(folder) if path.suffix.lower() != ".tem")


def _clip(path: Path, label: str, code: str, facts: dict[str, dict[str, str]]) -> Clip | Skipped:
    match = re.fullmatch(rf"(\d{{3}})_{code}\.jpe?g", path.name, re.IGNORECASE)
    if match is None:
        return Skipped(f"{path.parent.name}/{path.name}", f"name is not NNN_{code}.jpg")
    return Clip(path.stem, match[1], label, images=(path,), length=1, apex=0, facts=facts.get(match[1], {}))


def _facts(content: list[Path]) -> dict[str, dict[str, str]]:
    """Age, sex and ethnicity by person, where the table is there."""
    table = next((p for p in content if p.name.lower() == "london_faces_info.csv" and p.is_file()), None)
    if table is None:
        return {}
    text = table.read_text(encoding="utf-8-sig", errors="replace")
    rows = [row for row in csv.DictReader(text.splitlines()) if row.get("face_id")]
    return {row["face_id"].zfill(3): {fact: row.get(column) or "" for fact, column in FACTS.items()} for row in rows}
