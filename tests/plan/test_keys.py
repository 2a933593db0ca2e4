"""Keys of the stages: what they depend on, and that no edit of the core changes them unless a version is raised."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import ferbench
from ferbench.api.recipe import Augmentation
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split, split_clips
from ferbench.plan import keys
from ferbench.plan.models import KeySet
from ferbench.store.entries import Store
from ferbench.store.versions import VERSIONS

ROOT = Path(__file__).parent.parent.parent
CLIPS = tuple(ferbench.Clip(f"{person}", f"person {person}", "a", length=2) for person in range(3))
FOLDS = (ferbench.Fold(("0",), ("1",), ("2",)),)
FLIP = Augmentation(views=1, flip=1.0)


@dataclass(frozen=True)
class OneFold(ferbench.Protocol):
    """People 0, 1 and 2."""

    name = "one-fold"

    def folds(self, clips):
        return list(FOLDS)


@dataclass(frozen=True)
class Part(ferbench.Frozen):
    is_calibrated = False

    def build(self, crops):
        return None


def keys_of_stages(folder, precision="float32") -> dict[str, object]:
    """The key of one entry of each kind, each computed from the same keys of the stages before it."""
    corpus = Corpus("toy", Path(), CLIPS, {clip.id: ("digest",) for clip in CLIPS})
    groups, crops = keys.Groups(corpus.groups), KeySet("crops", dict.fromkeys(corpus.groups, "crops"))
    own = ["backbone", "loss", "recipe", precision]
    return {
        "folds": split_clips(OneFold(classes=("a",)), [corpus], Store(folder)).key,
        "crops": keys.crop_keys(groups, "steps").digest,
        "features": keys.features_base_key(Part(), ferbench.Input(4), None, precision),
        "views": keys.view_keys(crops, groups, FLIP)[0].digest,
        "inputs": keys.inputs_digest(Split("split", CLIPS, FOLDS, {}), 0, crops),
        "fits": keys.fit_key(own, "inputs", (), reads_crops=False, augments_crops=False),
        "fits on crops": keys.fit_key(own, "inputs", (), reads_crops=True, augments_crops=False),
        "fits on augmented crops": keys.fit_key(own, "inputs", (), reads_crops=True, augments_crops=True),
        "fused fits": keys.fused_fit_key("fusion", ["fit"]),
        "rows": keys.row_base_key(["fit"], "benchmark", "fingerprint"),
    }


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("stage", "affected"),
    [
        ("folds", {"folds"}),
        ("crops", {"crops"}),
        ("normalization", {"features", "fits on crops", "fits on augmented crops"}),
        ("features", {"features"}),
        ("views", {"views", "fits on augmented crops"}),
        ("fits", {"fits", "fits on crops", "fits on augmented crops"}),
        ("fused fits", {"fused fits"}),
        ("rows", {"rows"}),
    ],
)
def test_a_raised_version_changes_the_keys_of_its_stage(stage, affected, tmp_path, monkeypatch):
    before = keys_of_stages(tmp_path)
    monkeypatch.setitem(VERSIONS, stage, VERSIONS[stage] + 1)
    assert changed(before, keys_of_stages(tmp_path)) == affected


def test_precision_is_part_of_the_keys_of_features_and_fits(tmp_path):
    before = keys_of_stages(tmp_path)
    assert changed(before, keys_of_stages(tmp_path, "bfloat16")) == {"features", "fits", "fits on crops", "fits on augmented crops"}


PROGRAM = """
import sys
from pathlib import Path
from test_keys import keys_of_stages
import ferbench
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec
from ferbench.store.keys import identify_component
assert Path(ferbench.__file__).is_relative_to(sys.argv[1])
net = load_plugins().build("backbone", Spec("vgg16", {"weights": "random"}))
print(keys_of_stages(Path("store")), identify_component(net))
"""


@pytest.fixture
def run_copy(tmp_path):
    """Prints keys, as a copy of ferbench computes them in which a file was edited."""

    def call(name: str, old: str, new: str) -> str:
        root = tmp_path / name.replace("/", "-")
        shutil.copytree(ROOT / "ferbench", root / "ferbench")
        shutil.copy(__file__, root)
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))
        path = os.pathsep.join([str(root), str(ROOT / "plugins")])
        command = [sys.executable, "-c", PROGRAM, str(root)]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, cwd=root, capture_output=True, text=True, check=True)
        return done.stdout

    return call


@pytest.mark.slow
def test_a_reworded_message_in_the_core_changes_no_key(run_copy):
    outputs = [
        run_copy("ferbench/stages/crops.py", "have several sizes", "have sizes that differ"),
        run_copy("ferbench/training/loop.py", "try a lower learning rate", "lower the learning rate"),
        run_copy("ferbench/api/splitting.py", "or ask for fewer parts", "or ask for less"),
        run_copy("ferbench/corpora/fold_checks.py", "is listed twice", "is there twice"),
    ]
    assert outputs[0].count("vgg16")
    assert len(set(outputs)) == 1
