"""A rehearsal marks its corpora and rows, whatever became of the markers of its stand-ins."""

from __future__ import annotations

import json
import shutil

import pytest

from ferbench.cli.main import main

REHEARSAL = "rehearsal: {people: 8, seed: 3, set: {recipe.epochs: 3}}\n"


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    benchmark_file.write_text(benchmark_file.read_text() + REHEARSAL)

    def call(*arguments):
        command = ["run", benchmark_file, "--plugin", toy_plugin, "--store", tmp_path / "runs", "--no-figures", "--device", "cpu"]
        code = main([*map(str, command), "--format", "json", *arguments])
        output = capsys.readouterr()
        assert code == 0, output.err
        return json.loads(output.out), output.err

    return call


def test_rows_are_marked_without_the_marker(run, data, tmp_path):
    shutil.rmtree(data / "toy")
    rows, messages = run()
    (marker,) = (tmp_path / "runs/standin").rglob("STAND-IN.json")
    marker.unlink()
    again, more = run()
    assert [row["key"] for row in again] == [row["key"] for row in rows]
    assert all(row["standin"] for row in again)
    assert "(stand-in of toy, 8 people, seed 3)" in messages
    assert "(stand-in of toy, 8 people, seed 3)" in more
    assert "2 of them already stored" in more
    _, fresh = run("--set", "seed=1")
    assert "0 of them already stored" in fresh
    assert not (tmp_path / "runs/benchmarks").exists()
    record = json.loads((tmp_path / "runs/rehearsals/toys.json").read_text())
    assert record["rehearsal"]
    assert record["corpora"][0]["standin"] == "stand-in of toy, 8 people, seed 3"


def test_a_real_corpus_that_a_rehearsal_reads_counts_as_a_stand_in(run, data, toy_plugin, benchmark_file, capsys):
    assert main(["corpus", "standin", "toy", str(data / "other"), "--people", "7", "--plugin", str(toy_plugin)]) == 0
    capsys.readouterr()
    text = benchmark_file.read_text().replace(
        "dataset: toy", f"dataset: [{{toy: {{label: real}}}}, {{toy: {{label: rendered, root: {data / 'other'}}}}}]"
    )
    benchmark_file.write_text(text)
    rows, messages = run()
    assert "REHEARSAL (the corpora are stand-ins)" in messages
    assert {row["labels"]["dataset"]: row["standin"] for row in rows} == {"real": True, "rendered": True}
    assert f"people at {data / 'toy'} (counts as a stand-in, since this run is a rehearsal)" in messages
    real, messages = run("--only", "dataset=real")
    assert "REHEARSAL" not in messages
    assert not any(row["standin"] for row in real)
    assert {row["fingerprint"] for row in real}.isdisjoint(row["fingerprint"] for row in rows)
