"""`ferbench crops`: a picture of what networks see of one clip."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ferbench import Frames
from ferbench.cli.main import main
from ferbench.execution.contact_sheet import view_clip
from ferbench.execution.progress import Reporter
from ferbench.report.contact_sheet import Strip, _choose_evenly, draw_contact_sheet
from ferbench.stages import crops as crops_stage


@pytest.fixture
def ferbench(data, benchmark_file, toy_plugin, tmp_path, capsys, monkeypatch):
    """Run `ferbench crops` on the toy benchmark; returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*options, command="crops"):
        code = main([command, str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / "store"), *options])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.fixture
def view(data, benchmark_file, toy_plugin, tmp_path):
    """View a clip of the toy benchmark with these preprocessings."""
    from ferbench.benchmark.grid import load_benchmark
    from ferbench.store.layout import find_store

    def call(clip=None, *sets):
        benchmark = load_benchmark(benchmark_file, plugins=[toy_plugin], sets=list(sets))
        return view_clip(benchmark, clip or first_clip(data), find_store(tmp_path / "store", pytest.fail), Reporter(quiet=True))

    return call


def first_clip(data):
    return "/".join(sorted((data / "toy").glob("*/*/*"))[0].parts[-3:])


def test_it_writes_a_picture_and_prints_its_name(ferbench, data, tmp_path):
    code, out, err = ferbench("--clip", first_clip(data), "-o", "sheet.png")
    assert (code, out, err) == (0, "sheet.png\n", "")
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[1] > 400
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"sheet.png", "toys.yaml"}


def test_the_default_name_is_that_of_the_clip(ferbench, data, tmp_path):
    clip = first_clip(data)
    assert ferbench("--clip", f"toy/{clip}")[0] == 0
    assert (tmp_path / f"crops-toy_{clip.replace('/', '_')}.png").is_file()


def test_an_unknown_clip_is_one_error_with_the_nearest_names(ferbench, data, tmp_path):
    clip = first_clip(data)
    code, _, err = ferbench("--clip", clip + "x", "-o", "sheet.png")
    assert code == 2
    assert err.startswith(f"error: --clip: no clip '{clip}x' in toy (")
    assert f"toy/{clip}" in err
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(("output", "message"), [("sheet.jpg", "ends with .png"), ("none/sheet.png", "the folder none does not exist")])
def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_computed(ferbench, data, monkeypatch, output, message):
    monkeypatch.setattr("ferbench.execution.contact_sheet.view_clip", lambda *_: pytest.fail("computed"))
    code, _, err = ferbench("--clip", first_clip(data), "-o", output)
    assert code == 2
    assert message in err


def test_crops_are_those_of_a_run_and_nothing_is_stored(view, data, tmp_path):
    (strip,) = view().strips
    assert strip.label == "plain"
    assert strip.crops.shape[0] == len(strip.indices) > 0
    assert not list((tmp_path / "store").glob("crops/*"))
    (other,) = view(None, "preprocessing=[[{resize: {size: 9}}]]").strips
    assert other.crops.shape[1:3] == (9, 9)


def test_stored_crops_are_shown_as_they_are(ferbench, view, data, monkeypatch):
    assert ferbench("--quiet", "--no-figures", "--device", "cpu", command="run")[0] == 0
    trace = crops_stage.trace_steps

    def change(*arguments):
        for result in trace(*arguments):
            yield replace(result, crops=result.crops * 0) if isinstance(result, crops_stage.ClipCrops) else result

    monkeypatch.setattr("ferbench.execution.contact_sheet.trace_steps", change)
    (strip,) = view().strips
    assert strip.crops.any()
    (strip,) = view(None, "preprocessing=[[{resize: {size: 9}}]]").strips  # not stored
    assert not strip.crops.any()


def strip(count, **changes):
    images = tuple(np.full((60, 80), 200, np.uint8) for _ in range(count))
    frames = Frames(images, boxes=((10, 10, 30, 30),) * count, eyes=np.full((count, 2, 2), 20, np.float32))
    crops = np.full((count, 20, 20), 90, np.uint8)
    return replace(Strip("steps", frames, crops, list(range(count)), [True] * count, {}), **changes)


@pytest.mark.parametrize(
    "strips",
    [
        [strip(1)],
        [strip(12), strip(3, has_face=[True, False, True])],
        [strip(2, has_face=None, frames=Frames((np.zeros((9, 9, 3), np.uint8),) * 2))],
        [strip(0, frames=None, problems={str(index): "damaged" for index in range(5)}, has_face=None)],
        [strip(2, frames=Frames((np.zeros((9, 9), np.uint8),) * 2, landmarks=np.ones((2, 68, 2), np.float32)))],
        [strip(1, label="$a_{b} \x1b[2J" + "long " * 80)],
    ],
)
def test_every_kind_of_clip_can_be_drawn(tmp_path, strips):
    draw_contact_sheet("title $", strips, tmp_path / "sheet.png")
    image = cv2.imread(str(tmp_path / "sheet.png"))
    assert image.shape[0] >= 300 * len(strips)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_faces_that_were_not_found_are_orange(tmp_path):
    for has_face, orange in (([True], False), ([False], True)):
        draw_contact_sheet("title", [strip(1, has_face=has_face)], tmp_path / "sheet.png")
        blue, green, red = cv2.imread(str(tmp_path / "sheet.png")).astype(int).transpose(2, 0, 1)
        assert ((red > 180) & (blue < 60) & (green < 130)).any() == orange
        assert ((blue > 150) & (red < 60)).any() != orange


def test_frames_are_chosen_evenly():
    assert _choose_evenly(3, 10) == [0, 1, 2]
    assert _choose_evenly(10, 4) == [0, 3, 6, 9]
    assert _choose_evenly(0, 10) == []
