"""Finished systems that can answer with classes that the protocol does not have."""

from __future__ import annotations

import json

import pytest

from ferbench.cli.main import main

PLUGIN = """
from dataclasses import dataclass
import ferbench

@ferbench.hookimpl
def register_backbones(register):
    register(Wider)
    register(Both)

@dataclass(frozen=True)
class Logits(ferbench.Frozen):
    wide: bool = True
    is_calibrated = False

    def build(self, crops):
        import torch
        wide = self.wide

        class Module(torch.nn.Module):
            def forward(self, x):  # the tests invert the images
                mean, stripes = x.mean((1, 2, 3)), x.mean(3).std(2).squeeze(1)
                logits = [mean, -mean, 4 * stripes - 2, torch.full((len(x),), LEVEL)]
                return torch.stack(logits if wide else logits[:3], 1)

        return Module()

@dataclass(frozen=True)
class Wider(ferbench.Backbone):
    '''A system that also knows boredom.'''
    name = "wider"
    wide: bool = True

    def input(self):
        return ferbench.Input(16, 1, (0.5,), (0.25,))

    def frozen(self):
        return Logits(self.wide)

    def trainable(self, classes):
        return ferbench.FinishedSystem(others=("OTHER",) if self.wide else ())

class Both(ferbench.Fusion):
    '''Two members.'''
    name = "both"

    def members(self):
        return (Wider(), Wider(wide=False))

    def weigh(self, scores, target):
        return [1, 1]
"""


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    def call(*options: str, level: float = 0.8, other: str = "boredom", form: str = "json") -> tuple[int, str, str]:
        (tmp_path / "wide.py").write_text(PLUGIN.replace("LEVEL", str(level)).replace("OTHER", other))
        plugins = ["--plugin", str(toy_plugin), "--plugin", str(tmp_path / "wide.py")]
        command = ["run", str(benchmark_file), *plugins, "--store", str(tmp_path / "runs"), "--set", "aggregator=mean", "--format", form]
        code = main([*command, *options, "--quiet"])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_other_answers_count_as_wrong_and_are_shown(run):
    code, out, _ = run("--set", "backbone=[wider, finished]")
    wider, finished = json.loads(out)
    assert code == 0
    assert (wider["others"], finished["others"]) == (["boredom"], [])
    outside = sum(line[3] for line in wider["confusion"])
    assert 0 < outside < 27
    assert [len(line) for line in wider["confusion"]] == [4, 4, 4]
    assert wider["war"] == sum(wider["confusion"][number][number] for number in range(3)) / 27
    assert wider["war"] < finished["war"]
    assert wider["uar"] == pytest.approx(sum(wider["recall"].values()) / 3)
    _, out, _ = run("--set", "backbone=[wider, finished]", form="table")
    assert f"{outside} answers of" in " ".join(out.split())
    assert f"none of the classes ({outside} boredom)" in " ".join(out.split())


def test_system_that_never_gives_the_other_answer_is_the_one_without_it(run):
    _, out, _ = run("--set", "backbone=[wider, finished]", level=-1000)
    wider, finished = json.loads(out)
    assert [line[:3] for line in wider["confusion"]] == finished["confusion"]
    assert (wider["uar"], wider["war"]) == (finished["uar"], finished["war"])


def test_a_system_that_is_not_trained_has_one_row_however_many_seeds_there_are(run):
    code, out, _ = run("--set", "backbone=[wider, finished, toy-net]", "--set", "seed=[3, 4]")
    assert code == 0
    rows = sorted((row["labels"]["backbone"], row["labels"]["seed"]) for row in json.loads(out))
    assert rows == [("finished", "3"), ("toy-net", "3"), ("toy-net", "4"), ("wider", "3")]


@pytest.mark.parametrize("setting", ["loss=[cross-entropy, {cross-entropy: {smoothing: 0.1}}]", "recipe={a: {epochs: 1}, b: {epochs: 2}}"])
def test_a_system_that_is_not_trained_has_no_rows_of_other_losses_and_recipes(run, setting):
    """Their rows would be equal, under names that say otherwise."""
    code, _, err = run("--set", "backbone=wider", "--set", setting, "--set", "seed=[3, 4]")
    assert code == 2
    assert "backbone wider does not use loss and recipe, so its rows for" in err


def test_other_answer_that_is_a_class(run):
    code, _, err = run("--set", "backbone=wider", other="dark")
    assert code == 2
    assert "names 'dark' twice" in err


def test_fusions_need_members_without_other_answers(run):
    code, _, err = run("--set", "backbone=both")
    assert code == 2
    assert "can also answer boredom" in err
