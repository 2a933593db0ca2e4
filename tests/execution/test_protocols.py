"""Runs under protocols that concern the corpora: rows and messages say who is known, and what was trained and tested on."""

from __future__ import annotations

import json

import pytest
from toy_images import render

from ferbench.cli.main import main

PLUGIN = '''
from pathlib import Path
import ferbench

@ferbench.hookimpl
def register_datasets(register):
    register(Other)
    register(Crowd)

class Other(ferbench.Dataset):
    """PERSON/LABEL/TAKE/FRAME.png, with labels of its own."""
    name = "other"
    classes = ("black", "light", "stripes")
    citation = license = access = "made up"
    folders = ("other",)

    def clips(self):
        for take in sorted(Path(self.root).glob("*/*/*")):
            name, label = take.relative_to(self.root).as_posix(), take.parts[-2].replace("dark", "black")
            subject = take.parts[-3] if self.names_people else name
            yield ferbench.Clip(name, subject, label, images=tuple(sorted(take.iterdir())))

class Crowd(Other):
    """The same, but nobody knows who is seen."""
    name = "crowd"
    names_people = False
    folders = ("crowd",)
'''


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    """Runs the toy benchmark with other choices: (exit code, rows, the messages on stderr)."""
    (tmp_path / "more.py").write_text(PLUGIN)
    for seed, name in enumerate(("other", "crowd"), 1):
        render(data / name, people=9, seed=seed)

    def call(*sets):
        plugins = ["--plugin", str(toy_plugin), "--plugin", str(tmp_path / "more.py")]
        command = ["run", str(benchmark_file), *plugins, "--store", str(tmp_path / "runs"), "--device", "cpu", "--format", "json"]
        code = main([*command, "--no-figures", "--set", "aggregator=mean", *[part for text in sets for part in ("--set", text)]])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else [], output.err

    return call


CLASSES = "classes: [dark, light, stripes]"


def protocol(labels, test="[other]"):
    return f"protocol={{cross-corpus: {{train: [toy], test: {test}, {CLASSES}, labels: {labels}}}}}"


def test_cross_corpus(run):
    code, (row,), messages = run("dataset=[[toy, other]]", protocol("{other: {black: dark}}"))
    assert code == 0
    assert row["protocol"].startswith("trained on toy, tested on other: 54 clips, 18 people, 3 classes · protocol cross-corpus, 1 fold, ")
    (fold,) = row["folds"]
    assert fold["test"] == [f"other/p{person:02}" for person in range(9)]
    assert sorted(fold["train"] + fold["validation"]) == [f"toy/p{person:02}" for person in range(9)]
    assert (row["clips"], row["recall"].keys()) == (27, {"dark", "light", "stripes"})
    assert row["people_known"] is True
    assert "warning" not in messages


def test_the_label_maps_are_part_of_the_fingerprint(run):
    (_, (one,), _), (_, (two,), messages) = (run("dataset=[[toy, other]]", protocol(labels)) for labels in ("{other: {black: dark}}", "{}"))
    assert one["fingerprint"] != two["fingerprint"]
    assert two["clips"] == 18
    assert "protocol cross-corpus: the class 'dark' has training clips but no test clip, so UAR leaves it out" in messages
    same = run("dataset=[[toy, other]]", protocol("{other: {black: dark}, toy: {}}"))[1][0]
    assert same["clips"] == one["clips"]


@pytest.mark.parametrize(
    ("test", "labels", "message"),
    [
        (
            "[tow]",
            "{}",
            "train and test list tow, of which the dataset has no clip of the classes\n  corpora with clips",
        ),
        ("[toy]", "{}", "toy is listed twice in train and test"),
        ("[other]", "{tow: {a: b}}", "labels has a map for tow, but the dataset holds toy, other"),
        ("[]", "{}", "protocol cross-corpus: test is []"),
        ("[other]", "{other: [black]}", "protocol cross-corpus: labels is "),
    ],
)
def test_lists_that_do_not_fit_the_dataset(run, test, labels, message):
    code, rows, messages = run("dataset=[[toy, other]]", protocol(labels, test))
    assert (code, rows) == (2, [])
    assert message in messages
    assert "Traceback" not in messages


def test_cross_corpus_needs_its_lists(run):
    code, _, messages = run("dataset=[[toy, other]]", "protocol=cross-corpus")
    assert code == 2
    assert "protocol cross-corpus lacks train, test" in messages


def test_unknown_people(run, tmp_path):
    kfold = f"protocol={{kfold: {{k: 3, validation: 0.2, {CLASSES}, labels: {{black: dark}}}}}}"
    code, (row,), messages = run("dataset=crowd", kfold)
    assert code == 0
    assert row["people_known"] is False
    assert row["protocol"].startswith("crowd: 27 clips, people unknown, 3 classes")
    assert "crowd: 27 clips of unknown people at" in messages
    assert "protocol kfold: the people of crowd are unknown: clips of one person may be in train and test" in messages
    assert json.loads((tmp_path / "runs/benchmarks/toys.json").read_text())["corpora"][0]["people"] is None
    _, (row,), _ = run("dataset=[[toy, crowd]]", kfold)
    assert row["people_known"] is False
    assert row["protocol"].startswith("toy + crowd: 54 clips, people of crowd unknown, 3 classes")
