"""Golden outputs of the stages that train and score: fits, fused fits, rows, folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from golden.components import ClipSystems, Embedding, FindBright, FixedFusion, Largest, Logits, People, Plain, Systems
from golden.scene import CLASSES, RECIPE, Scene, write_png

from ferbench.api.clips import Clip, Fold
from ferbench.api.errors import FerbenchError
from ferbench.api.recipe import Augmentation, Schedule
from ferbench.benchmark.grid import Cell
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split, split_clips
from ferbench.plan.models import FusedFit, Row, TrainedModel
from ferbench.stages.fits import FitFacts, load_scores
from ferbench.stages.fusion import compute_fused_fit
from ferbench.stages.scores import Scorer
from ferbench.store.entries import Store

FLIP = Augmentation(views=2, flip=0.5, brightness=0.3)
STEP = Schedule("step", every=2, factor=0.5)
PLATEAU = Schedule("plateau", every=1, factor=0.1)
CASES: dict[str, dict] = {
    "network": {},
    "adamw": {"recipe": replace(RECIPE, optimizer="adamw", weight_decay=0.1)},
    "sgd": {"recipe": replace(RECIPE, optimizer="sgd", nesterov=True, momentum=0.8)},
    "momentum": {"recipe": replace(RECIPE, optimizer="sgd")},
    "adagrad": {"recipe": replace(RECIPE, optimizer="adagrad")},
    "adadelta": {"recipe": replace(RECIPE, optimizer="adadelta", lr=1.0)},
    "step": {"recipe": replace(RECIPE, schedule=STEP)},
    "cosine": {"recipe": replace(RECIPE, schedule=Schedule("cosine"))},
    "plateau": {"recipe": replace(RECIPE, schedule=PLATEAU, lr=0.5, optimizer="sgd", epochs=5)},
    "step by default": {"recipe": replace(RECIPE, schedule=Schedule("step"), epochs=11)},
    "early stopping": {"loss": Embedding(), "recipe": replace(RECIPE, patience=1, epochs=30)},
    "last epoch": {"loss": Embedding(), "recipe": replace(RECIPE, checkpoint="last")},
    "epochs that tie": {"recipe": replace(RECIPE, lr=1e-30)},
    "oversampling": {"recipe": replace(RECIPE, sampling="oversample")},
    "undersampling": {"recipe": replace(RECIPE, sampling="undersample")},
    "balanced": {"recipe": replace(RECIPE, sampling="balanced")},
    "batches of 5": {"recipe": replace(RECIPE, batch_size=5)},
    "weights": {"loss": Plain((1.0, 4.0, 0.5))},
    "embedding": {"loss": Embedding()},
    "views": {"recipe": replace(RECIPE, augmentation=FLIP)},
    "crops": {"backbone": Systems("linear", None, 3)},
    "augmented crops": {"backbone": Systems("linear", None), "recipe": replace(RECIPE, augmentation=FLIP)},
    "clips": {"backbone": ClipSystems()},
    "two frames of clips": {"backbone": ClipSystems(per_clip=2)},
    "clips of crops": {"backbone": ClipSystems(part=None), "recipe": replace(RECIPE, augmentation=FLIP)},
    "svm": {"backbone": Systems("svm")},
    "logistic regression": {"backbone": Systems("logistic")},
    "weighted svm": {"backbone": Systems("svm"), "loss": Plain((1.0, 4.0, 0.5))},
    "candidates": {"backbone": Systems("candidates")},
    "finished": {"backbone": Systems("finished", Logits())},
    "picked": {"backbone": Systems("picked", Logits())},
}


def fits(folder: Path) -> Iterator[tuple[str, object]]:
    """Every kind of trainable, and every field of a recipe."""
    scene = Scene(folder)
    for name, changes in CASES.items():
        fit = scene.fit(name, **changes)
        entry = scene.train(fit)
        facts = entry.read_facts(FitFacts)
        yield name, {"scores": entry.array("scores"), "clips": list(facts.clips.values()), "weights": facts.weights, **facts.history}


def fused_fits(folder: Path) -> Iterator[tuple[str, object]]:
    """Weights from validation clips, and without any."""
    scene = Scene(folder)
    fits = tuple(scene.fit(backbone.kind, backbone) for backbone in FixedFusion().members())
    for fit in fits:
        scene.train(fit)
    fused = FusedFit("fused", FixedFusion(), CLASSES, scene.split, 0, ("first", "second"), fits)
    fold = scene.split.folds[0]
    for name, split in (("validation", scene.split), ("no validation", replace(scene.split, folds=(replace(fold, validation=()),)))):
        content = compute_fused_fit(replace(fused, split=split), scene.store, {})
        yield name, {**content.arrays, **content.facts}  # type: ignore[dict-item]


def rows(folder: Path) -> Iterator[tuple[str, object]]:
    """All metrics and the coverage: of a whole row, with a class that is not tested, a clip that is lost and others without a face."""
    scene = Scene(folder)
    dark = scene.clips[10]
    for path in dark.images:
        write_png(path, np.zeros((6, 5), np.uint8))
    for path in (scene.clips[9].images[0], *scene.clips[3].images):
        path.write_bytes(b"")
    (folder / "again").mkdir()
    scene.store = Store(folder / "again")
    yield "row", _score(scene, (FindBright(),), (*CLASSES, "d"))
    yield "no detector", _score(scene, (), CLASSES)


def folds(folder: Path) -> Iterator[tuple[str, object]]:
    """Renamed and other classes, the parts of people, and which folds are refused."""
    clips = [
        Clip(f"{person} {take}", f"person {person}", "abcx"[(person * take) % 4], length=2)
        for person in range(9)
        for take in range(1 + person % 4)
    ]
    corpus = Corpus("golden", Path("golden"), tuple(clips), {})
    store = Store(folder)
    yield "split", _describe_split(split_clips(People(classes=("a", "bee", "c"), labels={"b": "bee"}), [corpus], store))
    names = {"a": "c", "golden": {"b": "bee"}}
    yield "dropped after", _describe_split(split_clips(People(("bee", "c"), names, drop_after_folding=("x",)), [corpus], store))
    one, two, three = ([clip.id for clip in clips if clip.subject == f"person {person}" and clip.label != "x"] for person in (4, 5, 7))
    cases = {
        "right": [Fold(tuple(one), tuple(two), tuple(three))],
        "person in two parts": [Fold(tuple(one[:1]), (), tuple(one[1:]))],
        "clip twice": [Fold((*one, one[0]), (), tuple(two))],
        "unknown clip": [Fold(("?",), (), tuple(two))],
        "empty part": [Fold((), (), tuple(two))],
        "tested twice": [Fold(tuple(one), (), tuple(two)), Fold(tuple(three), (), tuple(two))],
        "no fold": [],
    }
    yield "accepted", {name: _is_accepted(parts, corpus, store) for name, parts in cases.items()}


def _describe_split(split: Split) -> dict[str, object]:
    folds = [asdict(fold) for fold in split.folds]
    return {"labels": split.labels, "folds": folds, "other": split.other_classes, "left": split.unassigned}


def _is_accepted(parts: list[Fold], corpus: Corpus, store: Store) -> bool:
    from golden.components import FixedFolds

    try:
        split_clips(FixedFolds(classes=("a", "b", "c"), parts=tuple((f.train, f.validation, f.test) for f in parts)), [corpus], store)
    except FerbenchError:
        return False
    return True


def _score(scene: Scene, steps: tuple, classes: tuple[str, ...]) -> dict[str, object]:
    """Make the crops and features again, train, and score."""
    scene.compute_crops(steps)
    fit = scene.fit("row", classes=classes)
    scene.train(fit)
    labels = dict.fromkeys(("dataset", "preprocessing", "protocol", "backbone", "recipe", "loss", "seed", "aggregator"), "golden")
    cell = Cell(labels, (), steps, People(classes=classes), fit.backbone, RECIPE, fit.loss, 3, Largest())
    corpus = Corpus("golden", Path("golden"), tuple(scene.clips), {})
    identity = {"precision": "float32"}
    model = TrainedModel(cell, (corpus,), scene.split, scene.groups, scene.crops, identity, "fingerprint", "duplicates", (), (fit,), {})
    content = Scorer(scene.store).score(Row("key", "golden", labels, model, Largest(), identity))
    facts: dict = content.facts  # type: ignore[assignment]
    kept = ("war", "uar", "macro_f1", "recall", "confusion", "clips", "covered_only", "coverage", "clips_lost", "epochs", "folds")
    scores, _ = load_scores(fit.key, scene.store)
    return {
        **{name: facts[name] for name in kept},
        "unreadable": {clip: sorted(p) for clip, p in facts["unreadable"].items()},
        "scored": list(scores),
    }
