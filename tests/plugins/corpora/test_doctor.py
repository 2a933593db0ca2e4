"""`ferbench corpus doctor` on copies that the real loaders read: what is missing, and what it does to the standard folds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from copies import PICTURE, person_name, plan_sequences, write_ckplus

from ferbench import Fact
from ferbench.cli.main import main
from ferbench.registry.plugins import load_plugins
from ferbench_corpora import CKPlus

PAGE = (Path(__file__).parents[3] / "docs/corpora.md").read_text(encoding="utf-8")
LISTS = "EmoLabel_DataSplit/test(single-labeled)"
JPEG = cv2.imencode(".jpg", np.zeros((24, 32), np.uint8))[1].tobytes()


@pytest.fixture
def examine(tmp_path, capsys):
    """The exit code and the report of a corpus in `tmp_path / "copy"`, as JSON or as text."""

    def run(name, *options, text=False):
        arguments = ["corpus", "doctor", name, str(tmp_path / "copy"), "--store", str(tmp_path / "runs"), *options]
        code = main(arguments if text else [*arguments, "--format", "json"])
        out = capsys.readouterr().out
        return code, out if text else json.loads(out)

    return run


def figures(report):
    return {figure["name"]: (figure["found"], figure["official"], figure["status"]) for figure in report["figures"]}


def write(folder, *names, content=JPEG):
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content + name.encode())


def test_a_complete_copy_of_ckplus(tmp_path, examine):
    write_ckplus(tmp_path / "copy")
    code, report = examine("ck+")
    assert (code, report["folds_differ"]) == (0, False)
    assert {figure["status"] for figure in report["figures"]} == {"equal"}
    seven, six = report["protocols"]
    assert [seven["verdict"], six["verdict"]] == ["equal", "equal"]
    assert figures(seven)["test clips by fold"] == ([33, 39, 40, 35, 30, 37, 29, 29, 33, 22],) * 2 + ("equal",)
    assert figures(six)["people"] == (106, 106, "equal")
    assert figures(six)["test clips by fold"][1:] == (None, "unknown")
    assert report["sizes"] == {
        "found": {"640 x 490": 327}, "official": ["640 x 480", "640 x 490"], "status": "equal", "recalled": False,
        "source": CKPlus.official.sizes.source,
    }  # fmt: skip


@pytest.mark.parametrize("position", [12, 60, 117])
def test_a_missing_person_moves_all_later_people(tmp_path, examine, position):
    write_ckplus(tmp_path / "copy", without=[person_name(position)])
    code, report = examine("ck+")
    assert (code, report["folds_differ"]) == (1, True)
    seven, six = report["protocols"]
    assert [seven["verdict"], six["verdict"]] == ["differ", "differ"]
    assert figures(seven)["people"] == (117, 118, "differs")
    (place,) = [place for place in seven["places"] if place["after"] == person_name(position - 1)]
    assert place["moved"] == [person_name(later) for later in range(position + 1, 118)]
    assert place["before"] == (person_name(position + 1) if position < 117 else "")
    affected = {figure["name"]: figure["affects"] for figure in report["figures"]}
    assert affected["people"] == [seven["label"], six["label"]]
    assert affected["clips of contempt"] == []


def test_the_folds_are_made_by_the_protocol(tmp_path, examine):
    """The people after the missing one are in the fold before theirs."""
    write_ckplus(tmp_path / "copy", without=[person_name(60)])
    counts = [0] * 10
    people = [person for person in map(person_name, range(118)) if person != person_name(60)]
    for sequence, _ in plan_sequences():
        person = sequence.partition("/")[0]
        if person in people:
            counts[people.index(person) % 10] += 1
    _, report = examine("ck+")
    assert figures(report["protocols"][0])["test clips by fold"][0] == counts


def test_a_missing_label_changes_the_folds(tmp_path, examine):
    sequence, label = next((sequence, label) for sequence, label in plan_sequences() if label == "fear")
    write_ckplus(tmp_path / "copy", without=[sequence])
    code, report = examine("ck+")
    assert code == 1
    assert figures(report)["skipped, no emotion label"] == (267, 266, "differs")
    assert figures(report)[f"clips of {label}"] == (24, 25, "differs")
    seven = report["protocols"][0]
    assert seven["places"] == []
    assert {name for name, (_, _, status) in figures(seven).items() if status == "differs"} == {
        "clips", f"clips of {label}", "test clips by fold",
    }  # fmt: skip


def test_folds_are_unchanged_by_a_contempt_that_is_not_used(tmp_path, examine):
    """Only the protocol with seven classes has these clips; the person still shows another expression."""
    sequences = dict(plan_sequences())
    person_of = {sequence: sequence.partition("/")[0] for sequence in sequences}
    sequence = next(s for s, label in sequences.items() if label == "contempt" and [*person_of.values()].count(person_of[s]) > 1)
    write_ckplus(tmp_path / "copy", without=[sequence])
    code, report = examine("ck+")
    assert code == 1
    assert [protocol["verdict"] for protocol in report["protocols"]] == ["differ", "equal"]
    affected = {figure["name"]: figure["affects"] for figure in report["figures"]}
    assert affected["clips of contempt"] == [report["protocols"][0]["label"]]


def test_other_sizes_and_repeated_pictures_change_no_fold(tmp_path, examine):
    folder = write_ckplus(tmp_path / "copy")
    small, first, second, damaged = sorted((folder / "cohn-kanade-images").rglob("*/001/*.png"))[:4]
    small.write_bytes(cv2.imencode(".png", np.zeros((48, 48), np.uint8))[1].tobytes())
    second.write_bytes(first.read_bytes())
    damaged.write_bytes(PICTURE[:-20])
    code, report = examine("ck+")
    assert code == 0
    assert (report["sizes"]["status"], report["sizes"]["found"]["48 x 48"]) == ("differs", 1)
    assert report["corpus"]["repeated"]["pictures"] == 1
    assert report["undecodable"] == [f"ck+/{damaged.parent.parent.name}/001 ({damaged.name}: truncated or damaged PNG)"]
    assert "48 x 48 (1); official: 640 x 480, 640 x 490: differs, which changes no fold" in examine("ck+", text=True)[1]


def test_too_few_people_for_the_folds(tmp_path, examine):
    write_ckplus(tmp_path / "copy", without=[person_name(position) for position in range(113)])
    code, report = examine("ck+")
    assert code == 1
    assert report["protocols"][0]["problem"] == "5 people have clips of the classes: expected at least 10"
    assert "no folds can be made: 5 people have clips" in examine("ck+", text=True)[1]


def test_stand_ins_are_marked(tmp_path, examine, capsys):
    assert main(["corpus", "standin", "mug", str(tmp_path / "copy"), "--people", "1"]) == 0
    capsys.readouterr()
    code, out = examine("mug", text=True)
    assert code == 0
    assert "This is not a copy of the corpus but a stand-in of mug, 1 people, seed 0: deviations are expected." in out
    assert re.search(r"^people +1 +52 +differs \(recalled, not verified\)$", out, re.MULTILINE)
    assert "source of people: description of the released part (recalled, not verified)" in out


def test_missing_people_are_named_if_their_names_follow_a_rule(tmp_path, examine):
    for number in range(1, 81):
        emotions = ["Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise"]
        if number != 33:
            write(tmp_path / "copy", *(f"OriginalImg/VL/Strong/P{number:03}/{emotion}/000.jpeg" for emotion in emotions[number == 2 :]))
    code, report = examine("oulu-casia")
    assert code == 1
    assert (report["missing"], report["incomplete"]) == (["P033"], ["P002 anger 0 of 1"])
    (protocol,) = report["protocols"]
    assert protocol["places"] == []  # with P033, the clip of P002 would still be missing
    write(tmp_path / "copy", "OriginalImg/VL/Strong/P002/Anger/000.jpeg")
    _, report = examine("oulu-casia")
    ((place,),) = [protocol["places"] for protocol in report["protocols"]]
    assert (place["people"], len(place["moved"]), place["moved"][0]) == (["P033"], 47, "P034")
    _, out = examine("oulu-casia", text=True)
    assert "with P033, the folds would have the standard sizes; 47 of 79 people are tested in another fold: P034, P035, P036, ..." in out
    assert "people without a labeled clip: 1: P033" in out


@pytest.mark.parametrize(("move", "verdict"), [(0, "equal"), (1, "differ")])
def test_afew_with_clips_in_the_wrong_set(tmp_path, examine, move, verdict):
    train = {"Angry": 133, "Disgust": 74, "Fear": 81, "Happy": 150, "Neutral": 144, "Sad": 117, "Surprise": 74}
    validation = {"Angry": 64, "Disgust": 40, "Fear": 46, "Happy": 63, "Neutral": 63, "Sad": 61, "Surprise": 46}
    for top, counts, change in (("Train_AFEW", train, -move), ("Val_AFEW", validation, move)):
        for emotion, count in counts.items():
            numbers = range(count + (change if emotion == "Sad" else 0))
            write(tmp_path / "copy", *(f"{top}/{emotion}/{number:09}/0000001.jpg" for number in numbers))
    code, report = examine("afew")
    assert code == move
    assert {status for _, _, status in figures(report).values()} <= {"equal", "unknown"}  # in total, nothing is missing
    (protocol,) = report["protocols"]
    assert protocol["verdict"] == verdict
    assert figures(protocol)["test clips by fold"][:2] == ([383 + move], [383])
    assert report["sizes"]["recalled"]  # another size than the recalled one
    assert report["sizes"]["status"] == "differs"


def test_dfew_with_a_missing_list(tmp_path, examine):
    write(tmp_path / "copy", *(f"Clip/jpg_256/{number:05}/1.jpg" for number in (1, 2, 3, 4)))
    for fold in (1, 2):
        (tmp_path / "copy" / LISTS).mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / LISTS / f"set_{fold}.csv").write_text(f"video_name,label\n{fold},1\n{fold + 2},2\n")
    code, report = examine("dfew")
    assert code == 1
    assert figures(report)["clips"] == (4, 11_697, "differs")
    assert report["protocols"][0]["verdict"] == "differ"


def test_no_official_figures(tmp_path, examine):
    (tmp_path / "copy/Sessions/2").mkdir(parents=True)
    (tmp_path / "copy/Sessions/2/session.xml").write_text('<session><Metatag Name="Emotion" Value="4"/></session>')
    writer = cv2.VideoWriter(str(tmp_path / "copy/Sessions/2/S001-002.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 12.5, (32, 24))
    writer.write(np.zeros((24, 32, 3), np.uint8))
    writer.release()
    code, out = examine("mmi", text=True)
    assert code == 0
    assert "The plugin of mmi declares no official figures: what was found is compared with nothing." in out
    assert re.search(r"^people +1 +– *$", out, re.MULTILINE)
    assert "frames per second of videos: 12.5 (1); no official figure" in out
    assert "32 x 24 (1); no official figure" in out


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_terminal(tmp_path, examine, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    write_ckplus(tmp_path / "copy", without=[person_name(60)])
    _, out = examine("ck+", text=True)
    assert max(len(line) for line in out.splitlines() if str(tmp_path) not in line) <= columns
    assert "36 37 39 31 34 32 29 31 28 27" in out


def test_the_example_of_the_page(tmp_path, examine, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    write_ckplus(tmp_path / "copy", without=[person_name(60)])
    code, out = examine("ck+", text=True)
    shown = re.search(r"```console\n\$ ferbench corpus doctor ck\+ ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)
    assert code == 1
    assert out.replace(str(tmp_path / "copy"), shown[1]) == shown[2]


DATASETS = [entry.component for entry in load_plugins().entries_of("dataset") if entry.component.official]


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_official_figures_agree_with_each_other(dataset):
    official = dataset.official
    if official.labels:
        assert set(official.labels.value) <= set(dataset.classes)
        assert sum(official.labels.value.values()) == official.clips.value
    if official.each:
        assert {label: count * official.people.value for label, count in official.each.value.items()} == official.labels.value
    if official.names:
        assert len(set(official.names.value)) == official.people.value
    for standard in official.protocols:
        assert standard.clips.value <= official.clips.value
        if standard.tests and len(standard.tests.value) > 1:
            assert sum(standard.tests.value) == standard.clips.value


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_every_official_figure_names_its_source(dataset):
    owners = (dataset.official, *dataset.official.protocols)
    facts = [fact for owner in owners for fact in vars(owner).values() if isinstance(fact, Fact)]
    assert facts
    assert all(fact.source.strip() for fact in facts)
