"""The audit of a finished system: planted faults are named with their fix, and sound systems raise no alarm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_images import render

from ferbench.cli.main import main

HERE = Path(__file__).parent.parent
BENCHMARK = """\
name: audited
dataset: toy
preprocessing: {plain: [{resize: {size: 20}}]}
protocol: {kfold: {k: 2, validation: 0, classes: [dark, light, stripes]}}
backbone: looking
loss: cross-entropy
aggregator: mean
"""
LABELS = "dim: dark, bright: light, striped: stripes"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    render(folder / "data" / "toy", people=24, frames=1)
    (folder / "audited.yaml").write_text(BENCHMARK)
    return folder


@pytest.fixture
def audit(folder, monkeypatch, capsys):
    """Audit a system on the toy corpus; returns the exit code, what was printed, and the errors."""
    monkeypatch.setenv("FERBENCH_DATA", str(folder / "data"))
    plugins = ["--plugin", str(HERE / "toy.py"), "--plugin", str(HERE / "systems_toy.py")]

    def run(system: str, *options: str) -> tuple[int, str, str]:
        common = ["--benchmark", str(folder / "audited.yaml"), "--store", str(folder / "store"), "--workers", "1", *plugins]
        code = main(["audit", system, *common, *options])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


FAULTS = [
    (f"{{{LABELS}}}", "[{rotate: {degrees: 90}}, {resize: {size: 20}}]", "without {rotate: {degrees: 90}}"),
    (f"{{{LABELS}}}", "[{rotate: {degrees: 270}}, {resize: {size: 20}}]", "without {rotate: {degrees: 270}}"),
    (f"{{{LABELS}}}", "[invert, {resize: {size: 20}}]", "labels: {dim: light, bright: dark}"),
    ("{dim: light, bright: dark, striped: stripes}", "[{resize: {size: 20}}]", "labels: {dim: dark, bright: light}"),
    ("{dim: stripes, bright: dark, striped: light}", "[{resize: {size: 20}}]", "labels: {dim: dark, bright: light, striped: stripes}"),
    ("{dim: dark, bright: light}", "[{resize: {size: 20}}]", "labels: {striped: stripes}"),
    ("{bright: light, happy: dark, striped: stripes}", "[{resize: {size: 20}}]", "labels: {dim: dark"),
]


@pytest.mark.parametrize(("labels", "steps", "change"), FAULTS)
def test_a_planted_fault_is_named_with_its_fix(audit, labels, steps, change):
    code, out, _ = audit(f"looking: {{labels: {labels}}}", "--preprocessing", steps)
    assert code == 1, out
    assert f"change: {change}" in out
    assert out.count("change: ") == 1
    assert "proven on the other half" in out


def test_a_setting_of_the_system_is_a_fault(audit):
    code, out, _ = audit(f"looking: {{labels: {{{LABELS}}}, maximum: 10}}", "--format", "json")
    found = json.loads(out)
    assert code == 1
    assert found["changes"] == ["maximum: 1"]
    assert found["fix"].splitlines() == [
        "preprocessing: [[{resize: {size: 20}}]]",
        f"backbone: [{{looking: {{labels: {{{LABELS}}}}}}}]",
    ]
    assert found["proven"]
    assert found["difference"]["value"] > 0.3


def test_two_faults_are_found_one_after_the_other(audit):
    code, out, _ = audit(
        "looking: {labels: {dim: light, bright: dark, striped: stripes}}",
        "--preprocessing",
        "[{rotate: {degrees: 90}}, {resize: {size: 20}}]",
    )
    assert code == 1
    assert "change: without {rotate: {degrees: 90}}" in out
    assert "change: labels: {dim: dark, bright: light}" in out


def test_the_fix_can_be_run(audit, folder, capsys):
    """Its YAML, in a benchmark, gives the figure that the audit found."""
    _, out, _ = audit("looking: {labels: {dim: light, bright: dark, striped: stripes}}", "--format", "json")
    fix = json.loads(out)["fix"]
    kept = [line for line in BENCHMARK.splitlines() if not line.startswith(("preprocessing", "backbone"))]
    (folder / "fixed.yaml").write_text("\n".join([*kept, *fix.splitlines()]).replace("name: audited", "name: fixed"))
    plugins = ["--plugin", str(HERE / "toy.py"), "--plugin", str(HERE / "systems_toy.py")]
    command = ["run", str(folder / "fixed.yaml"), "--store", str(folder / "store"), "--format", "json", "--quiet", "--no-figures", *plugins]
    assert main(command) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["uar"] > 0.9


@pytest.mark.parametrize("seed", range(20))
def test_a_sound_system_raises_no_alarm(audit, folder, monkeypatch, tmp_path, seed):
    """Also one that makes mistakes: the clips of other people are darker or brighter."""
    from toy_images import make_difficult

    corpus = render(tmp_path / "data" / "toy", people=16, frames=1, seed=seed + 1)
    if seed % 2:
        make_difficult(corpus)
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "data"))
    code, out, _ = audit(f"looking: {{labels: {{{LABELS}}}}}", "--store", str(tmp_path / "store"))
    assert code == 0, out


@pytest.mark.parametrize(
    ("system", "options", "problem"),
    [
        ("toy-net", (), "backbone toy-net is no finished system"),
        ("looking, toy-net", (), "2 combinations"),
        ("looking: {labels: {brigt: light}}", (), "has no answer 'brigt': did you mean 'bright'"),
        ("lookin", (), "did you mean 'looking'"),
    ],
)
def test_mistakes(audit, system, options, problem):
    code, out, err = audit(system, *options)
    assert (code, out) == (2, "")
    assert problem in err


def test_few_people_are_refused(audit, monkeypatch, tmp_path):
    render(tmp_path / "data" / "toy", people=6, frames=1)
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "data"))
    code, _, err = audit(f"looking: {{labels: {{{LABELS}}}}}", "--store", str(tmp_path / "store"))
    assert code == 2
    assert "6 people and 3 classes: an audit needs at least 10 people" in err
