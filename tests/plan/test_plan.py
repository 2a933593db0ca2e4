"""What a run would make, before it does."""

from __future__ import annotations

import json

import pytest

from ferbench.benchmark.axes import AXES
from ferbench.cli.main import main
from ferbench.plan.forecast import Forecast, WorkUnit, format_duration, format_size


@pytest.fixture
def call(data, benchmark_file, toy_plugin, tmp_path, capsys):
    """Calls a command on the toy benchmark: (exit code, its JSON or its text, the messages on stderr)."""

    def command(name, *arguments, text=False):
        made = [name, str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / "runs"), "--device", "cpu"]
        code = main([*made, *([] if text else ["--format", "json"]), *map(str, arguments)])
        output = capsys.readouterr()
        return code, output.out if text or not output.out else json.loads(output.out), output.err

    return command


def counts(plan: dict) -> dict[str, tuple[int, int]]:
    return {line["stage"]: (line["missing"], line["stored"]) for line in plan["stages"]}


GRID = ("--set", "loss=[cross-entropy, weighted-cross-entropy]", "--set", "seed=[0, 1]")


def test_before_and_after_a_run(call):
    code, plan, _ = call("plan", *GRID)
    assert code == 0
    assert counts(plan) == {"crops": (1, 0), "features": (1, 0), "fits": (12, 0), "rows": (8, 0)}
    assert {line["stage"]: line["shared"] for line in plan["stages"]} == {"crops": 8, "features": 8, "fits": 2, "rows": None}
    assert plan["seconds"] is None
    call("run", *GRID, "--only", "loss=cross-entropy", "--only", "seed=0", "--no-figures")
    _, plan, _ = call("plan", *GRID)
    assert counts(plan) == {"crops": (0, 1), "features": (0, 1), "fits": (9, 0), "rows": (6, 2)}
    assert plan["seconds"] > 0
    assert plan["memory"] > 27 * 3 * 16 * 4 + 4 * 4 * (16 * 3 + 3)  # features of 81 frames; weights, gradients, moments
    call("run", *GRID, "--no-figures")
    _, plan, _ = call("plan", *GRID)
    assert counts(plan)["rows"] == (0, 8)
    assert "nothing to compute: 8 of 8 rows are stored" in call("plan", *GRID, text=True)[1]


def test_plan_computes_nothing(call, tmp_path):
    log = tmp_path / "log"
    call("plan", "--set", f"backbone.log={log}", "--set", f"preprocessing.log={log}")
    assert not log.exists()
    assert not (tmp_path / "runs" / "crops").exists()


def test_dry_run_is_a_plan(call, tmp_path):
    assert call("run", "--dry-run") == call("plan")
    assert not (tmp_path / "runs" / "rows").exists()


@pytest.mark.parametrize("backbone", ["toy-net", "whole", "finished"])
def test_measuring_knows_every_stage(call, tmp_path, backbone):
    _, plan, _ = call("plan", "--set", f"backbone={backbone}")
    assert plan["seconds"] is None
    _, plan, _ = call("plan", "--set", f"backbone={backbone}", "--measure")
    assert plan["seconds"] > 0
    assert counts(plan)["crops"] == (1, 0)
    assert "--measure" not in call("plan", "--set", f"backbone={backbone}", text=True)[1]


def test_failed_rows_are_counted(call):
    call("run", "--set", "loss=broken", "--no-figures")
    _, plan, _ = call("plan", "--set", "loss=broken")
    assert (plan["failed"], counts(plan)["rows"]) == (2, (0, 0))
    assert counts(call("plan", "--set", "loss=broken", "--retry-failed")[1])["rows"] == (2, 0)


def test_budget(call):
    call("run", "--set", "seed=7", "--no-figures")
    _, plan, _ = call("plan", *GRID, "--budget", "0s")
    assert (len(plan["within"]), len(plan["over"])) == (0, 8)
    half = plan["seconds"] * 0.6
    _, plan, _ = call("plan", *GRID, "--budget", half)
    assert [labels["loss"] for labels in plan["within"]] == ["cross-entropy"] * 4
    text = call("plan", *GRID, "--budget", "2h", text=True)[1]
    assert "within 2 h 0 min: 8 of 8 rows" in text


@pytest.mark.parametrize("time", ["x", "3d", "-1", "inf", "", "m"])
def test_what_is_no_time(call, time):
    with pytest.raises(SystemExit) as caught:
        call("plan", "--budget", time)
    assert caught.value.code == 2


def test_stand_ins_are_not_rendered(call, data, benchmark_file, tmp_path):
    (data / "toy").rename(data / "elsewhere")
    benchmark_file.write_text(benchmark_file.read_text() + "rehearsal: {people: 8}\n")
    code, plan, _ = call("plan")
    assert (code, plan["rows"], plan["unrendered"]) == (0, 2, ["toy"])
    assert "A run renders stand-ins for toy first" in call("plan", text=True)[1]
    assert not (tmp_path / "runs" / "standin").exists()
    call("run", "--no-figures")
    assert counts(call("plan")[1])["rows"] == (0, 2)


def made(rows: list[tuple[str, str, tuple[str, ...]]], seconds: dict[str, float]) -> Forecast:
    units = {name: WorkUnit("fits", 1, 1, cost, 0) for name, cost in seconds.items()}
    missing = [(dict.fromkeys(AXES, "-") | {"loss": loss, "seed": seed}, used) for loss, seed, used in rows]
    return Forecast(len(rows), units=units, missing_rows=missing)


def test_shared_work_is_paid_once():
    forecast = made([("a", "0", ("x", "p")), ("a", "1", ("x", "q")), ("b", "0", ("x", "r"))], {"x": 10, "p": 1, "q": 2, "r": 30})
    assert forecast.seconds() == 43
    fit, over = forecast.fit_into_budget(14)
    assert [labels["seed"] for labels in fit] == ["0", "1"]
    assert [labels["loss"] for labels in over] == ["b"]
    assert forecast.savings() == [("--only 'seed=1'", 12), ("--only 'loss=a'", 13)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "?"), (0.04, "0.0 s"), (12.3, "12 s"), (89, "89 s"), (100, "2 min"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(None, "?"), (12, "12 bytes"), (12_300, "12.3 kB"), (4e8, "400.0 MB"), (1.07e9, "1.1 GB"), (2e13, "20.0 TB")]
)
def test_sizes(amount, text):
    assert format_size(amount) == text
