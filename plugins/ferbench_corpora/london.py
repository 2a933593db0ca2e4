"""The Face Research Lab London Set: stills, neutral and smiling, under an open license."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ferbench import Clip, Dataset, Fact, Official, Skipped
from ferbench_corpora.tree import Tree

LABELS = {"neutral_front": ("neutral", "03"), "smiling_front": ("smiling", "08")}  # folder -> label, code in the file names
FACTS = {"age": "face_age", "sex": "face_gender", "ethnicity": "face_eth"}  # columns of the table

FIGSHARE = "description of the set on figshare"


@dataclass(frozen=True)
class London(Dataset):
    """Face Research Lab London Set: frontal photographs of 102 people, neutral and smiling (CC BY 4.0)."""

    name = "london"
    classes = ("neutral", "smiling")
    citation: ClassVar[str] = "L. DeBruine, B. Jones: Face Research Lab London Set. figshare, 2017. doi:10.6084/m9.figshare.5047666"
    license: ClassVar[str] = "CC BY 4.0"
    access: ClassVar[str] = "Free download from figshare: doi:10.6084/m9.figshare.5047666."
    official = Official(
        people=Fact(102, FIGSHARE),
        clips=Fact(204, FIGSHARE),
        labels=Fact({"neutral": 102, "smiling": 102}, FIGSHARE),
        each=Fact({"neutral": 1, "smiling": 1}, FIGSHARE),
        sizes=Fact(((1350, 1350),), FIGSHARE),
    )
    folders: ClassVar[tuple[str, ...]] = ("london", "face_research_lab_london_set", "Face Research Lab London Set")

    def clips(self) -> Iterator[Clip | Skipped]:
        """One clip per image; template files (.tem) are ignored."""
        tree = Tree(self.name, Path(self.root))
        contents = map(tree.entries, (tree.root, *tree.folders(tree.root)))
        content = next((content for content in contents if any(path.name.lower() in LABELS for path in content)), None)
        if content is None:
            raise tree.layout_error("neutral_front/001_03.jpg and smiling_front/001_08.jpg")
        facts = _read_facts(tree, content)
        present = {path.name.lower(): path for path in content if path.name.lower() in LABELS and tree.is_folder(path)}
        yield from (Skipped(name, "no folder for this expression") for name in LABELS if name not in present)
        for name, folder in present.items():
            yield from (_clip(path, *LABELS[name], facts) for path in tree.entries(folder) if path.suffix.lower() != ".tem")
        yield from tree.unreadable()


def _clip(path: Path, label: str, code: str, facts: dict[str, dict[str, str]]) -> Clip | Skipped:
    match = re.fullmatch(rf"(\d{{3}})_{code}\.jpe?g", path.name, re.IGNORECASE)
    if match is None:
        return Skipped(f"{path.parent.name}/{path.name}", f"name is not NNN_{code}.jpg")
    return Clip(path.stem, match[1], label, images=(path,), length=1, apex=0, facts=facts.get(match[1], {}))


def _read_facts(tree: Tree, content: list[Path]) -> dict[str, dict[str, str]]:
    """Age, sex and ethnicity by person; empty if there is no table."""
    rows = tree.read_table(content, "london_faces_info.csv")
    return {row["face_id"].zfill(3): {fact: row.get(column, "") for fact, column in FACTS.items()} for row in rows if row.get("face_id")}
