"""ferbench predict: toy rows on made-up pictures and videos, and a row of the London photographs on real ones."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from compared import NET, TREES

from ferbench.cli.main import main
from ferbench.corpora.sources import Frame, Source
from ferbench.report.findings import Finding, Judge

PLUGIN = str(Path(__file__).parent.parent / "toy.py")
CLASSES = ("dark", "light", "stripes")


@pytest.fixture
def predict(ferbench, copy):
    """Run the command on a copy of the finished store."""

    def run(*arguments: object) -> tuple[int, str, str]:
        return ferbench("predict", *map(str, arguments), "--plugin", PLUGIN, "--device", "cpu", store=copy)

    return run


@pytest.fixture
def clip(finished, tmp_path) -> tuple[str, Path]:
    """The id of a clip of the corpus, and a video of its frames."""
    folder = sorted((finished / "data" / "toy").glob("*/stripes/*"))[0]
    images = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in sorted(folder.glob("*.png"))]
    return f"toy/{folder.relative_to(finished / 'data' / 'toy')}", write_video(tmp_path / "clip.avi", images)


def write_video(path: Path, images: list[np.ndarray], rate: float = 10) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"HFYU"), rate, images[0].shape[1::-1])  # without losses
    assert writer.isOpened()
    for image in images:
        writer.write(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def write_picture(path: Path, value: int) -> Path:
    cv2.imwrite(str(path), np.full((16, 16), value, np.uint8))
    return path


@pytest.mark.parametrize("row", [f"{NET},seed=0", TREES])
def test_a_clip_of_the_corpus_gets_the_answer_of_the_table(ferbench, predict, clip, row):
    name, video = clip
    _, out, _ = ferbench("predictions", row, "--format", "json")
    (stored,) = [each for each in json.loads(out) if each["clip"] == name]
    code, out, _ = predict(row, video, "--window", "0", "--fold", stored["fold"], "--format", "json")
    assert code == 0
    *frames, answer = [json.loads(line) for line in out.splitlines()]
    assert [frame["level"] for frame in frames] == ["frame"] * len(frames)
    assert answer["level"] == "clip"
    assert answer["predicted"] == stored["predicted"]
    assert answer["scores"] == pytest.approx({name: stored[f"score_{name}"] for name in CLASSES}, abs=1e-4)
    assert answer["scores"] == pytest.approx({name: np.mean([frame["scores"][name] for frame in frames]) for name in CLASSES}, abs=1e-5)


def test_the_answer_is_the_mean_of_all_folds(predict, clip):
    scores = []
    for fold in (0, 1, 2):
        _, out, _ = predict(TREES, clip[1], "--window", "0", "--fold", fold, "--format", "json")
        scores.append(list(json.loads(out.splitlines()[-1])["scores"].values()))
    _, out, messages = predict(TREES, clip[1], "--window", "0", "--format", "json")
    assert list(json.loads(out.splitlines()[-1])["scores"].values()) == pytest.approx(np.mean(scores, axis=0), abs=1e-5)
    assert "the mean of the fits of its 3 folds" in messages


def test_csv_of_pictures(predict, tmp_path):
    (tmp_path / "pictures").mkdir()
    for name, value in (("10.png", 30), ("2.png", 220)):
        write_picture(tmp_path / "pictures" / name, value)
    code, out, messages = predict(TREES, tmp_path / "pictures")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [(Path(line["source"]).name, line["level"]) for line in lines] == [
        ("2.png", "frame"), ("2.png", "clip"), ("10.png", "frame"), ("10.png", "clip"),
    ]  # fmt: skip
    assert [line["predicted"] for line in lines] == ["light", "light", "dark", "dark"]
    assert lines[0]["set"] == ""
    assert "calibrated over 9 people" in messages
    assert "UAR" in messages


def test_times_and_windows_of_a_video(predict, tmp_path):
    video = write_video(tmp_path / "a.avi", [np.full((16, 16), 30, np.uint8)] * 25)
    _, out, _ = predict(TREES, video, "--format", "json", "--window", "500ms")
    findings = [json.loads(line) for line in out.splitlines()]
    assert [each["frame"] for each in findings if each["level"] == "frame"] == list(range(25))
    clips = [(each["clip"], each["frame"], each["time"], each["end"]) for each in findings if each["level"] == "clip"]
    assert clips == [(0, 0, 0, 0.4), (1, 5, 0.5, 0.9), (2, 10, 1, 1.4), (3, 15, 1.5, 1.9), (4, 20, 2, 2.4)]


def test_a_set_of_several_classes_is_unsure():
    from ferbench.report.statistics.conformal import ConformalSets

    judge = Judge(CLASSES, ConformalSets(0.9, 0.4, 20))
    assert judge.decide(np.array([0.5, 0.45, 0.05]), with_set=True) == ("unsure", "dark", ("dark", "light"))
    assert judge.decide(np.array([0.3, 0.35, 0.35]), with_set=True) == ("unsure", "light", ())
    assert judge.decide(np.array([0.9, 0.05, 0.05]), with_set=True) == ("dark", "dark", ("dark",))
    assert judge.decide(np.array([0.5, 0.45, 0.05]), with_set=False) == ("dark", "dark", None)
    assert Judge(CLASSES, None).decide(np.array([0.5, 0.45, 0.05]), with_set=True) == ("dark", "dark", None)


def test_too_few_people_give_no_set(predict, tmp_path):
    _, out, messages = predict(TREES, write_picture(tmp_path / "a.png", 30), "--confidence", "0.95", "--format", "json")
    assert json.loads(out.splitlines()[-1])["set"] is None
    assert "sets at 95% need 19 people, and the row tested 9: no set is given" in messages


def test_problems_of_sources(predict, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("?")
    good = write_picture(tmp_path / "good.png", 30)
    output = tmp_path / "answers.csv"
    code, out, messages = predict(
        TREES, tmp_path / "empty", tmp_path / "text.jpg", "63", tmp_path / "no.mp4", good, "-o", output, "--quiet"
    )
    assert (code, out) == (1, "")
    lines = messages.splitlines()
    assert len(lines) == 4, messages
    assert f"warning: {tmp_path / 'text.jpg'}: OpenCV cannot decode it as an image" in lines
    assert "warning: camera 63: there is no such camera, or another program uses it" in lines
    assert {line["source"] for line in csv.DictReader(output.open())} == {str(good)}


def test_nothing_is_written_if_nothing_can_be_read(predict, tmp_path):
    (tmp_path / "text.jpg").write_text("?")
    code, _, _ = predict(TREES, tmp_path / "text.jpg", "-o", tmp_path / "answers.csv")
    assert code == 1
    assert [path.name for path in tmp_path.iterdir() if "answers" in path.name] == []


@pytest.mark.parametrize(("kind", "is_kept"), [("video", False), ("camera", True)])
def test_ctrl_c_ends_a_camera_and_breaks_off_a_video(predict, tmp_path, monkeypatch, kind, is_kept):
    def read_windows(source, seconds):
        for number in range(3):
            yield [Frame(number, float(number), np.full((16, 16), 30, np.uint8))]
        raise KeyboardInterrupt

    monkeypatch.setattr("ferbench.corpora.sources.find_sources", lambda text: [Source("0", kind)])
    monkeypatch.setattr("ferbench.execution.prediction.read_windows", read_windows)
    outputs = {"-o": "a.csv", "--video": "a.avi", "--timeline": "a.png"}
    code, _, _ = predict(TREES, "0", *[str(each) for option, name in outputs.items() for each in (option, tmp_path / name)])
    assert code == 130
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == (sorted(outputs.values()) if is_kept else [])
    if is_kept:
        assert len((tmp_path / "a.csv").read_text().splitlines()) > 3


def test_annotated_pictures_and_videos(predict, tmp_path):
    images = [np.full((120, 160), value, np.uint8) for value in (30, 30, 220, 220)]
    video, picture = write_video(tmp_path / "a.avi", images, rate=4), tmp_path / "b.png"
    cv2.imwrite(str(picture), images[0])
    folder = tmp_path / "drawn"
    code, _, _ = predict(
        TREES, video, picture, "--video", folder / "x.avi", "--pictures", folder, "--timeline", tmp_path / "t.png", "--quiet"
    )
    assert code == 2  # the folder of the video does not exist
    folder.mkdir()
    command = (TREES, video, picture, "--video", folder / "x.avi", "--pictures", folder, "--timeline", tmp_path / "t.png")
    assert predict(*command, "-o", tmp_path / "o.csv")[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["b.jpg", "x.avi"]
    drawn = cv2.imread(str(folder / "b.jpg"))
    assert drawn.shape == (120, 160, 3)
    assert np.ptp(drawn) > 100  # the answer is written into a plain picture
    capture = cv2.VideoCapture(str(folder / "x.avi"))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)) == (4, 4)
    assert cv2.imread(str(tmp_path / "t.png")).shape[1] == 1080


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--video", "a.mp4"], "0 sources are videos or cameras: expected one for --video"),
        (["--timeline", "a.png"], "no source is a video or a camera"),
        (["--show"], "there is no display here"),
        (["-o", "no-such-folder/a.csv"], "there is no folder"),
        (["-o", "."], "is a folder: expected the name of a file"),
        (["--fold", "3"], "fold 3 of a row with 3 folds: expected 0 to 2"),
    ],
)
def test_mistakes(predict, tmp_path, monkeypatch, options, message):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    code, out, messages = predict(TREES, write_picture(tmp_path / "a.png", 30), *options)
    assert (code, out) == (2, "")
    assert message in messages


def test_sources_are_never_replaced(predict, tmp_path):
    picture, video = write_picture(tmp_path / "a.jpg", 30), write_video(tmp_path / "b.avi", [np.full((16, 16), 30, np.uint8)] * 3)
    (tmp_path / "link").symlink_to(tmp_path)
    before = picture.read_bytes(), video.read_bytes()
    other = tmp_path / "x.png"
    for options in (
        ("-o", picture), ("--video", video), ("--video", tmp_path / "link" / "b.avi"), ("--pictures", tmp_path),
        ("--timeline", other, "-o", other),
    ):  # fmt: skip
        code, out, messages = predict(TREES, picture, video, *options)
        assert (code, out) == (2, "")
        assert "replaced" in messages
    code, _, messages = predict(TREES, video, "--timeline", tmp_path / "x.jpg")
    assert code == 2
    assert "expected a name that ends with .png" in messages
    assert (picture.read_bytes(), video.read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["a.jpg", "b.avi"]


def test_an_output_that_fails_at_the_end_leaves_nothing(predict, tmp_path, monkeypatch):
    def draw(*_):
        raise OSError("no space left")

    monkeypatch.setattr("ferbench.report.timeline.Timeline.draw", draw)
    video = write_video(tmp_path / "b.avi", [np.full((16, 16), 30, np.uint8)] * 3)
    code, _, messages = predict(TREES, video, "--timeline", tmp_path / "x.png", "-o", tmp_path / "o.csv")
    assert code == 2
    assert "no space left" in messages
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".csv", ".png")] == []


def test_rows_that_do_not_exist(predict, tmp_path):
    picture = write_picture(tmp_path / "a.png", 30)
    assert "no row matches 'nothing'" in predict("nothing", picture)[2]
    assert "is a folder: expected a row" in predict(tmp_path, picture)[2]


def test_memory_stays_flat_over_an_hour(predict, tmp_path, monkeypatch):
    """Frames are made when they are asked for, so that the test measures what the command holds."""
    process, used = psutil.Process(), []

    def read_windows(source, seconds):
        for second in range(3600):
            used.append(process.memory_info().rss)
            yield [Frame(2 * second + at, second + at / 2, np.full((256, 256, 3), second % 256, np.uint8)) for at in range(2)]

    monkeypatch.setattr("ferbench.corpora.sources.find_sources", lambda text: [Source("hour.mp4", "video")])
    monkeypatch.setattr("ferbench.execution.prediction.read_windows", read_windows)
    code, _, _ = predict(TREES, "hour.mp4", "--timeline", tmp_path / "t.png", "-o", tmp_path / "a.csv")
    assert code == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 3 * 3600
    assert max(used[300:]) - used[300] < 20 * 2**20


def test_all_faces_of_real_photographs(london, tmp_path, monkeypatch, capsys):
    photos = london / "photos"
    if not photos.is_dir():
        pytest.skip("the photographs are not here")
    monkeypatch.setenv("FERBENCH_DATA", str(london))
    store = ["--store", str(tmp_path / "store"), "--device", "cpu"]
    only = "backbone=pixels*"
    if main(["run", "london", "--only", only, "--quiet", "--no-figures", *store]) != 0:
        pytest.skip(f"the row cannot be computed: {capsys.readouterr().err}")
    capsys.readouterr()
    assert main(["predict", "pixels*", str(photos), "--pictures", str(tmp_path / "drawn"), "--format", "json", *store]) == 0
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    faces = {Path(each["source"]).stem: 0 for each in findings}
    for each in findings:
        faces[Path(each["source"]).stem] += each["level"] == "clip" and each["face"] is not None
    assert faces == {"angry": 1, "group": 5, "happy-baby": 1, "neutral": 1, "sad-baby": 1, "surprised": 1}
    assert len(list((tmp_path / "drawn").glob("*.jpg"))) == 6


def test_findings_are_described_in_pictures():
    from ferbench.report.annotation import annotate, find_shown

    def finding(level, box, answer, predicted="light"):
        return Finding("a", level, 0, 3, 0.0, 0.0, 1, box, answer, predicted, ("light", "dark"), {"light": 0.6})

    image = np.zeros((200, 300), np.uint8)
    shown = find_shown([finding("frame", (100, 50, 60, 80), "light"), finding("clip", (0, 0, 5, 5), "unsure")], 3)
    assert [(each.box, each.answer) for each in shown] == [((100, 50, 60, 80), "unsure")]
    drawn = annotate(image, shown)
    assert drawn[90, 100].tolist() == [120, 120, 120]  # the left side of the box, gray: no single class
    assert annotate(image, [finding("clip", (100, 50, 60, 80), "light")])[90, 100].tolist() == [0, 158, 115]
    assert not image.any()
