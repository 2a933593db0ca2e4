"""docs/corpora.md says what the loaders do."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from ferbench.cli.main import main
from ferbench.registry.plugins import load_plugins
from ferbench_corpora import AFEW, CREMAD, DFEW, ISED, MMI, MUG, RAVDESS, CKPlus, FERV39k, London, OuluCASIA

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/corpora.md").read_text(encoding="utf-8")
FLAT = re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize("dataset", [CKPlus, MUG, ISED, London, MMI, OuluCASIA, AFEW, DFEW, FERV39k, RAVDESS, CREMAD])
def test_facts(dataset):
    assert f"| `{dataset.name}` | `{dataset.folders[0]}`" in PAGE
    assert dataset.citation.removesuffix(". doi:10.6084/m9.figshare.5047666") in FLAT


@pytest.mark.parametrize("module", ["ckplus", "mug", "ised", "london"])
def test_every_reason_is_explained(module):
    tree = ast.parse((ROOT / f"plugins/ferbench_corpora/{module}.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Skipped"]
    assert calls
    for call in calls:
        reason = ast.unparse(call.args[1])[:-1].removeprefix("f")[1:]
        assert reason.replace("{code}", "03") in PAGE


def test_own_dataset(tmp_path, touch, capsys):
    plugin = touch("my_faces.py", content=re.search(r"```python my_faces\.py\n(.*?)```", PAGE, re.DOTALL)[1])
    touch("films/bob_sleepy_1.mp4")
    writer = cv2.VideoWriter(str(tmp_path / "films/ann_anger_1.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (32, 24))
    for _ in range(4):
        writer.write(np.zeros((24, 32, 3), np.uint8))
    writer.release()
    arguments = ["corpus", "check", "my-faces", str(tmp_path / "films"), "--plugin", plugin, "--store", str(tmp_path / "runs")]
    assert main([*arguments, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["clips"] == {"anger": 1}
    assert found["skipped"] == {"name is not PERSON_LABEL_NUMBER.mp4": ["bob_sleepy_1.mp4"]}


def test_own_official_figures():
    (block,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Official(" in block)
    names: dict = {}
    exec(compile(block, "docs/corpora.md", "exec"), names)
    official = names["official"]
    assert official.labels.value == {label: count * official.people.value for label, count in official.each.value.items()}
    assert (official.rates.recalled, official.protocols[0].tests.value) == (True, (16, 16, 16))


def test_standard_folds_on_the_page():
    table = PAGE[PAGE.index("| corpus | standard protocol |") :].partition("\n\n")[0]
    datasets = [entry.component for entry in load_plugins().entries_of("dataset")]
    standard = {dataset.name: dataset.official.protocols for dataset in datasets if dataset.official and dataset.official.protocols}
    rows = {line.split("`")[1]: line for line in table.splitlines()[2:]}
    assert standard.keys() == rows.keys()
    for name, protocols in standard.items():
        assert f"`{protocols[0].name}" in rows[name]
        tests = protocols[0].tests
        assert tests is None or f"{tests.value[0]:,}" in rows[name]


def test_own_stand_in(tmp_path, touch, capsys):
    blocks = re.findall(r"```python[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    (standin,), (dataset,) = ([b for b in blocks if f"class {name}(" in b] for name in ("MyFacesStandIn", "MyFaces"))
    plugin = touch("my_faces.py", content=f"{dataset}\n\n{standin}")
    assert main(["corpus", "standin", "my-faces", str(tmp_path / "new"), "--people", "2", "--plugin", plugin]) == 0
    assert "stand-in of my-faces, 2 people, seed 0" in capsys.readouterr().out


@pytest.mark.parametrize("command", re.findall(r"^ferbench (corpus (?:list|standin|check|doctor) [^#\n]*)", PAGE, re.MULTILINE))
def test_commands_are_understood(command):
    from ferbench.cli.main import make_parser

    assert make_parser().parse_args(command.split()).command
