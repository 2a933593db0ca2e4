"""compare, predictions, rescore, leaderboard --by and plan --power on a run of toy rows."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from statistics import NormalDist
from unittest.mock import ANY

import cv2
import numpy as np
import pytest
from compared import BENCHMARK, NET, TREES

from ferbench.cli.main import main
from ferbench.report.comparison import compare_rows
from ferbench.report.matching import find_match
from ferbench.report.statistics.comparisons import run_mcnemar_test
from ferbench.report.statistics.intervals import Estimate
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.records import load_records
from ferbench.store.rows import ClipTable


def predictions(ferbench, row: str, *options: str) -> list[dict]:
    code, out, _ = ferbench("predictions", row, "--format", "json", *options)
    assert code == 0
    return json.loads(out)


def test_leaderboard_shows_seeds_as_one_row(ferbench):
    _, out, _ = ferbench("leaderboard", "toys", "--format", "json")
    rows = json.loads(out)
    assert [len(row["result"]["seeds"]) for row in rows if row["labels"]["backbone"] == "toy-net"] == [2] * 4
    assert [len(row["result"]["seeds"]) for row in rows if row["labels"]["backbone"] == "trees"] == [1] * 2
    for row in rows:
        result, seeds = row["result"], [each for each in rows if each["key"] in row["result"]["seeds"]]
        assert result["uar"]["value"] == pytest.approx(np.mean([each["uar"] for each in seeds]))
        assert result["uar"]["low"] <= result["uar"]["value"] <= result["uar"]["high"]
        assert row["validation"]["clips"] > 0
        assert (max(row["steps"]) > 0) == (row["labels"]["backbone"] == "toy-net")


def test_predictions_give_the_metrics_of_the_row(ferbench):
    items = predictions(ferbench, TREES)
    assert len(items) == 54
    assert {item["person"] for item in items} == {f"toy/p{person:02}" for person in range(9)}
    _, out, _ = ferbench("leaderboard", "--format", "csv")
    (row,) = [each for each in csv.DictReader(io.StringIO(out)) if each["backbone"] == "trees" and each["aggregator"] == "mean"]
    assert np.mean([item["true"] == item["predicted"] for item in items]) == pytest.approx(float(row["war"]))
    for item in items:
        scores = {name: item[f"score_{name}"] for name in ("dark", "light", "stripes")}
        assert item["predicted"] == max(scores, key=lambda name: scores[name])


def test_predictions_of_several_seeds_and_as_csv(ferbench):
    assert {item["seed"] for item in predictions(ferbench, NET)} == {"0", "1"}
    code, out, _ = ferbench("predictions", NET)
    assert code == 0
    lines = list(csv.DictReader(io.StringIO(out)))
    assert len(lines) == 108
    assert list(lines[0])[:7] == ["seed", "clip", "person", "fold", "true", "predicted", "face"]


def test_salt_hides_people_and_keeps_them_apart(ferbench):
    plain, salted, other = (predictions(ferbench, TREES, *options) for options in ((), ("--salt", "a"), ("--salt", "b")))
    assert "toy" not in json.dumps([(item["person"], item["clip"]) for item in salted])
    pairs = {(one["person"], two["person"]) for one, two in zip(plain, salted, strict=True)}
    assert len(pairs) == 9
    assert {item["person"] for item in salted}.isdisjoint(item["person"] for item in other)


def test_compare_is_that_of_the_predictions(ferbench):
    code, out, _ = ferbench("compare", f"{NET},seed=0", TREES, "--clips", "--format", "json")
    comparison = json.loads(out)
    assert code == 0
    first, second = (
        {item["clip"]: item["true"] == item["predicted"] for item in predictions(ferbench, row)} for row in (f"{NET},seed=0", TREES)
    )
    assert comparison["only_first"] == sum(first[clip] and not second[clip] for clip in first)
    assert comparison["only_second"] == sum(second[clip] and not first[clip] for clip in first)
    assert comparison["mcnemar"] == pytest.approx(run_mcnemar_test(comparison["only_first"], comparison["only_second"]))
    assert {each["clip"] for each in comparison["moved"]} == {clip for clip in first if first[clip] != second[clip]}
    assert comparison["difference"]["value"] == pytest.approx(np.mean(list(second.values())) - np.mean(list(first.values())))
    assert comparison["difference"]["low"] <= comparison["difference"]["value"] <= comparison["difference"]["high"]


def test_compare_in_words(ferbench):
    code, out, _ = ferbench("compare", NET, TREES, "--clips")
    assert code == 0
    for text in ("A  toys: toy-net", "(2 seeds)", "B  toys: trees", "B − A: UAR", "permutation test by people: p =", "needs one seed"):
        assert text in out
    assert "separa" in out.lower()
    assert "only one row answers rightly" in out


def test_fail_if_worse(ferbench):
    def accuracy(row: str) -> float:
        return np.mean([each["true"] == each["predicted"] for each in predictions(ferbench, row)])

    worse, better = sorted([NET, TREES], key=accuracy)
    loss = accuracy(better) - accuracy(worse)  # the difference in UAR too: classes are of equal size
    assert loss > 0.002
    for share, code in (("0", 3), (f"{loss - 0.001:.6f}", 3), (f"{loss + 0.001:.6f}", 0), ("1", 0)):
        assert ferbench("compare", better, worse, "--fail-if-worse", share)[0] == code
        assert ferbench("compare", worse, better, "--fail-if-worse", share)[0] == 0


def test_exactly_as_much_worse_is_not_worse(finished):
    store = Store(finished / "store")
    comparison = compare_rows(find_match(NET, store), find_match(TREES, store))
    exact = replace(comparison, difference=Estimate(0.85 - 1.0))
    assert exact.difference.value < -0.15  # float noise
    assert not exact.is_worse(0.15)
    assert exact.is_worse(0.149)


def test_help_of_compare_names_the_exit_code(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "; 3 with --fail-if-worse, if the second row is worse." in text
    assert "the first characters of a row's key, at least 6" in text


@pytest.mark.parametrize("salt", ["", " "])
def test_an_empty_salt_hides_nothing(ferbench, capsys, salt):
    with pytest.raises(SystemExit, match="2"):
        ferbench("predictions", TREES, "--salt", salt)
    assert "argument --salt: salt is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("compare", NET), "one row is named: expected two or more"),
        (("compare", "nothing", TREES), "no row matches 'nothing': labels are 'toy-net', 'default', 'cross-entropy', '0', "),
        (("compare", "abc12", TREES), "no row matches 'abc12' (of a key, give at least 6 characters): labels are"),
        (
            ("compare", TREES, "backbone=trees,aggregator=mean"),
            "'trees,mean' and 'backbone=trees,aggregator=mean' name the same row: toys: trees",
        ),
        (("compare", "toy-net", TREES), "'toy-net' matches 2 rows"),
        (("compare", "backbon=x", TREES), "'backbon'"),
        (("predictions", "mean"), "'mean' matches 2 rows"),
        (("leaderboard", "--by", "mood"), "no clip carries the fact 'mood': expected one of corpus, face, fold"),
        (("compare", NET, TREES, "--benchmark", "other"), "no benchmark 'other'"),
    ],
)
def test_mistakes_are_errors_of_a_line_or_two(ferbench, command, message):
    code, _, err = ferbench(*command)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) <= 2


def test_rows_of_other_protocols_are_not_compared(ferbench, finished, tmp_path, toy_plugin):
    (tmp_path / "toys.yaml").write_text(BENCHMARK.replace("k: 3", "k: 2"))
    command = ["run", str(tmp_path / "toys.yaml"), "--plugin", str(toy_plugin), "--quiet", "--only", "backbone=trees"]
    assert main([*command, "--store", str(tmp_path / "store")]) == 0
    code, _, err = ferbench("compare", TREES, TREES, "--other-store", str(tmp_path / "store"))
    assert code == 2
    assert "the rows have different protocols" in err
    assert "protocol.k 3 → 2" in err


def measure_uar(row: str, benchmark: str, store: str, capsys) -> float:
    """The mean recall of the predictions of a row."""
    assert main(["predictions", row, "--benchmark", benchmark, "--store", store, "--format", "json"]) == 0
    right: dict[str, list[bool]] = {}
    for each in json.loads(capsys.readouterr().out):
        right.setdefault(each["true"], []).append(each["true"] == each["predicted"])
    return np.mean([np.mean(answers) for answers in right.values()])


def test_two_rows_over_several_tables(two_tables, capsys):
    assert main(["compare", NET, TREES, "--store", two_tables, "--format", "json"]) == 0
    across = json.loads(capsys.readouterr().out)
    assert [table.partition(" ")[0] for table in across["tables"]] == ["k2", "k3"]
    z = []
    for name, uar, comparison in zip(("k2", "k3"), across["uar"], across["comparisons"], strict=True):
        assert uar == pytest.approx([measure_uar(row, name, two_tables, capsys) for row in (NET, TREES)])
        assert main(["compare", NET, TREES, "--benchmark", name, "--store", two_tables, "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out) == {**comparison, "first": ANY, "second": ANY}
        assert comparison["difference"]["value"] == pytest.approx(uar[1] - uar[0])
        z.append(NormalDist().inv_cdf(1 - comparison["p"] / 2) * np.sign(uar[1] - uar[0]) if comparison["p"] < 1 else 0)
    assert across["p"] == pytest.approx(2 * NormalDist().cdf(-abs(sum(z)) / np.sqrt(2)))  # nine people each
    assert main(["compare", NET, TREES, "--store", two_tables]) == 0
    out = capsys.readouterr().out
    assert "average rank" in out
    assert "Stouffer's p over corpora" in out
    assert (
        "nothing can be separated by ranks: average ranks of 2 rows differ by at most 1, and more than 1.39 is needed at 5 % (Nemenyi)"
        in out
    )


def test_several_rows_over_several_tables(two_tables, tmp_path, capsys):
    rows = [NET, TREES, "backbone=trees,aggregator=majority"]
    diagram = tmp_path / "ranks.png"
    assert main(["compare", *rows, "--store", two_tables, "--format", "json", "--diagram", str(diagram)]) == 0
    across = json.loads(capsys.readouterr().out)
    uar = np.array([[measure_uar(row, name, two_tables, capsys) for row in rows] for name in ("k2", "k3")])
    assert across["uar"] == pytest.approx(uar)
    better = (uar[:, None, :] > uar[:, :, None] + 1e-9).sum(2)  # [N,K]: how many rows are better than each
    equal = (abs(uar[:, None, :] - uar[:, :, None]) < 1e-9).sum(2)
    assert across["summary"]["ranks"] == pytest.approx((better + (equal + 1) / 2).mean(0))
    assert across["summary"]["critical_difference"] == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 2)), rel=1e-3)
    assert across["comparisons"] == []
    assert cv2.imread(str(diagram)).std() > 0
    assert main(["compare", *rows, "--store", two_tables]) == 0
    out = capsys.readouterr().out
    assert "Friedman's test: p =" in out
    assert "nothing can be separated by ranks: average ranks of 3 rows differ by at most 2" in out
    assert main(["compare", *rows, "--store", two_tables, "--benchmark", "k2"]) == 2
    assert "1 table holds all 3 rows" in capsys.readouterr().err
    assert main(["compare", *rows, "--store", two_tables, "--clips"]) == 2
    assert "compare two rows of one table" in capsys.readouterr().err


def test_one_table_of_several_is_chosen_by_its_benchmark(two_tables, capsys):
    assert main(["compare", NET, TREES, "--store", two_tables, "--benchmark", "k2"]) == 0
    assert "A  k2: toy-net" in capsys.readouterr().out


def test_missing_and_empty_stores(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for command in (["compare", "a", "b"], ["predictions", "a"], ["leaderboard"]):
        for name, problem in (("absent", f"there is no store at {tmp_path / 'absent'}"), ("empty", "empty is empty: it holds no store")):
            assert main([*command, "--store", str(tmp_path / name)]) == 2
            err = capsys.readouterr().err
            assert problem in err
            assert len(err.splitlines()) <= 2


def test_a_store_without_benchmarks(tmp_path, capsys):
    Store(tmp_path).write_file("costs.json", b"{}")
    for command in (["compare", "a", "b"], ["predictions", "a"], ["leaderboard"]):
        assert main([*command, "--store", str(tmp_path)]) == 2
        assert f"no benchmark has been run in the store {tmp_path}" in capsys.readouterr().err


def test_by_fold_and_corpus(ferbench):
    _, out, _ = ferbench("leaderboard", "--by", "fold", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert [line["group"] for line in lines[:3]] == ["fold 0", "fold 1", "fold 2"]
    assert sum(int(line["clips"]) for line in lines[:3]) == 54
    assert {line["uar"] for line in lines} == {""}  # three people in each fold: counts only
    _, out, _ = ferbench("leaderboard", "--by", "corpus", "--format", "csv")
    (first, *_) = csv.DictReader(io.StringIO(out))
    assert (first["group"], first["people"], first["clips"]) == ("toy", "9", "54")
    assert float(first["uar_low"]) <= float(first["uar"]) <= float(first["uar_high"])
    for form in ("table", "markdown", "latex", "json"):
        code, out, _ = ferbench("leaderboard", "--by", "corpus", "--format", form)
        assert code == 0
        assert "toy" in out


def test_rescore(ferbench, tmp_path):
    (tmp_path / "again.yaml").write_text(
        "rows: [trees, backbone=toy-net]\naggregator: [mean, majority, last-frame]\nframes: [all, {last: 1}]\n"
        "merge: {plain: [dark, light]}\n"
    )
    code, out, _ = ferbench("rescore", str(tmp_path / "again.yaml"), "--format", "json")
    results = json.loads(out)
    assert code == 0
    assert len(results) == 2 * 3 * 3  # a row of trees, and one of each seed of the network
    assert {tuple(result["classes"]) for result in results} == {("plain", "stripes")}
    assert len({result["fingerprint"] for result in results}) == 2
    by_name = {(result["labels"]["backbone"], result["labels"]["aggregator"], result["fingerprint"]): result["uar"] for result in results}
    for fingerprint in {result["fingerprint"] for result in results if "last 1" in result["protocol"]}:
        assert len({by_name["trees", aggregator, fingerprint] for aggregator in ("mean", "majority", "last-frame")}) == 1


def test_rescore_without_changes_gives_the_stored_rows(ferbench, tmp_path):
    (tmp_path / "again.yaml").write_text("aggregator: [majority, mean]\n")
    _, out, _ = ferbench("rescore", str(tmp_path / "again.yaml"), "--format", "json")
    _, stored, _ = ferbench("leaderboard", "--format", "json")
    figures = ("uar", "war", "macro_f1", "confusion", "fold_uar", "labels", "fingerprint", "score_metrics")
    figures_of_results = ("uar", "war", "p", "tied_with_best", "fold_mean_uar", "spread_over_seeds", "smallest_difference", "rank")
    again, before = ({json.dumps(row["labels"]): row for row in json.loads(text)} for text in (out, stored))
    assert again.keys() == before.keys()
    for labels, row in again.items():
        assert {name: row[name] for name in figures} == {name: before[labels][name] for name in figures}
        assert [row["result"][name] for name in figures_of_results] == [before[labels]["result"][name] for name in figures_of_results]


def test_rescore_names_the_rows_that_failed(data, benchmark_file, toy_plugin, tmp_path, capsys):
    store = ["--store", str(tmp_path / "runs")]
    sets = ["--set", "loss=[cross-entropy, broken]", "--set", "recipe.epochs=1"]
    assert main(["run", str(benchmark_file), "--plugin", str(toy_plugin), *store, *sets, "--no-figures", "--device", "cpu"]) == 1
    (tmp_path / "again.yaml").write_text("aggregator: mean\n")
    capsys.readouterr()
    assert main(["rescore", str(tmp_path / "again.yaml"), *store, "--format", "json"]) == 0
    output = capsys.readouterr()
    assert {row["labels"]["loss"] for row in json.loads(output.out)} == {"cross-entropy"}
    assert "left out, since it failed: toys: toy-net · default · broken" in output.err
    assert "seed 0: ZeroDivisionError" in output.err


def test_rescored_rows_of_two_benchmarks_are_no_seeds_of_each_other(two_tables, tmp_path, capsys):
    """Equal labels in two benchmarks used to become one row, with the mean of both."""
    (tmp_path / "again.yaml").write_text("rows: [backbone=trees]\naggregator: mean\n")
    assert main(["rescore", str(tmp_path / "again.yaml"), "--store", two_tables, "--format", "json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert main(["leaderboard", "--store", two_tables, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    chosen = [row for row in rows if (row["labels"]["backbone"], row["labels"]["aggregator"]) == ("trees", "mean")]
    stored = {row["benchmark"]: row["uar"] for row in chosen}

    assert {row["benchmark"]: row["uar"] for row in again} == stored
    assert len(again) == len(stored) == 2
    assert main(["rescore", str(tmp_path / "again.yaml"), "--store", two_tables]) == 0
    out = capsys.readouterr().out
    assert "k2 · scored again" in out
    assert "k3 · scored again" in out
    assert "seeds" not in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aggregator: mean\nframes: []\n", "frames is empty"),
        ("aggregator: mean\nframe: all\n", "frame"),
        ("aggregator: mean\nframes: {last: 0}\n", "frames has {'last': 0}: expected all, {first: n}"),
        ("aggregator: mean\nmerge: {a: [dark], b: [dark]}\n", "merge names the class 'dark' twice"),
        ("aggregator: mean\nmerge: {a: [sad]}\n", "merge names sad: the rows have the classes dark, light, stripes"),
        ("aggregator: mean\nmerge: {a: [dark, light, stripes]}\n", "merge leaves one class"),
        ("frames: all\n", "aggregator is missing"),
        ("[]\n", "expected a mapping"),
    ],
)
def test_mistakes_in_a_rescoring(ferbench, tmp_path, text, message):
    (tmp_path / "again.yaml").write_text(text)
    code, _, err = ferbench("rescore", str(tmp_path / "again.yaml"))
    assert code == 2
    assert message in err


def test_a_missing_rescoring(ferbench):
    code, _, err = ferbench("rescore", "nowhere.yaml")
    assert code == 2
    assert "no file nowhere.yaml\n  give a YAML file that says what to score" in err


def test_power_before_any_training(finished, tmp_path, monkeypatch, capsys, toy_plugin):
    monkeypatch.setenv("FERBENCH_DATA", str(finished / "data"))
    command = ["plan", str(finished / "toys.yaml"), "--plugin", str(toy_plugin), "--store", str(tmp_path / "store"), "--power"]
    assert main([*command, "--format", "json"]) == 0
    (reach,) = json.loads(capsys.readouterr().out)
    assert (reach["people"], reach["clips"], reach["classes"]) == (9, 54, {"dark": 18, "light": 18, "stripes": 18})
    assert reach["half_widths"]["0.5"] > reach["half_widths"]["0.9"] > 0
    assert main(command) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "of two rows that disagree on 10 % of the clips, even the largest possible difference is mostly missed" in out
    assert re.search(
        r"of two rows that disagree on 20 / 40 % of the clips, differences below [0-9.]+ / [0-9.]+ points are mostly missed", out
    )


def test_lost_list_of_tested_clips_hides_no_other_table(two_tables, tmp_path, capsys):
    shutil.copytree(two_tables, tmp_path / "store")
    store = ["--store", str(tmp_path / "store")]
    assert main(["leaderboard", *store, "--format", "json"]) == 0
    before = json.loads(capsys.readouterr().out)
    sorted((tmp_path / "store" / "tested").rglob("*.safetensors"))[0].unlink()
    assert main(["store", "verify", *store]) == 0
    assert "tested" in capsys.readouterr().out
    assert main(["leaderboard", *store, "--format", "json"]) == 1
    output = capsys.readouterr()
    shown = {row["benchmark"] for row in json.loads(output.out)}
    (lost,) = {row["benchmark"] for row in before} - shown
    assert len(shown) == 1
    assert f"warning: no table of {lost}: the list of the tested clips" in output.err
    assert "run the benchmark again" in output.err


def test_fact_that_only_some_benchmarks_know(two_tables, tmp_path, capsys):
    """It used to end the command for all of them."""
    shutil.copytree(two_tables, tmp_path / "store")
    store = Store(tmp_path / "store")
    key = load_records(store, "k2")[0]["rows"][0]["tested"]
    table = store.find("tested", key).read_facts(ClipTable)
    table["facts"] = [{"mood": "good"}] * len(table["ids"])
    store.remove("tested", key)
    store.write("tested", key, Content, facts=table)
    assert main(["leaderboard", "--by", "mood", "--store", str(tmp_path / "store"), "--format", "csv"]) == 0
    output = capsys.readouterr()
    assert {line["benchmark"] for line in csv.DictReader(io.StringIO(output.out))} == {"k2"}
    assert "warning: no table of k3, " in output.err
    assert "no clip carries the fact 'mood'" in output.err
    assert main(["leaderboard", "--by", "", "--store", str(tmp_path / "store")]) == 2
    assert "the fact ''" in capsys.readouterr().err


def test_the_default_format_is_one_of_those_offered(capsys):
    with pytest.raises(SystemExit):
        main(["predictions", "--help"])
    assert "csv or json (default: csv)" in " ".join(capsys.readouterr().out.split())
