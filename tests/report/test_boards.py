"""Leaderboards of records written by hand."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from ferbench.benchmark.axes import AXES
from ferbench.report.answers import Answers
from ferbench.report.boards import UAR, WAR, Board, format_points, make_boards
from ferbench.report.exports import flatten_record, to_csv, to_data, to_latex, to_markdown
from ferbench.report.legend import REHEARSAL, describe_board
from ferbench.report.results import RankedRecord, rank_rows
from ferbench.report.tables import BoardTables
from ferbench.store.files import to_json

CLASSES = ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
LABELS = {axis: {"seed": "0", "protocol": "thesis"}.get(axis, f"the-{axis}") for axis in AXES}


def row(uar: float, fingerprint: str = "f" * 32, standin: bool = False, **labels: str) -> dict:
    return {
        "status": "done",
        "benchmark": "made-up",
        "key": f"{uar}{fingerprint}",
        "labels": LABELS | labels,
        "standin": standin,
        "fingerprint": fingerprint,
        "precision": "float32",
        "people_known": True,
        "leaks": [],
        "trained_on": [],
        "classes": CLASSES,
        "protocol": f"corpus: 99 clips under {fingerprint[:4]}",
        "war": uar,
        "uar": uar,
        "macro_f1": uar - 0.01,
        "kappa": 0.5,
        "class_precision": dict.fromkeys(CLASSES, 0.25),
        "confusion": [[0] * 6] * 6,
        "score_metrics": None,
        "validation": {"war": 0.6, "uar": 0.62, "clips": 5},
        "covered_only": None,
        "fold_uar": [uar, uar + 0.1],
        "steps": [30, 120],
        "others": [],
        "recall": dict(zip(CLASSES, [0.11, 0.22, None, 0.44, 0.55, 1.0], strict=True)),
        "coverage": {"frames": 0.987, "clips": 1.0},
        "epochs": [3, 12],
        "seconds": {"crops": 1.5, "fit": 40.0},
        "clips": 99,
        "clips_lost": [],
    }


def failed(message: str = "out of luck", **labels: str) -> dict:
    known = ("benchmark", "labels", "standin", "fingerprint", "precision", "people_known", "classes", "protocol", "leaks", "trained_on")
    description = {name: value for name, value in row(0, **labels).items() if name in known}
    return {**description, "status": "failed", "key": "k" * 32, "error": "ValueError", "message": message, "log": "runs/logs/k.txt"}


def published(match: dict, **figures) -> dict:
    figures = {"accuracy": None, "war": None, "uar": None, "recall": {}, "clips": None, "protocol": "", "problem": "", **figures}
    return {"match": match, "source": "a paper", **figures}


def record(*rows: dict, references: tuple = ()) -> dict:
    return {"benchmark": "made-up", "rows": list(rows), "failures": {}, "published": list(references), "corpora": []}


class MadeUpAnswers:
    """Answers of 100 people, a clip of each class from each: the share `uar` of them is right, not the same ones for every class."""

    def read(self, row: dict) -> Answers:
        count = len(row["classes"])
        person, true = np.divmod(np.arange(100 * count), count)
        shift = 13 * sum(map(ord, row["labels"]["loss"]))
        is_right = (person * 37 + true * 11 + shift) % 100 < round(100 * row["uar"])
        predicted = np.where(is_right, true, (true + 1) % count)
        names = [f"clip {number}" for number in range(100 * count)]
        people = [f"person {number:02}" for number in person]
        labels = [row["classes"][label] for label in true]
        table = {"ids": names, "people": people, "labels": labels, "folds": [0] * len(names), "facts": [{}] * len(names)}
        everything = np.ones(len(names), bool)
        return Answers(tuple(row["classes"]), table, np.arange(len(names)), np.eye(count)[predicted], everything)


def rank(record: dict) -> RankedRecord:
    return RankedRecord(record, rank_rows(record["rows"], MadeUpAnswers()))


def csv_of(*records: dict) -> str:
    return to_csv([line for record in records for line in flatten_record(rank(record))])


def boards(record: dict) -> list[Board]:
    return make_boards(rank(record))


def cells(board, column: str) -> list[str]:
    return [line.cells.get(column, "") for line in board.lines]


def values(board, column: str) -> list[str]:
    """The figures of a column without their intervals."""
    return [cell.partition(" [")[0] for cell in cells(board, column)]


def print_tables(record: dict, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    console.print(BoardTables(boards(record)))
    return console.file.getvalue()


def export_all(record: dict) -> dict[str, str]:
    """The record in every format."""
    return {
        "table": print_tables(record, 160),
        "narrow": print_tables(record, 80),
        "markdown": to_markdown(boards(record)),
        "latex": to_latex(boards(record)),
        "csv": csv_of(record),
        "json": to_json(to_data(rank(record))).decode(),
    }


def test_ranked_by_uar():
    better_war = row(0.5, backbone="a") | {"war": 0.99}
    (board,) = boards(record(better_war, row(0.7, backbone="b"), row(0.6, backbone="c")))
    assert cells(board, "backbone") == ["b", "c", "a"]
    assert cells(board, "#") == ["★ 1", "2", "3"]
    assert values(board, UAR) == ["70.0", "60.0", "50.0"]
    assert [line.kind for line in board.lines] == ["best", "measured", "measured"]


def test_equal_uar_is_ranked_by_war():
    one, two = row(0.5, backbone="a"), row(0.5, backbone="b") | {"war": 0.9}
    assert cells(boards(record(one, two))[0], "backbone") == ["b", "a"]


def test_a_class_is_never_shown_in_the_column_of_another_figure():
    """The p-value used to stand where the recall of a class of that name belongs."""
    figures = {"classes": ["p", "sd", "no"], "recall": {"p": 0.91, "sd": 0.5, "no": 0.11}}
    (board,) = boards(record(row(0.5, backbone="a") | figures, row(0.6, backbone="b") | figures))

    assert cells(board, "recall p") == ["91", "91"]
    assert cells(board, "recall sd") == ["50", "50"]
    assert cells(board, "p")[0] == ""
    assert cells(board, "p")[1] != "91"


@pytest.mark.parametrize(
    ("people", "shown_by", "is_named"), [(30, 6, False), (30, 5, True), (30, 2, True), (5, 5, False), (6, 5, True), (4, 2, False)]
)
def test_a_class_that_few_of_many_people_show_is_named(people, shown_by, is_named):
    ranking = replace(rank(record(row(0.5))).rankings[0], people=people, people_by_class={"anger": people, "fear": shown_by})
    lines = " ".join(describe_board(ranking, [], (), {}, compares=False))
    assert (f"intervals are somewhat too narrow: classes that few people show: fear {shown_by}" in lines) == is_named
    assert ("no intervals" in lines) == (people < 5)


def test_what_networks_were_trained_on_is_below_the_table():
    pretrained = [row(0.7 - 0.1 * number, backbone=name) | {"trained_on": ["ImageNet-1k"]} for number, name in enumerate(("a", "b"))]
    table = record(*pretrained, row(0.4, backbone="lbp"), row(0.3, backbone="two") | {"trained_on": ["FER2013", "ImageNet-1k"]})
    assert "trained beforehand: a, b on ImageNet-1k; two on FER2013 and ImageNet-1k" in print_tables(table, 160)
    assert [line["trained_on"] for line in flatten_record(rank(table))] == ["ImageNet-1k", "ImageNet-1k", "", "FER2013; ImageNet-1k"]
    assert "trained beforehand" not in print_tables(record(row(0.4, backbone="lbp")), 160)


def test_a_published_row_without_details_fills_no_lines_of_a_narrow_terminal():
    reference = published({"backbone": "the-backbone"}, war=0.7)
    lines = print_tables(record(row(0.5), references=(reference,)), 80).splitlines()
    assert sum("published" in line for line in lines[:10]) == 1
    assert not [line for line in lines if line.strip() == "pub."]
    with_recall = published({"backbone": "the-backbone"}, war=0.7, recall={"fear": 0.33})
    assert [line for line in print_tables(record(row(0.5), references=(with_recall,)), 60).splitlines() if line.split() == ["pub.", "33"]]


@pytest.mark.parametrize(("difference", "text"), [(0.0123, "+1.2"), (-0.0123, "-1.2"), (-0.0004, "+0.0"), (0, "+0.0")])
def test_points(difference, text):
    assert format_points(difference) == text


def test_cells():
    (board,) = boards(record(row(0.5)))
    classes = ("an", "di", "fe", "ha", "sa", "su")
    assert board.columns == ("#", "backbone", UAR, "val", WAR, "F1", *classes, "cover", "epoch", "steps", "p", "sec")
    shown = [board.lines[0].cells[column] for column in board.columns]
    assert re.fullmatch(r"50\.0 \[4\d(\.\d)?–5\d(\.\d)?\]", shown[2])
    assert shown[2] == shown[4]
    assert [*shown[:2], shown[3], *shown[5:12]] == ["1", "the-backbone", "62.0", "49.0", "11", "22", "", "44", "55", "100"]
    assert shown[12:] == ["99", "3-12", "30-120", "", "42"]
    assert "loss the-loss" in board.caption  # axes that do not vary are in the caption
    assert "backbone" not in board.caption
    assert "corpus: 99 clips under ffff" in board.caption
    assert "fe fear" in board.caption


def test_row_without_coverage_and_epochs():
    (board,) = boards(record(row(0.5) | {"coverage": {"frames": None, "clips": None}, "epochs": [0, 0]}))
    assert (cells(board, "cover"), cells(board, "epoch")) == (["–"], ["–"])


def test_only_axes_that_vary_are_columns():
    (board,) = boards(record(row(0.5, loss="a", seed="0"), row(0.6, loss="b", seed="1")))
    assert board.columns[: board.label_columns] == ("#", "loss", "seed")


@pytest.mark.parametrize(
    ("classes", "short"),
    [
        (["sad", "sadly"], ["sad", "sadl"]),
        (["neutral", "smiling"], ["ne", "sm"]),
        (["surprise", "sadness", "super"], ["sur", "sad", "sup"]),
    ],
)
def test_class_headings_are_distinct(classes, short):
    (board,) = boards(record(row(0.5) | {"classes": classes, "recall": dict.fromkeys(classes, 0.5)}))
    assert list(board.columns[6:-5]) == short


TWO = record(
    row(0.9, "a" * 32, backbone="x"), row(0.4, "b" * 32, backbone="y"), row(0.5, "b" * 32, backbone="z"), row(0.3, "a" * 32, backbone="z")
)


def test_two_protocols_are_never_ranked_together():
    one, two = boards(TWO)
    assert (cells(one, "backbone"), cells(one, "#")) == (["x", "z"], ["★ 1", "2"])
    assert (cells(two, "backbone"), cells(two, "#")) == (["z", "y"], ["★ 1", "2"])
    assert "aaaaaaaaaaaa" in one.caption
    assert "aaaaaaaaaaaa" not in two.caption


def test_two_protocols_are_two_tables_in_every_format():
    texts = export_all(TWO)
    assert texts["markdown"].count("\n|---|") == 2
    assert texts["latex"].count(r"\begin{table}") == 2
    for name in ("table", "narrow", "markdown", "latex"):
        assert texts[name].count("fingerprint aaaaaaaaaaaa") == 1
        assert texts[name].count("fingerprint bbbbbbbbbbbb") == 1
    assert {line["fingerprint"] for line in csv.DictReader(io.StringIO(texts["csv"]))} == {"a" * 32, "b" * 32}


REFERENCES = (
    published({"backbone": "a"}, accuracy=0.7502, recall={"fear": 0.4712}),
    published({"backbone": "b", "loss": "the-loss"}, uar=0.8, source="another"),
    published({"backbone": "gone"}, war=0.1),
)


def test_published_rows_follow_the_rows_that_they_match():
    (board,) = boards(record(row(0.5, backbone="a"), row(0.7, backbone="b"), references=REFERENCES))
    assert [line.kind for line in board.lines] == ["best", "published", "measured", "published"]
    assert cells(board, "#") == ["★ 1", "", "2", ""]
    assert cells(board, "backbone") == ["b", "published", "a", "published"]
    assert values(board, WAR) == ["70.0", "", "50.0", "75.0? above"]
    assert values(board, UAR) == ["70.0", "80.0 above", "50.0", "75.0? above"]
    assert cells(board, "fe") == ["", "", "", "47"]
    assert "published: another; protocol unknown\n" in board.caption
    assert "published: a paper; protocol unknown; ?: the source does not say whether it is WAR or UAR" in board.caption


def test_published_row_never_is_the_best():
    (board,) = boards(record(row(0.5, backbone="a"), row(0.4, backbone="b"), references=REFERENCES))
    assert [line.kind for line in board.lines] == ["best", "published", "measured", "published"]
    assert board.lines[0].cells["backbone"] == "a"


def test_published_rows_in_csv_and_json():
    shown = record(row(0.5, backbone="a"), references=REFERENCES)
    assert [line["kind"] for line in csv.DictReader(io.StringIO(csv_of(shown)))] == ["measured"] + ["published"] * 3
    assert [line["kind"] for line in json.loads(export_all(shown)["json"])] == ["measured"] + ["published"] * 3
    line = flatten_record(rank(shown))[1]
    assert (line["accuracy"], line["backbone"], line["recall_fear"], line["source"]) == (0.7502, "a", 0.4712, "a paper")
    assert "war" not in line


def test_best_is_marked():
    texts = export_all(record(row(0.5, backbone="worse"), row(0.7, backbone="better")))
    assert re.search(r"★ 1 +better", texts["table"])
    assert re.search(r"★ 1 +better", texts["narrow"])
    assert r"| **★ 1** | **better** | **70.0 \[" in texts["markdown"]
    assert r"\bfseries $\star$ 1 & \bfseries better & \bfseries 70.0" in texts["latex"]
    assert all("**worse" not in text and r"\bfseries worse" not in text for text in texts.values())


def test_single_row_is_not_called_the_best():
    assert boards(record(row(0.5)))[0].lines[0].kind == "measured"


@pytest.mark.parametrize("standin", [True, False])
def test_rehearsal_is_marked_everywhere(standin):
    texts = export_all(record(row(0.5, standin=standin)))
    for name in ("table", "narrow", "markdown", "latex"):
        assert (REHEARSAL.split(":")[0] in texts[name].replace("\n", " ")) == standin
    assert [line["standin"] for line in csv.DictReader(io.StringIO(texts["csv"]))] == [str(standin)]
    assert [line["standin"] for line in json.loads(texts["json"])] == [standin]


NAMES = ("vgg16-reduced(weights=calibrated-random, hidden=1024)", "vgg16(weights=[a], :smile: mean=[0, 0, 0])", "a" * 100)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 160, 240])
def test_no_width_cuts_a_cell(width):
    shown = record(
        *(row(0.5 + i / 100, backbone=name, loss=f"weighted-cross-entropy-{i}") for i, name in enumerate(NAMES)),
        failed(backbone="no-luck"),
        references=(published({"backbone": NAMES[0]}, accuracy=0.7502),),
    )
    text = print_tables(shown, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    (board,) = boards(shown)
    for line in board.lines:
        for column in board.columns[board.label_columns :]:
            cell = line.cells.get(column)
            assert not cell or cell in " ".join(text.split()), (column, line.cells)
    for name in NAMES:
        assert is_shown(name, text)


def is_shown(name: str, text: str) -> bool:
    """Whether the text contains the whole name, possibly folded over lines."""
    rest = name.replace(" ", "")
    for line in (line.replace(" ", "") for line in text.splitlines()):
        rest = rest[max((n for n in range(len(rest) + 1) if rest[:n] in line and (n > 2 or n == len(rest))), default=0) :]
    return not rest


def test_wide_console_has_one_table_and_a_narrow_one_several():
    shown = record(row(0.5, backbone="vgg16-reduced"), row(0.6, backbone="vgg16"), references=REFERENCES)
    assert [len(re.findall(r"^ +# ", print_tables(shown, width), re.MULTILINE)) for width in (200, 60)] == [1, 3]


@pytest.mark.parametrize("width", [24, 30, 40, 60, 80])
def test_no_width_breaks_a_word_of_a_label(width):
    rows = [row(0.3 + n / 100, backbone=f"a-network-{n}", loss=f"weighted-entropy-{n}", aggregator="majority") for n in range(3)]
    text = print_tables(record(*rows), width)
    assert max(map(len, text.splitlines())) <= width
    for n in range(3):
        assert {f"a-network-{n}", f"weighted-entropy-{n}"} <= set(text.split())


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80])
def test_no_width_stacks_the_digits_of_a_number(width):
    """100 used to be printed as 1, 0 and 0 below each other at 40 columns."""
    rows = [row(0.3 + n / 100, backbone=f"a-network-{n}", loss=f"a-loss-{n}", aggregator="majority") for n in range(3)]
    text = print_tables(record(*rows), width)
    assert max(map(len, text.splitlines())) <= width
    for number in ("100", "30.0", "31.0", "32.0", "3-12", "99", "cover", "epoch"):
        assert re.search(rf"(?<![\d.]){number}(?![\d.])", text), number


def test_failed_rows_are_named_with_the_reason():
    shown = record(row(0.5, backbone="a"), failed(backbone="b", loss="l2"), references=REFERENCES)
    (board,) = boards(shown)
    assert [line.kind for line in board.lines][-1] == "failed"
    assert cells(board, "#")[-1] == "✗"
    texts = export_all(shown)
    for name in ("table", "narrow", "markdown", "latex"):
        text = " ".join(texts[name].split())
        assert "failed" in text
        assert "ValueError: out of luck (log: runs/logs/k.txt)" in text
    assert list(csv.DictReader(io.StringIO(texts["csv"])))[1]["error"] == "ValueError: out of luck"
    assert json.loads(texts["json"])[1]["message"] == "out of luck"


def test_every_row_failed():
    texts = export_all(record(failed(backbone="a"), failed(backbone="b")))
    assert all(text.count("out of luck") == 2 for text in texts.values())


def test_special_characters():
    texts = export_all(record(row(0.5, backbone="a|b_c&d%e#f{g}$h\\i~j^k"), row(0.4, backbone="plain")))
    assert r"a\|b\_c\&d%e#f{g}\$h\\i\~j^k" in texts["markdown"]
    assert r"a\textbar{}b\_c\&d\%e\#f\{g\}\$h\textbackslash{}i\textasciitilde{}j\textasciicircum{}k" in texts["latex"]
    assert "a|b_c&d%e#f{g}$h\\i~j^k" in texts["table"]
    body = [line for line in texts["latex"].splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {16}
    table = [line for line in texts["markdown"].splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {18}


HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m|`*_[a](b)\u202e&lt;\r\n# x"
SHOWN = r"<img src=x onerror=alert(1)>\x1b[31m|`*_[a](b)\u202e&lt;\r\n# x"


def test_labels_cannot_steer_a_terminal_or_a_page():
    """Control characters, HTML and Markdown from labels, classes, messages and sources are shown as they are written."""
    bad = row(0.5, backbone=HOSTILE) | {"benchmark": HOSTILE, "protocol": HOSTILE}
    texts = export_all(record(bad, failed(backbone="b") | {"message": HOSTILE}, references=[published({}, war=0.5) | {"source": HOSTILE}]))
    del texts["json"]  # escaped when it is printed
    for name, text in texts.items():
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), name
    assert SHOWN in texts["csv"]
    assert re.sub(r"\\(?=[<>|`*_\[\]&\\])", "", texts["markdown"]).count(SHOWN) == 4
    assert not re.search(r"(?<!\\)[<>]", texts["markdown"])
    assert texts["latex"].count(r"\textless{}img src=x onerror=alert(1)\textgreater{}\textbackslash{}x1b[31m\textbar{}`*\_[a]") == 4
    assert len({line.count("|") - line.count(r"\|") for line in texts["markdown"].splitlines() if line.startswith("|")}) == 1


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1"])
def test_texts_in_csv_are_no_formulas(text):
    (line, _) = csv.DictReader(io.StringIO(csv_of(record(row(0.5, backbone=text), row(0.25, backbone="-1.5")))))
    assert not re.match(r"[=+@\t\r-]", line["backbone"])
    assert line["backbone"].lstrip("'").encode().decode("unicode_escape") == text


def test_numbers_in_csv_stay_numbers():
    line, *_ = csv.DictReader(io.StringIO(csv_of(record(row(0.5, backbone="-1.5"), row(0.25)))))
    assert (line["backbone"], line["uar"]) == ("-1.5", "0.5")


def test_several_records_in_one_csv():
    lines = list(csv.DictReader(io.StringIO(csv_of(record(row(0.5)), record(row(0.6), references=REFERENCES)))))
    assert [line["uar"] for line in lines] == ["0.5", "0.6", "", "0.8", ""]


@pytest.mark.parametrize("figures", [{"accuracy": 0.5}, {"war": 0.5}, {"uar": 0.5}, {"recall": {"anger": 0.5}}])
def test_published_rows_of_any_figure_in_any_format(figures):
    """As they come from a file: msgspec sets no attribute for a field left at its default."""
    import dataclasses

    from ferbench.benchmark.sections import Published
    from ferbench.registry.parameters import build
    from ferbench.registry.specs import Spec

    reference = dataclasses.asdict(build(Published, Spec("", {"match": {}, "source": "a paper", **figures}), "published"))
    shown = record(row(0.5), references=(reference,))
    assert all("a paper" in text for text in export_all(shown).values())
    assert len(flatten_record(rank(shown))) == 2


def test_equal_rows_share_a_rank_and_no_star():
    (board,) = boards(record(row(0.5, loss="a"), row(0.5, loss="b"), row(0.4, loss="c")))
    assert cells(board, "#") == ["≈ 1", "≈ 1", "3"]
    assert [line.kind for line in board.lines] == ["tied", "tied", "measured"]
    assert "the 2 rows marked ≈ cannot be separated" in board.caption


def test_rows_too_close_to_be_separated_are_marked_as_a_group():
    (board,) = boards(record(row(0.52, loss="a"), row(0.51, loss="b"), row(0.2, loss="c")))
    assert cells(board, "#") == ["≈ 1", "≈ 2", "3"]
    texts = export_all(record(row(0.52, loss="a"), row(0.51, loss="b"), row(0.2, loss="c")))
    assert "**≈ 2**" in texts["markdown"]
    assert r"$\approx$ 2" in texts["latex"]
    assert [line["tied_with_best"] for line in csv.DictReader(io.StringIO(texts["csv"]))] == ["True", "True", "False"]


def test_unknown_people_are_said_to_be_unknown():
    (board,) = boards(record(row(0.5, loss="a") | {"people_known": False}, row(0.4, loss="b") | {"people_known": False}))
    assert "[ ]: 95 % interval over 600 clips (people unknown)" in board.caption
    assert "permutation test of UAR over clips" in board.caption
    (board,) = boards(record(row(0.5, loss="a"), row(0.4, loss="b")))
    assert "[ ]: 95 % interval over 100 people" in board.caption
    assert "permutation test of UAR over people" in board.caption


def test_seeds_are_one_row():
    (board,) = boards(record(*[row(0.5 + seed / 100, loss="a", seed=str(seed)) for seed in range(3)], row(0.3, loss="b", seed="0")))
    assert (cells(board, "loss"), cells(board, "seeds"), values(board, UAR)) == (["a", "b"], ["3", "1"], ["51.0", "30.0"])
    assert cells(board, "sd") == ["1.0", ""]
    assert cells(board, "seed") == ["0, 1, 2", "0"]


def test_legend_names_untested_classes_and_lost_clips_also_next_to_failed_rows():
    lossy = row(0.5) | {"clips_lost": ["a", "b"]}
    (board,) = boards(record(failed(), lossy))
    assert "UAR and F1 over 5 of 6 classes; not tested: " in board.caption
    assert "left out: 2 clips without a readable frame" in board.caption
    (board,) = boards(record(row(0.5)))
    assert "left out" not in board.caption


def test_tables_and_exports_show_the_precision():
    rows = [row(0.5), {**row(0.4, loss="other"), "precision": "bfloat16"}]
    assert boards(record(*rows))[0].caption.endswith("computed in bfloat16 and float32")
    assert [line["precision"] for line in csv.DictReader(io.StringIO(csv_of(record(*rows))))] == ["float32", "bfloat16"]
